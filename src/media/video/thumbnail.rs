//! A small grey copy of a frame, and how much of it changed.

/// Width and height of a thumbnail in cells.
const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

/// Samples of each cell, per side: their mean is the cell.
const SAMPLES: u32 = 4;

/// A cell has changed if its brightness, relative to that of the picture, differs by more than this: above the noise of
/// a camera in the dark, below a person's coat against a wall.
const CHANGED: i32 = 12;

/// A small grey copy of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail(Vec<i32>);

impl Thumbnail {
    /// The thumbnail of a picture by its pixels' brightness.
    pub(super) fn sample(width: u32, height: u32, brightness: impl Fn(u32, u32) -> u8) -> Self {
        let place = |cell: u32, cells: u32, at: u32, side: u32| {
            let at = u64::from(cell * SAMPLES + at) * u64::from(side) / u64::from(cells * SAMPLES);
            (at as u32).min(side.saturating_sub(1))
        };
        let mut cells = Vec::with_capacity((WIDTH * HEIGHT) as usize);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let mut sum = 0;
                for dy in 0..SAMPLES {
                    for dx in 0..SAMPLES {
                        let pixel = brightness(place(x, WIDTH, dx, width), place(y, HEIGHT, dy, height));
                        sum += i32::from(pixel);
                    }
                }
                cells.push(sum / (SAMPLES * SAMPLES) as i32);
            }
        }
        Thumbnail(cells)
    }

    /// The share of the picture that differs from `other`, in [0, 1]. A change of brightness as a whole, such as by a
    /// cloud or the camera's exposure, does not count.
    pub fn changed(&self, other: &Thumbnail) -> f64 {
        let mut differences: Vec<i32> = self.0.iter().zip(&other.0).map(|(one, other)| one - other).collect();
        let middle = differences.len() / 2;
        let (_, &mut shift, _) = differences.select_nth_unstable(middle);
        let changed = differences.iter().filter(|difference| (*difference - shift).abs() > CHANGED).count();
        changed as f64 / differences.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(light: u8, visitor: Option<u32>) -> Thumbnail {
        Thumbnail::sample(640, 480, move |x, y| {
            let there = visitor.is_some_and(|left| (left..left + 64).contains(&x) && (240..480).contains(&y));
            if there { 200 } else { light + (x / 40) as u8 * 4 }
        })
    }

    #[test]
    fn a_visitor_changes_the_part_that_it_covers() {
        // 64 x 240 of 640 x 480 pixels are a twentieth.
        assert!((scene(20, None).changed(&scene(20, Some(320))) - 0.05).abs() < 0.005);
        // It moved: both places changed.
        assert!((scene(20, Some(64)).changed(&scene(20, Some(320))) - 0.1).abs() < 0.01);
    }

    #[test]
    fn light_and_noise_are_not_motion() {
        assert_eq!(scene(20, None).changed(&scene(60, None)), 0.0);
        let noisy = |seed: u32| Thumbnail::sample(640, 480, move |x, y| 100 + ((x * 7 + y * 13 + seed * 31) % 9) as u8);
        assert_eq!(noisy(1).changed(&noisy(2)), 0.0);
    }

    #[test]
    fn the_smallest_picture_has_a_thumbnail() {
        assert_eq!(Thumbnail::sample(1, 1, |_, _| 5).changed(&Thumbnail::sample(1, 1, |_, _| 5)), 0.0);
    }
}

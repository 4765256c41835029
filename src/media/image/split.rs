//! Large pictures to tiles, as the image processors of Idefics3 and SmolVLM (transformers, with Pillow) split them.

use ::image::imageops::crop_imm;

use super::RgbImage;
use super::resize::{Resample, resize};

/// Maximum length of a side after the first resize.
const LARGEST_SIDE: u32 = 4096;

/// A picture in parts, each `side` pixels wide and high.
pub(super) struct Tiles {
    /// The tiles, row by row, and then the whole picture; only the picture if it is not larger than a tile.
    pub images: Vec<RgbImage>,
    /// Rows of tiles; 0 if there is only the picture.
    pub rows: usize,
    /// Columns of tiles; 0 if there is only the picture.
    pub columns: usize,
}

/// Splits `image` into tiles of `side` pixels, after its longer side was resized to `longest` pixels.
///
/// It is resized three times, as the reference does: to `longest`, to whole tiles, and from there to a single tile.
pub(super) fn split(image: &RgbImage, side: u32, longest: u32, resample: Resample) -> Tiles {
    if image.is_empty() || side == 0 {
        return Tiles { images: vec![RgbImage::new(side, side)], rows: 0, columns: 0 };
    }
    let (width, height) = shrunk(image.width(), image.height(), longest);
    let shrunk = resize(image, width, height, resample);
    let (width, height) = whole_tiles(width, height, side);
    let whole = resize(&shrunk, width, height, resample);
    if width <= side && height <= side {
        return Tiles { images: vec![whole], rows: 0, columns: 0 };
    }
    let (rows, columns) = (height / side, width / side);
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let mut images: Vec<RgbImage> =
        places.map(|(row, column)| crop_imm(&whole, column * side, row * side, side, side).to_image()).collect();
    images.push(resize(&whole, side, side, resample));
    Tiles { images, rows: rows as usize, columns: columns as usize }
}

/// Width and height after the first resize: the longer side `longest`, the other rounded up to an even number
/// (`get_resize_output_image_size`).
fn shrunk(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let even = |side: f64| {
        let side = side as u32;
        (side + side % 2).max(1)
    };
    let aspect = f64::from(width) / f64::from(height);
    let (width, height) = match width >= height {
        true => (longest, even(f64::from(longest) / aspect)),
        false => (even(f64::from(longest) * aspect), longest),
    };
    // `_resize_output_size_scale_below_upper_bound`
    let aspect = f64::from(width) / f64::from(height);
    match width >= height {
        true if width > LARGEST_SIDE => (LARGEST_SIDE, ((f64::from(LARGEST_SIDE) / aspect) as u32).max(1)),
        false if height > LARGEST_SIDE => (((f64::from(LARGEST_SIDE) * aspect) as u32).max(1), LARGEST_SIDE),
        _ => (width, height),
    }
}

/// Width and height in whole tiles: the longer side is rounded up first, and the other follows it before it is
/// (`resize_for_vision_encoder`).
fn whole_tiles(width: u32, height: u32, side: u32) -> (u32, u32) {
    let up = |length: u32| length.div_ceil(side).max(1) * side;
    let aspect = f64::from(width) / f64::from(height);
    match width >= height {
        true => {
            let width = up(width);
            (width, up((f64::from(width) / aspect) as u32))
        }
        false => {
            let height = up(height);
            (up((f64::from(height) * aspect) as u32), height)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_reference() {
        // SmolVLMImageProcessorPil, size 2048, max_image_size 512.
        for ((width, height), expected) in [
            ((640, 427), (3, 4)),
            ((427, 640), (4, 3)),
            ((512, 512), (4, 4)),
            ((60_000, 1), (1, 4)),
            ((1, 60_000), (4, 1)),
            ((1000, 563), (3, 4)),
        ] {
            let (width, height) = shrunk(width, height, 2048);
            let (width, height) = whole_tiles(width, height, 512);
            assert_eq!((height / 512, width / 512), expected, "{width} x {height}");
        }
        assert_eq!(shrunk(640, 427, 96), (96, 64));
        assert_eq!(shrunk(60_000, 1, 96), (96, 1));
        assert_eq!(shrunk(3, 2, 9_000), (4096, 2730));
    }

    #[test]
    fn a_picture_that_is_not_larger_than_a_tile_stays_whole() {
        let tiles = split(&RgbImage::new(70, 40), 32, 32, Resample::Lanczos);
        assert_eq!((tiles.images.len(), tiles.rows, tiles.columns), (1, 0, 0));
        assert_eq!(tiles.images[0].dimensions(), (32, 32));
        // However large or narrow, a picture has few tiles.
        let tiles = split(&RgbImage::new(60_000, 1), 32, 96, Resample::Bicubic);
        assert_eq!((tiles.images.len(), tiles.rows, tiles.columns), (4, 1, 3));
    }
}

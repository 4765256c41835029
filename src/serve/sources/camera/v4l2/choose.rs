//! Which of a device's formats and sizes is used: the smallest that the models can use without enlarging.

use edgefuse::config::FrameSize;
use edgefuse::media::video::PixelFormat;

use super::super::Wanted;
use super::calls::{Offer, Sizes};

/// How a format codes its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Each frame is a JPEG file.
    Files,
    Pixels(PixelFormat),
}

impl Coding {
    /// The coding of a format by its four characters.
    pub fn of(code: u32) -> Option<Self> {
        Some(match &code.to_le_bytes() {
            b"MJPG" | b"JPEG" => Coding::Files,
            b"YUYV" => Coding::Pixels(PixelFormat::Yuyv),
            b"NV12" => Coding::Pixels(PixelFormat::Nv12),
            b"RGB3" => Coding::Pixels(PixelFormat::Rgb24),
            b"BGR3" => Coding::Pixels(PixelFormat::Bgr24),
            b"GREY" => Coding::Pixels(PixelFormat::Gray),
            _ => return None,
        })
    }

    /// Order of preference among formats of the same size, best first: raw colour needs no decoding and is lossless, and even
    /// lossy colour carries more information than grey.
    fn rank(self) -> u32 {
        match self {
            Coding::Pixels(PixelFormat::Gray) => 2,
            Coding::Pixels(_) => 0,
            Coding::Files => 1,
        }
    }
}

/// The format and size to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub code: u32,
    pub size: FrameSize,
}

/// The largest size at which raw pixels are asked for: USB 2 carries no more than 640x480 at 30 frames a second.
const LARGEST_RAW: u32 = 640 * 480;

/// Chooses among the offers; `None` if none can be read. A size in the device file is asked for as it is.
pub fn choose(offers: &[Offer], wanted: Wanted) -> Option<Choice> {
    let usable = offers.iter().filter_map(|offer| Some((offer, Coding::of(offer.code)?)));
    let sized = usable.map(|(offer, coding)| {
        let size = wanted.size.unwrap_or_else(|| smallest(&offer.sizes, wanted.least));
        let missing = size.width < wanted.least.width || size.height < wanted.least.height;
        let too_much = matches!(coding, Coding::Pixels(_)) && area(size) > LARGEST_RAW;
        let has_size = offer.sizes.is_empty() || wanted.size.is_none_or(|size| fits(&offer.sizes, size));
        let rank = (!has_size, missing && wanted.size.is_none(), too_much, area(size), coding.rank());
        (rank, Choice { code: offer.code, size })
    });
    sized.min_by_key(|(rank, _)| *rank).map(|(_, choice)| choice)
}

fn area(size: FrameSize) -> u32 {
    size.width.saturating_mul(size.height)
}

/// The smallest size that is at least `least` on both sides, or else the largest.
fn smallest(sizes: &[Sizes], least: FrameSize) -> FrameSize {
    let candidates = sizes.iter().map(|sizes| match *sizes {
        Sizes::One(size) => size,
        Sizes::Range { least: from, most, step } => {
            let side = |least: u32, from: u32, most: u32, step: u32| {
                from.saturating_add(least.saturating_sub(from).next_multiple_of(step)).min(most)
            };
            FrameSize {
                width: side(least.width.max(least.height / 3 * 4), from.width, most.width, step.0),
                height: side(least.height, from.height, most.height, step.1),
            }
        }
    });
    let is_enough = |size: &FrameSize| size.width >= least.width && size.height >= least.height;
    let candidates: Vec<FrameSize> = candidates.collect();
    let enough = candidates.iter().copied().filter(is_enough).min_by_key(|size| area(*size));
    let largest = candidates.iter().copied().max_by_key(|size| area(*size));
    enough.or(largest).unwrap_or(FrameSize { width: 640, height: 480 })
}

/// Whether a size is among those offered.
fn fits(sizes: &[Sizes], size: FrameSize) -> bool {
    sizes.iter().any(|sizes| match *sizes {
        Sizes::One(offered) => offered == size,
        Sizes::Range { least, most, .. } => {
            (least.width..=most.width).contains(&size.width) && (least.height..=most.height).contains(&size.height)
        }
    })
}

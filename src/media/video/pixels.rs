//! Raw pixel formats to RGB.
//!
//! YUV is converted as OpenCV's `cvtColor` does it, to the bit: ITU-R BT.601, limited range, in 20-bit fixed point
//! (`modules/imgproc/src/color_yuv.simd.hpp`). Cameras that deliver YUV without naming a colour space mean that one.

use std::fmt;

use crate::media::image::RgbImage;

/// Layout of raw pixels, 8 bits per sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Red, green, blue.
    Rgb24,
    /// Blue, green, red.
    Bgr24,
    /// Grey.
    Gray,
    /// 4:2:2, packed: Y0 U Y1 V.
    Yuyv,
    /// 4:2:0: a plane of Y, then a plane of interleaved U and V of half the height.
    Nv12,
}

impl PixelFormat {
    /// Bytes of a row without padding, of the plane of Y for [`PixelFormat::Nv12`].
    pub fn row(self, width: u32) -> usize {
        let width = width as usize;
        match self {
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => 3 * width,
            PixelFormat::Gray | PixelFormat::Nv12 => width,
            PixelFormat::Yuyv => 2 * width,
        }
    }

    /// Bytes of a picture whose rows have `stride` bytes.
    fn bytes(self, stride: usize, height: u32) -> usize {
        let rows = height as usize;
        match self {
            PixelFormat::Nv12 => stride * (rows + rows.div_ceil(2)),
            _ => stride * rows,
        }
    }

    /// Bytes of a picture without padding between its rows.
    pub fn len(self, width: u32, height: u32) -> usize {
        self.bytes(self.row(width), height)
    }
}

/// Raw pixels.
#[derive(Clone, PartialEq, Eq)]
pub struct RawPicture {
    format: PixelFormat,
    width: u32,
    height: u32,
    stride: usize,
    bytes: Vec<u8>,
}

impl RawPicture {
    /// Pixels whose rows begin every `stride` bytes; `None` if `bytes` are too few, or an odd width does not fit the format.
    pub fn new(format: PixelFormat, width: u32, height: u32, stride: usize, bytes: Vec<u8>) -> Option<Self> {
        let pairs = matches!(format, PixelFormat::Yuyv | PixelFormat::Nv12);
        let fits = width > 0 && height > 0 && stride >= format.row(width) && !(pairs && width % 2 == 1);
        // Some drivers leave out the padding of the last row.
        let least = format.bytes(stride, height) - (stride - format.row(width).min(stride));
        (fits && bytes.len() >= least).then_some(RawPicture { format, width, height, stride, bytes })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Bytes that the pixels occupy.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// A pixel's luminance as it is in the picture; of RGB, its green.
    pub fn luminance(&self, x: u32, y: u32) -> u8 {
        let (x, row) = (x as usize, y as usize * self.stride);
        self.bytes[match self.format {
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => row + 3 * x + 1,
            PixelFormat::Gray | PixelFormat::Nv12 => row + x,
            PixelFormat::Yuyv => row + 2 * x,
        }]
    }

    /// The picture as RGB.
    pub fn to_rgb(&self) -> RgbImage {
        let mut image = RgbImage::new(self.width, self.height);
        let rows = image.as_mut().chunks_exact_mut(3 * self.width as usize);
        for (y, out) in rows.enumerate() {
            let row = &self.bytes[y * self.stride..][..self.format.row(self.width)];
            match self.format {
                PixelFormat::Rgb24 => out.copy_from_slice(row),
                PixelFormat::Bgr24 => {
                    let pixels = out.chunks_exact_mut(3).zip(row.chunks_exact(3));
                    pixels.for_each(|(out, pixel)| out.copy_from_slice(&[pixel[2], pixel[1], pixel[0]]));
                }
                PixelFormat::Gray => {
                    out.chunks_exact_mut(3).zip(row).for_each(|(out, grey)| out.fill(*grey));
                }
                PixelFormat::Yuyv => {
                    for (out, pair) in out.chunks_exact_mut(6).zip(row.chunks_exact(4)) {
                        let chroma = Chroma::new(pair[1], pair[3]);
                        chroma.write(pair[0], &mut out[..3]);
                        chroma.write(pair[2], &mut out[3..]);
                    }
                }
                PixelFormat::Nv12 => {
                    let plane = self.stride * self.height as usize;
                    let chroma = &self.bytes[plane + y / 2 * self.stride..][..self.width as usize];
                    for ((out, pair), uv) in
                        out.chunks_exact_mut(6).zip(row.chunks_exact(2)).zip(chroma.chunks_exact(2))
                    {
                        let chroma = Chroma::new(uv[0], uv[1]);
                        chroma.write(pair[0], &mut out[..3]);
                        chroma.write(pair[1], &mut out[3..]);
                    }
                }
            }
        }
        image
    }
}

/// What U and V add to red, green and blue, in 20-bit fixed point, rounding included.
struct Chroma([i32; 3]);

const SHIFT: i32 = 20;
const HALF: i32 = 1 << (SHIFT - 1);
/// 255 / 219, times 2^20.
const Y: i32 = 1_220_542;
const U_TO_BLUE: i32 = 2_116_026;
const U_TO_GREEN: i32 = -409_993;
const V_TO_GREEN: i32 = -852_492;
const V_TO_RED: i32 = 1_673_527;

impl Chroma {
    fn new(u: u8, v: u8) -> Self {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        Chroma([HALF + V_TO_RED * v, HALF + V_TO_GREEN * v + U_TO_GREEN * u, HALF + U_TO_BLUE * u])
    }

    fn write(&self, y: u8, out: &mut [u8]) {
        let y = (i32::from(y) - 16).max(0) * Y;
        for (out, chroma) in out.iter_mut().zip(self.0) {
            *out = ((y + chroma) >> SHIFT).clamp(0, 255) as u8;
        }
    }
}

impl fmt::Debug for RawPicture {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "RawPicture({:?} {} x {})", self.format, self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 x 4 pixels of every kind: dark and bright beyond the limited range, strong colours.
    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|index| (index * 89 % 256) as u8).collect()
    }

    /// Digest of the pixels: the sum, and the sum weighted by position.
    fn digest(image: &RgbImage) -> (u64, u64) {
        let weighted = image.iter().enumerate().map(|(at, byte)| (at as u64 + 1) * u64::from(*byte));
        (image.iter().map(|byte| u64::from(*byte)).sum(), weighted.sum())
    }

    #[test]
    fn yuv_is_converted_as_opencv_converts_it() {
        // What cv2.cvtColor(bytes, cv2.COLOR_YUV2RGB_YUYV) and COLOR_YUV2RGB_NV12 return, OpenCV 5.0.0.
        let picture = |format: PixelFormat| {
            RawPicture::new(format, 8, 4, format.row(8), bytes(format.len(8, 4))).unwrap().to_rgb()
        };
        assert_eq!(digest(&picture(PixelFormat::Yuyv)), YUYV);
        assert_eq!(digest(&picture(PixelFormat::Nv12)), NV12);
    }

    const YUYV: (u64, u64) = (11_853, 594_448);
    const NV12: (u64, u64) = (12_474, 653_654);

    #[test]
    fn padding_between_rows_is_left_out() {
        let padded: Vec<u8> =
            (0..3).flat_map(|row| (0..10).map(move |at| if at < 6 { row * 6 + at } else { 99 })).collect();
        let picture = RawPicture::new(PixelFormat::Rgb24, 2, 3, 10, padded).unwrap();
        assert_eq!(picture.to_rgb().into_raw(), (0..18).collect::<Vec<u8>>());
        assert_eq!(picture.luminance(1, 2), 16);
    }

    #[test]
    fn impossible_pictures_are_refused() {
        for (format, width, height, stride, len) in [
            (PixelFormat::Rgb24, 2, 2, 6, 11),
            (PixelFormat::Yuyv, 3, 2, 6, 12),
            (PixelFormat::Nv12, 4, 4, 4, 23),
            (PixelFormat::Gray, 0, 2, 4, 8),
            (PixelFormat::Gray, 4, 2, 3, 8),
        ] {
            assert!(RawPicture::new(format, width, height, stride, vec![0; len]).is_none());
        }
        // The padding of the last row may be missing.
        assert!(RawPicture::new(PixelFormat::Gray, 2, 2, 4, vec![0; 6]).is_some());
    }
}

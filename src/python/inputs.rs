//! Records from Python: a line of a manifest, and pictures and sounds as bytes or arrays.

use std::sync::Arc;

use numpy::{PyReadonlyArray1, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::media::image::RgbImage;
use crate::pipeline::{Picture, Sound};

/// A picture: the bytes of a file, or uint8 pixels `[height, width, 3]`, C-contiguous. Copied once, since the caller
/// may change them while they are used.
pub fn picture(value: &Bound<'_, PyAny>) -> PyResult<Picture> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Picture::from_bytes(bytes.as_bytes()));
    }
    let pixels: PyReadonlyArray3<'_, u8> = value.extract()?;
    let image = match *pixels.shape() {
        [height, width, 3] => u32::try_from(width)
            .ok()
            .zip(u32::try_from(height).ok())
            .and_then(|(width, height)| RgbImage::from_raw(width, height, pixels.as_slice().ok()?.to_vec())),
        _ => None,
    };
    let image = image.ok_or_else(|| PyTypeError::new_err("pixels must be [height, width, 3] and C-contiguous"))?;
    Ok(Picture::Pixels(Arc::new(image)))
}

/// A sound: the bytes of a file, or mono float32 samples, C-contiguous, at `rate` Hz. Copied once.
pub fn sound(value: &Bound<'_, PyAny>, rate: u32) -> PyResult<Sound> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Sound::from_bytes(bytes.as_bytes()));
    }
    let samples: PyReadonlyArray1<'_, f32> = value.extract()?;
    Ok(Sound::from_samples(samples.as_slice()?, rate))
}

//! User-readable texts for the decoders' errors, whose own texts name types and fields. Those are for the log.

use std::io::{self, ErrorKind};

use ::image::error::{ImageFormatHint, LimitErrorKind, UnsupportedErrorKind};
use ::tiff::tags::CompressionMethod;
use ::tiff::{TiffError, TiffUnsupportedError};

use super::ImageError;
use super::decode::MAX_DECODER_BYTES;

/// The error of a decoder that cannot read a picture.
pub(super) fn describe(error: ::image::ImageError) -> ImageError {
    use ::image::ImageError as Cause;
    log::debug!("picture: {error}");
    match error {
        Cause::IoError(error) => describe_io(error),
        Cause::Limits(error) if matches!(error.kind(), LimitErrorKind::InsufficientMemory) => too_much_memory(),
        Cause::Limits(_) => ImageError::TooMuchMemory("its header claims more than any picture needs".into()),
        Cause::Unsupported(error) => {
            let format = format_name(&error.format_hint());
            let feature = match error.kind() {
                UnsupportedErrorKind::Color(_) => " colour",
                UnsupportedErrorKind::GenericFeature(feature) if feature.contains("compression") => " compression",
                _ => "",
            };
            ImageError::Unsupported { format: format!("this kind of {format}{feature}") }
        }
        _ => invalid(),
    }
}

/// As [`describe`], for TIFF's own decoder.
pub(super) fn describe_tiff(error: TiffError) -> ImageError {
    log::debug!("picture: {error}");
    match error {
        TiffError::IoError(error) => describe_io(error),
        TiffError::LimitsExceeded => too_much_memory(),
        TiffError::UnsupportedError(error) => {
            let format = match error {
                TiffUnsupportedError::UnsupportedCompressionMethod(CompressionMethod::Unknown(_)) => {
                    "this kind of TIFF compression".to_string()
                }
                TiffUnsupportedError::UnsupportedCompressionMethod(method) => {
                    format!("the compression {method:?} in TIFF")
                }
                TiffUnsupportedError::UnsupportedColorType(_) => "this kind of TIFF colour".to_string(),
                _ => "this kind of TIFF".to_string(),
            };
            ImageError::Unsupported { format }
        }
        _ => invalid(),
    }
}

fn describe_io(error: io::Error) -> ImageError {
    match error.kind() {
        ErrorKind::UnexpectedEof => ImageError::CutOff,
        _ if error.raw_os_error().is_some() => error.into(),
        // Decoders wrap their own errors in such errors.
        _ => invalid(),
    }
}

fn invalid() -> ImageError {
    ImageError::Malformed("its data is invalid in its format".into())
}

fn too_much_memory() -> ImageError {
    ImageError::TooMuchMemory(format!("over {} MiB", MAX_DECODER_BYTES >> 20))
}

/// The name of a format in upper case, as people write it.
fn format_name(hint: &ImageFormatHint) -> String {
    match hint {
        ImageFormatHint::Exact(::image::ImageFormat::Jpeg) => "JPEG".into(),
        ImageFormatHint::Exact(::image::ImageFormat::Pnm) => "PNM".into(),
        ImageFormatHint::Exact(::image::ImageFormat::OpenExr) => "OpenEXR".into(),
        ImageFormatHint::Exact(format) => {
            // The longest of its file name extensions is its name: TIFF, not TIF.
            let name = format.extensions_str().iter().max_by_key(|name| name.len());
            name.map_or_else(|| "picture".into(), |name| name.to_uppercase())
        }
        _ => "picture".into(),
    }
}

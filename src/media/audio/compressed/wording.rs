//! User-readable texts for the decoders' errors, whose own texts name functions and fields.

use std::io::ErrorKind;

use symphonia::core::errors::Error;

use super::super::AudioError;

/// The error of a reader or decoder that cannot continue.
pub(super) fn describe(error: Error) -> AudioError {
    match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => AudioError::CutOff,
        Error::IoError(error) if error.raw_os_error().is_some() => error.into(),
        Error::Unsupported(_) => AudioError::UnsupportedCodec { codec: "this form of its audio format".into() },
        Error::LimitError(_) => {
            AudioError::Malformed("its header requires more memory than any recording needs".into())
        }
        _ => AudioError::Malformed("its data is invalid in its format".into()),
    }
}

/// The predicate for "... after N s", if a file could be read only that far.
pub(super) fn ending(error: &Error) -> &'static str {
    match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => "is cut off",
        Error::IoError(_) => "cannot be read any further",
        _ => "is damaged",
    }
}

//! The decoders' errors in plain words: the originals name functions and fields, which do not help a user.

use std::io::ErrorKind;

use symphonia::core::errors::Error;

use super::super::AudioError;

/// The error of a reader or decoder that can do nothing.
pub(super) fn describe(error: Error) -> AudioError {
    match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => AudioError::CutOff,
        Error::IoError(error) if error.raw_os_error().is_some() => error.into(),
        Error::Unsupported(_) => AudioError::UnsupportedCodec { codec: "this form of its audio format".into() },
        Error::LimitError(_) => {
            AudioError::Malformed("its header asks for more memory than any recording needs".into())
        }
        _ => AudioError::Malformed("its data breaks the rules of its format".into()),
    }
}

/// What comes after "after N s", where a file could be read only so far.
pub(super) fn ending(error: &Error) -> &'static str {
    match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => "is cut off",
        Error::IoError(_) => "cannot be read any further",
        _ => "is damaged",
    }
}

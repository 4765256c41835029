//! NumPy's `.npy` format (numpy.lib.format), restricted to one row of floats.

use super::MAX_NUMBERS;
use super::error::VectorError;

const MAGIC: &[u8] = b"\x93NUMPY";

/// The bytes after the magic bytes; `None` if these are missing.
pub(super) fn after_magic(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(MAGIC)
}

/// The numbers of a file, from the bytes after the magic bytes.
pub(super) fn parse(content: &[u8]) -> Result<Vec<f32>, VectorError> {
    let (header, values) = split(content).ok_or(VectorError::Header)?;
    let shape = between(header, "'shape':", '(', ')').ok_or(VectorError::Header)?;
    let found = between(header, "'descr':", '\'', '\'').ok_or(VectorError::Header)?;
    let bytes = match found {
        "<f4" => 4,
        "<f8" => 8,
        // Anything that is not a type, such as line breaks, is left out of the error.
        other if other.len() > 16 || !other.bytes().all(|byte| byte.is_ascii_graphic()) => {
            return Err(VectorError::Header);
        }
        other => return Err(VectorError::Type { found: other.to_string() }),
    };
    let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty()).map(str::parse::<usize>);
    let axes = axes.collect::<Result<Vec<_>, _>>().map_err(|_| VectorError::Header)?;
    let (&length, others) = axes.split_last().ok_or_else(|| VectorError::Shape { found: "()".to_string() })?;
    if others.iter().any(|&axis| axis != 1) {
        let axes: Vec<String> = axes.iter().map(usize::to_string).collect();
        return Err(VectorError::Shape { found: format!("({})", axes.join(", ")) });
    }
    if length > MAX_NUMBERS {
        return Err(VectorError::TooLong);
    }
    let announced = length * bytes;
    let Some(values) = values.get(..announced) else {
        return Err(VectorError::CutOff { announced, there: values.len() });
    };
    Ok(match bytes {
        4 => values.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect(),
        _ => values.as_chunks::<8>().0.iter().map(|&value| f64::from_le_bytes(value) as f32).collect(),
    })
}

/// The header's text, and the bytes after it. Version 1 stores its length in two bytes, later versions in four.
fn split(content: &[u8]) -> Option<(&str, &[u8])> {
    let (version, rest) = content.split_at_checked(2)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        _ => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
    };
    let (header, values) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, values))
}

/// The text between `open` and `close` right after `key`.
fn between<'t>(header: &'t str, key: &str, open: char, close: char) -> Option<&'t str> {
    let (_, after) = header.split_once(key)?;
    let (inside, _) = after.trim_start().strip_prefix(open)?.split_once(close)?;
    Some(inside)
}

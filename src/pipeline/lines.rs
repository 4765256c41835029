//! Reads lines of a file in bounded memory.

use std::io::{self, BufRead, Read};

/// Reads the next line, without its end, into `line`; `false` at the end of the file. A line of more than `most` bytes
/// is discarded.
pub(super) fn next_line(reader: &mut impl BufRead, most: u64, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let count = reader.by_ref().take(most).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if count as u64 == most {
        line.clear();
        reader.skip_until(b'\n')?;
    }
    Ok(count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let mut reader = &b"ab\n\n0123456789\nc"[..];
        let mut lines = Vec::new();
        let mut line = Vec::new();
        while next_line(&mut reader, 5, &mut line).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(lines, ["ab", "", "", "c"]);
    }
}

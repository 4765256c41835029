//! `strftime_now`: the local time in a format of the C library, as Python's `datetime.now().strftime` writes it.

use std::ffi::CString;
use std::ptr;

/// Size of the buffer; a date is a few dozen bytes.
const MOST_BYTES: usize = 1024;

/// The local time, written in `format`; nothing if it does not fit.
pub(super) fn now(format: &str) -> String {
    let Ok(format) = CString::new(format) else { return String::new() };
    let mut text = [0u8; MOST_BYTES];
    // SAFETY: all pointers are to live values; `strftime` writes at most `MOST_BYTES` bytes, and `tm` is plain data that
    // `localtime_r` fills in, or leaves as zeros, which are a valid time.
    let written = unsafe {
        let seconds = libc::time(ptr::null_mut());
        let mut parts: libc::tm = std::mem::zeroed();
        libc::localtime_r(&seconds, &mut parts);
        libc::strftime(text.as_mut_ptr().cast(), MOST_BYTES, format.as_ptr(), &parts)
    };
    String::from_utf8_lossy(&text[..written]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::now;

    #[test]
    fn writes_the_date() {
        let year: u32 = now("%Y").parse().unwrap();
        assert!((2024..3000).contains(&year));
        assert_eq!(now("%d %b %Y").len(), 11);
        assert_eq!((now("a\0b"), now("")), (String::new(), String::new()));
    }
}

//! Keeps callers alive if a file or record makes a decoder or model panic.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is reported for a record that met a fault of the program.
const FAULT: &str = "internal error, reported on standard error; please report it";

thread_local! {
    /// Whether this thread runs third-party code that is known to panic on damaged files.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs third-party code, such as a decoder, that panics on some damaged files: `None` if it does. Whatever it changed must not
/// be used afterwards.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = EXPECTED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    EXPECTED.set(before);
    outcome.ok()
}

/// Whether a panic of this thread will become an error that the caller reports, so that a panic hook need not report it.
pub fn is_expected() -> bool {
    EXPECTED.get()
}

/// Runs `work`; a panic, which the runtime reports on standard error, becomes an error of one line.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What `work` shares with others is behind locks that ignore poisoning.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| FAULT.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_panic_is_known_as_one() {
        let nested = || caught(|| -> bool { panic!("on purpose") }).is_none() && is_expected();
        assert_eq!((caught(nested), is_expected()), (Some(true), false));
    }

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(guarded(|| 3), Ok(3));
        assert_eq!(guarded(|| -> u8 { panic!("on purpose") }), Err(FAULT.to_string()));
    }
}

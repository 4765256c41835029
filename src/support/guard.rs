//! Keeps a source or worker alive if a picture or record makes a decoder or model panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is reported for a record that met a fault of the program.
const FAULT: &str = "internal error, reported on standard error; please report it";

/// Runs `work`; a panic, which the runtime reports on standard error, becomes an error of one line.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What `work` shares with others is behind locks that ignore poisoning.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| FAULT.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(guarded(|| 3), Ok(3));
        assert_eq!(guarded(|| -> u8 { panic!("on purpose") }), Err(FAULT.to_string()));
    }
}

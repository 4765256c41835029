//! Turns ONNX Runtime's telemetry off.
//!
//! From about 1.27 on, the builds that Microsoft publishes write a device id and a queue of events under
//! `~/.cache/Microsoft` and send them. The library decides when it is loaded, so its own switch
//! (`with_telemetry(false)`) takes effect too late; an environment variable is read in time.

use std::env;
use std::fs;

use super::error::EngineError;

/// Read by ONNX Runtime when it is loaded; `1`, `true` and `yes` turn telemetry off, `0` and `false` do not.
pub(super) const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Turns ONNX Runtime's telemetry off for this process, whatever the environment says. Call it first thing in `main`.
///
/// A program that does not start threads before [`Engine::start`](super::Engine::start) need not call it.
///
/// # Safety
/// No other thread may run: it changes the environment, as [`std::env::set_var`] does.
pub unsafe fn disable_telemetry() {
    // SAFETY: guaranteed by the caller.
    unsafe { env::set_var(VARIABLE, "1") };
}

/// Ensures that telemetry is off before a library is opened.
///
/// # Errors
/// [`EngineError::Telemetry`] if the variable is not set and other threads, which may read the environment, are
/// running.
pub(super) fn ensure_disabled() -> Result<(), EngineError> {
    if env::var(VARIABLE).is_ok_and(|value| matches!(value.as_str(), "1" | "true" | "yes")) {
        return Ok(());
    }
    // Without /proc the number of threads is unknown, so do not assume one.
    if fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1) {
        // SAFETY: this thread is the only one, so nothing else reads or changes the environment.
        unsafe { disable_telemetry() };
        return Ok(());
    }
    Err(EngineError::Telemetry)
}

//! The fuzzer: runs the target that `EDGEFUSE_TARGET` names. scripts/fuzz.sh starts it.

#![no_main]

mod bundle;
mod cli;
mod targets;

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::{env, process};

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = env::var("EDGEFUSE_TARGET").unwrap_or_default();
    let Some(target) = targets::named(&name) else {
        eprintln!("EDGEFUSE_TARGET: no target is called `{name}`");
        process::exit(2);
    };
    panic::set_hook(Box::new(remember));
    target
});

/// Message of the last panic.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// libfuzzer-sys aborts in its hook. Ours does not: a panic of a decoder that the reader catches and reports as a
/// damaged file is not a finding.
fn remember(panic: &PanicHookInfo) {
    *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
}

fuzz_target!(|bytes: &[u8]| {
    let target = *TARGET;
    if panic::catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err() {
        eprintln!("{}", PANIC.lock().unwrap_or_else(PoisonError::into_inner));
        process::abort();
    }
});

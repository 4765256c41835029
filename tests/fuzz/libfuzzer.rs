//! The fuzzer: runs the target that `EDGEFUSE_TARGET` names. scripts/fuzz.sh starts it.

#![no_main]

mod cli;
mod targets;

use std::env;
use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};

static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = env::var("EDGEFUSE_TARGET").unwrap_or_default();
    targets::named(&name).unwrap_or_else(|| panic!("EDGEFUSE_TARGET: no target is called `{name}`"))
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // What is refused stays in the corpus as well: the way to the error is code, too.
    (TARGET.run)(bytes);
    Corpus::Keep
});

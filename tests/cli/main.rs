//! The real binary, with made models and the small real ones: good input and bad. Needs `scripts/setup.sh test`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod ask;
mod bad_input;
mod bench;
#[allow(dead_code, reason = "tests/models uses the rest")]
mod binary;
mod blip2;
mod bundle;
mod caption;
mod commands;
mod configs;
mod devices;
mod fuse;
mod live;
mod matching;
mod stream;
mod subtitles;
mod transcribe;
mod watch;

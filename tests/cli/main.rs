//! The real binary, with generated models and the small real ones: good input and bad. Needs `scripts/setup.sh test`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod align;
mod ask;
mod bad_input;
mod bench;
#[allow(dead_code, reason = "tests/models uses the rest")]
mod binary;
mod blip2;
mod bundle;
mod caption;
mod chat;
mod classify;
mod commands;
mod configs;
mod devices;
mod embed;
mod encoders;
mod film;
mod fuse;
mod hostile_files;
mod index;
mod libraries;
mod live;
mod matching;
mod memory;
mod remote;
mod resume;
#[allow(dead_code, reason = "tests/models uses the rest")]
mod sound;
mod stream;
mod subtitles;
mod transcribe;
mod transcript_files;
mod vlm;
mod watch;
mod worker;

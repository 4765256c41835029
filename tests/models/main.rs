//! Output of the real Whisper and the whole pipeline, through the real binary. Needs `scripts/setup.sh test
//! whisper-base`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../cli/binary.rs"]
#[allow(dead_code, reason = "tests/cli uses the rest")]
mod binary;
mod channels;
mod commands;
mod languages;
mod live;
mod pauses;
mod quiet;
#[path = "../cli/sound.rs"]
mod sound;
#[path = "../cli/stream.rs"]
mod stream;
mod transcribe;

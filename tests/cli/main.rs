//! The real binary with the real models: good input and bad. Needs `scripts/setup.sh`.

mod bad_input;
mod binary;
mod commands;
mod fuse;
mod live;
mod subtitles;
mod whisper;

//! The real binary with the real models: good input and bad. Needs `scripts/setup.sh`.

mod bad_input;
mod bench;
mod binary;
mod bundle;
mod commands;
mod configs;
mod devices;
mod live;
mod subtitles;
mod watch;
mod whisper;

//! The real binary with the real models: good input and bad. Needs `scripts/setup.sh`.

mod ask;
mod bad_input;
mod bench;
mod binary;
mod blip2;
mod bundle;
mod caption;
mod commands;
mod configs;
mod devices;
mod fuse;
mod libraries;
mod live;
mod matching;
mod subtitles;
mod watch;
mod whisper;

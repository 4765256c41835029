//! The real binary with the real models: good input and bad. Needs `scripts/setup.sh`.

mod ask;
mod bad_input;
mod bench;
mod binary;
mod blip2;
mod bundle;
mod caption;
mod channels;
mod commands;
mod configs;
mod devices;
mod fuse;
mod languages;
mod live;
mod matching;
mod pauses;
mod quiet;
mod sound;
mod subtitles;
mod transcript_files;
mod watch;
mod whisper;

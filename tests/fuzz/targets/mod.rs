//! One target per reader: a function that reads whatever bytes it is given and checks what must hold for all of them.
//!
//! A new target is a function, a line in [`ALL`], and at least one input that it reads without an error in
//! `tests/fuzz/corpus/NAME/`.

mod audio;
mod bundle;
mod bytes;
mod config;
mod engine;
mod image;
mod index;
mod language;
mod manifest;
mod scratch;
mod speech;
mod subtitles;
mod tokenizer;
mod vector;
mod video;

/// A reader and what the fuzzer needs to know about it.
pub struct Target {
    /// The name, also of its folders in `corpus/` and `found/`.
    pub name: &'static str,
    /// Longest input worth trying, in bytes.
    #[allow(dead_code, reason = "scripts/fuzz.sh reads it")]
    pub max_len: usize,
    /// Reads an input; whether it was read without an error. Panics if something that must hold does not.
    pub run: fn(&[u8]) -> bool,
}

const fn target(name: &'static str, max_len: usize, run: fn(&[u8]) -> bool) -> Target {
    Target { name, max_len, run }
}

/// Every target, by name.
#[rustfmt::skip]
pub const ALL: &[Target] = &[
    target("aac",        4_096, audio::file),
    target("aiff",       4_096, audio::file),
    target("bmp",        4_096, image::file),
    target("bundle_names", 256, bundle::names),
    target("caf",        6_144, audio::file),
    target("dds",        4_096, image::file),
    target("device",     4_096, config::device),
    target("elf",          256, engine::elf),
    target("exr",        8_192, image::file),
    target("farbfeld",   4_096, image::file),
    target("filter",       512, index::filter),
    target("flac",       4_096, audio::file),
    target("frames",     4_096, video::frames),
    target("gif",        4_096, image::file),
    target("hdr",        4_096, image::file),
    target("ico",        4_096, image::file),
    target("jpeg",       4_096, image::file),
    target("language",      64, language::name),
    target("m4a",        6_144, audio::file),
    target("manifest",   4_096, manifest::lines),
    target("matroska",   6_144, audio::file),
    target("memory_limits", 4_096, engine::memory_limits),
    target("model_yaml", 8_192, config::model_folder),
    target("mp3",        6_144, audio::file),
    target("npy",        4_096, vector::file),
    target("numbers",    4_096, vector::file),
    target("ogg",        6_144, audio::file),
    target("onnx",       4_096, engine::nodes),
    target("opus",       4_096, audio::file),
    target("orientation", 1_024, image::orientation),
    target("placement",  1_024, engine::placement),
    target("png",        4_096, image::file),
    target("pnm",        4_096, image::file),
    target("qoi",        4_096, image::file),
    target("speech_map",   512, speech::map),
    target("stream",     8_192, audio::stream),
    target("stretches",  1_024, speech::stretches),
    target("subtitles",  1_024, subtitles::written),
    target("texts",      1_024, config::texts),
    target("tga",        4_096, image::tga),
    target("tiff",       4_096, image::file),
    target("token_bytes", 4_096, tokenizer::bytes),
    target("tokenizer",  8_192, tokenizer::vocabulary),
    target("wav",        8_192, audio::file),
    target("webp",       4_096, image::file),
];

/// The target with this name.
#[allow(dead_code, reason = "only the fuzzer looks a target up")]
pub fn named(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// Whether it was read; an error must be one line.
fn accepted<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains(['\n', '\r']), "not one line: {text:?}");
            None
        }
    }
}

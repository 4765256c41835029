//! What an index keeps of a record.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::index::{Entry, ItemKind, NewItem, Vector};
use crate::models::transcript::Transcript;
use crate::pipeline::media::{Picture, Sound};
use crate::pipeline::record::Record;
use crate::pipeline::version::version_of;
use crate::support::path_text::path_text;

/// Source of records that do not come from a source of the device file.
const FILES: &str = "files";

/// What the steps found out about a record.
#[derive(Default)]
pub(in crate::pipeline) struct Found<'a> {
    pub caption: Option<&'a str>,
    pub classes: Vec<String>,
    pub transcript: Option<&'a Transcript>,
    pub thumbnail: Option<Vec<u8>>,
    /// Of the picture and its caption.
    pub picture: Vec<Vector>,
    /// Of each segment of the transcript.
    pub segments: Vec<Vec<Vector>>,
    /// Of the record's text.
    pub text: Vec<Vector>,
    /// Of the sound as a whole.
    pub sound: Vec<Vector>,
}

/// The entry of a record. `settings` are those that it is indexed with.
pub(in crate::pipeline) fn entry(record: &Record, settings: &str, found: Found) -> Entry {
    let path = path(record);
    let time = time(record, path);
    let mut items = Vec::new();
    let item = |kind| NewItem { time, ..NewItem::new(kind) };
    if record.image.is_some() {
        let kind = if record.position.is_some() { ItemKind::Frame } else { ItemKind::Picture };
        let mut metadata = BTreeMap::new();
        if !found.classes.is_empty() {
            metadata.insert("classes".to_string(), found.classes.clone().into());
        }
        // Both are searched by words.
        let texts: Vec<&str> = found.caption.into_iter().chain(found.classes.iter().map(String::as_str)).collect();
        items.push(NewItem {
            start: record.position,
            text: Some(texts.join("; ")).filter(|text| !text.is_empty()),
            metadata,
            vectors: found.picture,
            thumbnail: found.thumbnail,
            ..item(kind)
        });
    }
    let segments = found.transcript.iter().flat_map(|transcript| &transcript.segments);
    let mut vectors = found.segments.into_iter();
    for segment in segments {
        items.push(NewItem {
            time: time.map(|time| if record.origin.time.is_some() { time + segment.start } else { time }),
            start: Some(segment.start),
            end: Some(segment.end),
            text: Some(segment.text.trim().to_string()),
            vectors: vectors.next().unwrap_or_default(),
            ..item(ItemKind::Speech)
        });
    }
    if let Some(text) = &record.text {
        items.push(NewItem { text: Some(text.clone()), vectors: found.text, ..item(ItemKind::Text) });
    }
    if !found.sound.is_empty() {
        items.push(NewItem { vectors: found.sound, ..item(ItemKind::Sound) });
    }
    Entry {
        key: record.name(),
        version: version_of(record, settings),
        source: record.origin.source.clone().unwrap_or_else(|| FILES.to_string()),
        path: path.map(path_text),
        items,
    }
}

/// The record's file, or the film of a frame.
fn path(record: &Record) -> Option<&Path> {
    let picture = record.image.as_ref().and_then(Picture::path);
    let sound = record.audio.as_ref().and_then(Sound::path);
    picture.or(sound).or(record.origin.film.as_deref())
}

/// Unix time in seconds: of the capture, or else of the file's last change, or else now.
fn time(record: &Record, path: Option<&Path>) -> Option<f64> {
    let changed = || path.and_then(|path| path.metadata().ok()?.modified().ok());
    let time = record.origin.time.or_else(changed).unwrap_or_else(SystemTime::now);
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs_f64())
}

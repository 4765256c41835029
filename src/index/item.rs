//! What an index contains: entries, which are indexed and replaced as a whole, and their items, which are found.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum ItemKind {
    /// A picture, with its caption as text.
    Picture = 0,
    /// A frame of a film, with its caption as text.
    Frame = 1,
    /// A segment of a transcript.
    Speech = 2,
    /// A text that belongs to the record itself.
    Text = 3,
    /// A sound as a whole.
    Sound = 4,
}

impl ItemKind {
    /// All kinds, by number.
    pub const ALL: [ItemKind; 5] =
        [ItemKind::Picture, ItemKind::Frame, ItemKind::Speech, ItemKind::Text, ItemKind::Sound];

    /// Its name in results and filters.
    pub fn name(self) -> &'static str {
        match self {
            ItemKind::Picture => "picture",
            ItemKind::Frame => "frame",
            ItemKind::Speech => "speech",
            ItemKind::Text => "text",
            ItemKind::Sound => "sound",
        }
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Vectors of one modality. Each shelf is ranked separately, because similarities between two texts and between a text
/// and a picture are of different sizes even in a common space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shelf {
    /// Of pictures and frames.
    Picture,
    /// Of captions, transcripts and texts.
    Text,
    /// Of sounds.
    Sound,
}

impl Shelf {
    /// All shelves.
    pub const ALL: [Shelf; 3] = [Shelf::Picture, Shelf::Text, Shelf::Sound];

    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Shelf::Picture => "picture",
            Shelf::Text => "text",
            Shelf::Sound => "sound",
        }
    }
}

impl fmt::Display for Shelf {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The model that made a vector. Only vectors of the same model can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBy {
    /// Name of the model.
    pub name: String,
    /// Digest of everything that determines its vectors.
    pub digest: String,
}

impl fmt::Display for MadeBy {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{} ({})", self.name, self.digest)
    }
}

/// A vector of an item. It is scaled to length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// What it is a vector of.
    pub shelf: Shelf,
    /// The model that made it.
    pub made_by: MadeBy,
    /// The numbers.
    pub numbers: Vec<f32>,
}

/// An item to be indexed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewItem {
    /// What it is.
    pub kind: ItemKind,
    /// Unix time in seconds of the capture, or of the file's last change.
    pub time: Option<f64>,
    /// Start in the film or recording, in seconds.
    pub start: Option<f64>,
    /// End in the film or recording, in seconds.
    pub end: Option<f64>,
    /// Its caption, transcript or text, which is searched by words.
    pub text: Option<String>,
    /// Further values, which are returned as they are.
    pub metadata: BTreeMap<String, serde_json::Value>,
    /// Its vectors, at most one per shelf.
    pub vectors: Vec<Vector>,
    /// A small JPEG of an item that has no picture file.
    pub thumbnail: Option<Vec<u8>>,
}

impl NewItem {
    /// An item with nothing but its kind.
    pub fn new(kind: ItemKind) -> Self {
        NewItem {
            kind,
            time: None,
            start: None,
            end: None,
            text: None,
            metadata: BTreeMap::new(),
            vectors: Vec::new(),
            thumbnail: None,
        }
    }
}

/// A record to be indexed: everything that is replaced together.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name, by which a later entry replaces it.
    pub key: String,
    /// Version of its content and of the settings that it was indexed with.
    pub version: String,
    /// What it came from: the name of a source in the device file, or of a command.
    pub source: String,
    /// Its file.
    pub path: Option<String>,
    /// Its items; none for a record in which nothing can be found.
    pub items: Vec<NewItem>,
}

/// An item of an index.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Item {
    /// Its number in the index.
    pub item: u32,
    /// What it is.
    pub kind: ItemKind,
    /// Name of its record.
    pub id: String,
    /// What it came from.
    pub source: String,
    /// Its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Unix time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// Start in the film or recording, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// End in the film or recording, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// Its caption, transcript or text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Further values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// An item as stored, without what its row and entry have.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoredItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// An entry as stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredEntry {
    pub key: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Number of its first item.
    pub first: u32,
    /// Number of its items.
    pub count: u32,
}

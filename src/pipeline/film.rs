//! Films: their sound and some of their frames, as records.

use std::path::{Path, PathBuf};

use super::media::Picture;
use super::record::{BadRecord, Record};
use crate::config::Ffmpeg;
use crate::error::Error;
use crate::media::video::{Film, FilmError, Frame, Moments};
use crate::support::path_text::path_text;

/// Extensions of films. Some recordings have one, too; a file without pictures is a recording.
const EXTENSIONS: &[&str] =
    &["3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "webm", "wmv"];

/// How films are read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilmOptions {
    /// The frames that become records.
    pub moments: Moments,
    /// The decoder.
    pub ffmpeg: Ffmpeg,
}

impl FilmOptions {
    /// These frames, through an installed ffmpeg.
    pub fn new(moments: Moments, ffmpeg: Ffmpeg) -> Self {
        FilmOptions { moments, ffmpeg }
    }
}

/// Whether a file is named like a film.
pub fn is_film(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

/// The records of a film: one with its sound, if it has any, then one for each frame, with its position.
pub(super) struct FilmRecords {
    path: PathBuf,
    options: FilmOptions,
    state: State,
}

enum State {
    /// Not opened yet.
    New,
    /// The first frame is next.
    Started(Box<Film>, f64, Frame),
    Running(Box<Film>),
    /// The problem is next.
    Failed(BadRecord),
    Ended,
}

impl FilmRecords {
    pub fn new(path: PathBuf, options: FilmOptions) -> Self {
        FilmRecords { path, options, state: State::New }
    }

    /// Opens the film; the record of its sound, if it has any.
    fn open(&mut self) -> Option<Result<Record, BadRecord>> {
        let sound = || Some(Ok(Record::default().with_audio(self.path.clone())));
        let mut film = match Film::open(&self.path, &self.options.ffmpeg, self.options.moments) {
            Ok(film) => film,
            // The sound may still be read.
            Err(error @ FilmError::NoFfmpeg) => {
                self.state = State::Failed(self.bad(error));
                return sound();
            }
            Err(error) => return Some(Err(self.bad(error))),
        };
        match film.next() {
            Some(Ok((at, frame))) => {
                let has_sound = film.audio_tracks() > 0;
                self.state = State::Started(Box::new(film), at, frame);
                if has_sound { sound() } else { None }
            }
            // A recording, whatever its name.
            Some(Err(_)) if film.audio_tracks() > 0 => sound(),
            Some(Err(error)) => Some(Err(self.bad(error))),
            None => sound(),
        }
    }

    fn frame(&self, at: f64, frame: &Frame) -> Result<Record, BadRecord> {
        let picture = frame.to_rgb().map_err(|source| Error::Image { path: self.path.clone(), source });
        let id = format!("{}#t={at:.3}", path_text(&self.path));
        match picture {
            Ok(picture) => {
                let mut record =
                    Record::default().with_id(id).with_image(Picture::Pixels(picture.into())).with_position(at);
                record.origin.film = Some(self.path.clone());
                Ok(record)
            }
            Err(error) => Err(BadRecord { id, problem: error.to_string() }),
        }
    }

    fn bad(&self, error: FilmError) -> BadRecord {
        let id = path_text(&self.path);
        BadRecord { problem: format!("{id}: {error}"), id }
    }
}

impl Iterator for FilmRecords {
    type Item = Result<Record, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.state, State::New) {
            self.state = State::Ended;
            if let Some(record) = self.open() {
                return Some(record);
            }
        }
        let (mut film, found) = match std::mem::replace(&mut self.state, State::Ended) {
            State::New | State::Ended => return None,
            State::Failed(bad) => return Some(Err(bad)),
            State::Started(film, at, frame) => (film, Some(Ok((at, frame)))),
            State::Running(mut film) => {
                let found = film.next();
                (film, found)
            }
        };
        match found {
            Some(Ok((at, frame))) => {
                let record = self.frame(at, &frame);
                self.state = State::Running(film);
                Some(record)
            }
            Some(Err(error)) => Some(Err(self.bad(error))),
            None => {
                for warning in film.take_warnings() {
                    log::warn!("{}: {warning}", self.path.display());
                }
                None
            }
        }
    }
}

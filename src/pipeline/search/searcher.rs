//! Searches an index by text, picture or sound.

use std::path::Path;

use super::made_by;
use crate::config::model_folder::{Modality, capability};
use crate::config::{EmbedOptions, TextRole, TranscribeOptions};
use crate::error::Error;
use crate::index::{Filter, Hit, Index, IndexFiles, MadeBy, Query, Shelf, Vector};
use crate::models::capability::Embedder;
use crate::models::{Models, read_folder};
use crate::pipeline::media::{Picture, Sound};
use crate::pipeline::record::Record;
use crate::pipeline::result::RecordResult;
use crate::pipeline::runner::Pipeline;

/// For messages.
const USER: &str = "search";

/// What is searched for.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// A text.
    pub text: Option<String>,
    /// A picture.
    pub image: Option<Picture>,
    /// A sound: what is said in it, and how it sounds if the model embeds sounds.
    pub audio: Option<Sound>,
    /// Which items may be found.
    pub filter: Option<Filter>,
    /// Maximum number of results.
    pub top: usize,
    /// Name under `models` of the model that embeds the question; the one that made the index if `None`.
    pub model: Option<String>,
}

/// The results of a search.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Searched {
    /// What was said in the given sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<String>,
    /// The results, best first.
    pub hits: Vec<Hit>,
    /// What was left out of the question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Searches indexes with the models of a device.
pub struct Searcher {
    models: Models,
    files: IndexFiles,
}

impl Searcher {
    /// Searches with these models, which others may share.
    pub fn new(models: Models) -> Self {
        Searcher { models, files: IndexFiles::default() }
    }

    /// As [`Searcher::new`], with the files that another one keeps mapped.
    pub fn with_files(models: Models, files: IndexFiles) -> Self {
        Searcher { models, files }
    }

    /// Searches the index in a folder.
    ///
    /// # Errors
    /// [`Error::Index`] for an index that cannot be searched, or was made by a model that the device does not have;
    /// [`Error::Input`], [`Error::Image`] or [`Error::Audio`] for a question that cannot be read; those of the models.
    pub fn search(&self, path: &Path, question: Question) -> Result<Searched, Error> {
        let Question { text, image, audio, filter, top, model } = question;
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err(Error::Input { problem: "the text to search for is empty".to_string() });
        }
        let mut warnings = Vec::new();
        // Not held while models work: a writer would wait.
        let shelves = self.shelves(path)?;
        let mut heard = None;
        if let Some(sound) = &audio {
            heard = self.hear(sound, &mut warnings)?;
        }
        let words = match (text, heard.clone()) {
            (Some(text), Some(heard)) => Some(format!("{text} {heard}")),
            (text, heard) => text.or(heard),
        };
        let of_picture = image.is_some();
        let mut query = Query { vectors: Vec::new(), of_picture, words: words.clone(), filter, top };
        if !shelves.is_empty() {
            let key = self.model(path, &shelves, model)?;
            query.vectors = self.vectors(&key, &shelves, words.as_deref(), image, audio, &mut warnings)?;
        } else if image.is_some() {
            let problem =
                format!("{}: the index has no vectors, so pictures cannot be used as a query", path.display());
            return Err(Error::Input { problem });
        }
        if query.vectors.is_empty() && query.words.is_none() {
            warnings.push("no speech was recognised, so nothing was searched for".to_string());
            return Ok(Searched { heard, hits: Vec::new(), warnings });
        }
        let hits = Index::open_with(path, &self.files)?.search(&query)?;
        Ok(Searched { heard, hits, warnings })
    }

    /// The shelves of an index that have vectors, and the model that made them.
    fn shelves(&self, path: &Path) -> Result<Vec<(Shelf, MadeBy)>, Error> {
        let index = Index::open_with(path, &self.files)?;
        Ok(Shelf::ALL.into_iter().filter_map(|shelf| Some((shelf, index.made_by(shelf)?.clone()))).collect())
    }

    /// The name under `models` of the model that made the index: `named`, if that is given.
    fn model(&self, path: &Path, shelves: &[(Shelf, MadeBy)], named: Option<String>) -> Result<String, Error> {
        let device = self.models.device();
        if let Some(named) = named {
            return self.models.chosen::<dyn Embedder>(Some(&named), USER);
        }
        let embeds = |key: &&String| {
            let folder = device.models.get(*key).map(read_folder);
            folder.is_some_and(|folder| folder.is_ok_and(|it| it.capabilities().contains(&capability::EMBED)))
        };
        let able: Vec<&String> = device.models.keys().filter(embeds).collect();
        let made = |key: &&&String| made_by(device, key).is_ok_and(|by| shelves.iter().any(|(_, made)| *made == by));
        if let Some(key) = able.iter().find(made) {
            return Ok((**key).clone());
        }
        let (shelf, made) = &shelves[0];
        let asked = able.iter().filter_map(|key| Some(made_by(device, key).ok()?.to_string())).collect::<Vec<_>>();
        match asked.is_empty() {
            true => Err(Error::NoModel { config: device.path.clone(), capability: capability::EMBED, user: USER }),
            false => Err(Error::Index(crate::index::IndexError::OtherModel {
                path: path.to_path_buf(),
                shelf: *shelf,
                made_by: made.to_string(),
                asked: asked.join(" or "),
            })),
        }
    }

    /// The vectors of the question, one for each shelf that they can be compared with.
    fn vectors(
        &self,
        key: &str,
        shelves: &[(Shelf, MadeBy)],
        text: Option<&str>,
        image: Option<Picture>,
        audio: Option<Sound>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Vector>, Error> {
        let made = made_by(self.models.device(), key)?;
        let embeds = {
            let model = self.models.lease::<dyn Embedder>(Some(key), USER)?;
            let embeds = model.embeds();
            if text.is_some() && !embeds.contains(&Modality::Text) {
                warnings.push(format!("{}: only words are searched", model.unembedded(Modality::Text)));
            }
            if image.is_some() && !embeds.contains(&Modality::Image) {
                return Err(model.unembedded(Modality::Image));
            }
            embeds
        };
        let mut record = Record { text: text.map(str::to_string), image, audio, ..Record::default() };
        let embedded = |modality| embeds.contains(&modality);
        record.text = record.text.filter(|_| embedded(Modality::Text));
        record.audio = record.audio.filter(|_| embedded(Modality::Audio));
        if record.problem().is_some() {
            return Ok(Vec::new());
        }
        let embed = EmbedOptions { model: Some(key.to_string()), text: TextRole::Query };
        let mut numbers = Vec::new();
        let sound = Record { audio: record.audio.take(), ..Record::default() };
        for (record, needed) in [(record, true), (sound, text.is_none())] {
            if record.problem().is_some() {
                continue;
            }
            match self.run(embed.clone().into(), &record) {
                Ok(result) => {
                    warnings.extend(result.warnings.iter().cloned());
                    let found = result.embeddings().map(|found| found.value.clone());
                    numbers
                        .extend(found.into_iter().flat_map(|found| [found.image, found.text, found.audio]).flatten());
                }
                // Such as a sound that is too long: what is said in it is searched for anyway.
                Err(Error::Input { problem }) if !needed => {
                    warnings.push(format!("{problem}: only its words are searched for"))
                }
                Err(error) => return Err(error),
            }
        }
        let with = |shelf: Shelf| {
            let made_by = made.clone();
            numbers.iter().map(move |numbers| Vector { shelf, made_by: made_by.clone(), numbers: numbers.clone() })
        };
        Ok(shelves.iter().flat_map(|(shelf, _)| with(*shelf)).collect())
    }

    /// What is said in a sound; nothing, with a warning, without a model that transcribes.
    fn hear(&self, sound: &Sound, warnings: &mut Vec<String>) -> Result<Option<String>, Error> {
        let options: TranscribeOptions = self.models.device().options();
        let record = Record::default().with_audio(sound.clone());
        let result = match self.run(options.into(), &record) {
            Err(error @ Error::NoModel { .. }) => {
                warnings.push(format!("{error}: what is said is not searched for"));
                return Ok(None);
            }
            result => result?,
        };
        warnings.extend(result.warnings.iter().cloned());
        let text = result.transcript().map(|timed| timed.value.text.trim().to_string());
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// The result of one step. An error of the step is an error of the question.
    fn run(&self, step: crate::config::Step, record: &Record) -> Result<RecordResult, Error> {
        let pipeline = Pipeline::new(self.models.clone(), &[step])?;
        let result = pipeline.process(record, &mut |_, _| {})?;
        match result.errors().first() {
            Some(problem) => Err(Error::Input { problem: (*problem).to_string() }),
            None => Ok(result),
        }
    }
}

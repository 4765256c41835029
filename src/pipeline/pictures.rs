//! The steps that use BLIP: `caption`, `ask`, `match`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ndarray::Array4;

use super::about_pictures::{
    AnswerScore, AnswerText, CaptionScore, CaptionText, MatchEmbeddings, MatchedText, MatchedTexts,
};
use super::result::Timed;
use super::sources::Sources;
use super::step::{StepOutcome, timed};
use super::version::FileVersion;
use crate::config::{AskOptions, CaptionOptions, MatchOptions, Step};
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::blip::{Candidates, EncodedImage, MatchTexts};

/// What is kept from one record to the next: lists of texts, and the picture that was seen last, since records with
/// several questions about one picture mostly stand together.
#[derive(Default)]
pub(super) struct Pictures {
    encoded: Option<(Option<Version>, EncodedImage)>,
    answers: Option<List<Candidates>>,
    texts: Option<List<MatchTexts>>,
}

/// A picture's file as it was at a time.
type Version = (PathBuf, FileVersion);

/// A picture that was read before the model was asked for.
struct ReadPicture {
    view: Option<PixelConfig>,
    took: Duration,
}

impl ReadPicture {
    /// The result with the time since `started`, and what reading took.
    fn timed<T>(&self, value: T, started: Instant, provider: &'static str) -> Timed<T> {
        timed(value, started.checked_sub(self.took).unwrap_or(started), provider)
    }
}

/// Texts of the device file or command line, and what the model reads, from the first time on.
struct List<T> {
    texts: Vec<String>,
    read: Option<T>,
}

impl Pictures {
    /// Reads the lists of texts that steps name.
    pub fn new(steps: &[Step]) -> Result<Self, Error> {
        let mut pictures = Pictures::default();
        for step in steps {
            match step {
                Step::Ask(options) => pictures.answers = options.answers.as_ref().map(List::load).transpose()?,
                Step::Match(options) => pictures.texts = options.texts.as_ref().map(List::load).transpose()?,
                Step::Transcribe(_) | Step::Caption(_) | Step::Fuse(_) => {}
            }
        }
        Ok(pictures)
    }

    /// Drops the picture that was seen last.
    pub fn forget(&mut self) {
        self.encoded = None;
    }

    /// Decodes the record's picture, unless it is the one that was encoded last.
    fn read_picture(
        &self,
        models: &mut Models,
        sources: &mut Sources,
        command: &'static str,
    ) -> Result<ReadPicture, Error> {
        let now = version(sources);
        let known = now.is_some() && self.encoded.as_ref().is_some_and(|(version, _)| *version == now);
        let view = models.blip_view(command)?.filter(|_| !known);
        let took = view.map_or(Duration::ZERO, |view| sources.read_picture(models, &view));
        Ok(ReadPicture { view, took })
    }

    pub fn caption(
        &mut self,
        models: &mut Models,
        sources: &mut Sources,
        options: &CaptionOptions,
    ) -> StepOutcome<CaptionText> {
        if !sources.has_image() {
            return Ok(None);
        }
        let read = self.read_picture(models, sources, "caption")?;
        let blip = models.blip("caption")?;
        blip.prepare_captions()?;
        let started = Instant::now();
        let Some(image) = encode(|pixels| blip.encode_pixels(pixels), sources, read.view, &mut self.encoded)? else {
            return Ok(None);
        };
        let captions = blip.caption(image, options)?;
        let provider = captions.first().map_or(blip.provider(), |caption| caption.provider);
        let captions: Vec<CaptionScore> = captions
            .into_iter()
            .map(|it| CaptionScore { text: it.text, log_probability: it.log_probability, score: it.score })
            .collect();
        let Some(best) = captions.first().cloned() else { return Ok(None) };
        let captions = (options.captions > 1).then_some(captions);
        Ok(Some(read.timed(CaptionText { best, captions }, started, provider)))
    }

    pub fn ask(
        &mut self,
        models: &mut Models,
        sources: &mut Sources,
        question: Option<String>,
        options: &AskOptions,
    ) -> StepOutcome<AnswerText> {
        let Some(question) = question.filter(|_| sources.has_image()) else { return Ok(None) };
        if let (true, Some(audio)) = (question.trim().is_empty(), sources.audio_file()) {
            return Err(Error::Input {
                problem: format!("{}: no speech was understood, so no question", audio.path().display()),
            });
        }
        let read = self.read_picture(models, sources, "ask")?;
        let blip = models.blip("ask")?;
        blip.prepare_answers()?;
        let candidates = match &mut self.answers {
            Some(answers) => Some(&*answers.read(|texts| blip.candidates(texts))?),
            None => None,
        };
        let started = Instant::now();
        let Some(image) = encode(|pixels| blip.encode_pixels(pixels), sources, read.view, &mut self.encoded)? else {
            return Ok(None);
        };
        let Some(candidates) = candidates else {
            let answer = blip.answer(image, &question, &options.search)?;
            let value = AnswerText {
                question,
                text: answer.text,
                confidence: answer.log_probability.exp(),
                log_probability: answer.log_probability,
                answers: None,
            };
            return Ok(Some(read.timed(value, started, answer.provider)));
        };
        let mut ranked = blip.rank(image, &question, candidates)?;
        ranked.truncate(options.top.unwrap_or(usize::MAX));
        let answers: Vec<AnswerScore> = ranked
            .into_iter()
            .map(|it| AnswerScore {
                text: candidates.texts()[it.candidate].clone(),
                log_probability: it.log_probability,
                probability: it.probability,
            })
            .collect();
        let Some(best) = answers.first().cloned() else { return Ok(None) };
        let value = AnswerText {
            question,
            text: best.text,
            confidence: best.log_probability.exp(),
            log_probability: best.log_probability,
            answers: Some(answers),
        };
        Ok(Some(read.timed(value, started, blip.answer_provider())))
    }

    /// The step `match`; `text` is the record's own, for where the step has no list.
    pub fn compare(
        &mut self,
        models: &mut Models,
        sources: &mut Sources,
        text: Option<String>,
        options: &MatchOptions,
    ) -> StepOutcome<MatchedTexts> {
        if !sources.has_image() || (self.texts.is_none() && text.is_none()) {
            return Ok(None);
        }
        let read = self.read_picture(models, sources, "match")?;
        let blip = models.blip("match")?.matching()?;
        blip.prepare_matching()?;
        let mut own = None;
        let texts = match (&mut self.texts, text) {
            // What is wrong with the list is wrong for every record.
            (Some(list), _) => list.read(|texts| {
                blip.match_list(texts)
                    .map_err(|error| Error::Request { model: blip.name().to_string(), problem: error.to_string() })
            })?,
            (None, Some(text)) => own.insert(blip.match_list(&[text])?),
            (None, None) => return Ok(None),
        };
        let started = Instant::now();
        let Some(image) = encode(|pixels| blip.encode_pixels(pixels), sources, read.view, &mut self.encoded)? else {
            return Ok(None);
        };
        let found = blip.match_texts(image, texts)?;
        let both = image.embedding().zip(texts.embeddings()).filter(|_| options.embeddings);
        let value = MatchedTexts {
            texts: texts
                .texts()
                .iter()
                .zip(found)
                .map(|(text, found)| MatchedText {
                    text: text.clone(),
                    probability: found.probability,
                    similarity: found.similarity,
                })
                .collect(),
            embeddings: both.map(|(image, texts)| MatchEmbeddings {
                image: image.to_vec(),
                texts: texts.rows().into_iter().map(|row| row.to_vec()).collect(),
            }),
        };
        Ok(Some(read.timed(value, started, blip.match_provider())))
    }
}

impl<T> List<T> {
    fn load(texts: &crate::config::Texts) -> Result<Self, Error> {
        Ok(List { texts: texts.load()?, read: None })
    }

    fn read(&mut self, read: impl FnOnce(&[String]) -> Result<T, Error>) -> Result<&mut T, Error> {
        match &mut self.read {
            Some(read) => Ok(read),
            slot => Ok(slot.insert(read(&self.texts)?)),
        }
    }
}

/// The picture's file as it is now; `None` where there is none, or it cannot be looked at.
fn version(sources: &Sources) -> Option<Version> {
    let path = sources.image_path()?;
    Some((path.to_path_buf(), FileVersion::of(path)?))
}

/// The picture as the model sees it, encoded once for all steps, and for the records after it that are about the same one.
fn encode<'e>(
    encoder: impl FnOnce(Array4<f32>) -> Result<EncodedImage, Error>,
    sources: &Sources,
    view: Option<PixelConfig>,
    encoded: &'e mut Option<(Option<Version>, EncodedImage)>,
) -> Result<Option<&'e EncodedImage>, Error> {
    // Without a view it was not read, since it is encoded already.
    if let Some(view) = view {
        // The one before goes first: two at a time are not needed.
        *encoded = None;
        let Some(pixels) = sources.picture(&view)? else { return Ok(None) };
        *encoded = Some((version(sources), encoder(pixels.clone())?));
    }
    Ok(encoded.as_ref().map(|(_, image)| image))
}

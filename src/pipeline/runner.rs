//! Takes the steps with one record after the other.

use std::time::Instant;

use super::record::Record;
use super::result::{AnswerText, CaptionText, RecordResult, StepResult, Timed};
use super::sources::Sources;
use crate::config::{AskOptions, CaptionOptions, Question, Step, Timestamps, TranscribeOptions};
use crate::error::Error;
use crate::media::audio::Recording;
use crate::models::Models;
use crate::models::blip::{Blip, EncodedImage};
use crate::models::whisper::{OnProgress, Transcript};

/// Steps, and the models they need.
pub struct Pipeline {
    pub(super) models: Models,
    steps: Vec<Step>,
}

impl Pipeline {
    /// Nothing is loaded yet.
    pub fn new(models: Models, steps: Vec<Step>) -> Self {
        Pipeline { models, steps }
    }

    /// Takes every step that the record has the input for. What goes wrong with the record's own files stands in the
    /// result.
    ///
    /// # Errors
    /// Only what would fail for every record alike: a model or library that cannot be loaded, a request that the model
    /// cannot fulfil.
    pub fn process(&mut self, record: &Record, progress: &mut OnProgress) -> Result<RecordResult, Error> {
        let mut result = RecordResult::of(record);
        let mut sources = Sources::new(record);
        let mut encoded = None;
        for step in self.steps.clone() {
            match step {
                Step::Transcribe(options) => {
                    result.transcript = kept(self.transcribe(&mut sources, &options, progress))?;
                }
                Step::Caption(options) => {
                    result.caption = kept(self.caption(&mut sources, &mut encoded, &options))?;
                }
                Step::Ask(options) => {
                    let question = question(&options, record, &result);
                    result.answer = kept(self.ask(&mut sources, &mut encoded, record, question, &options))?;
                }
                Step::Fuse(options) => {
                    let transcript = result.transcript.as_ref().and_then(StepResult::value);
                    let transcript = transcript.map(|transcript| transcript.text.clone());
                    result.fusion = kept(self.fuse(&mut sources, record, transcript, &options, progress))?;
                }
            }
        }
        if self.models.device().runtime.report_placement {
            let placements = self.models.engine().placements().into_iter();
            result.placement = Some(placements.map(|(graph, it)| (graph, it.providers().to_vec())).collect());
        }
        Ok(result)
    }

    pub(super) fn transcribe(
        &mut self,
        sources: &mut Sources,
        options: &TranscribeOptions,
        progress: &mut OnProgress,
    ) -> StepOutcome<Transcript> {
        let Some(path) = sources.audio_path() else { return Ok(None) };
        let (whisper, vad) = self.models.whisper_and_vad(options.vad.on, "transcribe")?;
        whisper.check(options, vad.is_some())?;
        if options.timestamps == Timestamps::Word {
            whisper.prepare_words()?;
        }
        let started = Instant::now();
        let value = whisper.transcribe(&Recording::File(path), vad, options, progress)?;
        Ok(Some(timed(value, started, whisper.provider())))
    }

    fn caption(
        &mut self,
        sources: &mut Sources,
        encoded: &mut Option<EncodedImage>,
        options: &CaptionOptions,
    ) -> StepOutcome<CaptionText> {
        if !sources.has_image() {
            return Ok(None);
        }
        let blip = self.models.blip("caption")?;
        blip.prepare_captions()?;
        let started = Instant::now();
        let Some(image) = encode(blip, sources, encoded)? else { return Ok(None) };
        let caption = blip.caption(image, options.prompt.as_deref(), options.max_tokens)?;
        Ok(Some(timed(CaptionText { text: caption.text }, started, caption.provider)))
    }

    fn ask(
        &mut self,
        sources: &mut Sources,
        encoded: &mut Option<EncodedImage>,
        record: &Record,
        question: Option<String>,
        options: &AskOptions,
    ) -> StepOutcome<AnswerText> {
        let Some(question) = question.filter(|_| sources.has_image()) else { return Ok(None) };
        if let (true, Some(audio)) = (question.trim().is_empty(), &record.audio) {
            return Err(Error::Input {
                problem: format!("{}: no speech was understood, so no question", audio.display()),
            });
        }
        let blip = self.models.blip("ask")?;
        blip.prepare_answers()?;
        let started = Instant::now();
        let Some(image) = encode(blip, sources, encoded)? else { return Ok(None) };
        let answer = blip.answer(image, &question, options.max_tokens)?;
        let value = AnswerText { question, text: answer.text, confidence: answer.confidence };
        Ok(Some(timed(value, started, answer.provider)))
    }
}

/// A step gives nothing when the record has not what it needs.
pub(super) type StepOutcome<T> = Result<Option<Timed<T>>, Error>;

/// Keeps an error about the record's own files in the result, and passes on those that would meet every record.
fn kept<T>(outcome: StepOutcome<T>) -> Result<Option<StepResult<T>>, Error> {
    match outcome {
        Ok(value) => Ok(value.map(StepResult::Done)),
        Err(error) if error.is_about_input() => Ok(Some(StepResult::Failed { error: error.to_string() })),
        Err(error) => Err(error),
    }
}

pub(super) fn timed<T>(value: T, started: Instant, provider: &'static str) -> Timed<T> {
    // Microseconds are as fine as the clock is worth.
    let ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    Timed { value, ms, provider }
}

/// The picture as BLIP sees it, encoded once a record.
fn encode<'e>(
    blip: &mut Blip,
    sources: &mut Sources,
    encoded: &'e mut Option<EncodedImage>,
) -> Result<Option<&'e EncodedImage>, Error> {
    if encoded.is_none() {
        let Some(image) = sources.image()? else { return Ok(None) };
        *encoded = Some(blip.encode(image)?);
    }
    Ok(encoded.as_ref())
}

/// The question that `ask` puts, if the record has one.
fn question(options: &AskOptions, record: &Record, result: &RecordResult) -> Option<String> {
    let transcript =
        || result.transcript.as_ref().and_then(StepResult::value).map(|transcript| transcript.text.clone());
    match &options.question {
        Question::Fixed(question) => Some(question.clone()),
        Question::Text => record.text.clone(),
        Question::Transcript => transcript(),
        Question::Any => record.text.clone().or_else(transcript),
    }
}

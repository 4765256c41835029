//! `fuse`: the student's decision from any subset of inputs.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::encoded::Encoders;
use super::transcribe::transcribe;
use super::{Context, StepKind, StepOutcome, Use, timed};
use crate::config::model_folder::{Modality, StudentInput, capability};
use crate::config::{FuseOptions, TextSource};
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::capability::{Decider, Embedder};
use crate::models::fusion::{Fusion, FusionInputs};
use crate::pipeline::record::{Embedding, Record};

const NAME: &str = "fuse";

pub(super) struct Fuse(FuseOptions);

impl StepKind for Fuse {
    type Options = FuseOptions;
    type Value = Fusion;

    const KEY: &'static str = "fusion";

    fn new(options: &FuseOptions) -> Result<Self, Error> {
        Ok(Fuse(options.clone()))
    }

    fn uses(options: &FuseOptions) -> Vec<Use<'_>> {
        vec![
            Use::required(capability::DECIDE, options.model.as_deref()),
            // A student without sound input gets the transcript.
            Use::optional(capability::TRANSCRIBE, None),
            Use::optional(capability::DETECT_SPEECH, None),
        ]
    }

    fn view(&self, models: &Models) -> Option<PixelConfig> {
        let named = self.0.model.as_deref();
        if let Some(view) = models.view::<dyn Decider>(named, NAME).ok().flatten() {
            return Some(view);
        }
        let source = models.feature_source::<dyn Decider>(named, Modality::Image, NAME).ok().flatten()?;
        models.view::<dyn Embedder>(Some(&source.key), NAME).ok().flatten()
    }

    fn run(&self, context: &mut Context) -> StepOutcome<Fusion> {
        let (options, named) = (&self.0, self.0.model.as_deref());
        let taken: Vec<StudentInput> = {
            let student = context.models.lease::<dyn Decider>(named, NAME)?;
            StudentInput::ALL.into_iter().filter(|&input| student.takes(input)).collect()
        };
        let accepts = |input| taken.contains(&input);
        let record = context.record;
        let encoders = Encoders::of(context, named, NAME)?;
        let reads = accepts(StudentInput::Text) || encoders.accept(Modality::Text);
        let hears = accepts(StudentInput::Audio)
            || encoders.accept(Modality::Audio)
            || (accepts(StudentInput::AudioEmbedding) && record.audio_embedding.is_some());
        let (text, spoken_ms) = self.text(context, reads, hears)?;
        let text = text.filter(|text| !text.trim().is_empty());

        // Models are leased one after the other, so that each may be unloaded for the next one.
        let encoded = encoders.encode(context, text.as_deref())?;
        let view = context.models.view::<dyn Decider>(named, NAME)?;
        let read = view.map_or(Duration::ZERO, |view| context.sources.read_picture(context.models, &view));
        let student = context.models.lease::<dyn Decider>(named, NAME)?;
        // A sound that was used as a transcript is not left out.
        let sounds = context.sources.has_audio() && (hears || !reads);
        let raw = |modality, given| given && !encoders.accept(modality) && !encoders.replaced(modality);
        let given = [
            (StudentInput::Image, raw(Modality::Image, context.sources.has_image())),
            (StudentInput::ImageEmbedding, record.image_embedding.is_some()),
            (StudentInput::Text, raw(Modality::Text, text.is_some())),
            (StudentInput::TextEmbedding, record.text_embedding.is_some()),
            (StudentInput::Audio, raw(Modality::Audio, sounds)),
            (StudentInput::AudioEmbedding, record.audio_embedding.is_some()),
            (StudentInput::Sensors, record.sensors.is_some()),
        ];
        leave_out(&*student, record, &given, options.strict)?;

        let text = text.filter(|_| accepts(StudentInput::Text));
        let started = Instant::now();
        let started = started.checked_sub(read + encoded.took).unwrap_or(started);
        let image_embedding = numbers(&record.image_embedding, accepts(StudentInput::ImageEmbedding))?;
        let text_embedding = numbers(&record.text_embedding, accepts(StudentInput::TextEmbedding))?;
        let audio_embedding = numbers(&record.audio_embedding, accepts(StudentInput::AudioEmbedding))?;
        let sensors = record.sensors.as_ref().filter(|_| accepts(StudentInput::Sensors));
        let samples = match student.sound().filter(|_| accepts(StudentInput::Audio)) {
            Some((rate, seconds)) => context.sources.sound(rate, seconds)?.map(<[f32]>::to_vec),
            None => None,
        };
        let image = view.map(|view| context.sources.picture(&view)).transpose()?.flatten().map(|pixels| &pixels.values);
        let inputs = FusionInputs {
            image,
            image_embedding: image_embedding.as_deref().or(encoded.get(Modality::Image)),
            text: text.as_deref(),
            text_embedding: text_embedding.as_deref().or(encoded.get(Modality::Text)),
            audio: samples.as_deref(),
            audio_embedding: audio_embedding.as_deref().or(encoded.get(Modality::Audio)),
            sensors,
        };
        if inputs.is_empty() {
            return Ok(None);
        }
        let mut value = student.fuse(&inputs)?;
        value.encoders = encoded.by;
        value.embeddings = value.embeddings.filter(|_| options.embeddings);
        let mut fused = timed(value, started, student.provider());
        fused.ms += spoken_ms;
        Ok(Some(fused))
    }
}

impl Fuse {
    /// Text input of the student, and the time in milliseconds for transcribing it.
    fn text(&self, context: &mut Context, reads: bool, hears: bool) -> Result<(Option<String>, f64), Error> {
        let transcript = context.transcript().map(|transcript| transcript.text.clone());
        let written = context.record.text.clone();
        let text = match self.0.text {
            TextSource::None => None,
            TextSource::Text => written,
            TextSource::Transcript => transcript,
            TextSource::Any if written.is_some() => written,
            // A student with sound input needs no transcript.
            TextSource::Any if hears && context.sources.has_audio() => None,
            TextSource::Any if transcript.is_some() => transcript,
            TextSource::Any if !reads => None,
            TextSource::Any => {
                let options = context.transcribe_options();
                let spoken = transcribe(context, &options)?;
                return Ok(spoken.map_or((None, 0.0), |spoken| (Some(spoken.value.text), spoken.ms)));
            }
        };
        Ok((text, 0.0))
    }
}

/// Warns about each input that the student does not accept; with `strict` the first is an error.
fn leave_out(
    student: &dyn Decider,
    record: &Record,
    given: &[(StudentInput, bool)],
    strict: bool,
) -> Result<(), Error> {
    for &(input, _) in given.iter().filter(|(input, given)| *given && !student.takes(*input)) {
        let problem = student.untaken(input);
        if strict {
            return Err(problem);
        }
        log::warn!("{}: {problem}: the input is left out", record.name());
    }
    Ok(())
}

/// The numbers of an embedding, if the student accepts it.
fn numbers(embedding: &Option<Embedding>, taken: bool) -> Result<Option<Cow<'_, [f32]>>, Error> {
    embedding.as_ref().filter(|_| taken).map(Embedding::numbers).transpose()
}

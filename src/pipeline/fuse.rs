//! The step `fuse`: which of a record's inputs the student sees.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::record::{Embedding, Record};
use super::runner::Pipeline;
use super::sources::Sources;
use super::step::{StepOutcome, timed};
use crate::config::model_folder::StudentInput;
use crate::config::{FuseOptions, TextSource};
use crate::error::Error;
use crate::models::student::{Fusion, FusionInputs, Student};
use crate::models::whisper::OnProgress;

impl Pipeline {
    pub(super) fn fuse(
        &mut self,
        sources: &mut Sources,
        record: &Record,
        transcript: Option<String>,
        options: &FuseOptions,
        progress: &mut OnProgress,
    ) -> StepOutcome<Fusion> {
        let student = self.models.student("fuse")?;
        let (reads, hears) = (student.takes(StudentInput::Text), student.takes(StudentInput::Audio));
        let mut spoken_ms = 0.0;
        let text = match options.text {
            TextSource::None => None,
            TextSource::Text => record.text.clone(),
            TextSource::Transcript => transcript,
            TextSource::Any if record.text.is_some() => record.text.clone(),
            // A student that hears needs no transcript.
            TextSource::Any if hears && sources.has_audio() => None,
            TextSource::Any if transcript.is_some() => transcript,
            TextSource::Any if !reads => None,
            TextSource::Any => {
                let spoken = self.transcribe(sources, &self.models.device().transcribe_options(), progress)?;
                spoken_ms = spoken.as_ref().map_or(0.0, |spoken| spoken.ms);
                spoken.map(|spoken| spoken.value.text)
            }
        }
        .filter(|text| !text.trim().is_empty());

        let view = self.models.student_view("fuse")?;
        let read = view.map_or(Duration::ZERO, |view| sources.read_picture(&mut self.models, &view));
        let student = self.models.student("fuse")?;
        // A sound that was read as a transcript is not left out.
        let sounds = sources.has_audio() && (hears || !reads);
        let given = [
            (StudentInput::Image, sources.has_image()),
            (StudentInput::ImageEmbedding, record.image_embedding.is_some()),
            (StudentInput::Text, text.is_some()),
            (StudentInput::TextEmbedding, record.text_embedding.is_some()),
            (StudentInput::Audio, sounds),
            (StudentInput::Sensors, record.sensors.is_some()),
        ];
        leave_out(student, record, &given, options.strict)?;

        let takes = |input| student.takes(input);
        let text = text.filter(|_| reads);
        let started = Instant::now();
        let started = started.checked_sub(read).unwrap_or(started);
        let image_embedding = numbers(&record.image_embedding, takes(StudentInput::ImageEmbedding))?;
        let text_embedding = numbers(&record.text_embedding, takes(StudentInput::TextEmbedding))?;
        let sensors = record.sensors.as_ref().filter(|_| takes(StudentInput::Sensors));
        let samples = match student.sample_rate().zip(student.longest_sound()).filter(|_| hears) {
            Some((rate, seconds)) => sources.sound(rate, seconds)?.map(<[f32]>::to_vec),
            None => None,
        };
        let image = view.map(|view| sources.picture(&view)).transpose()?.flatten();
        let inputs = FusionInputs {
            image,
            image_embedding: image_embedding.as_deref(),
            text: text.as_deref(),
            text_embedding: text_embedding.as_deref(),
            audio: samples.as_deref(),
            sensors,
        };
        if inputs.is_empty() {
            return Ok(None);
        }
        let mut value = student.fuse(&inputs)?;
        value.embeddings = value.embeddings.filter(|_| options.embeddings);
        let mut fused = timed(value, started, student.provider());
        fused.ms += spoken_ms;
        Ok(Some(fused))
    }
}

/// Warns of each given input that the student does not take; with `strict` the first is an error.
fn leave_out(student: &Student, record: &Record, given: &[(StudentInput, bool)], strict: bool) -> Result<(), Error> {
    for &(input, _) in given.iter().filter(|(input, given)| *given && !student.takes(*input)) {
        let problem = student.untaken(input);
        if strict {
            return Err(problem);
        }
        log::warn!("{}: {problem}: it is left out", record.name());
    }
    Ok(())
}

/// The numbers of an embedding that the student takes.
fn numbers(embedding: &Option<Embedding>, taken: bool) -> Result<Option<Cow<'_, [f32]>>, Error> {
    embedding.as_ref().filter(|_| taken).map(Embedding::numbers).transpose()
}

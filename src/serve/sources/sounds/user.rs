//! One use of a microphone: its own records, or those of a join.

use std::sync::Arc;
use std::thread;

use edgefuse::Record;
use edgefuse::config::{EncoderContext, Step, Temperatures, Timestamps, TranscribeOptions, Vad};
use edgefuse::pipeline::{Picture, Sound};

use super::SAMPLE_RATE;
use super::heard::Heard;
use super::jobs::{Job, Jobs};
use super::joined::{Joined, Seen};
use crate::serve::event::{Event, What};
use crate::serve::sources::desk::{Desk, Sighting};

/// Makes records of utterances.
pub struct SoundUser {
    pub desk: Desk,
    /// Decodes partial texts; `None` if the steps transcribe nothing.
    pub partial: Option<Desk>,
    /// The camera whose pictures are joined.
    pub joined: Option<Joined>,
}

/// The steps that decode a partial text, quickly: greedily, without times, with as short an encoder context as possible.
pub fn partial_steps(steps: &[Step]) -> Option<Vec<Step>> {
    let options = steps.iter().find_map(Step::as_options::<TranscribeOptions>)?;
    let partial = TranscribeOptions {
        timestamps: Timestamps::None,
        temperature: Temperatures(vec![0.0]),
        beams: 1,
        encoder_context: EncoderContext::Adaptive,
        vad: Vad { on: false, options: None },
        ..options.clone()
    };
    Some(vec![partial.into()])
}

impl SoundUser {
    /// Starts the thread that processes jobs.
    pub fn start(mut self) -> (Jobs, thread::JoinHandle<()>) {
        let jobs = Jobs::joined(self.joined.take().map(Arc::new));
        let queue = jobs.clone();
        (jobs, thread::spawn(move || self.work(&queue)))
    }

    fn work(self, jobs: &Jobs) {
        // The result of what was probably complete.
        let mut early: Option<(Heard, Event)> = None;
        while let Some(job) = jobs.next() {
            match job {
                Job::Partial(heard) => self.partial(&heard),
                Job::Early(heard, seen) => {
                    early = self.desk.process(sighting(&heard, seen)).map(|event| (heard, event));
                }
                Job::Final(heard, seen) => match early.take().filter(|(early, _)| early.is_same(&heard)) {
                    Some((_, Event { at, what, .. })) => self.desk.reporter.publish_at(at, what),
                    None => self.desk.publish(sighting(&heard, seen)),
                },
            }
        }
    }

    fn partial(&self, heard: &Heard) {
        let Some(desk) = &self.partial else { return };
        let sound = Sound::from_samples(heard.utterance.samples.clone(), SAMPLE_RATE);
        let Some(result) = desk.run(&Record::default().with_audio(sound)) else { return };
        let text = result.transcript().map(|timed| timed.value.text.trim().to_string());
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.desk.reporter.publish_at(heard.at, What::Partial(text));
        }
    }
}

fn sighting(heard: &Heard, seen: Option<Seen>) -> Sighting {
    let sound = Sound::from_samples(heard.utterance.samples.clone(), SAMPLE_RATE);
    let mut record = Record::default().with_audio(sound);
    let (mut picture, mut warnings) = (None, Vec::new());
    let decoded = seen.map(|seen| seen?.to_rgb().map_err(|error| format!("no picture: it cannot be decoded: {error}")));
    match decoded {
        Some(Ok(image)) => {
            let image = Arc::new(image);
            record = record.with_image(Picture::Pixels(image.clone()));
            picture = Some(image);
        }
        Some(Err(problem)) => warnings.push(problem),
        None => {}
    }
    Sighting { record, picture, at: heard.at, until: heard.end, warnings }
}

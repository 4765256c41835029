//! One use of a microphone: its own records, or those of a join.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use edgefuse::Record;
use edgefuse::config::{EncoderContext, Step, Temperatures, Timestamps, TranscribeOptions, Vad};
use edgefuse::media::image::RgbImage;
use edgefuse::pipeline::{Picture, Sound};

use super::SAMPLE_RATE;
use super::jobs::{Heard, Job, Jobs};
use crate::serve::event::{Event, Moment, What};
use crate::serve::sources::desk::{Desk, Sighting};
use crate::serve::sources::newest::Newest;

/// Makes records of utterances.
pub struct SoundUser {
    pub desk: Desk,
    /// Decodes partial texts; `None` if the steps transcribe nothing.
    pub partial: Option<Desk>,
    /// The camera whose pictures are joined.
    pub joined: Option<Joined>,
}

/// A camera whose pictures are joined with what is said.
pub struct Joined {
    pub camera: Arc<str>,
    pub newest: Arc<Newest>,
    /// Maximum time between the picture and the speech.
    pub within: Duration,
}

impl Joined {
    /// The newest picture, if it was captured during the speech or not too long before or after it.
    fn picture(&self, heard: &Heard) -> Result<(Arc<RgbImage>, Moment), String> {
        let camera = &self.camera;
        let captured = self.newest.get().ok_or_else(|| format!("no picture: {camera} has not captured any"))?;
        let distance = heard.start.since(captured.at).max(captured.at.since(heard.end));
        if distance > self.within {
            let (seconds, within) = (distance.as_secs_f64(), self.within.as_secs_f64());
            return Err(format!(
                "no picture: the newest of {camera} is {seconds:.1} s from the speech, more than {within} s"
            ));
        }
        let picture = captured.to_rgb().map_err(|error| format!("no picture: {camera}: {error}"))?;
        Ok((Arc::new(picture), captured.at))
    }
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
    pub fn start(self) -> (Jobs, thread::JoinHandle<()>) {
        let jobs = Jobs::default();
        let queue = jobs.clone();
        (jobs, thread::spawn(move || self.work(&queue)))
    }

    fn work(self, jobs: &Jobs) {
        // The result of what was probably complete, with its first sample and the end of its speech.
        let mut early: Option<(u64, u64, Event)> = None;
        while let Some(job) = jobs.next() {
            match job {
                Job::Partial(heard) => self.partial(&heard),
                Job::Early(heard) => {
                    let (first, end) = (heard.utterance.first, heard.utterance.end);
                    early = self.desk.process(self.sighting(&heard)).map(|event| (first, end, event));
                }
                Job::Final(heard) => {
                    let key = (heard.utterance.first, heard.utterance.end);
                    match early.take().filter(|(first, end, _)| (*first, *end) == key) {
                        Some((.., Event { at, what, .. })) => self.desk.reporter.publish_at(at, what),
                        None => self.desk.publish(self.sighting(&heard)),
                    }
                }
            }
        }
    }

    fn sighting(&self, heard: &Heard) -> Sighting {
        let sound = Sound::from_samples(heard.utterance.samples.clone(), SAMPLE_RATE);
        let mut record = Record::default().with_audio(sound);
        let (mut picture, mut warnings) = (None, Vec::new());
        match self.joined.as_ref().map(|joined| joined.picture(heard)) {
            Some(Ok((image, _))) => {
                record = record.with_image(Picture::Pixels(image.clone()));
                picture = Some(image);
            }
            Some(Err(problem)) => warnings.push(problem),
            None => {}
        }
        Sighting { record, picture, at: heard.at, until: heard.end, warnings }
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

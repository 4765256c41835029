//! Divides the sound of a microphone into utterances, or into windows of constant length.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use edgefuse::Error;
use edgefuse::config::VadOptions;
use edgefuse::models::capability::VoiceDetector;
use edgefuse::models::vad::{Utterance, UtteranceEvent, Utterances};

use super::clock::Clock;
use super::heard::Heard;
use super::jobs::Jobs;
use super::{Block, SAMPLE_RATE};
use crate::serve::board::Board;
use crate::serve::event::What;
use crate::serve::sources::reporter::Reporter;
use crate::serve::sources::stop::Stop;

/// Length of a window if neither speech nor the device file decides.
pub const WINDOW: Duration = Duration::from_secs(10);

/// Interval at which a waiting thread checks whether the service stops.
const LOOK: Duration = Duration::from_millis(200);

/// Time after which a model that cannot be loaded is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// Divides the sound of one microphone.
pub struct Listener {
    pub board: Arc<Board>,
    pub reporter: Reporter,
    pub stop: Stop,
    pub users: Vec<Jobs>,
    pub speech: VadOptions,
    pub detector: Option<String>,
    pub pre_roll: Duration,
    /// Amount of new speech after which a partial text is wanted.
    pub partial: Option<Duration>,
    /// Length of the windows, if speech is not detected.
    pub windows: Option<Duration>,
}

/// Why listening to a stretch of sound ended.
enum Next {
    /// The sound was interrupted.
    Again,
    /// The service stops.
    Stop,
}

impl Listener {
    /// Listens until the service stops.
    pub fn listen(self, blocks: &Receiver<Block>) {
        let mut failed = false;
        while !self.stop.is_set() {
            let outcome = match self.windows {
                Some(length) => Ok(self.by_windows(blocks, length)),
                None => self.by_speech(blocks, &mut failed),
            };
            match outcome {
                Ok(Next::Again) => {}
                Ok(Next::Stop) => break,
                Err(error) => {
                    log::warn!("source {}: speech is not detected: {error}", self.reporter.name);
                    // Whoever spoke is not heard any more.
                    self.reporter.publish(What::Speech(false));
                    self.reporter.down(&error.to_string());
                    failed = true;
                    self.stop.sleep(AGAIN);
                    // What was said meanwhile is too old.
                    blocks.try_iter().for_each(drop);
                }
            }
        }
        self.users.iter().for_each(Jobs::close);
    }

    /// `failed`: whether it failed before, of which the end is reported.
    fn by_speech(&self, blocks: &Receiver<Block>, failed: &mut bool) -> Result<Next, Error> {
        let vad = self.board.models.lease::<dyn VoiceDetector>(self.detector.as_deref(), "sources")?;
        let pre_roll = u64::try_from(self.pre_roll.as_millis()).unwrap_or(u64::MAX);
        let mut utterances = Utterances::new(&*vad, &self.speech, pre_roll)?;
        if std::mem::take(failed) {
            self.reporter.up();
        }
        let mut clock = Clock::default();
        let mut partial_to = 0;
        loop {
            let events = match blocks.recv_timeout(LOOK) {
                Ok(Block::Samples(samples, at)) => {
                    clock.heard(utterances.samples() + samples.len() as u64, at);
                    utterances.push(&*vad, &samples)?
                }
                Ok(Block::Gap) => {
                    let events = utterances.finish(&*vad)?;
                    self.handle(events, &clock);
                    return Ok(Next::Again);
                }
                Err(RecvTimeoutError::Timeout) if !self.stop.is_set() => continue,
                Err(_) => return Ok(Next::Stop),
            };
            self.handle(events, &clock);
            let Some(every) = self.partial else { continue };
            if let Some(current) = utterances.current() {
                let now = utterances.samples();
                let new = now - partial_to.max(current.start);
                if new as f64 >= every.as_secs_f64() * f64::from(SAMPLE_RATE) && self.users.iter().all(Jobs::is_idle) {
                    partial_to = now;
                    let heard = heard(current, &clock);
                    self.users.iter().for_each(|jobs| jobs.partial(heard.clone()));
                }
            }
        }
    }

    fn handle(&self, events: Vec<UtteranceEvent>, clock: &Clock) {
        for event in events {
            match event {
                UtteranceEvent::Started(start) => self.reporter.publish_at(clock.moment(start), What::Speech(true)),
                UtteranceEvent::Paused(utterance) => {
                    let heard = heard(utterance, clock);
                    self.users.iter().for_each(|jobs| jobs.early(heard.clone()));
                }
                UtteranceEvent::Ended(utterance) => {
                    self.reporter.publish_at(clock.moment(utterance.end), What::Speech(false));
                    self.complete(&heard(utterance, clock));
                }
                _ => {}
            }
        }
    }

    fn complete(&self, heard: &Heard) {
        for jobs in &self.users {
            if jobs.complete(heard.clone()) && self.reporter.counts.drop_one() {
                let name = &self.reporter.name;
                log::warn!(
                    "source {name}: utterances are dropped, because the models do not keep up with what is said"
                );
            }
        }
    }

    fn by_windows(&self, blocks: &Receiver<Block>, length: Duration) -> Next {
        let most = (length.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
        let (mut clock, mut held, mut first) = (Clock::default(), Vec::new(), 0_u64);
        loop {
            match blocks.recv_timeout(LOOK) {
                Ok(Block::Samples(samples, at)) => {
                    held.extend(samples);
                    clock.heard(first + held.len() as u64, at);
                }
                Ok(Block::Gap) => return Next::Again,
                Err(RecvTimeoutError::Timeout) if !self.stop.is_set() => continue,
                Err(_) => return Next::Stop,
            }
            while held.len() >= most.max(1) {
                let samples: Arc<[f32]> = held.drain(..most.max(1)).collect();
                let end = first + samples.len() as u64;
                self.complete(&heard(Utterance::new(first, first, end, samples), &clock));
                first = end;
            }
        }
    }
}

fn heard(utterance: Utterance, clock: &Clock) -> Heard {
    let [at, start, end] = [utterance.first, utterance.start, utterance.end].map(|sample| clock.moment(sample));
    Heard { utterance, at, start, end }
}

//! Records from a microphone: one thread reads sound, one divides it into utterances, and one for each use of the microphone
//! (its own records, those of joins) processes them.

mod clock;
mod heard;
mod jobs;
mod joined;
mod listen;
mod user;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use edgefuse::config::{Microphone, Source, Step, TranscribeOptions, Trigger, Vad, VadOptions};

use super::microphone;
use super::reporter::Reporter;
use super::stop::Stop;
use super::supervise::{Ended, keep_running};
use crate::serve::board::Board;
use crate::serve::event::Moment;

pub use joined::Joined;
pub use user::{SoundUser, partial_steps};

/// Maximum number of blocks of about 50 ms that wait. When the queue is full, the microphone is not read.
const MOST_WAITING: usize = 100;

/// A microphone and what is needed for its records.
pub struct Sounds {
    pub microphone: Microphone,
    pub source: Source,
    /// Options of the `transcribe` step, which also apply to the detection of speech.
    pub options: TranscribeOptions,
    pub users: Vec<SoundUser>,
    pub reporter: Reporter,
    pub board: Arc<Board>,
    pub stop: Stop,
}

/// What the reading thread passes on.
pub enum Block {
    /// Mono samples in [-1, 1], and the moment of the last one.
    Samples(Vec<f32>, Moment),
    /// The stream has been interrupted: what follows does not continue it.
    Gap,
}

/// Sample rate that speech detection and Whisper expect, in Hz.
pub const SAMPLE_RATE: u32 = 16_000;

impl Sounds {
    /// Starts the threads of the microphone.
    pub fn start(self) -> Vec<thread::JoinHandle<()>> {
        let (sender, blocks) = sync_channel(MOST_WAITING);
        let (microphone, source) = (self.microphone.clone(), self.source.clone());
        let (reporter, stop) = (self.reporter.clone(), self.stop.clone());
        let read = move || {
            keep_running(&reporter, &stop, |pulse| {
                let ended = read(&microphone, &source, &stop, &sender, &mut || {
                    pulse.beat();
                    reporter.counts.arrived.inc();
                });
                let _ = sender.send(Block::Gap);
                ended
            });
        };
        let mut threads = vec![thread::spawn(read)];
        let mut users = Vec::new();
        for user in self.users {
            let (jobs, thread) = user.start();
            users.push(jobs);
            threads.push(thread);
        }
        let listener = listen::Listener {
            board: self.board,
            reporter: self.reporter,
            stop: self.stop,
            users,
            speech: speech_options(&self.options),
            detector: self.options.vad_model.clone(),
            pre_roll: self.microphone.pre_roll,
            partial: self.microphone.partial,
            windows: match self.source.when {
                Some(Trigger::Interval) => Some(self.source.every.unwrap_or(listen::WINDOW)),
                _ => None,
            },
        };
        threads.push(thread::spawn(move || listener.listen(&blocks)));
        threads
    }
}

/// Reads a microphone until it ends.
fn read(
    microphone: &Microphone,
    source: &Source,
    stop: &Stop,
    sender: &SyncSender<Block>,
    beat: &mut dyn FnMut(),
) -> Ended {
    let mut reader = match microphone::open(microphone, source, SAMPLE_RATE, stop) {
        Ok(reader) => reader,
        Err(problem) => return Ended::Failed(problem),
    };
    loop {
        let mut samples = Vec::new();
        match reader.read(&mut samples) {
            Ok(true) => {
                beat();
                if sender.send(Block::Samples(samples, Moment::now())).is_err() {
                    return Ended::Finished;
                }
            }
            Ok(false) => return Ended::Failed("the stream ended".to_string()),
            Err(error) => return Ended::Failed(error.to_string()),
        }
    }
}

/// The options of speech detection for live sound.
fn speech_options(options: &TranscribeOptions) -> VadOptions {
    options.vad.options.unwrap_or_else(VadOptions::live)
}

/// The steps for utterances: speech has been detected already.
pub fn for_utterances(steps: &[Step]) -> Vec<Step> {
    let step = |step: &Step| match step.as_options::<TranscribeOptions>() {
        Some(options) => TranscribeOptions { vad: Vad { on: false, options: None }, ..options.clone() }.into(),
        None => step.clone(),
    };
    steps.iter().map(step).collect()
}

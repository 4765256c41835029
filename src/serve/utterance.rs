//! PCM sound that a client sends in chunks.

use std::sync::Arc;
use std::time::Duration;

use edgefuse::config::TranscribeOptions;
use edgefuse::pipeline::{Pipeline, Sound};
use edgefuse::request::Request;
use edgefuse::{Record, RecordResult};
use tokio::sync::OwnedSemaphorePermit;

use super::board::Board;
use super::pcm::{Format, HEADER};
use super::service::{Service, Trouble};

/// Maximum size of an utterance in bytes, whatever its format.
const LARGEST: usize = 32 << 20;

/// Memory is reserved in steps of this many bytes.
const STEP: usize = 64 << 10;

/// An utterance being received, as a WAV file under construction.
pub struct Utterance {
    format: Format,
    bytes: Vec<u8>,
    counted: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Utterance {
    pub fn new(format: Format) -> Self {
        Utterance { format, bytes: vec![0; HEADER], counted: 0, permit: None }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether no sound has arrived.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() <= HEADER
    }

    /// Adds samples. `longest` is the limit of an utterance.
    ///
    /// # Errors
    /// One line: the utterance is too long, or other requests fill the memory.
    pub fn push(&mut self, samples: &[u8], longest: Duration, board: &Board) -> Result<(), String> {
        let sound = self.bytes.len() - HEADER + samples.len();
        let most = longest.as_secs_f64() * f64::from(self.format.bytes_per_second());
        if sound > LARGEST || sound as f64 > most {
            return Err(format!("the utterance is longer than {} s, the limit here", longest.as_secs()));
        }
        if sound > self.counted {
            let more = (sound - self.counted).next_multiple_of(STEP);
            let room = board.room_for(more).ok_or("other requests fill the memory; try again later")?;
            match &mut self.permit {
                Some(permit) => permit.merge(room),
                none => *none = Some(room),
            }
            self.counted += more;
        }
        self.bytes.extend_from_slice(samples);
        Ok(())
    }

    /// Transcribes the utterance as part of `request`, which is cancelled if the caller stops waiting.
    ///
    /// # Errors
    /// Those of [`Service::work`].
    pub async fn transcribe(
        self,
        service: &Arc<Service>,
        request: Request,
        options: TranscribeOptions,
    ) -> Result<RecordResult, Trouble> {
        let (sound, permit) = self.finish();
        let counting = service.clone();
        let work = service.work(request, move |board| {
            let _permit = permit;
            let pipeline = Pipeline::new(board.models.clone(), &[options.into()])?;
            let result = pipeline.process(&Record::default().with_audio(sound), &mut |_, _| {})?;
            counting.metrics.processed(&result);
            Ok(result)
        });
        work.await
    }

    /// The sound, with its reservation of memory for request bodies.
    fn finish(self) -> (Sound, Option<OwnedSemaphorePermit>) {
        let Utterance { format, mut bytes, permit, .. } = self;
        let sound = (bytes.len() - HEADER) as u32;
        bytes[..HEADER].copy_from_slice(&format.wav_header(sound));
        (Sound::from_bytes(bytes), permit)
    }
}

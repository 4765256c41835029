//! PCM sound that a client sends in chunks.

use std::sync::Arc;
use std::time::Duration;

use edgefuse::config::TranscribeOptions;
use edgefuse::pipeline::{Pipeline, Sound};
use edgefuse::request::Request;
use edgefuse::{Record, RecordResult};
use tokio::sync::OwnedSemaphorePermit;

use super::board::Board;
use super::service::{Service, Trouble};

/// Maximum size of an utterance in bytes, whatever its format.
const LARGEST: usize = 32 << 20;

/// Memory is reserved in steps of this many bytes.
const STEP: usize = 64 << 10;

/// Size of a WAV header in bytes.
const HEADER: usize = 44;

/// PCM format: samples per second, bytes per sample, channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub rate: u32,
    pub width: u16,
    pub channels: u16,
}

impl Format {
    fn bytes_per_second(self) -> u32 {
        self.rate * u32::from(self.width) * u32::from(self.channels)
    }

    /// The header of a WAV file with this many bytes of sound; [`u32::MAX`] if their number is not known yet.
    pub fn wav_header(self, sound: u32) -> [u8; HEADER] {
        let frame = self.width * self.channels;
        let fields: [&[u8]; 13] = [
            b"RIFF",
            &sound.saturating_add(HEADER as u32 - 8).to_le_bytes(),
            b"WAVE",
            b"fmt ",
            &16u32.to_le_bytes(),
            &1u16.to_le_bytes(),
            &self.channels.to_le_bytes(),
            &self.rate.to_le_bytes(),
            &self.bytes_per_second().to_le_bytes(),
            &frame.to_le_bytes(),
            &(self.width * 8).to_le_bytes(),
            b"data",
            &sound.to_le_bytes(),
        ];
        let mut header = [0; HEADER];
        header.copy_from_slice(&fields.concat());
        header
    }
}

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

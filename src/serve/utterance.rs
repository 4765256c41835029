//! The sound of one utterance, chunk by chunk.

use std::time::Duration;

use edgefuse::pipeline::Sound;
use tokio::sync::OwnedSemaphorePermit;

use super::event::Event;
use crate::serve::board::Board;

/// Maximum size of an utterance in bytes, whatever its format.
const LARGEST: usize = 32 << 20;

/// Memory is reserved in steps of this many bytes.
const STEP: usize = 64 << 10;

/// Size of a WAV header in bytes.
const HEADER: usize = 44;

/// PCM format: samples per second, bytes per sample, channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    rate: u32,
    width: u16,
    channels: u16,
}

impl Format {
    /// The format that an event states.
    pub fn of(event: &Event) -> Result<Self, String> {
        let number = |key: &str, least: u32, most: u32| {
            let found = event.number(key).filter(|found| (least..=most).contains(found));
            found.ok_or_else(|| format!("{}: `{key}` must be a whole number within {least} to {most}", event.kind))
        };
        let (rate, width, channels) =
            (number("rate", 1_000, 384_000)?, number("width", 1, 4)?, number("channels", 1, 8)?);
        Ok(Format { rate, width: width as u16, channels: channels as u16 })
    }

    fn bytes_per_second(self) -> usize {
        self.rate as usize * usize::from(self.width) * usize::from(self.channels)
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
        Utterance { format, bytes: Vec::new(), counted: 0, permit: None }
    }

    /// Whether no sound has arrived.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() <= HEADER
    }

    /// Adds a chunk. `longest` is the limit of an utterance.
    pub fn push(&mut self, event: &Event, longest: Duration, board: &Board) -> Result<(), String> {
        // A chunk states its format, too, which is that of `audio-start`.
        if event.number("rate").is_some() && Format::of(event)? != self.format {
            return Err("audio-chunk: another format than that of audio-start".to_string());
        }
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER, 0);
        }
        let sound = self.bytes.len() - HEADER + event.payload.len();
        if sound > LARGEST || sound as f64 > longest.as_secs_f64() * self.format.bytes_per_second() as f64 {
            return Err(format!("audio-chunk: the utterance is longer than {} s, the limit here", longest.as_secs()));
        }
        if sound > self.counted {
            let more = (sound - self.counted).next_multiple_of(STEP);
            let room = board.room_for(more).ok_or("audio-chunk: other requests fill the memory; try again later")?;
            match &mut self.permit {
                Some(permit) => permit.merge(room),
                none => *none = Some(room),
            }
            self.counted += more;
        }
        self.bytes.extend_from_slice(&event.payload);
        Ok(())
    }

    /// The sound, with its reservation of memory for request bodies.
    pub fn finish(self) -> (Sound, Option<OwnedSemaphorePermit>) {
        let Utterance { format, mut bytes, permit, .. } = self;
        let frame = format.width * format.channels;
        let sound = (bytes.len() - HEADER) as u32;
        let fields: [&[u8]; 13] = [
            b"RIFF",
            &(sound + HEADER as u32 - 8).to_le_bytes(),
            b"WAVE",
            b"fmt ",
            &16u32.to_le_bytes(),
            &1u16.to_le_bytes(),
            &format.channels.to_le_bytes(),
            &format.rate.to_le_bytes(),
            &(format.bytes_per_second() as u32).to_le_bytes(),
            &frame.to_le_bytes(),
            &(format.width * 8).to_le_bytes(),
            b"data",
            &sound.to_le_bytes(),
        ];
        bytes[..HEADER].copy_from_slice(&fields.concat());
        (Sound::from_bytes(bytes), permit)
    }
}

//! A recording longer than a window: what one window leaves to the next.
//!
//! After openai-whisper's `transcribe.py`: the next window starts at the last timestamp of the one before, and is told
//! its text.

use super::Whisper;
use super::context::Context;
use super::decode::DecodedWindow;
use super::segments::{Piece, cut, ends_in_one_timestamp};
use super::transcript::Segment;
use super::words::{WindowPlace, last_end};
use crate::config::{Timestamps, TranscribeOptions};
use crate::error::Error;
use crate::models::generation::CrossAttention;

/// Above this temperature a text is too random to be told to the next window.
const MOST_TEMPERATURE_TO_TELL: f32 = 0.5;

/// A transcript in the making.
pub(super) struct LongForm<'o> {
    options: &'o TranscribeOptions,
    language: String,
    context: Context,
    segments: Vec<Segment>,
    /// Where the last word ended, in seconds.
    last_speech: f64,
}

/// A window of the recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its first frame.
    pub seek: usize,
    /// Frames of it that hold sound.
    pub frames: usize,
}

impl<'o> LongForm<'o> {
    pub fn new(whisper: &Whisper, language: String, options: &'o TranscribeOptions) -> Result<Self, Error> {
        Ok(LongForm {
            options,
            language,
            context: Context::new(whisper, options)?,
            segments: Vec::new(),
            last_speech: 0.0,
        })
    }

    /// Decodes windows side by side, each told the same text of earlier ones.
    pub fn decode(&self, whisper: &mut Whisper, windows: &CrossAttention) -> Result<Vec<DecodedWindow>, Error> {
        let options = self.options;
        let start = whisper.prompt(&self.language, options.task, options.timestamps != Timestamps::None)?;
        whisper.decode_windows(windows, &self.context.prompt(&start), options)
    }

    /// Takes what was decoded for the window at `place`, `index` among `windows`; gives the frames to go on by, at least
    /// one.
    pub fn take(
        &mut self,
        whisper: &mut Whisper,
        windows: &CrossAttention,
        index: usize,
        decoded: &DecodedWindow,
        place: Place,
    ) -> Result<usize, Error> {
        let Place { seek, frames } = place;
        if decoded.is_silence(self.options) {
            return Ok(frames);
        }
        let tokens = &decoded.tokens;
        let begin = whisper.spec.tokens.timestamp_begin;
        let (pieces, mut advance) = cut(tokens, begin, frames);
        let mut segments = Vec::with_capacity(pieces.len());
        for Piece { tokens: range, start, end } in pieces {
            segments.push(Segment {
                start: whisper.seconds(seek + start),
                end: whisper.seconds(seek + end),
                text: whisper.text(&tokens[range.clone()]),
                tokens: tokens[range].to_vec(),
                temperature: decoded.temperature,
                avg_logprob: decoded.avg_logprob,
                compression_ratio: decoded.compression_ratio,
                no_speech_prob: decoded.no_speech_prob,
                words: None,
            });
        }
        if self.options.timestamps == Timestamps::Word {
            let place = WindowPlace { offset: whisper.seconds(seek), frames, last_speech: self.last_speech };
            let alone = match windows.windows() {
                1 => None,
                _ => Some(windows.window(index)?),
            };
            let window = alone.as_ref().unwrap_or(windows);
            whisper.add_words(window, &self.language, self.options.task, place, &mut segments)?;
            if let Some(end) = last_end(&segments) {
                self.last_speech = end;
                // What the model left open is decoded again from the last word on.
                if !ends_in_one_timestamp(tokens, begin) && end > place.offset {
                    advance = whisper.frames(end).saturating_sub(seek);
                }
            }
        }
        // A segment without length or text says nothing.
        segments.retain(|segment| segment.start != segment.end && !segment.text.trim().is_empty());
        // Windows that are decoded side by side cannot tell each other anything.
        let alone = self.options.batch_size == 1;
        segments.iter().filter(|_| alone).for_each(|segment| self.context.add(&segment.tokens));
        if alone && (!self.options.condition_on_previous_text || decoded.temperature > MOST_TEMPERATURE_TO_TELL) {
            self.context.forget();
        }
        self.segments.append(&mut segments);
        // A timestamp of 0.00 s at the end would decode the same window for ever.
        Ok(if advance == 0 { frames } else { advance })
    }

    /// The language.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The options.
    pub fn options(&self) -> &'o TranscribeOptions {
        self.options
    }

    /// Takes the segments so far, each text with the space it starts with.
    pub fn take_segments(&mut self) -> Vec<Segment> {
        std::mem::take(&mut self.segments)
    }
}

//! Recordings longer than a window: the state carried from one window to the next.
//!
//! Follows openai-whisper's `transcribe.py`: the next window starts at the last timestamp of the previous one, and is
//! conditioned on its text.

use ndarray::ArrayView2;

use super::Whisper;
use super::context::Context;
use super::decode::DecodedWindow;
use super::hallucination::{Heard, Verdict, judge};
use super::segments::{Piece, cut, ends_in_one_timestamp};
use super::words::{Punctuation, WindowPlace, last_end};
use crate::config::{EncoderContext, Timestamps, TranscribeOptions};
use crate::error::Error;
use crate::models::generation::CrossAttention;
use crate::models::transcript::Segment;
use crate::support::request::Request;

/// Above this temperature a text is too random to condition the next window on.
const MOST_TEMPERATURE_TO_TELL: f32 = 0.5;

/// An unfinished transcript.
pub(super) struct LongForm<'o> {
    options: &'o TranscribeOptions,
    language: String,
    /// Whether the language is detected repeatedly, so that segments carry it.
    languages_change: bool,
    /// Number of frames of the sound.
    content: usize,
    /// Whether other sound follows that of a window, so that times must not reach into it.
    windows_are_apart: bool,
    context: Context,
    segments: Vec<Segment>,
    /// End of the last word, in seconds.
    last_speech: f64,
}

/// A window of the recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its first frame.
    pub seek: usize,
    /// Number of its frames that contain sound.
    pub frames: usize,
}

impl<'o> LongForm<'o> {
    /// `content` is the number of frames of the sound.
    pub fn new(
        whisper: &Whisper,
        language: String,
        options: &'o TranscribeOptions,
        content: usize,
    ) -> Result<Self, Error> {
        Ok(LongForm {
            options,
            language,
            languages_change: false,
            content,
            windows_are_apart: false,
            context: Context::new(whisper, options)?,
            segments: Vec::new(),
            last_speech: 0.0,
        })
    }

    /// Marks segments with their language.
    pub fn mark_languages(mut self, change: bool) -> Self {
        self.languages_change = change;
        self
    }

    /// Keeps times within the sound of their window.
    pub fn keep_windows_apart(mut self, apart: bool) -> Self {
        self.windows_are_apart = apart;
        self
    }

    /// Sets the language of the following windows. Earlier text in another language would mislead the decoder and is
    /// dropped.
    pub fn speak(&mut self, language: String) {
        if self.language != language {
            self.context.forget();
            self.language = language;
        }
    }

    /// Decodes windows as a batch, each conditioned on the same earlier text. A tentative batch is decoded at the first
    /// temperature only: see [`LongForm::settle`].
    pub fn decode(
        &self,
        whisper: &Whisper,
        windows: &CrossAttention,
        tentative: bool,
    ) -> Result<Vec<DecodedWindow>, Error> {
        let prompt = self.prompt(whisper)?;
        match tentative {
            true => whisper.decode_once(windows, &prompt, self.options),
            false => whisper.decode_windows(windows, &prompt, self.options),
        }
    }

    /// Encodes in full and decodes again a tentative window whose text is not accepted; `None` if it is.
    pub fn settle(
        &self,
        whisper: &Whisper,
        log_mel: ArrayView2<f32>,
        decoded: &DecodedWindow,
    ) -> Result<Option<(CrossAttention, DecodedWindow)>, Error> {
        if whisper.accepts(decoded, log_mel, self.options) {
            return Ok(None);
        }
        let encoded = whisper.encode_window(log_mel, EncoderContext::Full)?;
        let decoded = self.decode(whisper, &encoded, false)?.remove(0);
        Ok(Some((encoded, decoded)))
    }

    /// Decodes one window, whose first encoding is `encoded`. Returns the encoding that the text belongs to.
    pub fn decode_one(
        &self,
        whisper: &Whisper,
        log_mel: ArrayView2<f32>,
        encoded: CrossAttention,
    ) -> Result<(CrossAttention, DecodedWindow), Error> {
        let tentative = whisper.is_tentative(log_mel.ncols(), self.options);
        let decoded = self.decode(whisper, &encoded, tentative)?.remove(0);
        let settled = if tentative { self.settle(whisper, log_mel, &decoded)? } else { None };
        Ok(settled.unwrap_or((encoded, decoded)))
    }

    /// The decoder's input before the text.
    fn prompt(&self, whisper: &Whisper) -> Result<Vec<i64>, Error> {
        let options = self.options;
        let start = whisper.prompt(&self.language, options.task, options.timestamps != Timestamps::None)?;
        Ok(self.context.prompt(&start))
    }

    /// Processes the decoded text of the window at `place`, which is `index` among `windows`. Returns the number of
    /// frames to advance, at least one.
    pub fn take(
        &mut self,
        whisper: &Whisper,
        windows: &CrossAttention,
        index: usize,
        decoded: &DecodedWindow,
        place: Place,
    ) -> Result<usize, Error> {
        let Place { seek, frames } = place;
        if decoded.is_silence(self.options) {
            return Ok(frames);
        }
        let begin = whisper.spec.tokens.timestamp_begin;
        let (pieces, mut advance) = cut(&decoded.tokens, begin, frames);
        let mut segments: Vec<Segment> =
            pieces.into_iter().map(|piece| self.segment(whisper, decoded, piece, seek)).collect();
        if self.options.timestamps == Timestamps::Word {
            let alone = match windows.windows() {
                1 => None,
                _ => Some(windows.window(index)?),
            };
            let next = self.add_words(whisper, alone.as_ref().unwrap_or(windows), decoded, place, &mut segments)?;
            match next {
                Verdict::Again(next) => return Ok(next.saturating_sub(seek).max(1)),
                Verdict::Keep(Some(next)) => advance = next.saturating_sub(seek),
                Verdict::Keep(None) => {}
            }
        }
        if self.windows_are_apart {
            let (start, end) = (whisper.seconds(seek), whisper.seconds(seek + frames));
            segments.iter_mut().for_each(|segment| segment.keep_within(start, end));
        }
        // As in openai-whisper, a segment without length or text is dropped; one outside its window's sound has no
        // length.
        segments.retain(|segment| segment.start != segment.end && !segment.text.trim().is_empty());
        // Windows of a batch cannot condition each other.
        let alone = self.options.batch_size == 1;
        segments.iter().filter(|_| alone).for_each(|segment| self.context.add(&segment.tokens));
        if alone && (!self.options.condition_on_previous_text || decoded.temperature > MOST_TEMPERATURE_TO_TELL) {
            self.context.forget();
        }
        let request = Request::current();
        segments.iter().for_each(|segment| request.report_text(&segment.text));
        self.segments.append(&mut segments);
        // A timestamp of 0.00 s at the end would decode the same window forever.
        Ok(if advance == 0 { frames } else { advance })
    }

    fn segment(&self, whisper: &Whisper, decoded: &DecodedWindow, piece: Piece, seek: usize) -> Segment {
        let logprobs = self.options.logprobs.then(|| whisper.logprobs(decoded, piece.tokens.clone()));
        let tokens = &decoded.tokens[piece.tokens];
        Segment {
            start: whisper.seconds(seek + piece.start),
            end: whisper.seconds(seek + piece.end),
            text: whisper.text(tokens),
            channel: None,
            language: self.languages_change.then(|| self.language.clone()),
            tokens: tokens.to_vec(),
            temperature: decoded.temperature,
            avg_logprob: decoded.avg_logprob,
            compression_ratio: decoded.compression_ratio,
            no_speech_prob: decoded.no_speech_prob,
            logprobs,
            words: None,
        }
    }

    /// Computes the words of a window's segments, and where the next window starts as a result.
    fn add_words(
        &mut self,
        whisper: &Whisper,
        window: &CrossAttention,
        decoded: &DecodedWindow,
        Place { seek, frames }: Place,
        segments: &mut Vec<Segment>,
    ) -> Result<Verdict, Error> {
        let place = WindowPlace { offset: whisper.seconds(seek), frames, last_speech: self.last_speech };
        let marks = Punctuation::of(self.options);
        whisper.add_words(window, &self.language, self.options.task, marks, place, segments)?;
        let ends_in_one_timestamp = ends_in_one_timestamp(&decoded.tokens, whisper.spec.tokens.timestamp_begin);
        // An incomplete segment is decoded again, starting after the last word.
        let open = last_end(segments).filter(|end| !ends_in_one_timestamp && *end > place.offset);
        let mut verdict = Verdict::Keep(open.map(|end| whisper.frames(end)));
        if let Some(threshold) = self.options.hallucination_silence_threshold {
            let heard = Heard {
                seek,
                frames,
                whole: whisper.spec.audio.chunk_frames(),
                content: self.content,
                ends_in_one_timestamp,
                last_speech: self.last_speech,
            };
            match judge(segments, heard, threshold) {
                Verdict::Keep(None) => {}
                judged => verdict = judged,
            }
        }
        if matches!(verdict, Verdict::Keep(_))
            && let Some(end) = last_end(segments)
        {
            self.last_speech = end;
        }
        Ok(verdict)
    }

    /// The language.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The options.
    pub fn options(&self) -> &'o TranscribeOptions {
        self.options
    }

    /// Takes the segments so far; each text includes its leading space.
    pub fn take_segments(&mut self) -> Vec<Segment> {
        std::mem::take(&mut self.segments)
    }
}

//! The decoder: from an encoded window to tokens, by any search method, with temperature fallback.
//!
//! Follows `DecodingTask` in openai-whisper's `decoding.py` and `decode_with_fallback` in its `transcribe.py`.

use std::io::Write;
use std::ops::Range;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::Whisper;
use super::rules::Rules;
use crate::config::{Timestamps, TranscribeOptions};
use crate::error::Error;
use crate::models::generation::{
    CrossAttention, Generated, OpenAiBeams, Probability, Search, beam_search, best, greedy, sample, softmax,
};
use crate::models::transcript::TokenLogprob;

/// The decoded text of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedWindow {
    /// Token ids, including timestamps if requested, without the prompt and the end token.
    pub tokens: Vec<i64>,
    /// The log-probability of each of the tokens.
    pub logprobs: Vec<f32>,
    /// Mean log-probability of the tokens, including the end token.
    pub avg_logprob: f32,
    /// Probability that the window contains no speech, in [0, 1].
    pub no_speech_prob: f32,
    /// The temperature at which the tokens were chosen.
    pub temperature: f32,
    /// Bytes of the text over the bytes of its `zlib` compression: from about 2.4 the text is repetitive.
    pub compression_ratio: f32,
}

impl DecodedWindow {
    /// Whether the window is silent (openai-whisper, `transcribe`): "no speech" is probable, and the text is not.
    pub(super) fn is_silence(&self, options: &TranscribeOptions) -> bool {
        options.no_speech_threshold.is_some_and(|threshold| self.no_speech_prob > threshold)
            && options.logprob_threshold.is_none_or(|threshold| self.avg_logprob <= threshold)
    }

    /// Whether the text is too poor to be accepted if another temperature can be tried.
    pub(super) fn is_doubtful(&self, options: &TranscribeOptions) -> bool {
        let repeats = options.compression_ratio_threshold.is_some_and(|most| self.compression_ratio > most);
        let improbable = options.logprob_threshold.is_some_and(|least| self.avg_logprob < least);
        let silent = options.no_speech_threshold.is_some_and(|most| self.no_speech_prob > most);
        (repeats || improbable) && !(silent && improbable)
    }
}

impl Whisper {
    /// Decodes encoded windows side by side. `prompt` ends with the result of [`Whisper::prompt`], and may begin with
    /// the text of earlier windows. Each window is decoded at one temperature after the other until its text is good
    /// enough or none is left.
    ///
    /// # Errors
    /// [`Error::Engine`] if the graph fails.
    pub fn decode_windows(
        &self,
        windows: &CrossAttention,
        prompt: &[i64],
        options: &TranscribeOptions,
    ) -> Result<Vec<DecodedWindow>, Error> {
        let mut decoded = self.decode_once(windows, prompt, options)?;
        let temperatures = options.temperature.0.iter().copied().skip(1);
        let count = decoded.len();
        for (index, window) in decoded.iter_mut().enumerate() {
            // Few windows of a batch get here, so each is decoded separately.
            let mut alone = None;
            for temperature in temperatures.clone() {
                if !window.is_doubtful(options) {
                    break;
                }
                if count > 1 && alone.is_none() {
                    alone = Some(windows.window(index)?);
                }
                let again = self.decode_at(alone.as_ref().unwrap_or(windows), prompt, temperature, options)?;
                *window = again.into_iter().next().unwrap_or_else(|| window.clone());
            }
        }
        Ok(decoded)
    }

    /// As [`Whisper::decode_windows`], at the first temperature only.
    pub(super) fn decode_once(
        &self,
        windows: &CrossAttention,
        prompt: &[i64],
        options: &TranscribeOptions,
    ) -> Result<Vec<DecodedWindow>, Error> {
        let first = options.temperature.0.first().copied().unwrap_or(0.0);
        self.decode_at(windows, prompt, first, options)
    }

    /// Decodes at one temperature.
    fn decode_at(
        &self,
        windows: &CrossAttention,
        prompt: &[i64],
        temperature: f32,
        options: &TranscribeOptions,
    ) -> Result<Vec<DecodedWindow>, Error> {
        let tokens = &self.spec.tokens;
        let rules = Rules::new(&self.spec, &options.suppress_tokens, options.timestamps != Timestamps::None);
        let positions = self.spec.generation.max_tokens;
        let search = Search {
            rules: &rules.list(),
            ends: &[tokens.end_of_text],
            // The last token is never fed, so it needs no position.
            limit: (positions / 2).min((positions + 1).saturating_sub(prompt.len())),
            probability: Probability::AfterRules,
        };

        let mut decoding = self.decoder.start(windows)?;
        // The probability of no speech is read after the start token, so the rest of the prompt is fed separately.
        let start = prompt.iter().position(|&token| token == tokens.start_of_transcript).map_or(0, |at| at + 1);
        let (until_start, rest) = prompt.split_at(start);
        let mut logits = decoding.feed(until_start)?;
        let no_speech = (0..decoding.rows()).map(|row| {
            let mut probabilities = logits.row(row).to_vec();
            softmax(&mut probabilities);
            probabilities[tokens.no_speech as usize]
        });
        let no_speech: Vec<f32> = no_speech.collect();
        if !rest.is_empty() {
            logits = decoding.feed(rest)?;
        }

        let candidates: Vec<Vec<Generated>> = if temperature > 0.0 {
            let mut random = fastrand::Rng::with_seed(options.seed ^ u64::from(temperature.to_bits()));
            let drawn = sample(&mut decoding, logits, &search, temperature, options.best_of, &mut random)?;
            drawn.chunks(options.best_of).map(<[_]>::to_vec).collect()
        } else if options.beams > 1 {
            let policy = OpenAiBeams { beams: options.beams, patience: options.patience };
            beam_search(&mut decoding, logits, &search, &policy)?
        } else {
            greedy(&mut decoding, logits, &search)?.into_iter().map(|text| vec![text]).collect()
        };
        candidates
            .into_iter()
            .zip(no_speech)
            .map(|(candidates, no_speech_prob)| {
                let text = best(candidates, options.length_penalty);
                Ok(DecodedWindow {
                    avg_logprob: text.average_log_probability(),
                    compression_ratio: compression_ratio(self.text(&text.tokens).trim()),
                    tokens: text.tokens,
                    logprobs: text.log_probabilities,
                    no_speech_prob,
                    temperature,
                })
            })
            .collect()
    }

    /// The log-probabilities of a window's text tokens in this range.
    pub(super) fn logprobs(&self, decoded: &DecodedWindow, range: Range<usize>) -> Vec<TokenLogprob> {
        let tokens = decoded.tokens[range.clone()].iter().zip(&decoded.logprobs[range]);
        let text = tokens.filter(|(token, _)| **token < self.spec.tokens.end_of_text);
        text.map(|(&token, &logprob)| TokenLogprob::new(self.tokens.bytes(token), logprob)).collect()
    }

    /// The text of tokens, without timestamps, including the leading space.
    pub(super) fn text(&self, tokens: &[i64]) -> String {
        let text: Vec<i64> = tokens.iter().copied().filter(|&token| token < self.spec.tokens.end_of_text).collect();
        self.tokens.text(&text)
    }
}

/// Bytes of a text over the bytes of its `zlib` compression at level 6; 0 for no text (openai-whisper,
/// `utils.compression_ratio`).
fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    // Writing to memory does not fail.
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    compressed.map_or(0.0, |compressed| text.len() as f32 / compressed.len().max(1) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(avg_logprob: f32, no_speech_prob: f32, compression_ratio: f32) -> DecodedWindow {
        DecodedWindow {
            tokens: Vec::new(),
            logprobs: Vec::new(),
            avg_logprob,
            no_speech_prob,
            temperature: 0.0,
            compression_ratio,
        }
    }

    #[test]
    fn compression_ratio_detects_repetition() {
        // python3 -c "import zlib; print(len(zlib.compress(b'...')))"
        for (text, compressed) in [
            ("Ask not what your country can do for you.".to_string(), 47.0),
            ("thank you ".repeat(40), 23.0),
            ("No, no, no, no, no, no, I said no, no and no again, no.".to_string(), 35.0),
        ] {
            let ratio = compression_ratio(&text);
            assert!((text.len() as f32 / ratio - compressed).abs() <= 2.0, "{text}: {ratio}");
        }
        assert_eq!(compression_ratio(""), 0.0);
    }

    #[test]
    fn repetition_triggers_another_attempt_but_silence_does_not() {
        let options = TranscribeOptions::default();
        assert!(!window(-0.3, 0.1, 1.5).is_doubtful(&options));
        assert!(window(-1.2, 0.1, 1.5).is_doubtful(&options));
        assert!(window(-0.3, 0.1, 2.5).is_doubtful(&options));
        assert!(!window(-1.2, 0.7, 2.5).is_doubtful(&options));
        assert!(window(-1.2, 0.7, 1.0).is_silence(&options));
        assert!(!window(-0.5, 0.9, 1.0).is_silence(&options));
        assert!(!window(-1.2, 0.5, 1.0).is_silence(&options));
    }
}

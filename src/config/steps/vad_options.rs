//! Options of voice activity detection.

use serde::Deserialize;

/// Options of voice activity detection: those of faster-whisper's `VadOptions` and of Silero VAD's
/// `get_speech_timestamps`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VadOptions {
    /// A chunk (32 ms) with at least this probability is speech; within 0 to 1.
    pub threshold: f64,
    /// Speech continues until the probability falls below this; `threshold` - 0.15, at least 0.01, if `None`.
    pub neg_threshold: Option<f64>,
    /// A stretch of speech must be longer than this, in milliseconds.
    pub min_speech_ms: u32,
    /// Silence of this length ends a stretch, in milliseconds.
    pub min_silence_ms: u32,
    /// Padding on either side of a stretch, in milliseconds; half of the silence between two if that is less.
    pub pad_ms: u32,
    /// The longest stretch, padding included, in seconds. A longer one is cut at its longest pause of more than 98 ms,
    /// or without such a pause at the limit. Infinite (`.inf`) for no limit.
    pub max_speech_s: f64,
}

impl Default for VadOptions {
    /// faster-whisper's, except for `min_speech_ms`, which is Silero's, and `max_speech_s`, which is one Whisper
    /// window.
    fn default() -> Self {
        VadOptions {
            threshold: 0.5,
            neg_threshold: None,
            min_speech_ms: 250,
            min_silence_ms: 2_000,
            pad_ms: 400,
            max_speech_s: 30.0,
        }
    }
}

impl VadOptions {
    /// For live sound, where latency matters: half a second of silence ends a stretch.
    pub fn live() -> Self {
        VadOptions { min_silence_ms: 500, pad_ms: 200, ..VadOptions::default() }
    }
}

/// Limit of `min_speech_ms` and `min_silence_ms`.
const MOST_MS: u32 = 60_000;

/// Limit of `pad_ms`.
const MOST_PAD_MS: u32 = 10_000;

/// Minimum speech that must fit between a stretch's paddings, in seconds.
const LEAST_SPEECH_S: f64 = 0.5;

impl VadOptions {
    /// The probability that ends speech.
    pub fn neg_threshold(&self) -> f64 {
        self.neg_threshold.unwrap_or_else(|| (self.threshold - 0.15).max(0.01))
    }

    /// Checks that all values are in range.
    ///
    /// # Errors
    /// One line that starts with the key.
    pub fn check(&self) -> Result<(), String> {
        let VadOptions { threshold, neg_threshold, min_speech_ms, min_silence_ms, pad_ms, max_speech_s } = *self;
        if !(threshold > 0.0 && threshold < 1.0) {
            return Err(format!("threshold: {threshold} is not between 0 and 1"));
        }
        if let Some(neg) = neg_threshold.filter(|neg| !(*neg > 0.0 && *neg <= threshold)) {
            return Err(format!("neg_threshold: {neg} is not above 0 and at most the threshold, {threshold}"));
        }
        for (key, value, most) in [
            ("min_speech_ms", min_speech_ms, MOST_MS),
            ("min_silence_ms", min_silence_ms, MOST_MS),
            ("pad_ms", pad_ms, MOST_PAD_MS),
        ] {
            if value > most {
                return Err(format!("{key}: {value} is more than {most}"));
            }
        }
        let least = LEAST_SPEECH_S + 2.0 * f64::from(pad_ms) / 1_000.0;
        if max_speech_s.is_nan() || max_speech_s < least {
            return Err(format!(
                "max_speech_s: {max_speech_s} is less than {least}, twice pad_ms and {LEAST_SPEECH_S} s"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::VadOptions;

    fn read(text: &str) -> Result<VadOptions, String> {
        let options: VadOptions = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        options.check()?;
        Ok(options)
    }

    #[test]
    fn reads_what_is_written_and_fills_in_the_rest() {
        assert_eq!(read("{}"), Ok(VadOptions::default()));
        let options = read("{threshold: 0.6, min_silence_ms: 160, max_speech_s: .inf}").unwrap();
        assert_eq!((options.threshold, options.min_silence_ms, options.pad_ms), (0.6, 160, 400));
        assert!(options.max_speech_s.is_infinite());
        assert!((options.neg_threshold() - 0.45).abs() < 1e-9);
        assert_eq!(read("{threshold: 0.1}").unwrap().neg_threshold(), 0.01);
    }

    #[test]
    fn reports_what_is_out_of_range() {
        for (text, expected) in [
            ("{threshold: 1.5}", "threshold: 1.5 is not between 0 and 1"),
            ("{threshold: .nan}", "threshold: NaN is not between"),
            ("{neg_threshold: 0.7}", "neg_threshold: 0.7 is not above 0 and at most the threshold, 0.5"),
            ("{min_silence_ms: 100000}", "min_silence_ms: 100000 is more than 60000"),
            ("{pad_ms: 20000}", "pad_ms: 20000 is more than 10000"),
            ("{max_speech_s: 1}", "max_speech_s: 1 is less than 1.3"),
            ("{max_speech_s: .nan}", "max_speech_s: NaN is less than"),
            ("{min_speech_ms: -1}", "u32"),
            ("{treshold: 0.5}", "unknown field `treshold`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

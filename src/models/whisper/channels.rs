//! Channels of a recording, with one speaker each.

use super::Whisper;
use crate::config::{Channels, TranscribeOptions};
use crate::error::Error;
use crate::media::audio::{AudioError, Channel, Recording};
use crate::models::capability::{OnProgress, VoiceDetector};
use crate::models::transcript::{Segment, Transcript};

impl Whisper {
    /// Transcribes the channels of a recording that the options select. If they are split, each is transcribed
    /// separately; the segments are merged in order of time, each with its channel.
    ///
    /// # Errors
    /// As [`Whisper::transcribe`]; [`Error::Audio`] for a channel that the recording does not have.
    pub fn transcribe_channels(
        &self,
        recording: &Recording,
        vad: Option<&dyn VoiceDetector>,
        options: &TranscribeOptions,
        progress: &mut OnProgress,
    ) -> Result<Transcript, Error> {
        self.check(options, vad.is_some())?;
        let count = match options.channels {
            Channels::Mix => return self.transcribe(recording, vad, options, progress),
            Channels::One(index) => return self.transcribe(&channel(recording, index), vad, options, progress),
            Channels::Split => recording.channels().map_err(|source| unreadable(recording, source))?,
        };
        let mut transcripts = Vec::with_capacity(count);
        for index in 0..count {
            let mut report = |done: f64, all: f64| progress(done + all * index as f64, all * count as f64);
            transcripts.push(self.transcribe(&channel(recording, index), vad, options, &mut report)?);
        }
        Ok(merged(transcripts))
    }
}

fn channel<'a>(recording: &Recording<'a>, index: usize) -> Recording<'a> {
    match *recording {
        Recording::File { file, .. } => Recording::File { file, channel: Channel::Index(index) },
        samples @ Recording::Samples { .. } => samples,
    }
}

fn unreadable(recording: &Recording, source: AudioError) -> Error {
    match recording.path() {
        Some(path) => Error::Audio { path: path.to_path_buf(), source },
        None => Error::Input { problem: source.to_string() },
    }
}

/// Merges the transcripts of all channels. The language is that of the first channel that has one; segments carry their
/// own if channels differ. The text has one line for each turn of a channel.
fn merged(mut transcripts: Vec<Transcript>) -> Transcript {
    let mut spoken: Vec<String> = transcripts.iter().filter_map(|it| it.language.clone()).collect();
    spoken.dedup();
    let differ = spoken.len() > 1;
    let first = transcripts.iter().position(|it| it.language.is_some()).unwrap_or(0);
    let mut warnings = Vec::new();
    for (index, transcript) in transcripts.iter().enumerate() {
        for warning in &transcript.warnings {
            // A warning that every channel reports concerns the recording.
            let line = match transcripts.iter().all(|it| it.warnings.contains(warning)) {
                true => warning.clone(),
                false => format!("channel {index}: {warning}"),
            };
            if !warnings.contains(&line) {
                warnings.push(line);
            }
        }
    }
    let mut segments: Vec<Segment> = Vec::new();
    for (index, transcript) in transcripts.iter_mut().enumerate() {
        let language = transcript.language.clone().filter(|_| differ);
        segments.extend(transcript.segments.drain(..).map(|segment| Segment {
            channel: Some(index),
            language: segment.language.or_else(|| language.clone()),
            ..segment
        }));
    }
    // Stable: at equal times the lower channel comes first.
    segments.sort_by(|a, b| a.start.total_cmp(&b.start));
    let turns = segments.chunk_by(|before, after| before.channel == after.channel);
    let lines = turns.map(|turn| {
        let texts: Vec<&str> = turn.iter().map(|segment| segment.text.as_str()).collect();
        format!("{}{}", turn[0].speaker(), texts.join(" "))
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let duration = transcripts.iter().map(|it| it.duration).fold(0.0, f64::max);
    let speech = transcripts.iter().map(|it| it.speech).sum();
    let languages = transcripts.get_mut(first).map(|it| std::mem::take(&mut it.languages)).unwrap_or_default();
    let (language, language_probability) =
        transcripts.get(first).map_or((None, None), |it| (it.language.clone(), it.language_probability));
    Transcript { text, language, language_probability, languages, duration, speech, segments, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::transcript::segment;

    fn transcript(language: &str, said: &[(f64, &str)], warnings: &[&str]) -> Transcript {
        let text =
            |&(start, text): &(f64, &str)| Segment { text: text.to_string(), ..segment(start, start + 1.0, &[]) };
        Transcript {
            text: String::new(),
            language: Some(language.to_string()),
            language_probability: Some(0.9),
            languages: Vec::new(),
            duration: 9.0,
            speech: Some(2.0),
            segments: said.iter().map(text).collect(),
            warnings: warnings.iter().map(|line| (*line).to_string()).collect(),
        }
    }

    #[test]
    fn turns_are_merged_by_time() {
        let agent = transcript("en", &[(0.0, "Hello."), (1.5, "How can I help?"), (6.0, "Sure.")], &["cut off"]);
        let caller = transcript("es", &[(3.0, "Hola."), (6.0, "Bien.")], &["cut off", "clipped"]);
        let found = merged(vec![agent, caller]);
        assert_eq!(
            found.text,
            "channel 0: Hello. How can I help?\nchannel 1: Hola.\nchannel 0: Sure.\nchannel 1: Bien."
        );
        assert_eq!(found.segments.iter().map(|it| it.channel.unwrap()).collect::<Vec<_>>(), [0, 0, 1, 0, 1]);
        assert_eq!(found.segments[2].language.as_deref(), Some("es"));
        assert_eq!((found.language.as_deref(), found.speech), (Some("en"), Some(4.0)));
        assert_eq!(found.warnings, ["cut off", "channel 1: clipped"]);
    }
}

//! Results on standard output.

use std::cell::RefCell;
use std::io::{self, Write};

use edgefuse::models::fusion::Fusion;
use edgefuse::models::transcript::Segment;
use edgefuse::pipeline::{
    AnswerText, CaptionText, MatchedText, MatchedTexts, PictureClasses, RecordEmbeddings, RecordResult,
};

use super::Stop;
use super::args::Format;
use super::transcript_files::TranscriptFiles;
use crate::subtitles::{Hours, Layout, clock, srt, tsv, vtt};

/// How results are written.
pub(super) struct Printer {
    pub format: Format,
    /// Which steps' results are shown as text.
    pub shown: Shown,
    /// Whether each line starts with the name of its input.
    pub named_inputs: bool,
    /// Whether each answer starts with its question.
    pub named_questions: bool,
    /// Whether all candidate answers are shown instead of the best one.
    pub ranked: bool,
    /// Granularity of the times in text output.
    pub times: Times,
    /// Layout of subtitles.
    pub layout: Layout,
    /// Folder for transcripts, one file each, instead of standard output.
    pub files: Option<RefCell<TranscriptFiles>>,
}

/// Which steps' results are shown as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// All steps, each result under the step's name.
    All,
    /// Only one step, as in the command of that step.
    Transcript,
    Caption,
    Answer,
    Classes,
    Match,
    Decision,
}

/// Granularity of the times in text output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Only the text.
    None,
    /// One line per segment.
    Segments,
    /// One line per word.
    Words,
}

impl Printer {
    /// Writes one result to standard output, or to its file. A recording that failed has no file.
    pub fn print(&self, result: &RecordResult) -> Result<(), Stop> {
        let transcript = result.transcript().map(|it| it.value);
        if let Some(files) = &self.files {
            let Some(transcript) = transcript else { return Ok(()) };
            let text = match (self.format, self.times) {
                // As in openai-whisper.
                (Format::Text, Times::None) => {
                    transcript.segments.iter().map(|it| format!("{}{}\n", it.speaker(), it.text)).collect()
                }
                _ => self.rendered(result).map_err(Stop::Output)?,
            };
            return files.borrow_mut().write(result.audio.as_deref().unwrap_or(&result.id), &text);
        }
        let text = self.rendered(result).map_err(Stop::Output)?;
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Stop::Output)
    }

    fn rendered(&self, result: &RecordResult) -> io::Result<String> {
        Ok(match self.format {
            Format::Json => serde_json::to_string(result)? + "\n",
            Format::Srt => self.segments(result, |segments| srt(segments, &self.layout)),
            Format::Vtt => self.segments(result, |segments| vtt(segments, &self.layout)),
            Format::Tsv => self.segments(result, tsv),
            Format::Text => self.text(result),
        })
    }

    fn segments(&self, result: &RecordResult, write: impl Fn(&[Segment]) -> String) -> String {
        let transcript = result.transcript().map(|it| it.value);
        transcript.map(|transcript| write(&transcript.segments)).unwrap_or_default()
    }

    fn text(&self, result: &RecordResult) -> String {
        let steps = [
            (Shown::Transcript, "transcript", self.transcript(result)),
            (Shown::Caption, "caption", result.caption().map(|it| self.caption(it.value))),
            (Shown::Answer, "answer", result.answer().map(|it| self.answer(it.value))),
            (Shown::Classes, "classes", result.classes().map(|it| self.classes(it.value))),
            (Shown::Match, "match", result.matched().map(|it| self.matched(it.value))),
            (Shown::Decision, "decision", result.fusion().map(|it| decision(it.value))),
            // Part of a pipeline only.
            (Shown::All, "reply", result.reply().map(|it| it.value.text.clone())),
            (Shown::All, "embeddings", result.embeddings().map(|it| embeddings(it.value))),
            (Shown::All, "index", result.indexed().map(|it| format!("{} items in {}", it.value.items, it.value.into))),
        ];
        if self.shown == Shown::All {
            let lines = steps
                .into_iter()
                .filter_map(|(_, name, text)| Some(format!("  {name:<11}{}\n", text?)))
                .collect::<String>();
            return if lines.is_empty() { lines } else { format!("{}\n{lines}", result.id) };
        }
        let text = steps.into_iter().find(|(step, ..)| *step == self.shown).and_then(|(.., text)| text);
        match text {
            Some(text) if self.named_inputs && text.contains('\n') => format!("{}:\n{text}\n", result.id),
            Some(text) if self.named_inputs && self.times != Times::None => format!("{}:\n{text}\n", result.id),
            Some(text) if self.named_inputs => format!("{}: {text}\n", result.id),
            Some(text) => format!("{text}\n"),
            None => String::new(),
        }
    }

    fn transcript(&self, result: &RecordResult) -> Option<String> {
        let transcript = result.transcript()?.value;
        let line = |start, end, text: &str| {
            format!("[{} --> {}] {text}", clock(start, Hours::Always, '.'), clock(end, Hours::Always, '.'))
        };
        let segments = transcript.segments.iter();
        let lines: Vec<String> = match self.times {
            Times::None => return Some(transcript.text.clone()),
            Times::Segments => {
                segments.map(|it| line(it.start, it.end, &format!("{}{}", it.speaker(), it.text))).collect()
            }
            Times::Words => {
                segments.flat_map(|it| &it.words).flatten().map(|it| line(it.start, it.end, it.word.trim())).collect()
            }
        };
        Some(lines.join("\n"))
    }
}

/// Captions and answers, one per line; in the text of all steps, only the best.
impl Printer {
    fn caption(&self, caption: &CaptionText) -> String {
        match &caption.captions {
            Some(captions) if self.shown != Shown::All => lines(captions.iter().map(|it| match it.score {
                Some(score) => format!("{score:8.4}  {}", it.text),
                None => it.text.clone(),
            })),
            _ => caption.best.text.clone(),
        }
    }

    fn answer(&self, answer: &AnswerText) -> String {
        let text = match &answer.answers {
            Some(answers) if self.ranked => {
                lines(answers.iter().map(|it| format!("{:6.4}  {}", it.probability, it.text)))
            }
            _ => answer.text.clone(),
        };
        match self.named_questions {
            true if text.contains('\n') => format!("{}\n{text}", answer.question),
            true => format!("{} {text}", answer.question),
            false => text,
        }
    }

    /// One class per line; in the text of all steps, only the most probable.
    fn classes(&self, found: &PictureClasses) -> String {
        match self.shown {
            Shown::All => found.label.clone(),
            _ => lines(found.classes.iter().map(|it| format!("{:6.4}  {}", it.probability, it.label))),
        }
    }

    /// A table with the columns that the model has; in the text of all steps, only the best text.
    fn matched(&self, matched: &MatchedTexts) -> String {
        let texts = &matched.texts;
        if self.shown == Shown::All {
            let key = |it: &&MatchedText| it.probability.or(it.similarity).unwrap_or(f32::NEG_INFINITY);
            let best = texts.iter().max_by(|a, b| key(a).total_cmp(&key(b)));
            return best.map(|it| it.text.clone()).unwrap_or_default();
        }
        let cell = |value: Option<f32>| value.map(|value| format!("{value:11.4}  ")).unwrap_or_default();
        let head = |has: bool, name: &str| if has { format!("{name:>11}  ") } else { String::new() };
        let first = texts.first();
        let probability = head(first.is_some_and(|it| it.probability.is_some()), "probability");
        let similarity = head(first.is_some_and(|it| it.similarity.is_some()), "similarity");
        let rows = texts.iter().map(|it| format!("{}{}{}", cell(it.probability), cell(it.similarity), it.text));
        lines(std::iter::once(format!("{probability}{similarity}text")).chain(rows))
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

fn decision(fusion: &Fusion) -> String {
    format!("{} ({:.1} %)", fusion.label, fusion.confidence * 100.0)
}

/// `image, text: 128 numbers each, by student`
fn embeddings(found: &RecordEmbeddings) -> String {
    let all = [("image", &found.image), ("text", &found.text), ("audio", &found.audio)];
    let names: Vec<&str> = all.into_iter().filter(|(_, numbers)| numbers.is_some()).map(|(name, _)| name).collect();
    format!("{}: {} numbers each, by {}", names.join(", "), found.dimensions, found.model)
}

/// Time and execution provider of each step, for standard error.
pub(super) fn cost(result: &RecordResult) -> String {
    let parts = result.costs().map(|(step, ms, provider)| {
        let name = if step == "fusion" { "decision" } else { step };
        format!("{name} {ms:.1} ms on {provider}")
    });
    parts.collect::<Vec<_>>().join(", ")
}

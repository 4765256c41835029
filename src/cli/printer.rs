//! Results on standard output.

use std::io::{self, Write};

use edgefuse::pipeline::{RecordResult, StepResult, Timed};
use serde::Serialize;

use super::args::Format;
use super::subtitles::{srt, time, vtt};

/// How results are written.
pub(super) struct Printer {
    pub format: Format,
    /// Whether the result of each step stands alone (one command) or under its name (the pipeline).
    pub named_steps: bool,
    /// Whether each line starts with the input it is about.
    pub named_inputs: bool,
    /// Whether a transcript is printed with its times.
    pub times: bool,
    /// Whether embeddings are printed.
    pub embeddings: bool,
}

/// A result line with the embeddings that are left out otherwise.
#[derive(Serialize)]
struct WithEmbeddings<'a> {
    #[serde(flatten)]
    result: &'a RecordResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    embeddings: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Printer {
    /// Writes one result to standard output.
    pub fn print(&self, result: &RecordResult) -> io::Result<()> {
        let text = match self.format {
            Format::Json => {
                let embeddings = self.embeddings.then(|| embeddings(result)).flatten();
                let mut line = serde_json::to_string(&WithEmbeddings { result, embeddings })?;
                line.push('\n');
                line
            }
            Format::Srt => self.segments(result, srt),
            Format::Vtt => self.segments(result, vtt),
            Format::Text => self.text(result),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn segments(&self, result: &RecordResult, write: fn(&[edgefuse::models::whisper::Segment]) -> String) -> String {
        let transcript = result.transcript.as_ref().and_then(StepResult::value);
        transcript.map(|transcript| write(&transcript.segments)).unwrap_or_default()
    }

    fn text(&self, result: &RecordResult) -> String {
        let mut steps: Vec<(&str, String)> = Vec::new();
        if let Some(Timed { value, .. }) = result.transcript.as_ref().and_then(StepResult::done) {
            let text = if self.times {
                let line = |segment: &edgefuse::models::whisper::Segment| {
                    format!("[{} --> {}] {}", time(segment.start, '.'), time(segment.end, '.'), segment.text)
                };
                value.segments.iter().map(line).collect::<Vec<_>>().join("\n")
            } else {
                value.text.clone()
            };
            steps.push(("transcript", text));
        }
        if let Some(caption) = result.caption.as_ref().and_then(StepResult::value) {
            steps.push(("caption", caption.text.clone()));
        }
        if let Some(answer) = result.answer.as_ref().and_then(StepResult::value) {
            steps.push(("answer", answer.text.clone()));
        }
        if let Some(fusion) = result.fusion.as_ref().and_then(StepResult::value) {
            steps.push(("decision", format!("{} ({:.1} %)", fusion.label, fusion.confidence * 100.0)));
        }
        if steps.is_empty() {
            return String::new();
        }
        if self.named_steps {
            let lines = steps.iter().map(|(name, text)| format!("  {name:<11}{text}\n")).collect::<String>();
            return format!("{}\n{lines}", result.id);
        }
        // A spoken question is printed by `ask`'s answer alone, so the last step is the result.
        match steps.pop() {
            Some((_, text)) if self.named_inputs && self.times => format!("{}:\n{text}\n", result.id),
            Some((_, text)) if self.named_inputs => format!("{}: {text}\n", result.id),
            Some((_, text)) => format!("{text}\n"),
            None => String::new(),
        }
    }
}

/// What each step took and where it ran, for standard error.
pub(super) fn cost(result: &RecordResult) -> String {
    fn part<T>(name: &str, step: &Option<StepResult<T>>) -> Option<String> {
        let timed = step.as_ref()?.done()?;
        Some(format!("{name} {:.1} ms on {}", timed.ms, timed.provider))
    }
    let parts = [
        part("transcript", &result.transcript),
        part("caption", &result.caption),
        part("answer", &result.answer),
        part("decision", &result.fusion),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn embeddings(result: &RecordResult) -> Option<serde_json::Map<String, serde_json::Value>> {
    let fusion = result.fusion.as_ref()?.value()?;
    let mut map = serde_json::Map::new();
    map.insert("fused".to_string(), fusion.embedding.clone().into());
    for (modality, embedding) in &fusion.modality_embeddings {
        map.insert((*modality).to_string(), embedding.clone().into());
    }
    Some(map)
}

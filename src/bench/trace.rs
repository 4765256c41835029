//! The profiles of a process's sessions, merged into one trace for chrome://tracing and Perfetto.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use super::flops::{NodeArguments, flops};
use edgefuse::OutputError;
use edgefuse::error::Error;
use edgefuse::whole_file::WholeFile;

/// The profiles that the sessions of one process left in a folder.
#[derive(Debug, Default)]
pub struct Trace {
    profiles: Vec<Profile>,
    /// Length of the trace in microseconds.
    lasting: u64,
}

#[derive(Debug)]
struct Profile {
    path: PathBuf,
    /// `model.role`.
    graph: String,
    /// Microseconds from the start of the process's engine to that of the session, to which its times are relative.
    offset: u64,
}

/// Totals over the events of a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Number of operations of matrix products and convolutions.
    pub flops: f64,
    /// Number of node runs.
    pub node_runs: u64,
}

impl Trace {
    /// The profiles in `folder`, ordered by the start of their sessions; `lasting` is the lifetime of the process.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn of_folder(folder: &Path, lasting: Duration) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: folder.to_path_buf(), source };
        let mut profiles = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            profiles.extend(Profile::named(path));
        }
        profiles.sort_by(|a, b| (a.offset, &a.graph).cmp(&(b.offset, &b.graph)));
        Ok(Trace { profiles, lasting: u64::try_from(lasting.as_micros()).unwrap_or(u64::MAX) })
    }

    /// Appends the trace of a later process, prefixing its graphs' names with `name`.
    pub fn append(&mut self, name: &str, later: Trace) {
        self.profiles.extend(later.profiles.into_iter().map(|profile| Profile {
            graph: format!("{name}: {}", profile.graph),
            offset: profile.offset.saturating_add(self.lasting),
            ..profile
        }));
        self.lasting = self.lasting.saturating_add(later.lasting);
    }

    /// Sums up the events.
    ///
    /// # Errors
    /// [`Error::Read`] for a profile that cannot be read or is not a list of events.
    pub fn totals(&self) -> Result<Totals, Error> {
        let mut totals = Totals::default();
        for profile in &self.profiles {
            profile.each(|event| {
                if is_node_run(&event)
                    && let Some(arguments) = event.get("args")
                    && let Ok(node) = NodeArguments::deserialize(arguments)
                {
                    totals.flops += flops(&node);
                    totals.node_runs += 1;
                }
                Ok(())
            })?;
        }
        Ok(totals)
    }

    /// Writes all events as one file: each graph is a process of the trace, on a common clock.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::File`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut file = WholeFile::create(path)?;
        let mut first = true;
        let mut outcome = write!(file, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
        for (number, profile) in self.profiles.iter().enumerate() {
            let mut emit = |event: &Map<String, Value>| {
                let separator = if std::mem::take(&mut first) { "\n" } else { ",\n" };
                file.write_all(separator.as_bytes())?;
                serde_json::to_writer(&mut file, event).map_err(io::Error::from)
            };
            let title = json!({"name": "process_name", "ph": "M", "pid": number, "args": {"name": profile.graph}});
            outcome = outcome.and_then(|()| title.as_object().map_or(Ok(()), &mut emit));
            if outcome.is_err() {
                break;
            }
            let written = profile.each(|mut event| {
                event.insert("pid".to_string(), number.into());
                let ts = event.get("ts").and_then(Value::as_u64).unwrap_or(0);
                event.insert("ts".to_string(), ts.saturating_add(profile.offset).into());
                emit(&event)
            });
            match written {
                Err(Error::File(OutputError::Write { source, .. })) => outcome = Err(source),
                other => other?,
            }
        }
        outcome.and_then(|()| file.write_all(b"\n]}\n")).map_err(|source| file.failed(source))?;
        Ok(file.finish()?)
    }
}

/// Whether an event is a run of a node, rather than one of the steps around it.
fn is_node_run(event: &Map<String, Value>) -> bool {
    let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
    text("cat") == "Node" && text("name").ends_with("_kernel_time")
}

/// Whether the text begins with a date, YYYY-MM-DD; the format of the time after it differs between versions.
fn is_date(text: &str) -> bool {
    let like = "0000-00-00";
    let pairs = text.bytes().zip(like.bytes());
    text.len() >= like.len() && pairs.into_iter().all(|(a, b)| if b == b'0' { a.is_ascii_digit() } else { a == b })
}

impl Profile {
    /// Parses `MICROSECONDS.MODEL.ROLE_DATE.json`, the name of a profile formed by the engine and ONNX Runtime.
    fn named(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
        let (offset, rest) = name.split_once('.')?;
        let end = rest.rmatch_indices('_').map(|(at, _)| at).find(|&at| is_date(&rest[at + 1..]))?;
        let (offset, graph) = (offset.parse().ok()?, rest.get(..end)?.to_string());
        Some(Profile { path, graph, offset })
    }

    /// Passes each event to `take`; a profile of a long recording has a million. An error of `take` is
    /// [`Error::File`].
    fn each(&self, mut take: impl FnMut(Map<String, Value>) -> io::Result<()>) -> Result<(), Error> {
        let read = |source| Error::Read { path: self.path.clone(), source };
        let file = BufReader::new(File::open(&self.path).map_err(read)?);
        let mut refused = None;
        let mut forward = |event| {
            let taken = take(event);
            let on = taken.is_ok();
            refused = taken.err();
            on
        };
        let outcome = Events(&mut forward).deserialize(&mut serde_json::Deserializer::from_reader(file));
        match (refused, outcome) {
            (Some(source), _) => Err(Error::File(OutputError::Write { path: self.path.clone(), source })),
            (None, outcome) => outcome.map_err(|error| read(error.into())),
        }
    }
}

/// A list of events, each passed to a function that returns whether to continue.
struct Events<'f, F>(&'f mut F);

impl<'de, F: FnMut(Map<String, Value>) -> bool> DeserializeSeed<'de> for Events<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Map<String, Value>) -> bool> Visitor<'de> for Events<'_, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(event) = events.next_element()? {
            if !(self.0)(event) {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_become_one_trace_on_one_clock() {
        let folder = tempfile::tempdir().unwrap();
        let event = r#"{"cat": "Node", "pid": 7, "tid": 9, "dur": 5, "ts": 100, "ph": "X", "name": "m_kernel_time",
            "args": {"op_name": "MatMul", "input_type_shape": [{"float": [2, 3]}, {"float": [3, 4]}],
            "output_type_shape": [{"float": [2, 4]}]}}"#;
        let session =
            r#"{"cat": "Session", "pid": 7, "tid": 9, "dur": 5, "ts": 1, "ph": "X", "name": "load", "args": {}}"#;
        for name in
            ["000000001000.blip.vision_2026-01-31_10-11-12", "000000000500.student.student_2026-01-31_10-11-12.345"]
        {
            let path = folder.path().join(format!("{name}.json"));
            fs::write(path, format!("[\n{session},\n{event}\n]\n")).unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "no profile").unwrap();
        let trace = || Trace::of_folder(folder.path(), Duration::from_millis(2)).unwrap();
        let (mut trace, later) = (trace(), trace());
        assert_eq!(trace.totals().unwrap(), Totals { flops: 2.0 * 48.0, node_runs: 2 });

        trace.append("again", later);
        let path = folder.path().join("trace.json");
        trace.write(&path).unwrap();
        let merged: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let events = merged["traceEvents"].as_array().unwrap();
        let brief: Vec<_> = events.iter().map(|event| (event["pid"].as_u64(), event["ts"].as_u64())).collect();
        assert_eq!(
            brief[..6],
            [
                (Some(0), None),
                (Some(0), Some(501)),
                (Some(0), Some(600)),
                (Some(1), None),
                (Some(1), Some(1_001)),
                (Some(1), Some(1_100))
            ]
        );
        assert_eq!(events[3]["args"]["name"], "blip.vision");
        assert_eq!(events[9]["args"]["name"], "again: blip.vision");
        assert_eq!(brief[11], (Some(3), Some(2_000 + 1_100)));
    }

    #[test]
    fn a_profile_cut_off_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("000000000000.a.b_2026-01-31_10-11-12.json"), "[\n{\"cat\": ").unwrap();
        assert!(matches!(Trace::of_folder(folder.path(), Duration::ZERO).unwrap().totals(), Err(Error::Read { .. })));
    }
}

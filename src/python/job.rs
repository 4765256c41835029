//! Records in work, and their results.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::process::OfProcess;
use super::{errors, inputs};
use crate::pipeline::{Answer, Answers, BadRecord, Next, Pipeline, Submit, Workers, read_line, write_line};
use crate::request::Request;

/// Time between two looks for signals, and for progress.
const LOOK: Duration = Duration::from_millis(50);

/// Work that was given up, and finishes the graphs that run.
static GIVEN_UP: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// How records are processed.
pub struct Options {
    pub in_flight: usize,
    pub ordered: bool,
    pub request: Request,
    pub on_progress: Option<Py<PyAny>>,
    pub made_with: String,
}

/// The seconds of sound done, and in total, by the record's number.
type Seconds = Arc<Mutex<BTreeMap<u64, (f64, f64)>>>;

/// Records in work. Their results are read in a loop, by one thread.
#[pyclass(frozen, module = "edgefuse._native")]
pub struct Job {
    work: OfProcess<Work>,
    seconds: Seconds,
    on_progress: Option<Py<PyAny>>,
    made_with: String,
}

struct Work {
    submit: Mutex<Option<Submit>>,
    /// `None` once it was given up.
    answers: Mutex<Option<Answers>>,
    request: Request,
}

/// The result of one record.
#[pyclass(frozen, module = "edgefuse._native")]
pub struct NativeAnswer {
    answer: Box<Answer>,
    made_with: String,
}

impl Job {
    pub fn start(pipeline: &Arc<Pipeline>, options: Options) -> Self {
        let Options { in_flight, ordered, request, on_progress, made_with } = options;
        let seconds = Seconds::default();
        let report = Arc::clone(&seconds);
        let on_seconds = move |number, done, total| {
            locked(&report).insert(number, (done, total));
        };
        let on_seconds = on_progress.is_some().then(|| Arc::new(on_seconds) as _);
        let workers = Workers { in_flight, ordered, request: request.clone(), on_seconds };
        let (submit, answers) = workers.start(pipeline);
        let work = Work { submit: Mutex::new(Some(submit)), answers: Mutex::new(Some(answers)), request };
        Job { work: OfProcess::new(work), seconds, on_progress, made_with }
    }

    fn report(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(on_progress) = &self.on_progress {
            let reports = std::mem::take(&mut *locked(&self.seconds));
            for (number, (done, total)) in reports {
                on_progress.call1(py, (number, done, total))?;
            }
        }
        Ok(())
    }
}

#[pymethods]
impl Job {
    /// Hands over a record: a line of a manifest, with a picture and a sound that are not in it. Must not be called
    /// while `in_flight` records are unanswered.
    #[pyo3(signature = (line, id, picture=None, sound=None, rate=16_000))]
    fn submit(
        &self,
        py: Python<'_>,
        line: &str,
        id: String,
        picture: Option<&Bound<'_, PyAny>>,
        sound: Option<&Bound<'_, PyAny>>,
        rate: u32,
    ) -> PyResult<()> {
        let work = self.work.get(py)?;
        let picture = picture.map(inputs::picture).transpose()?;
        let sound = sound.map(|sound| inputs::sound(sound, rate)).transpose()?;
        let record = read_line(line).map(|mut record| {
            record.image = picture.or(record.image.take());
            record.audio = sound.or(record.audio.take());
            record
        });
        let record = match record {
            Ok(record) => {
                let name = record.id.clone().unwrap_or_else(|| id.clone());
                match record.problem() {
                    Some(problem) => Err(BadRecord { id: name, problem: format!("{id}: {problem}") }),
                    None => Ok(record.with_id(name)),
                }
            }
            Err(BadRecord { id: own, problem }) => {
                let name = if own.is_empty() { id.clone() } else { own };
                Err(BadRecord { id: name, problem: format!("{id}: {problem}") })
            }
        };
        self.hand_over(py, work, record)
    }

    /// Hands over a record that could not be read.
    fn submit_bad(&self, py: Python<'_>, id: String, problem: String) -> PyResult<()> {
        let work = self.work.get(py)?;
        self.hand_over(py, work, Err(BadRecord { id, problem }))
    }

    /// There are no more records.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        locked(&self.work.get(py)?.submit).take();
        Ok(())
    }

    /// The next result; `None` if all records are answered and there will be no more. Releases the interpreter's lock,
    /// and gives up if a signal's handler or `on_progress` raises.
    fn next(&self, py: Python<'_>) -> PyResult<Option<NativeAnswer>> {
        let work = self.work.get(py)?;
        loop {
            let next = py.detach(|| locked(&work.answers).as_mut().map(|answers| answers.next_within(LOOK)));
            if let Err(raised) = py.check_signals().and_then(|()| self.report(py)) {
                work.give_up();
                return Err(raised);
            }
            match next {
                Some(Next::Waiting) => {
                    // Cancelled or overdue: not before the graph that runs, which may take long.
                    if let Err(stopped) = work.request.check() {
                        work.give_up();
                        return Err(errors::of(py, &crate::engine::EngineError::Stopped(stopped).into()));
                    }
                }
                Some(Next::Answer(Ok(answer))) => {
                    return Ok(Some(NativeAnswer { answer, made_with: self.made_with.clone() }));
                }
                Some(Next::Answer(Err(error))) => {
                    work.give_up();
                    return Err(errors::of(py, &error));
                }
                Some(Next::End) | None => return Ok(None),
            }
        }
    }

    /// Gives up what is not finished, without waiting for it.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        self.work.get(py)?.give_up();
        Ok(())
    }
}

impl Job {
    fn hand_over(&self, py: Python<'_>, work: &Work, record: Result<crate::Record, BadRecord>) -> PyResult<()> {
        let submitted = py.detach(|| locked(&work.submit).as_ref().map(|submit| submit.submit(record)));
        match submitted {
            Some(_) => Ok(()),
            None => Err(PyValueError::new_err("no more records are accepted: `end` was called")),
        }
    }
}

impl Work {
    /// Stops the threads; a thread of its own waits for them, because a graph cannot be interrupted.
    fn give_up(&self) {
        locked(&self.submit).take();
        if let Some(answers) = locked(&self.answers).take() {
            answers.stop();
            let mut given_up = locked(&GIVEN_UP);
            given_up.retain(|thread| !thread.is_finished());
            given_up.push(thread::spawn(move || drop(answers)));
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Waits for work that was given up; called before the interpreter ends, because ONNX Runtime must not be unloaded
/// while it runs.
#[pyfunction]
pub fn finish(py: Python<'_>) {
    let threads = std::mem::take(&mut *locked(&GIVEN_UP));
    py.detach(|| threads.into_iter().for_each(|thread| drop(thread.join())));
}

#[pymethods]
impl NativeAnswer {
    /// The line of the result, as `edgefuse run` writes it.
    fn json(&self) -> PyResult<String> {
        let mut line = Vec::new();
        write_line(&mut line, &self.answer.result, &self.made_with, self.answer.mark.as_ref())?;
        line.pop();
        Ok(String::from_utf8(line)?)
    }

    /// What the step `embed` returned: float32 arrays `image`, `text` and `audio`, `None` for what is missing.
    fn embeddings<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(found) = self.answer.result.embeddings() else { return Ok(None) };
        let arrays = PyDict::new(py);
        for (key, numbers) in
            [("image", &found.value.image), ("text", &found.value.text), ("audio", &found.value.audio)]
        {
            arrays.set_item(key, numbers.as_ref().map(|numbers| PyArray1::from_slice(py, numbers)))?;
        }
        arrays.set_item("model", &found.value.model)?;
        Ok(Some(arrays))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

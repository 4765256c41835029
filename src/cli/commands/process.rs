//! Runs records through the pipeline and routes progress, results and errors.

use std::io;

use edgefuse::config::{Device, Step};
use edgefuse::models::Models;
use edgefuse::pipeline::{Admission, Inputs, OutputFile, Pipeline, Record, RecordResult};

use super::start::engine;
use crate::cli::args::{Format, Global};
use crate::cli::printer::{Printer, cost};
use crate::cli::progress::Progress;
use crate::cli::{Outcome, Stop, say};

/// Runs `steps` on every record of `inputs`. Results go to `output` if there is one, else to standard output; errors
/// to standard error, and into the results.
pub(super) fn process(
    global: &Global,
    device: Device,
    steps: Vec<Step>,
    inputs: Inputs,
    mut output: Option<OutputFile>,
    printer: &Printer,
) -> Result<Outcome, Stop> {
    let engine = engine(global, &device)?;
    let pipeline = Pipeline::new(Models::new(engine, device), &steps)?;
    let progress = Progress::new(global, inputs.total());
    let (mut done, mut failed) = (0u64, 0u64);
    for item in inputs {
        let mut mark = None;
        let (result, errors) = match item {
            Ok(record) => {
                let name = record.name();
                match output.as_mut().map(|output| output.admit(&record)) {
                    Some(Admission::Done) => {
                        progress.step();
                        continue;
                    }
                    // In a results file the id identifies a record; two records with the same id could not be resumed.
                    Some(Admission::Repeated) => {
                        let problem = format!("{name}: duplicate id; the result of the earlier record is kept");
                        (RecordResult::failed(name, problem.clone()), vec![problem])
                    }
                    admitted => {
                        if let Some(Admission::Work(work)) = admitted {
                            mark = Some(work);
                        }
                        progress.start(&name);
                        let mut on_progress = |seconds, total| progress.seconds(&name, seconds, total);
                        let result = pipeline.process(&record, &mut on_progress)?;
                        let errors = result.errors().into_iter().map(|error| about(&record, error)).collect::<Vec<_>>();
                        progress.suspend(|| result.warnings.iter().for_each(|warning| log::warn!("{warning}")));
                        (result, errors)
                    }
                }
            }
            Err(bad) => (RecordResult::failed(bad.id, bad.problem.clone()), vec![bad.problem]),
        };
        match errors.is_empty() {
            true => done += 1,
            false => failed += 1,
        }
        progress.suspend(|| errors.iter().for_each(|error| say(&format!("error: {error}"))));
        match &mut output {
            Some(output) => output.write(&result, mark.as_ref())?,
            None => match progress.suspend(|| printer.print(&result)) {
                // The reader of our output has closed it; earlier failures still count.
                Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => break,
                printed => printed?,
            },
        }
        let cost = cost(&result);
        if global.format == Format::Text && !global.quiet && output.is_none() && !cost.is_empty() {
            progress.suspend(|| say(&format!("  [{cost}]")));
        }
        progress.step();
    }
    drop(progress);
    if let Some(output) = output {
        let kept = output.kept();
        output.finish()?;
        if !global.quiet {
            let resumed = if kept > 0 { format!(", {kept} kept from before") } else { String::new() };
            say(&format!("{done} done{resumed}, {failed} failed"));
        }
    }
    Ok(if failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// The error, preceded by the record's name unless it names one of the record's files.
fn about(record: &Record, error: &str) -> String {
    if record.files().any(|path| error.contains(&path.display().to_string())) {
        return error.to_string();
    }
    format!("{}: {error}", record.name())
}

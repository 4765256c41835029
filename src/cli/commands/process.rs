//! Records through the pipeline, with progress, results and errors each where they belong.

use std::collections::BTreeSet;
use std::io;

use edgefuse::config::{Device, Step};
use edgefuse::models::Models;
use edgefuse::pipeline::{BadRecord, Inputs, OutputFile, Pipeline, Record, RecordResult};

use super::start::engine;
use crate::cli::args::{Format, Global};
use crate::cli::printer::{Printer, cost};
use crate::cli::progress::Progress;
use crate::cli::{Outcome, Stop, say};

/// Takes `steps` with every record of `inputs`. Results go to `output` if there is one, else to standard output; errors
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
    let mut pipeline = Pipeline::new(Models::new(engine, device), steps)?;
    let progress = Progress::new(global, inputs.total());
    let mut names = BTreeSet::new();
    let (mut done, mut failed) = (0u64, 0u64);
    for item in inputs {
        // In a file of results the id is what tells a record; two with the same could not be resumed.
        let item = item.and_then(|record| match output.is_some() && !names.insert(record.name()) {
            true => Err(repeated(&record)),
            false => Ok(record),
        });
        let (result, errors) = match item {
            Ok(record) => {
                let name = record.name();
                if output.as_ref().is_some_and(|output| output.has(&name)) {
                    progress.step();
                    continue;
                }
                progress.start(&name);
                let mut on_progress = |seconds, total| progress.seconds(&name, seconds, total);
                let result = pipeline.process(&record, &mut on_progress)?;
                let errors = result.errors().into_iter().map(|error| about(&record, error)).collect::<Vec<_>>();
                progress.suspend(|| result.warnings.iter().for_each(|warning| log::warn!("{warning}")));
                (result, errors)
            }
            Err(bad) => (RecordResult::failed(bad.id, bad.problem.clone()), vec![bad.problem]),
        };
        match errors.is_empty() {
            true => done += 1,
            false => failed += 1,
        }
        progress.suspend(|| errors.iter().for_each(|error| say(&format!("error: {error}"))));
        match &mut output {
            Some(output) => output.write(&result)?,
            None => match progress.suspend(|| printer.print(&result)) {
                // Whoever read our output has enough of it; what failed before still counts.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                printed => printed.map_err(Stop::Output)?,
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

fn repeated(record: &Record) -> BadRecord {
    let id = record.name();
    BadRecord { problem: format!("{id}: an earlier record has this id; its result stands"), id }
}

/// The error, behind the record's name where it does not name one of the record's files.
fn about(record: &Record, error: &str) -> String {
    if record.files().any(|path| error.contains(&path.display().to_string())) {
        return error.to_string();
    }
    format!("{}: {error}", record.name())
}

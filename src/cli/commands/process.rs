//! Records through the pipeline, with progress, results and errors each where they belong.

use std::sync::Arc;

use edgefuse::config::{Device, Step};
use edgefuse::engine::Engine;
use edgefuse::error::Error;
use edgefuse::models::Models;
use edgefuse::pipeline::{Inputs, OutputFile, Pipeline, RecordResult};

use crate::cli::args::{Format, Global};
use crate::cli::printer::{Printer, cost};
use crate::cli::progress::Progress;
use crate::cli::{Outcome, Stop};

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
    let engine = Engine::start(&device.runtime, &device.base).map_err(Error::from)?;
    let mut pipeline = Pipeline::new(Models::new(Arc::new(engine), device), steps);
    let progress = Progress::new(global, inputs.total());
    let (mut done, mut failed) = (0u64, 0u64);
    for item in inputs {
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
                let errors = result.errors().into_iter().map(|error| about(&name, error)).collect();
                (result, errors)
            }
            Err(bad) => (RecordResult::failed(bad.id, bad.problem.clone()), vec![bad.problem]),
        };
        let errors: Vec<String> = errors;
        if errors.is_empty() {
            done += 1;
        } else {
            failed += 1;
            progress.suspend(|| errors.iter().for_each(|error| eprintln!("error: {error}")));
        }
        match &mut output {
            Some(output) => output.write(&result)?,
            None => progress.suspend(|| printer.print(&result)).map_err(Stop::Output)?,
        }
        let cost = cost(&result);
        if global.format == Format::Text && !global.quiet && output.is_none() && !cost.is_empty() {
            progress.suspend(|| eprintln!("  [{cost}]"));
        }
        progress.step();
    }
    drop(progress);
    if let Some(output) = output {
        let kept = output.kept();
        output.finish()?;
        if !global.quiet {
            let resumed = if kept > 0 { format!(", {kept} kept from before") } else { String::new() };
            eprintln!("{done} done{resumed}, {failed} failed");
        }
    }
    Ok(if failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// The error with the record it is about, where its words do not say so already.
fn about(id: &str, error: &str) -> String {
    if error.contains(id) { error.to_string() } else { format!("{id}: {error}") }
}

//! `bench`: latency, throughput, memory and energy, compared with the machine's limits.

mod process;
mod report;

use std::io::{self, Write};
use std::time::Duration;

use crate::bench::{Bars, Ceiling, Clients, Cold, Given, Inputs, Latency, Task, TemporaryFolder, Trace, Warm, chart};
use edgefuse::config::Device;
use edgefuse::error::Error;
use edgefuse::whole_file::WholeFile;

pub(in crate::cli) use process::bench_process;

use super::start::device;
use crate::cli::args::{Bench, BenchModel, Format, GivenInputs, Global, Measurement};
use crate::cli::{Outcome, Stop, say};
use process::{Child, Ended};
use report::{ColdReport, Measured, Report};

/// Measures each task of the chosen models in its own processes.
pub(in crate::cli) fn bench(global: &Global, args: &Bench) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let wanted: &[Task] = match args.which {
        BenchModel::All => &Task::ALL,
        BenchModel::Whisper => &[Task::Transcribe],
        BenchModel::Blip => &[Task::Caption, Task::Ask, Task::Match],
        BenchModel::Encoder => &[Task::Classify],
        BenchModel::Student => &[Task::Fuse],
        BenchModel::Llm => &[Task::Chat],
        BenchModel::Vad => &[Task::Vad],
    };
    let needed: Vec<&'static str> = wanted.iter().map(|task| task.capability()).collect();
    let device = device(global, &needed)?;
    let tasks = possible(&device, wanted)?;
    if args.given.text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Stop::Usage("the text is empty".to_string()));
    }
    // Checked before an hour of measuring.
    for path in [&args.chart, &args.profile].into_iter().flatten() {
        drop(WholeFile::create(path)?);
    }
    let inputs = Inputs::new(&given(&args.given))?;
    let child = Child { global, inputs: &inputs };
    let mut trace = Trace::default();
    // Kept until the trace is written.
    let mut profiles = Vec::new();
    let mut bars = Vec::new();
    for task in tasks {
        if !global.quiet {
            say(&format!("measuring {}", task.name()));
        }
        let measured = (|| -> Result<_, Ended> {
            let ceiling: Ceiling = child.measure(Measurement::Ceiling, task, &[])?;
            let cold = cold(&child, task, args.cold)?;
            let counts = [("--warm-up", args.warm_up), ("--repeat", args.repeat)];
            let warm: Warm = child.measure(Measurement::Warm, task, &counts)?;
            let clients = clients(&child, task, args)?;
            let folder = TemporaryFolder::new()?;
            let lasting = child.profile(task, folder.path())?;
            Ok((Measured { ceiling, cold, warm, clients }, folder, lasting))
        })();
        let (measured, folder, lasting) = match measured {
            Ok(measured) => measured,
            Err(Ended::Code(code)) => return Ok(Outcome::Ended(code)),
            Err(Ended::Stop(stop)) => return Err(stop),
        };
        let profiled = Trace::of_folder(folder.path(), lasting)?;
        let report = Report::new(&device, task, args, measured, profiled.totals()?);
        bars.push(Bars {
            title: format!("{} ({})", report.task, report.model),
            warm: report.warm,
            cold_ms: report.cold.as_ref().map(|cold| cold.latency.p50_ms),
        });
        bars.extend(report.clients.iter().map(|it| Bars {
            title: format!("{}, {} clients, {:.1}/s", report.task, it.clients, it.throughput_per_s),
            warm: it.latency,
            cold_ms: None,
        }));
        trace.append(task.name(), profiled);
        profiles.push(folder);
        print(global.format, &report).map_err(Stop::Output)?;
    }
    if let Some(path) = &args.chart {
        let title = format!("edgefuse on {}: latency of a record", device.name);
        WholeFile::write(path, chart(&title, &bars).as_bytes())?;
    }
    if let Some(path) = &args.profile {
        trace.write(path)?;
    }
    Ok(Outcome::Done)
}

/// The tasks of `wanted` that a model of the device can do.
fn possible(device: &Device, wanted: &[Task]) -> Result<Vec<Task>, Error> {
    let mut tasks = Vec::new();
    let mut missing = None;
    for &task in wanted {
        match task.entry(device) {
            Ok(_) => tasks.push(task),
            Err(error @ Error::NoModel { .. }) => missing = missing.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match missing.filter(|_| tasks.is_empty()) {
        Some(missing) => Err(missing),
        None => Ok(tasks),
    }
}

/// Results for each number of clients; empty for a task that is not a step of the pipeline.
fn clients(child: &Child, task: Task, args: &Bench) -> Result<Vec<Clients>, Ended> {
    let counts = args.clients.iter().filter(|_| task != Task::Vad);
    counts
        .map(|count| child.measure(Measurement::Clients, task, &[("--clients", *count), ("--repeat", args.repeat)]))
        .collect()
}

/// Measures this many fresh processes; `None` if none are requested.
fn cold(child: &Child, task: Task, count: u32) -> Result<Option<ColdReport>, Ended> {
    let mut processes = Vec::new();
    let mut parts = Vec::new();
    for _ in 0..count {
        let (part, lasting): (Cold, Duration) = child.timed(Measurement::Cold, task, &[])?;
        processes.push(lasting.as_secs_f64() * 1e3);
        parts.push(part);
    }
    let median = |of: fn(&Cold) -> f64| Latency::of(&parts.iter().map(of).collect::<Vec<_>>()).map(|it| it.p50_ms);
    let library_ms = median(|cold| cold.library_ms).unwrap_or_default();
    let first_ms = median(|cold| cold.first_ms).unwrap_or_default();
    Ok(Latency::of(&processes).map(|latency| ColdReport { latency, library_ms, first_ms }))
}

fn given(given: &GivenInputs) -> Given {
    Given { image: given.image.clone(), audio: given.audio.clone(), text: given.text.clone() }
}

fn print(format: Format, report: &Report) -> io::Result<()> {
    let text = match format {
        Format::Json => serde_json::to_string(report)? + "\n",
        _ => report.to_string(),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

//! The report as text.

use std::fmt::{self, Write};

use edgefuse::config::ByteSize;
use edgefuse::engine::Placed;
use edgefuse::models::CostSource;

use super::report::{GraphReport, LibraryReport, ModelReport, ProviderReport, Report};

/// The report as text; with `colour`, verdicts are green or red.
pub(super) fn of(report: &Report, colour: bool) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, report, &Paint { colour });
    text
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn verdict(&self, good: bool, text: &str) -> String {
        match (self.colour, good) {
            (false, _) => text.to_string(),
            (true, true) => format!("\x1b[32m{text}\x1b[0m"),
            (true, false) => format!("\x1b[31m{text}\x1b[0m"),
        }
    }
}

fn write(out: &mut String, report: &Report, paint: &Paint) -> fmt::Result {
    writeln!(out, "device     {} ({})", report.device, report.config)?;
    writeln!(
        out,
        "board      {}{}, {} cores, {} memory, {} available",
        report.board.as_ref().map(|board| format!("{board}, ")).unwrap_or_default(),
        report.processor,
        report.cores,
        known(&report.memory_total),
        known(&report.memory_available)
    )?;
    if let Some(limit) = &report.memory_limit {
        writeln!(out, "memory     at most {} ({})", limit.bytes, limit.set_by)?;
    }
    if let Some(budget) = report.memory_budget {
        writeln!(out, "budget     {budget}, of which the program itself uses {}", known(&report.memory_base))?;
    }
    match &report.library {
        LibraryReport { error: Some(error), .. } => {
            writeln!(out, "library    {}: {error}", paint.verdict(false, "CANNOT LOAD"))?
        }
        LibraryReport { path, version, found_by, .. } => writeln!(
            out,
            "library    ONNX Runtime {} from {} ({})",
            version.as_deref().unwrap_or("?"),
            path.as_deref().unwrap_or("?"),
            found_by.unwrap_or("?")
        )?,
    }
    report.providers.iter().try_for_each(|provider| write_provider(out, provider, paint))?;
    report.models.iter().try_for_each(|model| write_model(out, model, paint))?;
    for problem in &report.problems {
        writeln!(out, "problem    {problem}")?;
    }
    let verdict = match (report.fit, report.models.iter().any(|model| model.warning.is_some())) {
        (true, false) => "everything can run",
        (true, true) => "everything ran once, but memory may not suffice, see above",
        (false, _) => "something cannot run, see above",
    };
    writeln!(out, "verdict    {}", paint.verdict(report.fit, verdict))
}

fn write_provider(out: &mut String, provider: &ProviderReport, paint: &Paint) -> fmt::Result {
    let name = provider.name;
    match (&provider.reason, provider.wanted) {
        (Some(reason), _) => {
            writeln!(out, "provider   {name:<10} {}: {reason}", paint.verdict(false, "DOES NOT LOAD"))
        }
        (None, true) => writeln!(out, "provider   {name:<10} loads"),
        (None, false) => writeln!(out, "provider   {name:<10} is in the library; the device file does not name it"),
    }
}

fn write_model(out: &mut String, model: &ModelReport, paint: &Paint) -> fmt::Result {
    let name = model.name.as_deref().unwrap_or("?");
    let memory = match &model.memory {
        Some(memory) => {
            let source = match memory.source {
                CostSource::Measured => "measured",
                CostSource::Estimated => "estimated",
            };
            format!(", needs {} ({source})", memory.needed)
        }
        None => String::new(),
    };
    match &model.error {
        Some(error) => {
            writeln!(out, "model      {:<10} {name}: {}: {error}", model.key, paint.verdict(false, "CANNOT RUN"))?
        }
        None => writeln!(
            out,
            "model      {:<10} {name}, {}{memory}: {}",
            model.key,
            model.precision,
            paint.verdict(true, "fit")
        )?,
    }
    if let Some(warning) = &model.warning {
        writeln!(out, "  warning  {warning}")?;
    }
    model.graphs.iter().try_for_each(|graph| write_graph(out, graph, paint))
}

fn write_graph(out: &mut String, graph: &GraphReport, paint: &Paint) -> fmt::Result {
    if let Some(error) = &graph.error {
        return writeln!(out, "  graph    {:<17} {}: {error}", graph.role, paint.verdict(false, "DOES NOT RUN"));
    }
    let place = match &graph.placement {
        Some(placed) => placed.iter().map(Placed::to_string).collect::<Vec<_>>().join(", "),
        None => format!("{} (ONNX Runtime does not report its nodes)", graph.provider.unwrap_or("cpu")),
    };
    let chosen = graph.auto.as_ref().map_or_else(String::new, |why| format!(" (auto: {why})"));
    writeln!(
        out,
        "  graph    {:<17} {}{chosen} on {place}; {} on disk, {} in memory, loaded in {:.0} ms, runs, sha256 {:.12}",
        graph.role,
        graph.precision,
        graph.bytes,
        known(&graph.resident),
        graph.load_ms.unwrap_or(0.0),
        graph.sha256
    )
}

fn known(size: &Option<ByteSize>) -> String {
    size.map_or("unknown".to_string(), |size| size.to_string())
}

//! `prepare`: makes providers build their engines, which they do when a graph is first loaded, and runs each graph
//! once, before a service starts.

use std::io::{self, Write};
use std::time::Instant;

use edgefuse::engine::Placed;
use edgefuse::models::{Loader, encoders_of};
use serde::Serialize;

use super::start::{self, device, engine};
use crate::cli::args::{Format, Global};
use crate::cli::watched::{Ended, Side, watched};
use crate::cli::{Outcome, Stop, say};

/// One graph that is ready.
#[derive(Serialize)]
struct Ready {
    graph: String,
    provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<Vec<Placed>>,
    seconds: f64,
}

/// Loads and runs every graph of every model once: TensorRT builds its engines into `engine_cache`.
///
/// In a child process, because a library that does not suit the processor or the system may kill it.
pub(in crate::cli) fn prepare(global: &Global) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let device = device(global, &[])?;
    let stage = match watched() {
        Side::Parent(Ended::Code(code)) => return Ok(Outcome::Ended(code)),
        Side::Parent(Ended::Crash(crash)) => {
            say(&format!("error: {crash}"));
            return Ok(Outcome::Unfit);
        }
        Side::Child(stage) => stage,
    };
    stage.at(&start::library_in_words(&device));
    let engine = engine(global, &device)?;
    let mut outcome = Outcome::Done;
    for (key, entry) in &device.models {
        // A missing model does not prevent the others from being prepared.
        let loader = encoders_of(&device, key).and_then(|_| Loader::new(engine.clone(), entry));
        let loader = match loader {
            Ok(loader) => loader,
            Err(error) => {
                say(&format!("error: {error}"));
                outcome = Outcome::Unfit;
                continue;
            }
        };
        for role in loader.folder().common.graphs.keys() {
            stage.at(&format!("{}/{role} with {}", loader.folder().common.name, engine.library().path.display()));
            let started = Instant::now();
            match loader.graph(role).and_then(|graph| graph.try_once().map(|()| graph)) {
                Ok(graph) => {
                    let ready = Ready {
                        graph: graph.name().to_string(),
                        provider: graph.provider(),
                        placement: graph.placement().map(|placement| placement.providers().to_vec()),
                        seconds: (started.elapsed().as_secs_f64() * 1e3).round() / 1e3,
                    };
                    print(global, &ready)?;
                }
                Err(error) => {
                    say(&format!("error: {error}"));
                    outcome = Outcome::Unfit;
                }
            }
        }
    }
    Ok(outcome)
}

fn print(global: &Global, ready: &Ready) -> Result<(), Stop> {
    let line = match global.format {
        Format::Json => serde_json::to_string(ready).map_err(io::Error::from).map_err(Stop::Output)?,
        _ => {
            let place = ready.placement.iter().flatten().map(Placed::to_string).collect::<Vec<_>>().join(", ");
            let place = if place.is_empty() { ready.provider } else { &place };
            format!("{:<32} on {place}, ready in {:.1} s", ready.graph, ready.seconds)
        }
    };
    writeln!(io::stdout().lock(), "{line}").map_err(Stop::Output)
}

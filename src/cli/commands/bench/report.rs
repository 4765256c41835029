//! The report of `bench` on one task.

use std::collections::BTreeMap;
use std::fmt;

use crate::bench::{Ceiling, Clients, Energy, Latency, Task, Totals, Warm};
use edgefuse::config::{ByteSize, Device};
use serde::Serialize;

use crate::cli::args::Bench;

#[derive(Serialize)]
pub(super) struct Report {
    pub task: &'static str,
    /// Name of the model's folder.
    pub model: String,
    precision: String,
    /// Choice of `auto`, by `model/graph`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    auto: BTreeMap<String, String>,
    device: String,
    provider: String,
    /// The input, or `built in`.
    input: InputReport,
    pub warm: Latency,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold: Option<ColdReport>,
    throughput_per_s: f64,
    /// Results for several clients at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Clients>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_s_per_s: Option<f64>,
    peak_bytes: Option<u64>,
    energy: Energy,
    /// Billions of operations in matrix products and convolutions of one record.
    gflop: f64,
    /// The same per second, at the median latency.
    gflop_per_s: f64,
    ceiling: Ceiling,
    /// `gflop_per_s` relative to the ceiling; integer products can be faster, so it may exceed 1.
    ceiling_share: f64,
    node_runs: u64,
}

/// A process from start to end, with one record.
#[derive(Serialize)]
pub(super) struct ColdReport {
    #[serde(flatten)]
    pub latency: Latency,
    /// Median time until the library was loaded.
    pub library_ms: f64,
    /// Median time of loading the model and the first record.
    pub first_ms: f64,
}

#[derive(Serialize)]
struct InputReport {
    image: String,
    audio: String,
    text: String,
}

/// Name of the built-in input.
const OWN: &str = "built in";

/// The measurements of one task, each from its own processes.
pub(super) struct Measured {
    pub ceiling: Ceiling,
    pub cold: Option<ColdReport>,
    pub warm: Warm,
    pub clients: Vec<Clients>,
}

impl Report {
    pub fn new(device: &Device, task: Task, args: &Bench, measured: Measured, totals: Totals) -> Self {
        let Measured { ceiling, cold, warm, clients } = measured;
        let entry = task.entry(device).ok();
        let path = |given: &Option<std::path::PathBuf>| given.as_ref().map(|path| path.display().to_string());
        let own = |given: Option<String>| given.unwrap_or_else(|| OWN.to_string());
        let gflop = totals.flops / 1e9;
        let gflop_per_s = gflop / (warm.latency.p50_ms / 1e3);
        Report {
            task: task.name(),
            model: entry.and_then(|it| it.path.file_name()).unwrap_or_default().to_string_lossy().into_owned(),
            precision: entry.map(|entry| entry.precision.to_string()).unwrap_or_default(),
            device: device.name.clone(),
            provider: warm.provider,
            auto: warm.auto,
            input: InputReport {
                image: own(path(&args.given.image)),
                audio: own(path(&args.given.audio)),
                text: own(args.given.text.clone()),
            },
            warm: warm.latency,
            cold,
            throughput_per_s: warm.throughput_per_s,
            clients,
            audio_s_per_s: warm.audio_s_per_s,
            peak_bytes: warm.peak_bytes,
            energy: warm.energy,
            gflop,
            gflop_per_s,
            ceiling_share: gflop_per_s / ceiling.gflops,
            ceiling,
            node_runs: totals.node_runs,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let latency = |latency: &Latency| {
            format!("p50 {:.2} ms  p90 {:.2} ms  p99 {:.2} ms", latency.p50_ms, latency.p90_ms, latency.p99_ms)
        };
        writeln!(out, "{} ({}, {}, on {})", self.task, self.model, self.precision, self.provider)?;
        self.auto.iter().try_for_each(|(graph, chosen)| writeln!(out, "  precision   {graph}: {chosen}"))?;
        writeln!(out, "  warm        {}  of {} runs", latency(&self.warm), self.warm.runs)?;
        if let Some(cold) = &self.cold {
            writeln!(
                out,
                "  cold        {}  of {} processes; library {:.1} ms, model and first record {:.1} ms",
                latency(&cold.latency),
                cold.latency.runs,
                cold.library_ms,
                cold.first_ms
            )?;
        }
        let sound = self.audio_s_per_s.map(|speed| format!(", {speed:.1} s of sound per second")).unwrap_or_default();
        writeln!(out, "  throughput  {:.2} records per second{sound}", self.throughput_per_s)?;
        for it in &self.clients {
            writeln!(
                out,
                "  {:>3} clients {}  {:.2} records per second",
                it.clients,
                latency(&it.latency),
                it.throughput_per_s
            )?;
        }
        let peak = self.peak_bytes.map_or("unknown".to_string(), |bytes| ByteSize::from(bytes).to_string());
        writeln!(out, "  memory      {peak} peak of the whole process")?;
        writeln!(
            out,
            "  arithmetic  {:.3} GFLOP per record, {:.1} GFLOP/s: {:.0} % of the {:.1} GFLOP/s of a matrix product (fp32, {} x {}, {})",
            self.gflop,
            self.gflop_per_s,
            self.ceiling_share * 100.0,
            self.ceiling.gflops,
            self.ceiling.size,
            self.ceiling.size,
            self.ceiling.provider
        )?;
        match &self.energy {
            Energy::Measured { sensor, mean_w, joules_per_record, .. } => writeln!(
                out,
                "  energy      {joules_per_record:.3} J per record at {mean_w:.2} W ({sensor}, idle included)"
            ),
            Energy::Unknown { unknown } => writeln!(out, "  energy      unknown: {unknown}"),
        }
    }
}

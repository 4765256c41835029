//! The arguments of `bench`.

use std::path::PathBuf;

use clap::ValueEnum;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// Which of the device file's models to measure
    #[arg(value_enum, default_value_t = BenchModel::All)]
    pub which: BenchModel,
    /// Measured runs in a warm process
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: u32,
    /// Warm-up runs before them that do not count
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub warm_up: u32,
    /// Fresh processes whose first run is measured; 0 for none
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub cold: u32,
    /// Also measure this many clients at once, such as 16 or 1,4,16: throughput, and the latency of each record
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=256))]
    pub clients: Vec<u32>,
    #[command(flatten)]
    pub given: GivenInputs,
    /// Write a chart of the latencies to this SVG file
    #[arg(long, value_name = "FILE.svg")]
    pub chart: Option<PathBuf>,
    /// Write a trace of each task to this file, for chrome://tracing and ui.perfetto.dev
    #[arg(long, value_name = "FILE.json")]
    pub profile: Option<PathBuf>,
}

/// The inputs of the measurement.
#[derive(Debug, Clone, clap::Args)]
pub struct GivenInputs {
    /// A picture [default: a small drawing]
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// A sound [default: a spoken question of two seconds]
    #[arg(long, value_name = "FILE")]
    pub audio: Option<PathBuf>,
    /// A text [default: that question]
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
}

/// Which models to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchModel {
    /// All models in the device file
    All,
    /// Transcripts
    Whisper,
    /// Captions, answers and matches, as far as the folder supports them
    Blip,
    /// Classes of pictures
    Encoder,
    /// Decisions
    Student,
    /// Answers of the language model
    Llm,
    /// Stretches of speech
    Vad,
}

/// One measuring process; `bench` starts these itself.
#[derive(Debug, clap::Args)]
pub struct BenchProcess {
    #[arg(value_enum)]
    pub what: Measurement,
    /// The task, as a JSON string
    pub task: String,
    #[arg(long, default_value_t = 1)]
    pub repeat: u32,
    #[arg(long, default_value_t = 1)]
    pub warm_up: u32,
    #[arg(long, default_value_t = 1)]
    pub clients: u32,
    #[command(flatten)]
    pub given: GivenInputs,
    #[arg(long)]
    pub profiles: Option<PathBuf>,
}

/// What a measuring process measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measurement {
    Ceiling,
    Clients,
    Cold,
    Warm,
    Profile,
}

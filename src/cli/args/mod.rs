//! The arguments.

mod ask;
mod bench;
mod caption;
mod matching;
mod search;
mod transcribe;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use ask::Ask;
pub use bench::{Bench, BenchModel, BenchProcess, GivenInputs, Measurement};
pub use caption::Caption;
pub use matching::Match;
pub use transcribe::{Subtitles, TimestampsArgument, Transcribe};

/// Offline captions, transcripts, answers and fused decisions, through ONNX Runtime.
#[derive(Debug, Parser)]
#[command(name = "edgefuse", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Arguments of every command.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// Device file [default: EDGEFUSE_CONFIG, then configs/cpu.yaml]
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Another model for this command: the name of a folder in onnx/, or a path
    #[arg(long, global = true, value_name = "NAME")]
    pub model: Option<String>,
    /// Form of the results on standard output; srt, vtt and tsv are for `transcribe`
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Say nothing but errors on standard error
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on standard error (RUST_LOG says what in detail)
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// Form of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One object a line
    Json,
    /// SubRip subtitles
    Srt,
    /// WebVTT subtitles
    Vtt,
    /// Tab-separated start and end in milliseconds, and text
    Tsv,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the device file's pipeline over files, folders and JSONL manifests
    ///
    /// A line of a manifest is {"id": "...", "image": "path", "audio": "path", "text": "..."}, each of image, audio and
    /// text optional; relative paths start from the manifest's folder. For students also "sensors": {"NAME": 1.5} or [1.5],
    /// and "image_embedding", "text_embedding": the path of a .npy or JSON file, or a list of numbers.
    Run(Run),
    /// Caption pictures
    Caption(Caption),
    /// Ask questions about a picture, typed or spoken
    #[command(override_usage = "edgefuse ask [OPTIONS] <IMAGE> (<QUESTION>... | --audio <FILE>)")]
    Ask(Ask),
    /// Tell how well texts fit pictures
    Match(Match),
    /// Write down what is said in recordings
    Transcribe(Box<Transcribe>),
    /// The student's decision over any of picture, text, sound and sensors
    Fuse(Fuse),
    /// Tell what will run where, and why: library, providers, models, memory
    Doctor,
    /// Check model folders: model.yaml, hashes, tokenizer, and that every graph loads in every precision
    ///
    /// Needs no device file; one that is there says which ONNX Runtime is used.
    Check(Check),
    /// Measure latency, throughput, memory and energy of the models here
    ///
    /// Every figure is taken in a process of its own. Percentiles are nearest-rank.
    Bench(Bench),
    /// Pack the device file and all it names into one archive for a board
    Bundle(Bundle),
    /// Run the device file's pipeline over every file that is put into a folder, as a service does
    ///
    /// A picture, a sound or a .jsonl manifest NAME directly in FOLDER is worked on when it has stopped changing and
    /// RESULTS/NAME.jsonl is not there, or was made from an earlier version of it; that file is then written whole. Names that start with a dot are not looked at,
    /// nor are folders: files that a manifest names lie in one. systemd is told that the service is ready and alive.
    Watch(Watch),
    #[command(hide = true)]
    BenchProcess(BenchProcess),
    /// Load every graph of the device file once, so that what providers build is ready for service: TensorRT's engines,
    /// into `engine_cache`
    Prepare,
}

#[derive(Debug, clap::Args)]
pub struct Check {
    /// Model folders
    #[arg(required = true, value_name = "FOLDER")]
    pub folders: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Run {
    /// Pictures, sounds, folders of them, and .jsonl manifests
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Write the results to this file, which appears when it is whole
    #[arg(long, short, value_name = "FILE.jsonl")]
    pub output: Option<PathBuf>,
    /// Keep the good results of an earlier run with the same --output that were made from the same inputs with the same
    /// steps and models; the others are made again
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// Tell in each result on which execution providers the nodes of the graphs lie (`placement`); as does
    /// `report_placement: true` in the device file's `runtime`
    #[arg(long)]
    pub placement: bool,
    /// Keep in the results the embeddings that the steps `fuse` and `match` make (`fusion.embeddings`, `match.embeddings`);
    /// as does `embeddings: true` in such a step
    #[arg(long)]
    pub embeddings: bool,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("given").required(true).multiple(true)))]
pub struct Fuse {
    /// A picture
    #[arg(long, value_name = "FILE", group = "given")]
    pub image: Option<PathBuf>,
    /// What another model made of a picture, such as ResNet-50's features: a .npy file or a JSON list of numbers
    #[arg(long, value_name = "FILE", group = "given")]
    pub image_embedding: Option<PathBuf>,
    /// A text
    #[arg(long, value_name = "TEXT", group = "given")]
    pub text: Option<String>,
    /// What another model made of a text: a .npy file or a JSON list of numbers
    #[arg(long, value_name = "FILE", group = "given")]
    pub text_embedding: Option<PathBuf>,
    /// A sound
    #[arg(long, value_name = "FILE", group = "given")]
    pub audio: Option<PathBuf>,
    /// Readings of sensors: '{"NAME": 21.5, ...}', or in the model's order '21.5,40', or a JSON file with either
    #[arg(long, value_name = "READINGS", group = "given", allow_hyphen_values = true)]
    pub sensors: Option<String>,
    /// Print the fused embedding and each modality's with --format json
    #[arg(long)]
    pub embeddings: bool,
}

#[derive(Debug, clap::Args)]
pub struct Bundle {
    /// The board's machine
    #[arg(long, value_enum)]
    pub target: Target,
    /// The archive
    #[arg(long, short, value_name = "FILE.tar.zst")]
    pub out: PathBuf,
    /// The program [default: this one for its own machine, else target/TRIPLE/release/edgefuse]
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// ONNX Runtime [default: lib/MACHINE/libonnxruntime.so where every execution provider is cpu, else the board's own]
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
}

/// A board's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// 64-bit ARM
    Aarch64,
    /// 64-bit x86
    #[value(name = "x86_64", alias = "x86-64")]
    X86_64,
}

#[derive(Debug, clap::Args)]
pub struct Watch {
    /// The folder that is watched
    pub folder: PathBuf,
    /// The folder for results
    #[arg(long, value_name = "FOLDER")]
    pub results: PathBuf,
    /// End after so long without work, instead of never
    #[arg(long, value_name = "SECONDS")]
    pub until_idle: Option<u32>,
}

impl Args {
    /// Reads the process's arguments; wrong ones end it with a message and exit code 2.
    pub fn read() -> Self {
        Self::parse()
    }
}

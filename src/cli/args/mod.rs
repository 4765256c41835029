//! The command-line arguments.

mod ask;
mod bench;
mod caption;
mod chat;
mod classify;
mod find;
mod matching;
mod search;
mod transcribe;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

pub use ask::Ask;
pub use bench::{Bench, BenchModel, BenchProcess, GivenInputs, Measurement};
pub use caption::Caption;
pub use chat::Chat;
pub use classify::Classify;
pub use find::{Align, Index, Search};
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
    /// Device file [default: EDGEFUSE_CONFIG, then configs/cpu.yaml, then /etc/edgefuse/device.yaml]
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use another model: a name under `models`, the name of a folder in onnx/, or a path
    #[arg(long, global = true, value_name = "NAME")]
    pub model: Option<String>,
    /// Format of the results on standard output; srt and tsv are for `transcribe`, vtt also for `align` and a film in `run`
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Print only errors on standard error
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more on standard error (RUST_LOG sets filters)
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Format of the lines on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Format of the lines on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Human-readable text
    Text,
    /// JSON, one object per line: ts (Unix time), level, message, and fields such as request_id
    Json,
}

/// Format of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Human-readable text
    Text,
    /// JSON, one object per line
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
    /// Run the device file's pipeline on files, folders and JSONL manifests
    ///
    /// A line of a manifest is {"id": "...", "image": "path", "audio": "path", "text": "..."}; image, audio and text
    /// are each optional. Files are paths, relative to the manifest's folder, or file:// URLs; "image_b64" and
    /// "audio_b64" are the bytes of files in base64. A line may have up to 32 MiB. Students also accept "sensors": {"NAME":
    /// 1.5} or [1.5], and "image_embedding", "text_embedding", "audio_embedding": the path of a .npy or JSON file, or a
    /// list of numbers.
    ///
    /// As a worker for another program, `run - --output -` reads a manifest from standard input and immediately writes
    /// one result line for each line. A malformed line or a failed input produces a result with an error. The exit
    /// code is 0 at the end of the input, even if records failed, and when the output is closed; 2 or 3 if the device
    /// file, the library or a model cannot be used.
    Run(Run),
    /// Caption pictures
    Caption(Caption),
    /// Ask questions about a picture, typed or spoken
    #[command(override_usage = "edgefuse ask [OPTIONS] <IMAGE> (<QUESTION>... | --audio <FILE>)")]
    Ask(Ask),
    /// Chat with a language model, optionally about a picture or a recording
    Chat(Chat),
    /// Classify pictures
    Classify(Classify),
    /// Score how well texts match pictures
    Match(Match),
    /// Transcribe recordings or live audio
    Transcribe(Box<Transcribe>),
    /// Let the student decide from any of picture, text, sound and sensors
    Fuse(Fuse),
    /// Add pictures, films, recordings and texts to a search index on disk
    ///
    /// Pictures and frames of films are embedded, and captioned and classified if the device file's pipeline has these steps;
    /// recordings are transcribed. Unchanged files that are already in the index are skipped.
    Index(Index),
    /// Search an index by text, picture or sound
    Search(Search),
    /// Find the part of a film that each sentence of a text is about
    ///
    /// Sentences keep their order. They are compared with the film's pictures if a model embeds both, and with its speech if a
    /// model transcribes.
    Align(Align),
    /// Report what will run where, and why: library, providers, models, memory
    Doctor,
    /// Check model folders: model.yaml, hashes, tokenizer, and that every graph loads in every precision
    ///
    /// Needs no device file; if there is one, it selects the ONNX Runtime library.
    Check(Check),
    /// Measure latency, throughput, memory and energy of the models on this machine
    ///
    /// Every figure is measured in its own process. Percentiles are nearest-rank.
    Bench(Bench),
    /// Pack the device file and everything it refers to into one archive for a board
    Bundle(Bundle),
    /// Run the device file's pipeline as a service, on every file that arrives in a folder
    ///
    /// A picture, a sound or a .jsonl manifest NAME directly in FOLDER is processed once it has stopped changing, if
    /// RESULTS/NAME.jsonl is missing or was made from an earlier version of it. The result is written atomically. Names
    /// that start with a dot are ignored, as are subfolders: put files that a manifest refers to into one. The service
    /// notifies systemd that it is ready and alive.
    Watch(Watch),
    /// Serve the models over OpenAI's API and Home Assistant's Wyoming, and run cameras and microphones
    ///
    /// The device file's `server` sets addresses and limits, `sources` and `sinks` where input comes from and results go.
    /// SIGTERM finishes the requests in flight and exits; SIGHUP reloads the device file. The service notifies systemd
    /// that it is ready and alive.
    #[cfg(feature = "serve")]
    Serve(Serve),
    #[command(hide = true)]
    BenchProcess(BenchProcess),
    /// Load every graph of the device file once, so that TensorRT's engines are built (into `engine_cache`) before
    /// service
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
    /// Pictures, sounds, films, folders of them, and .jsonl manifests; `-` for a manifest on standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Write the results to this file (atomically), or with `-` as lines of JSON to standard output
    #[arg(long, short, value_name = "FILE.jsonl")]
    pub output: Option<PathBuf>,
    /// With --output -: the number of records processed at once, and of lines read ahead of their results [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub in_flight: Option<u16>,
    /// With --output -: write each result as soon as it is ready, instead of in the order of the records
    #[arg(long)]
    pub unordered: bool,
    /// Process only shard I of N; the first is 0/N. A record's id determines its shard. The results go to
    /// FILE.I-of-N.jsonl; concatenate the files of all shards for the results of all records
    #[arg(long, value_name = "I/N")]
    pub shard: Option<edgefuse::pipeline::Shard>,
    /// Keep the results of an earlier run with the same --output that succeeded with the same inputs, steps and models;
    /// redo the others. A file with lines that are not results is refused
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// Report in each result which execution providers run the nodes of the graphs (`placement`), like
    /// `report_placement: true` in the device file's `runtime`
    #[arg(long)]
    pub placement: bool,
    /// Time between two frames of a film that become records, such as 1s [default: the first frame of each scene]
    #[arg(long, value_name = "TIME", value_parser = edgefuse::config::parse_span)]
    pub every: Option<std::time::Duration>,
    /// Include the embeddings of the steps `fuse` and `match` in the results (`fusion.embeddings`, `match.embeddings`),
    /// like `embeddings: true` in such a step; the step `embed` always includes its own
    #[arg(long)]
    pub embeddings: bool,
}

impl Run {
    /// Whether the results go to standard output, as lines of JSON.
    pub fn writes_to_stdout(&self) -> bool {
        self.output.as_deref().is_some_and(is_dash)
    }

    /// Whether an input is a manifest on standard input.
    pub fn reads_stdin(&self) -> bool {
        self.inputs.iter().any(|input| is_dash(input))
    }
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("given").required(true).multiple(true)))]
pub struct Fuse {
    /// A picture
    #[arg(long, value_name = "FILE", group = "given")]
    pub image: Option<PathBuf>,
    /// Another model's embedding of a picture, such as ResNet-50's features: a .npy file or a JSON list of numbers
    #[arg(long, value_name = "FILE", group = "given")]
    pub image_embedding: Option<PathBuf>,
    /// A text
    #[arg(long, value_name = "TEXT", group = "given")]
    pub text: Option<String>,
    /// Another model's embedding of a text: a .npy file or a JSON list of numbers
    #[arg(long, value_name = "FILE", group = "given")]
    pub text_embedding: Option<PathBuf>,
    /// A sound
    #[arg(long, value_name = "FILE", group = "given")]
    pub audio: Option<PathBuf>,
    /// Another model's embedding of a sound: a .npy file or a JSON list of numbers
    #[arg(long, value_name = "FILE", group = "given")]
    pub audio_embedding: Option<PathBuf>,
    /// Sensor readings: '{"NAME": 21.5, ...}', or in the model's order '21.5,40', or a JSON file with either
    #[arg(long, value_name = "READINGS", group = "given", allow_hyphen_values = true)]
    pub sensors: Option<String>,
    /// With --format json, include the fused embedding and one per modality
    #[arg(long)]
    pub embeddings: bool,
}

#[derive(Debug, clap::Args)]
pub struct Bundle {
    /// The board's architecture
    #[arg(long, value_enum, required_unless_present = "diff")]
    pub target: Option<Target>,
    /// The archive to write
    #[arg(long, short, value_name = "FILE.tar.zst", required_unless_present = "diff")]
    pub out: Option<PathBuf>,
    /// Instead of packing, list the files that differ between two bundles (archives or unpacked folders), with the
    /// digest of each
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["target", "out", "binary", "library"])]
    pub diff: Option<Vec<PathBuf>>,
    /// The program [default: this one if the board has the same architecture, else target/TRIPLE/release/edgefuse]
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// ONNX Runtime [default: lib/MACHINE/libonnxruntime.so if every execution provider is cpu, else the board's
    /// own]
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
}

/// A board's architecture.
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
    /// The folder to watch
    pub folder: PathBuf,
    /// The folder for results
    #[arg(long, value_name = "FOLDER")]
    pub results: PathBuf,
    /// Exit after this time without work [default: never]
    #[arg(long, value_name = "SECONDS")]
    pub until_idle: Option<u32>,
}

#[cfg(feature = "serve")]
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Allow addresses other than loopback without a key: everyone on the network can then use the service
    #[arg(long)]
    pub insecure: bool,
}

impl Args {
    /// Parses the process's arguments; exits with a message and code 2 if they are wrong.
    pub fn read() -> Self {
        Self::parse()
    }
}

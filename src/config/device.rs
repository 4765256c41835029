//! A device file: which library, providers, threads, memory and models one board uses.

use std::fs;
use std::path::{Path, PathBuf};

use super::ask::AskOptions;
use super::caption::CaptionOptions;
use super::error::ConfigError;
use super::locate::locate;
use super::match_options::MatchOptions;
use super::model_entry::{MODEL_FILE, ModelEntry};
use super::pipeline::{self, Step};
use super::provider::Provider;
use super::raw::{RawDevice, RawModel};
use super::runtime::Runtime;
use super::texts::Texts;
use super::transcribe::TranscribeOptions;

/// A device file that was read and checked.
#[derive(Debug, Clone)]
pub struct Device {
    /// The name in `device:`.
    pub name: String,
    /// The file it was read from.
    pub path: PathBuf,
    /// Folder that relative paths in the file start from: the file's own folder, or, where that folder is called
    /// `configs`, the one above it.
    pub base: PathBuf,
    /// Library, memory and threads.
    pub runtime: Runtime,
    /// The Whisper model, if the device has one.
    pub whisper: Option<ModelEntry>,
    /// The BLIP model, if the device has one.
    pub blip: Option<ModelEntry>,
    /// The student, if the device has one.
    pub student: Option<ModelEntry>,
    /// The voice activity detector, if the device has one.
    pub vad: Option<ModelEntry>,
    /// Steps of `edgefuse run`, in order.
    pub pipeline: Vec<Step>,
    /// Execution providers of a model that names none itself, in order of preference.
    pub execution_providers: Vec<Provider>,
}

/// More threads than any board has; ONNX Runtime starts them all.
const MOST_THREADS: usize = 1_024;

impl Device {
    /// Reads and checks a device file. Model folders are looked at when a model is first used, so that a board
    /// without one of the models can still do what needs the others.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and column for malformed YAML, unknown keys, wrong units and a missing library.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
        let mut raw: RawDevice = serde_yaml::from_str(&text).map_err(|error| ConfigError::yaml(path, &error))?;
        let base = base_folder(path);
        let wrong = |keys: &[&str], problem: String| {
            let (line, column) = locate(&text, keys);
            ConfigError::Yaml { path: path.to_path_buf(), line, column, problem }
        };

        let from_base = |list: Vec<Provider>| list.into_iter().map(|provider| provider.relative_to(&base)).collect();
        let providers: Vec<Provider> = raw.execution_providers.map_or_else(|| vec![Provider::Cpu], from_base);
        if providers.is_empty() {
            return Err(wrong(
                &["execution_providers"],
                "execution_providers: no provider; name at least `cpu`".into(),
            ));
        }
        let threads = raw.runtime.threads;
        if threads.intra > MOST_THREADS {
            let problem = format!("runtime.threads.intra: {} is more than {MOST_THREADS}", threads.intra);
            return Err(wrong(&["runtime", "threads", "intra"], problem));
        }
        if !(1..=MOST_THREADS).contains(&threads.inter) {
            let problem = format!("runtime.threads.inter: {} is not within 1 to {MOST_THREADS}", threads.inter);
            return Err(wrong(&["runtime", "threads", "inter"], problem));
        }
        if let Err((index, problem)) = pipeline::check(&raw.pipeline) {
            return Err(wrong(&["pipeline", &index.to_string()], format!("pipeline: {problem}")));
        }
        for (index, step) in raw.pipeline.iter_mut().enumerate() {
            let name = step.name();
            let Some((key, texts)) = step.texts() else { continue };
            *texts = texts.clone().relative_to(&base);
            if let Texts::File(path) = texts
                && !path.is_file()
            {
                let problem = format!("pipeline: `{name}`: {key}: {} is not there", path.display());
                return Err(wrong(&["pipeline", &index.to_string(), name, key], problem));
            }
        }
        let library = raw.runtime.library.map(|library| base.join(library));
        if let Some(library) = library.as_ref().filter(|library| !library.exists()) {
            let problem = format!("runtime.library: {} is not there", library.display());
            return Err(wrong(&["runtime", "library"], problem));
        }
        let model = |key: &str, raw: Option<RawModel>| -> Result<Option<ModelEntry>, ConfigError> {
            let Some(raw) = raw else { return Ok(None) };
            let (line, column) = locate(&text, &["models", key, "path"]);
            let entry = ModelEntry {
                origin: format!("{}:{line}:{column}: models.{key}.path", path.display()),
                path: base.join(&raw.path),
                precision: raw.precision.unwrap_or_default(),
                execution_providers: raw.execution_providers.map_or_else(|| providers.clone(), from_base),
            };
            if entry.execution_providers.is_empty() {
                let problem = format!("models.{key}.execution_providers: no provider; name at least `cpu`");
                return Err(wrong(&["models", key, "execution_providers"], problem));
            }
            Ok(Some(entry))
        };
        Ok(Device {
            name: raw.device,
            path: path.to_path_buf(),
            runtime: Runtime {
                library,
                memory_budget: raw.runtime.memory_budget,
                threads: raw.runtime.threads,
                on_missing_provider: raw.runtime.on_missing_provider,
            },
            whisper: model("whisper", raw.models.whisper)?,
            blip: model("blip", raw.models.blip)?,
            student: model("student", raw.models.student)?,
            vad: model("vad", raw.models.vad)?,
            pipeline: raw.pipeline,
            execution_providers: providers,
            base,
        })
    }

    /// The options of the pipeline's `caption` step, or the defaults where it has none.
    pub fn caption_options(&self) -> CaptionOptions {
        let step = self.pipeline.iter().find_map(|step| match step {
            Step::Caption(options) => Some(options.clone()),
            _ => None,
        });
        step.unwrap_or_default()
    }

    /// The options of the pipeline's `ask` step, or the defaults where it has none.
    pub fn ask_options(&self) -> AskOptions {
        let step = self.pipeline.iter().find_map(|step| match step {
            Step::Ask(options) => Some(options.clone()),
            _ => None,
        });
        step.unwrap_or_default()
    }

    /// The options of the pipeline's `match` step, or the defaults where it has none.
    pub fn match_options(&self) -> MatchOptions {
        let step = self.pipeline.iter().find_map(|step| match step {
            Step::Match(options) => Some(options.clone()),
            _ => None,
        });
        step.unwrap_or_default()
    }

    /// The options of the pipeline's `transcribe` step, or the defaults where it has none.
    pub fn transcribe_options(&self) -> TranscribeOptions {
        let step = self.pipeline.iter().find_map(|step| match step {
            Step::Transcribe(options) => Some(TranscribeOptions::clone(options)),
            _ => None,
        });
        step.unwrap_or_default()
    }

    /// The entry of another model folder, for `--model NAME`: a folder by its path, or by its name in `onnx/`.
    /// Precision and providers are those of `like`, the entry it stands in for, or the defaults.
    pub fn other_model(&self, name: &str, like: Option<&ModelEntry>) -> ModelEntry {
        let as_path = Path::new(name);
        let path =
            if as_path.join(MODEL_FILE).is_file() { as_path.to_path_buf() } else { self.base.join("onnx").join(name) };
        ModelEntry {
            path,
            origin: format!("--model {name}"),
            precision: like.map(|entry| entry.precision.clone()).unwrap_or_default(),
            execution_providers: like.map_or(&self.execution_providers, |entry| &entry.execution_providers).clone(),
        }
    }
}

fn base_folder(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    if folder.file_name().is_some_and(|name| name == "configs") {
        folder.parent().unwrap_or(Path::new("")).to_path_buf()
    } else {
        folder.to_path_buf()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Threads;

    fn load(text: &str) -> Result<Device, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.yaml");
        fs::write(&path, text).unwrap();
        Device::load(&path)
    }

    #[test]
    fn reads_a_device() {
        let device = load(
            "device: board\nruntime: {memory_budget: 1GiB, threads: {intra: 2}}\n\
             models: {blip: {path: onnx/b, precision: int8}}\npipeline: [caption]\n",
        )
        .unwrap();
        assert_eq!(device.runtime.threads, Threads { intra: 2, inter: 1, spinning: false });
        assert_eq!(device.runtime.memory_budget.unwrap().bytes(), 1 << 30);
        assert_eq!(device.blip.unwrap().precision.of("vision"), "int8");
        assert!(device.whisper.is_none());
    }

    #[test]
    fn tells_line_and_column() {
        for (text, place, told) in [
            ("device: x\nruntme: {}\n", ":2:1: ", "unknown field `runtme`"),
            ("device: x\nruntime:\n  memory_budget: 3GB\n", ":3:18: ", "unknown unit `GB`"),
            ("device: x\nruntime:\n  threads: {intra: -1}\n", ":3:20: ", "intra"),
            ("device: x\nmodels:\n  wisper: {path: a}\n", ":3:3: ", "expected one of `whisper`, `blip`, `student`"),
            ("device: x\nexecution_providers: [gpu]\n", ":2:23: ", "unknown execution provider `gpu`"),
            ("device: x\nruntime:\n  library: nowhere.so\n", ":3:12: ", "nowhere.so is not there"),
            ("device: x\nruntime:\n  threads: {intra: 50000}\n", ":3:20: ", "more than 1024"),
            ("device: x\npipeline:\n  - caption\n  - caption\n", ":4:5: ", "stands twice"),
            ("device: x\npipeline:\n  - ask: {question: transcript}\n", ":3:5: ", "no `transcribe` before it"),
            ("device: x\npipeline:\n  - caption\n  - ask: {answers: no.txt}\n", ":4:20: ", "answers: "),
            ("device: x\npipeline: [match: {texts: 3}]\n", ":2:27: ", "a file with one text a line, or a list"),
            ("device: x\npipeline:\n  - caption: {beams: 99}\n", ":3:5: ", "`caption`: beams: 99 is not within"),
            ("device: x\nmodels: {blip: onnx/blip}\n", ":2:16: ", "a model must be a mapping"),
            ("runtime: {}\n", "", "missing field `device`"),
            ("device: [\n", "", "device"),
        ] {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(told), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn relative_paths_start_above_a_configs_folder() {
        assert_eq!(base_folder(Path::new("/opt/e/configs/cpu.yaml")), Path::new("/opt/e"));
        assert_eq!(base_folder(Path::new("configs/cpu.yaml")), Path::new(""));
        assert_eq!(base_folder(Path::new("/etc/edgefuse/board.yaml")), Path::new("/etc/edgefuse"));
    }
}

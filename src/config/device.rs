//! A device file: the library, providers, threads, memory and models that one board uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::extends::{self, Layer};
use super::media::{Ffmpeg, Media};
use super::model_entry::{MODEL_FILE, ModelEntry};
use super::model_folder::capability;
use super::models;
use super::names::unusable_name;
use super::precisions::Precisions;
use super::provider::{Provider, Providers};
use super::raw::RawRuntime;
use super::runtime::{Runtime, Threads};
use super::server::Server;
use super::sinks::{self, Sink};
use super::sources::{self, Source};
use super::steps::{self, NamedStep, Step};

/// A device file that was read and checked.
#[derive(Debug, Clone)]
pub struct Device {
    /// The name in `device:`.
    pub name: String,
    /// The file it was read from.
    pub path: PathBuf,
    /// The files that it extends, nearest first.
    pub extended: Vec<PathBuf>,
    /// Base folder of the relative paths in the file: the file's own folder, or the parent of a folder called `configs`
    /// that contains it or its folder.
    pub base: PathBuf,
    /// Library, memory and threads.
    pub runtime: Runtime,
    /// Models by name, whatever their kinds: a folder's `model.yaml` states its kind.
    pub models: BTreeMap<String, ModelEntry>,
    /// How recordings are decoded.
    pub media: Media,
    /// Steps of `edgefuse run`, in order.
    pub pipeline: Vec<Step>,
    /// What `edgefuse serve` offers.
    pub server: Server,
    /// Where `edgefuse serve` gets records from, by name.
    pub sources: BTreeMap<String, Source>,
    /// Where the results of the device's sources go.
    pub sinks: Vec<Sink>,
    /// Execution providers of models that do not name any, in order of preference.
    pub execution_providers: Vec<Provider>,
}

impl Device {
    /// A device without models or steps and without a file: ONNX Runtime is searched for in the usual places, and
    /// relative paths start from the current folder.
    pub fn new(name: impl Into<String>) -> Self {
        Device {
            name: name.into(),
            path: PathBuf::new(),
            extended: Vec::new(),
            base: PathBuf::new(),
            runtime: Runtime::default(),
            models: BTreeMap::new(),
            media: Media::default(),
            pipeline: Vec::new(),
            server: Server::default(),
            sources: BTreeMap::new(),
            sinks: Vec::new(),
            execution_providers: vec![Provider::cpu()],
        }
    }

    /// Reads and checks a device file, and those it extends. Model folders are checked when a model is first used, so
    /// that a board without one of the models can still do what needs the others.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and column for malformed YAML, unknown keys, wrong units, a missing library, and
    /// files that extend one another in a circle.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let layers = checked(path)?;
        layers.iter().try_for_each(library_is_there)?;
        layers.iter().try_for_each(ffmpeg_is_there)?;
        Self::of(path, &layers)
    }

    /// [`Device::load`] for a device that is not this machine: its library need not exist.
    ///
    /// # Errors
    /// As [`Device::load`], apart from the missing library.
    pub fn load_for_elsewhere(path: &Path) -> Result<Self, ConfigError> {
        Self::of(path, &checked(path)?)
    }

    fn of(path: &Path, layers: &[Layer]) -> Result<Self, ConfigError> {
        if layers[0].raw.device.trim().is_empty() {
            let problem = "device: the name is empty; write one, such as `front-door`".to_string();
            return Err(layers[0].wrong(&["device"], problem));
        }
        // The nearest file wins.
        let library = layers.iter().find_map(|layer| Some(layer.base.join(layer.raw.runtime.library.as_ref()?)));
        let providers = layers.iter().find_map(|layer| Some(layer.rooted(layer.raw.execution_providers.as_ref()?)));
        let providers = providers.unwrap_or_else(|| vec![Provider::cpu()]);
        let runtime =
            |value: fn(&RawRuntime) -> Option<usize>| layers.iter().find_map(|layer| value(&layer.raw.runtime));
        let default = Threads::default();
        let threads = Threads {
            intra: runtime(|raw| raw.threads.intra).unwrap_or(default.intra),
            inter: runtime(|raw| raw.threads.inter).unwrap_or(default.inter),
            spinning: layers.iter().find_map(|layer| layer.raw.runtime.threads.spinning).unwrap_or(default.spinning),
        };
        let on_missing = layers.iter().find_map(|layer| layer.raw.runtime.on_missing_provider);
        let models = models::of(layers, &providers)?;
        let sources = sources::of(layers)?;
        Ok(Device {
            name: layers[0].raw.device.clone(),
            path: path.to_path_buf(),
            extended: layers[1..].iter().map(|layer| layer.path.clone()).collect(),
            base: layers[0].base.clone(),
            runtime: Runtime {
                library,
                library_is_relative: layers
                    .iter()
                    .find_map(|layer| layer.raw.runtime.library.as_ref())
                    .is_some_and(|library| library.is_relative()),
                memory_budget: layers.iter().find_map(|layer| layer.raw.runtime.memory_budget),
                threads,
                on_missing_provider: on_missing.unwrap_or_default(),
                report_placement: layers.iter().find_map(|layer| layer.raw.runtime.report_placement).unwrap_or(false),
                idle_unload: layers.iter().find_map(|layer| layer.raw.runtime.idle_unload),
                requests: layers.iter().find_map(|layer| layer.raw.runtime.requests).unwrap_or_default(),
            },
            models,
            media: Media { ffmpeg: layers.iter().find_map(ffmpeg).unwrap_or_default(), ..Media::default() },
            pipeline: pipeline(layers)?,
            server: layers.iter().find_map(server).unwrap_or_default(),
            sinks: listed_sinks(layers, &sources)?,
            sources,
            execution_providers: providers,
        })
    }

    /// Every execution provider that any graph may use; may contain duplicates.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.models.values().flat_map(|entry| entry.execution_providers.iter()).chain(&self.execution_providers)
    }

    /// The options of the pipeline's step of this type, or the defaults if it has none.
    pub fn options<T: NamedStep>(&self) -> T {
        self.pipeline.iter().find_map(Step::as_options::<T>).cloned().unwrap_or_default()
    }

    /// The entry of another model folder, for `--model NAME`: a folder by its path, or by its name in `onnx/`.
    /// Precision and providers are those of `like`, the entry it replaces, or the defaults.
    pub fn other_model(&self, name: &str, like: Option<&ModelEntry>) -> ModelEntry {
        let as_path = Path::new(name);
        let path =
            if as_path.join(MODEL_FILE).is_file() { as_path.to_path_buf() } else { self.base.join("onnx").join(name) };
        let entry = self.unlisted_model(path, format!("--model {name}"));
        match like {
            Some(like) => ModelEntry {
                precision: like.precision.clone(),
                execution_providers: like.execution_providers.clone(),
                require: like.require.clone(),
                ..entry
            },
            None => entry,
        }
    }

    /// The entry of a model folder that the device file does not list, with the defaults of its models; `origin` is who
    /// named the folder, for errors.
    pub fn unlisted_model(&self, path: PathBuf, origin: String) -> ModelEntry {
        ModelEntry {
            origin,
            precision: Precisions::default(),
            execution_providers: Providers::all(self.execution_providers.clone()),
            ..ModelEntry::new(path)
        }
    }
}

/// Reads a device file and those it extends, and checks each on its own.
fn checked(path: &Path) -> Result<Vec<Layer>, ConfigError> {
    let layers = extends::read(path)?;
    layers.iter().try_for_each(check)?;
    Ok(layers)
}

/// Checks one file on its own.
fn check(layer: &Layer) -> Result<(), ConfigError> {
    let raw = &layer.raw;
    for (key, model) in &raw.models {
        if let Some(problem) = unusable_name(key) {
            return Err(layer.wrong(&["models", key], format!("models.{key:?}: {problem}")));
        }
        let mut tasks = model.tasks.iter().flatten();
        if let Some(task) = tasks.find(|task| !capability::ALL.contains(&task.as_str())) {
            let known = capability::ALL.join(", ");
            let problem = format!("models.{key}.tasks: unknown task `{task}`, expected some of {known}");
            return Err(layer.wrong(&["models", key, "tasks"], problem));
        }
        let lists = model.execution_providers.iter();
        let mut lists = lists.flat_map(|by_graph| by_graph.graphs.values().chain(&by_graph.others));
        if lists.any(Vec::is_empty) {
            let problem = format!("models.{key}.execution_providers: no provider; name at least `cpu`");
            return Err(layer.wrong(&["models", key, "execution_providers"], problem));
        }
    }
    if raw.execution_providers.as_ref().is_some_and(Vec::is_empty) {
        let problem = "execution_providers: no provider; name at least `cpu`".to_string();
        return Err(layer.wrong(&["execution_providers"], problem));
    }
    if raw.runtime.threads.inter == Some(0) {
        let problem = "runtime.threads.inter: 0 is not within 1 to 1024".to_string();
        return Err(layer.wrong(&["runtime", "threads", "inter"], problem));
    }
    if let Some(Err((index, problem))) = raw.pipeline.as_ref().map(|steps| steps::check(steps)) {
        return Err(layer.wrong(&["pipeline", &index.to_string()], format!("pipeline: {problem}")));
    }
    if let Some(Err((keys, problem))) = raw.server.as_ref().map(Server::check) {
        let place: Vec<&str> = std::iter::once("server").chain(keys).collect();
        return Err(layer.wrong(&place, format!("{}: {problem}", place.join("."))));
    }
    if let Some(Err((keys, problem))) = raw.sinks.as_deref().map(sinks::check) {
        let place: Vec<&str> = std::iter::once("sinks").chain(keys.iter().map(String::as_str)).collect();
        return Err(layer.wrong(&place, format!("{}: {problem}", place.join("."))));
    }
    Ok(())
}

/// The service that a file describes, with its paths resolved.
fn server(layer: &Layer) -> Option<Server> {
    let mut server = layer.raw.server.clone()?;
    if let Some(file) = server.http.as_mut().and_then(|http| http.api_key_file.as_mut()) {
        *file = layer.base.join(&*file);
    }
    for folder in server.http.iter_mut().flat_map(|http| http.indexes.values_mut()) {
        *folder = layer.base.join(&*folder);
    }
    Some(server)
}

/// The sinks of the nearest file that lists any, with their paths resolved.
fn listed_sinks(layers: &[Layer], sources: &BTreeMap<String, Source>) -> Result<Vec<Sink>, ConfigError> {
    let named = layers.iter().find_map(|layer| Some((layer, layer.raw.sinks.as_deref()?)));
    let Some((layer, listed)) = named else { return Ok(Vec::new()) };
    for (index, sink) in listed.iter().enumerate() {
        let mut named = sink.filter.sources.iter().flatten();
        if let Some(name) = named.find(|name| !sources.contains_key(*name)) {
            let problem = format!("sinks.{index}.sources: there is no source `{name}`");
            return Err(layer.wrong(&["sinks", &index.to_string(), "sources"], problem));
        }
    }
    Ok(sinks::rooted(listed, &layer.base))
}

/// The ffmpeg that a file names, with its path resolved.
fn ffmpeg(layer: &Layer) -> Option<Ffmpeg> {
    layer.raw.media.ffmpeg.clone().map(|ffmpeg| match ffmpeg {
        Ffmpeg::Program(path) => Ffmpeg::Program(layer.base.join(path)),
        other => other,
    })
}

fn ffmpeg_is_there(layer: &Layer) -> Result<(), ConfigError> {
    match ffmpeg(layer) {
        Some(Ffmpeg::Program(path)) if !path.is_file() => {
            let problem = format!("media.ffmpeg: {} does not exist", path.display());
            Err(layer.wrong(&["media", "ffmpeg"], problem))
        }
        _ => Ok(()),
    }
}

fn library_is_there(layer: &Layer) -> Result<(), ConfigError> {
    let library = layer.raw.runtime.library.as_ref().map(|library| layer.base.join(library));
    match library.filter(|library| !library.exists()) {
        None => Ok(()),
        Some(library) => {
            let problem = format!("runtime.library: {} does not exist", library.display());
            Err(layer.wrong(&["runtime", "library"], problem))
        }
    }
}

/// The steps of the nearest file that has any, with the paths of their files resolved.
fn pipeline(layers: &[Layer]) -> Result<Vec<Step>, ConfigError> {
    let named = layers.iter().find_map(|layer| Some((layer, layer.raw.pipeline.clone()?)));
    named.map_or(Ok(Vec::new()), |(layer, steps)| rooted_steps(layer, &["pipeline"], steps))
}

/// The steps at `keys` of a file, with the paths of their lists resolved.
pub(super) fn rooted_steps(layer: &Layer, keys: &[&str], mut steps: Vec<Step>) -> Result<Vec<Step>, ConfigError> {
    for (index, step) in steps.iter_mut().enumerate() {
        let name = step.name();
        if let Some(path) = step.options_mut().output_mut() {
            *path = layer.base.join(&*path);
        }
        for (key, path) in step.options_mut().files_mut() {
            *path = layer.base.join(&*path);
            if !path.is_file() {
                let problem = format!("{}: `{name}`: {key}: {} does not exist", keys.join("."), path.display());
                return Err(layer.wrong(&[keys, &[&index.to_string(), name, key]].concat(), problem));
            }
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Wanted;

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
        assert_eq!(device.models["blip"].precision.of("vision"), Wanted::Named("int8"));
        assert_eq!(device.models.len(), 1);
    }

    #[test]
    fn reports_line_and_column() {
        for (text, place, expected) in [
            ("device: ''\n", ":1:9: ", "the name is empty"),
            ("device: x\npipeline: caption\n", ":2:11: ", "expected a list"),
            ("device: x\nruntme: {}\n", ":2:1: ", "unknown field `runtme`"),
            ("device: x\nruntime:\n  memory_budget: 3GB\n", ":3:18: ", "unknown unit `GB`"),
            ("device: x\nruntime:\n  threads: {intra: -1}\n", ":3:20: ", "expected a number of threads up to 1024"),
            ("device: x\nmodels: {blip: {precision: int8}}\n", ":2:16: ", "no `path`"),
            ("device: x\nmodels: {blip: {path: a, tasks: [see]}}\n", ":2:33: ", "unknown task `see`, expected some of"),
            ("device: x\nmodels:\n  'a b': {path: a}\n", ":3:10: ", "models.\"a b\": a name is up to 64 letters"),
            ("device: x\nexecution_providers: [gpu]\n", ":2:23: ", "unknown execution provider `gpu`"),
            ("device: x\nruntime:\n  library: nowhere.so\n", ":3:12: ", "nowhere.so does not exist"),
            ("device: x\nmedia: {ffmpeg: bin/ffmpeg}\n", ":2:17: ", "bin/ffmpeg does not exist"),
            ("device: x\nmedia: {ffmpeg: always}\n", ":2:17: ", "expected `auto`, `never` or the path of an ffmpeg"),
            ("device: x\nmedia: [never]\n", ":2:8: ", "`media` must be a mapping such as `{ffmpeg: never}`"),
            ("device: x\nruntime:\n  threads: {intra: 50000}\n", ":3:20: ", "more than 1024"),
            ("device: x\npipeline:\n  - caption\n  - caption\n", ":4:5: ", "duplicate step `caption`"),
            ("device: x\npipeline:\n  - ask: {question: transcript}\n", ":3:5: ", "no `transcribe` comes before it"),
            ("device: x\npipeline:\n  - caption\n  - ask: {answers: no.txt}\n", ":4:20: ", "answers: "),
            ("device: x\nserver: {http: {listen: '127.0.0.1:1', port: 1}}\n", ":2:40: ", "unknown field `port`"),
            ("device: x\nserver: {http: {listen: '127.0.0.1:1', limits: {connections: 0}}}\n", ":2:62: ", "at least 1"),
            (
                "device: x\nsinks:\n  - jsonl: {path: a, keep: 20000}\n",
                ":3:28: ",
                "sinks.0.jsonl.keep: must be at most",
            ),
            ("device: x\nsinks:\n  - {jsonl: {path: a}, sources: [door]}\n", ":3:33: ", "there is no source `door`"),
            ("device: x\nsinks:\n  - jsonl: {path: a}\n  - kafka: {}\n", ":4:5: ", "unknown field `kafka`"),
            ("device: x\npipeline: [match: {texts: 3}]\n", ":2:27: ", "a file with one text per line, or a list"),
            ("device: x\npipeline:\n  - caption: {beams: 99}\n", ":3:5: ", "`caption`: beams: 99 is not within"),
            ("device: x\nmodels: {blip: onnx/blip}\n", ":2:16: ", "a model must be a mapping"),
            ("runtime: {}\n", "", "missing field `device`"),
            ("device: [\n", ":2:1: ", "did not find expected"),
        ] {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(expected), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn an_ffmpeg_is_chosen_by_the_nearest_file_that_does() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bin/ffmpeg");
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(&program, "").unwrap();
        let chosen = |text: &str| {
            let path = folder.path().join("board.yaml");
            fs::write(&path, format!("device: board\n{text}\n")).unwrap();
            Device::load(&path).unwrap().media.ffmpeg
        };
        fs::write(folder.path().join("base.yaml"), "device: base\nmedia: {ffmpeg: never}\n").unwrap();
        assert_eq!(chosen(""), Ffmpeg::Auto);
        assert_eq!(chosen("media: {ffmpeg: auto}"), Ffmpeg::Auto);
        assert_eq!(chosen("media: {ffmpeg: bin/ffmpeg}"), Ffmpeg::Program(program));
        assert_eq!(chosen("extends: base.yaml"), Ffmpeg::Never);
        assert_eq!(chosen("extends: base.yaml\nmedia: {ffmpeg: auto}"), Ffmpeg::Auto);
    }

    #[test]
    fn a_file_fills_the_gaps_of_the_one_that_extends_it() {
        let folder = tempfile::tempdir().unwrap();
        let configs = folder.path().join("configs");
        fs::create_dir(&configs).unwrap();
        let base = "device: base\nruntime: {memory_budget: 1GiB, threads: {intra: 2, spinning: true}}\n\
                    execution_providers: [cuda, cpu]\nmodels:\n  blip: {path: onnx/b, precision: int8}\n\
                    \x20 vad: {path: onnx/v}\npipeline: [caption]\n";
        fs::write(configs.join("base.yaml"), base).unwrap();
        let path = folder.path().join("board.yaml");
        let text = "device: board\nextends: configs/base.yaml\nruntime: {threads: {intra: 4}}\n\
                    models:\n  blip: {precision: fp16, execution_providers: {vision: [cpu]}, require: {cpu: 1}}\n";
        fs::write(&path, text).unwrap();
        let device = Device::load(&path).unwrap();
        assert_eq!((device.name.as_str(), device.base.as_path()), ("board", folder.path()));
        assert_eq!(device.runtime.threads, Threads { intra: 4, inter: 1, spinning: true });
        let names = |list: &[Provider]| list.iter().map(Provider::name).collect::<Vec<_>>();
        let blip = &device.models["blip"];
        assert_eq!((&blip.path, blip.precision.of("vision")), (&folder.path().join("onnx/b"), Wanted::Named("fp16")));
        assert_eq!(names(blip.execution_providers.of("vision")), ["cpu"]);
        assert_eq!(names(blip.execution_providers.of("caption_decoder")), ["cuda", "cpu"]);
        assert!(blip.require.of("vision").is_some() && device.models.contains_key("vad"));
        assert_eq!(device.pipeline.len(), 1);
    }
}

//! A device file: the library, providers, threads, memory and models that one board uses.

use std::path::{Path, PathBuf};

use super::ask::AskOptions;
use super::caption::CaptionOptions;
use super::error::ConfigError;
use super::extends::{self, Layer};
use super::match_options::MatchOptions;
use super::media::{Ffmpeg, Media};
use super::model_entry::{MODEL_FILE, ModelEntry};
use super::model_folder::Kind;
use super::pipeline::{self, Step};
use super::provider::{Provider, Providers};
use super::raw::{RawModel, RawModels, RawRuntime};
use super::runtime::{Runtime, Threads};
use super::texts::Texts;
use super::transcribe::TranscribeOptions;

/// A device file that was read and checked.
#[derive(Debug, Clone)]
pub struct Device {
    /// The name in `device:`.
    pub name: String,
    /// The file it was read from.
    pub path: PathBuf,
    /// The files that it extends, nearest first.
    pub extended: Vec<PathBuf>,
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
    /// How recordings are decoded.
    pub media: Media,
    /// Steps of `edgefuse run`, in order.
    pub pipeline: Vec<Step>,
    /// Execution providers of a model that names none itself, in order of preference.
    pub execution_providers: Vec<Provider>,
}

impl Device {
    /// A device without models or steps that no file describes: ONNX Runtime is looked for where no file names it, and
    /// relative paths start from the current folder.
    pub fn new(name: impl Into<String>) -> Self {
        Device {
            name: name.into(),
            path: PathBuf::new(),
            extended: Vec::new(),
            base: PathBuf::new(),
            runtime: Runtime::default(),
            whisper: None,
            blip: None,
            student: None,
            vad: None,
            media: Media::default(),
            pipeline: Vec::new(),
            execution_providers: vec![Provider::cpu()],
        }
    }

    /// The entry of the device's model of this kind.
    pub fn model_mut(&mut self, kind: &Kind) -> &mut Option<ModelEntry> {
        match kind {
            Kind::Whisper(_) => &mut self.whisper,
            Kind::Blip(_) | Kind::Blip2(_) => &mut self.blip,
            Kind::Student(_) => &mut self.student,
            Kind::Vad(_) => &mut self.vad,
        }
    }

    /// Reads and checks a device file, and those it extends. Model folders are looked at when a model is first used, so
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

    /// [`Device::load`] for a device that is not this machine: its library need not be there.
    ///
    /// # Errors
    /// As there, but for the missing library.
    pub fn load_for_elsewhere(path: &Path) -> Result<Self, ConfigError> {
        Self::of(path, &checked(path)?)
    }

    fn of(path: &Path, layers: &[Layer]) -> Result<Self, ConfigError> {
        // What the nearest file says holds.
        let library = layers.iter().find_map(|layer| Some(layer.base.join(layer.raw.runtime.library.as_ref()?)));
        let providers = layers.iter().find_map(|layer| Some(rooted(layer, layer.raw.execution_providers.as_ref()?)));
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
        let model = |key: &str, of: fn(&RawModels) -> Option<&RawModel>| entry(layers, key, of, &providers);
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
            },
            whisper: model("whisper", |models| models.whisper.as_ref())?,
            blip: model("blip", |models| models.blip.as_ref())?,
            student: model("student", |models| models.student.as_ref())?,
            vad: model("vad", |models| models.vad.as_ref())?,
            media: Media { ffmpeg: layers.iter().find_map(ffmpeg).unwrap_or_default() },
            pipeline: steps(layers)?,
            execution_providers: providers,
        })
    }

    /// Every execution provider that any graph may have; one may come several times.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        let models = [&self.whisper, &self.blip, &self.student, &self.vad].into_iter().flatten();
        models.flat_map(|entry| entry.execution_providers.iter()).chain(&self.execution_providers)
    }

    /// The options of the pipeline's `transcribe` step, or the defaults where it has none.
    pub fn transcribe_options(&self) -> TranscribeOptions {
        self.options(|step| if let Step::Transcribe(options) = step { Some(options.as_ref()) } else { None })
    }

    /// The options of the pipeline's `caption` step, or the defaults where it has none.
    pub fn caption_options(&self) -> CaptionOptions {
        self.options(|step| if let Step::Caption(options) = step { Some(options) } else { None })
    }

    /// The options of the pipeline's `ask` step, or the defaults where it has none.
    pub fn ask_options(&self) -> AskOptions {
        self.options(|step| if let Step::Ask(options) = step { Some(options) } else { None })
    }

    /// The options of the pipeline's `match` step, or the defaults where it has none.
    pub fn match_options(&self) -> MatchOptions {
        self.options(|step| if let Step::Match(options) = step { Some(options) } else { None })
    }

    fn options<T: Clone + Default>(&self, of: impl Fn(&Step) -> Option<&T>) -> T {
        self.pipeline.iter().find_map(of).cloned().unwrap_or_default()
    }

    /// The entry of another model folder, for `--model NAME`: a folder by its path, or by its name in `onnx/`.
    /// Precision and providers are those of `like`, the entry it replaces, or the defaults.
    pub fn other_model(&self, name: &str, like: Option<&ModelEntry>) -> ModelEntry {
        let as_path = Path::new(name);
        let path =
            if as_path.join(MODEL_FILE).is_file() { as_path.to_path_buf() } else { self.base.join("onnx").join(name) };
        ModelEntry {
            path,
            origin: format!("--model {name}"),
            precision: like.map(|entry| entry.precision.clone()).unwrap_or_default(),
            execution_providers: like.map_or_else(
                || Providers::all(self.execution_providers.clone()),
                |entry| entry.execution_providers.clone(),
            ),
            require: like.map(|entry| entry.require.clone()).unwrap_or_default(),
        }
    }
}

/// Reads a device file and those it extends, and checks what each says by itself.
fn checked(path: &Path) -> Result<Vec<Layer>, ConfigError> {
    let layers = extends::read(path)?;
    layers.iter().try_for_each(check)?;
    Ok(layers)
}

/// Checks what one file says by itself.
fn check(layer: &Layer) -> Result<(), ConfigError> {
    let raw = &layer.raw;
    let lists = [("whisper", &raw.models.whisper), ("blip", &raw.models.blip), ("student", &raw.models.student)];
    for (key, model) in lists.into_iter().chain([("vad", &raw.models.vad)]) {
        let lists = model.iter().flat_map(|model| &model.execution_providers);
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
    if let Some(Err((index, problem))) = raw.pipeline.as_ref().map(|steps| pipeline::check(steps)) {
        return Err(layer.wrong(&["pipeline", &index.to_string()], format!("pipeline: {problem}")));
    }
    Ok(())
}

/// The ffmpeg that a file names, by its path from where the file's paths start.
fn ffmpeg(layer: &Layer) -> Option<Ffmpeg> {
    layer.raw.media.ffmpeg.clone().map(|ffmpeg| match ffmpeg {
        Ffmpeg::Program(path) => Ffmpeg::Program(layer.base.join(path)),
        other => other,
    })
}

fn ffmpeg_is_there(layer: &Layer) -> Result<(), ConfigError> {
    match ffmpeg(layer) {
        Some(Ffmpeg::Program(path)) if !path.is_file() => {
            let problem = format!("media.ffmpeg: {} is not there", path.display());
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
            let problem = format!("runtime.library: {} is not there", library.display());
            Err(layer.wrong(&["runtime", "library"], problem))
        }
    }
}

/// A list of providers with its paths read from where the file's paths start.
fn rooted(layer: &Layer, list: &[Provider]) -> Vec<Provider> {
    list.iter().map(|provider| provider.clone().relative_to(&layer.base)).collect()
}

/// The steps of the nearest file that has any, with the paths of their lists read from where its paths start.
fn steps(layers: &[Layer]) -> Result<Vec<Step>, ConfigError> {
    let named = layers.iter().find_map(|layer| Some((layer, layer.raw.pipeline.clone()?)));
    let Some((layer, mut steps)) = named else { return Ok(Vec::new()) };
    for (index, step) in steps.iter_mut().enumerate() {
        let name = step.name();
        let Some((key, texts)) = step.texts() else { continue };
        *texts = texts.clone().relative_to(&layer.base);
        if let Texts::File(path) = texts
            && !path.is_file()
        {
            let problem = format!("pipeline: `{name}`: {key}: {} is not there", path.display());
            return Err(layer.wrong(&["pipeline", &index.to_string(), name, key], problem));
        }
    }
    Ok(steps)
}

/// The model of one kind: each of its keys from the nearest file that has it.
fn entry(
    layers: &[Layer],
    key: &str,
    of: fn(&RawModels) -> Option<&RawModel>,
    providers: &[Provider],
) -> Result<Option<ModelEntry>, ConfigError> {
    let named: Vec<(&Layer, &RawModel)> =
        layers.iter().filter_map(|layer| Some((layer, of(&layer.raw.models)?))).collect();
    let Some((nearest, _)) = named.first() else { return Ok(None) };
    let Some((layer, path)) = named.iter().find_map(|(layer, model)| Some((layer, model.path.as_ref()?))) else {
        return Err(nearest.wrong(&["models", key], format!("models.{key}: no `path`, the model folder")));
    };
    let own = named.iter().find_map(|(layer, model)| {
        let list = model.execution_providers.as_ref()?;
        Some(list.clone().map(|list| rooted(layer, &list)))
    });
    Ok(Some(ModelEntry {
        origin: format!("{}: models.{key}.path", layer.place(&["models", key, "path"])),
        path: layer.base.join(path),
        precision: named.iter().find_map(|(_, model)| model.precision.clone()).unwrap_or_default(),
        execution_providers: Providers::of_model(own.unwrap_or_default(), providers),
        require: named.iter().find_map(|(_, model)| model.require.clone()).unwrap_or_default(),
    }))
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
        assert_eq!(device.blip.unwrap().precision.of("vision"), Wanted::Named("int8"));
        assert!(device.whisper.is_none());
    }

    #[test]
    fn tells_line_and_column() {
        for (text, place, told) in [
            ("device: x\nruntme: {}\n", ":2:1: ", "unknown field `runtme`"),
            ("device: x\nruntime:\n  memory_budget: 3GB\n", ":3:18: ", "unknown unit `GB`"),
            ("device: x\nruntime:\n  threads: {intra: -1}\n", ":3:20: ", "expected a number of threads up to 1024"),
            ("device: x\nmodels: {blip: {precision: int8}}\n", ":2:16: ", "no `path`"),
            ("device: x\nmodels:\n  wisper: {path: a}\n", ":3:3: ", "expected one of `whisper`, `blip`, `student`"),
            ("device: x\nexecution_providers: [gpu]\n", ":2:23: ", "unknown execution provider `gpu`"),
            ("device: x\nruntime:\n  library: nowhere.so\n", ":3:12: ", "nowhere.so is not there"),
            ("device: x\nmedia: {ffmpeg: bin/ffmpeg}\n", ":2:17: ", "bin/ffmpeg is not there"),
            ("device: x\nmedia: {ffmpeg: always}\n", ":2:17: ", "expected `auto`, `never` or the path of an ffmpeg"),
            ("device: x\nmedia: [never]\n", ":2:8: ", "`media` must be a mapping such as `{ffmpeg: never}`"),
            ("device: x\nruntime:\n  threads: {intra: 50000}\n", ":3:20: ", "more than 1024"),
            ("device: x\npipeline:\n  - caption\n  - caption\n", ":4:5: ", "stands twice"),
            ("device: x\npipeline:\n  - ask: {question: transcript}\n", ":3:5: ", "no `transcribe` before it"),
            ("device: x\npipeline:\n  - caption\n  - ask: {answers: no.txt}\n", ":4:20: ", "answers: "),
            ("device: x\npipeline: [match: {texts: 3}]\n", ":2:27: ", "a file with one text a line, or a list"),
            ("device: x\npipeline:\n  - caption: {beams: 99}\n", ":3:5: ", "`caption`: beams: 99 is not within"),
            ("device: x\nmodels: {blip: onnx/blip}\n", ":2:16: ", "a model must be a mapping"),
            ("runtime: {}\n", "", "missing field `device`"),
            ("device: [\n", ":2:1: ", "did not find expected"),
        ] {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(told), "{text}: {error}");
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
        let blip = device.blip.unwrap();
        assert_eq!((blip.path, blip.precision.of("vision")), (folder.path().join("onnx/b"), Wanted::Named("fp16")));
        assert_eq!(names(blip.execution_providers.of("vision")), ["cpu"]);
        assert_eq!(names(blip.execution_providers.of("caption_decoder")), ["cuda", "cpu"]);
        assert!(blip.require.of("vision").is_some() && device.vad.is_some());
        assert_eq!(device.pipeline.len(), 1);
    }
}

//! What the board must provide itself if the bundle contains no library.

use std::collections::BTreeSet;

use super::{Bundle, model};
use edgefuse::config::model_folder::{ModelFolder, RuntimeVersion};
use edgefuse::config::{Device, ModelEntry, OnMissingProvider};
use edgefuse::engine::{Processor, oldest_library};

/// One sentence for the packager: version, architecture and providers of the library that the models need.
pub(super) fn needed(bundle: &Bundle, device: &Device, models: &[(&ModelEntry, &ModelFolder)]) -> String {
    let providers = providers(device);
    let with = match providers.is_empty() {
        true => String::new(),
        false => format!(" with {}", providers.join(", ")),
    };
    format!("ONNX Runtime {} or a later 1.x for {}{with}", version(bundle, models), bundle.target)
}

/// The file for the installer. `why` says why there is no library; `needed` is the sentence above.
pub(super) fn requirements(device: &Device, config: &str, why: &str, needed: &str) -> String {
    let place = match &device.runtime.library {
        Some(path) => {
            format!("It is expected at {} (`runtime.library` in configs/{config} or what it extends).", path.display())
        }
        None => format!(
            "It is searched for in ORT_DYLIB_PATH, then as lib/libonnxruntime.so in this folder, then by the dynamic loader.\n\
             The service has no ORT_DYLIB_PATH: put the library, or a link to it, at lib/libonnxruntime.so before you run install.sh, or\n\
             name it as `runtime.library` in a device file that extends configs/{config}."
        ),
    };
    let missing = match (device.runtime.on_missing_provider, providers(device).is_empty()) {
        (_, true) => String::new(),
        (OnMissingProvider::Error, _) => {
            "A provider that does not load is an error (`on_missing_provider: error`).\n".to_string()
        }
        (OnMissingProvider::Fallback, _) => {
            "A provider that does not load causes a warning, and the next one is used (`on_missing_provider: fallback`).\n"
                .to_string()
        }
    };
    format!(
        "This bundle does not contain ONNX Runtime: {why}.\n\nThe board needs {needed}.\n{place}\n{missing}\n\
         ./edgefuse --config configs/{config} doctor reports what is found and what loads; install.sh runs it first.\n"
    )
}

/// The oldest library that runs all graphs, each in the least demanding of its packed precisions, whatever the board's
/// processor.
fn version(bundle: &Bundle, models: &[(&ModelEntry, &ModelFolder)]) -> RuntimeVersion {
    let processors = Processor::of_machine(bundle.target);
    let needs = models.iter().flat_map(|(entry, folder)| {
        let graphs = folder.common.graphs.iter();
        graphs.filter_map(|(role, graph)| {
            let precisions = model::precisions(entry, role, graph, bundle.target);
            let needed = |precision: &String| processors.iter().map(|it| it.needed(graph, precision)).max().flatten();
            precisions.iter().map(needed).min().flatten()
        })
    });
    needs.fold(oldest_library(), RuntimeVersion::max)
}

/// The providers that such a library must have been built with; every library has the CPU.
fn providers(device: &Device) -> Vec<&'static str> {
    let names: BTreeSet<_> = device.providers().map(|provider| provider.name()).filter(|name| *name != "cpu").collect();
    names.into_iter().collect()
}

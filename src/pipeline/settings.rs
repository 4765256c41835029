//! The steps, options and models of a run, in a form that is stored with each result.

use std::collections::BTreeMap;
use std::fs;

use sha2::{Digest, Sha256};

use super::steps::uses;
use crate::config::{Device, MODEL_FILE, Step};
use crate::error::Error;
use crate::models::{choose_model, encoders_of};
use crate::support::hex::hex;

/// `caption-1f0c2d3e models.blip-9a8b7c6d`: a short hash for each step and each model that the steps use.
///
/// The hash of a step covers its options and the files that it names; that of a model covers `model.yaml`,
/// which lists the hash of every file, and the precisions. Execution providers and threads are left out, because they
/// do not determine what is computed.
///
/// # Errors
/// [`Error::Config`] for a list of texts that cannot be read.
pub fn settings(device: &Device, steps: &[Step]) -> Result<String, Error> {
    let mut parts = Vec::new();
    let mut models = BTreeMap::new();
    for step in steps {
        let mut hash = Sha256::new();
        hash.update(format!("{:?}", step.options()));
        if let Some((_, texts)) = step.options().texts() {
            hash.update(texts.load().map_err(Error::from)?.join("\n"));
        }
        let texts = step.options().texts().map(|(key, _)| key);
        for (_, path) in step.options().files().into_iter().filter(|(key, _)| Some(*key) != texts) {
            // The step reports a file that cannot be read.
            hash.update(fs::read(path).unwrap_or_default());
        }
        parts.push(format!("{}-{}", step.name(), hex(&hash.finalize()[..4])));
        for it in uses(step) {
            // The first step reports a model that cannot be chosen.
            if let Ok((name, _)) = choose_model(device, it.capability, it.model, step.name()) {
                // It reports encoders that cannot be used, too.
                let encoders = encoders_of(device, &name).unwrap_or_default().into_iter().map(|source| source.key);
                let named = std::iter::once(name).chain(encoders);
                models.extend(named.filter_map(|name| Some((name.clone(), device.models.get(&name)?))));
            }
        }
    }
    for (name, entry) in models {
        let file = entry.path.join(MODEL_FILE);
        let mut hash = Sha256::new();
        // The first step reports a missing model.
        hash.update(fs::read(&file).unwrap_or_default());
        hash.update(format!("{:?}", entry.precision));
        parts.push(format!("models.{name}-{}", hex(&hash.finalize()[..4])));
    }
    Ok(parts.join(" "))
}

/// Difference between two settings: `caption, models.blip`.
pub(super) fn difference(earlier: &str, now: &str) -> String {
    let parts = |text| -> BTreeMap<String, String> {
        let split = |part: &str| part.rsplit_once('-').map(|(name, hash)| (name.to_string(), hash.to_string()));
        str::split_whitespace(text).filter_map(split).collect()
    };
    let (earlier, now) = (parts(earlier), parts(now));
    let names: std::collections::BTreeSet<_> = earlier.keys().chain(now.keys()).collect();
    let mut differing = names.into_iter().filter(|name| earlier.get(*name) != now.get(*name)).cloned();
    let first: Vec<String> = differing.by_ref().collect();
    match first.is_empty() {
        // The same parts in another order.
        true => "the order of the steps".to_string(),
        false => first.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{AskOptions, ToyOptions};

    #[test]
    fn names_the_step_or_model_that_differs() {
        let folder = tempfile::tempdir().unwrap();
        let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/toy");
        for file in ["model.yaml", "toy.onnx"] {
            fs::copy(made.join(file), folder.path().join(file)).unwrap();
        }
        fs::write(folder.path().join("d.yaml"), "device: d\nmodels: {m: {path: .}}\n").unwrap();
        let device = Device::load(&folder.path().join("d.yaml")).unwrap();
        let toy = |gain| Step::new(serde_yaml::from_str::<ToyOptions>(&format!("gain: {gain}")).unwrap());
        let first = settings(&device, &[toy(1)]).unwrap();
        assert!(first.starts_with("toy-") && first.contains(" models.m-"), "{first}");
        assert_eq!(first, settings(&device, &[toy(1)]).unwrap());
        assert_eq!(difference(&first, &settings(&device, &[toy(2)]).unwrap()), "toy");
        let more = [toy(1), Step::new(AskOptions::default())];
        assert_eq!(difference(&first, &settings(&device, &more).unwrap()), "ask");
        let yaml = fs::read_to_string(folder.path().join("model.yaml")).unwrap();
        fs::write(folder.path().join("model.yaml"), yaml + "# changed\n").unwrap();
        assert_eq!(difference(&first, &settings(&device, &[toy(1)]).unwrap()), "models.m");
    }
}

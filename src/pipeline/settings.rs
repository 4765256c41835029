//! The steps, options and models of a run, in a form that is stored with each result.

use std::collections::BTreeMap;
use std::fs;

use sha2::{Digest, Sha256};

use super::version::hex;
use crate::config::{Device, MODEL_FILE, Step, Texts};
use crate::error::Error;

/// `caption-1f0c2d3e models.blip-9a8b7c6d`: a short hash for each step and each model that the steps use.
///
/// A step's covers its options and the texts of a list it names; a model's covers `model.yaml`, which lists the hash of
/// every file, and the precisions. Execution providers and threads are left out: they do not decide what is computed.
///
/// # Errors
/// [`Error::Config`] for a list of texts that cannot be read.
pub fn settings(device: &Device, steps: &[Step]) -> Result<String, Error> {
    let mut parts = Vec::new();
    let mut models = BTreeMap::new();
    for step in steps {
        let (texts, kinds): (Option<&Texts>, &[_]) = match step {
            Step::Transcribe(_) => (None, &["whisper", "vad"]),
            Step::Caption(_) => (None, &["blip"]),
            Step::Ask(options) => (options.answers.as_ref(), &["blip"]),
            Step::Match(options) => (options.texts.as_ref(), &["blip"]),
            // A student that does not hear is given the transcript.
            Step::Fuse(_) => (None, &["student", "whisper", "vad"]),
        };
        let mut hash = Sha256::new();
        hash.update(format!("{step:?}"));
        if let Some(texts) = texts {
            hash.update(texts.load().map_err(Error::from)?.join("\n"));
        }
        parts.push(format!("{}-{}", step.name(), hex(&hash.finalize()[..4])));
        models.extend(kinds.iter().filter_map(|kind| Some((*kind, entry(device, kind)?))));
    }
    for (kind, entry) in models {
        let file = entry.path.join(MODEL_FILE);
        let mut hash = Sha256::new();
        // A missing model is the first step's error to report.
        hash.update(fs::read(&file).unwrap_or_default());
        hash.update(format!("{:?}", entry.precision));
        parts.push(format!("models.{kind}-{}", hex(&hash.finalize()[..4])));
    }
    Ok(parts.join(" "))
}

fn entry<'a>(device: &'a Device, kind: &str) -> Option<&'a crate::config::ModelEntry> {
    match kind {
        "whisper" => device.whisper.as_ref(),
        "vad" => device.vad.as_ref(),
        "blip" => device.blip.as_ref(),
        _ => device.student.as_ref(),
    }
}

/// What differs between two settings: `caption, models.blip`.
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
    use super::*;
    use crate::config::CaptionOptions;

    #[test]
    fn names_the_step_or_model_that_differs() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("m")).unwrap();
        write("m/model.yaml", "one");
        write("d.yaml", "device: d\nmodels: {blip: {path: m}}\n");
        let device = Device::load(&folder.path().join("d.yaml")).unwrap();
        let caption =
            |beams| Step::Caption(serde_yaml::from_str::<CaptionOptions>(&format!("beams: {beams}")).unwrap());
        let first = settings(&device, &[caption(1)]).unwrap();
        assert_eq!(first, settings(&device, &[caption(1)]).unwrap());
        assert_eq!(difference(&first, &settings(&device, &[caption(2)]).unwrap()), "caption");
        let more = [caption(1), Step::Ask(crate::config::AskOptions::default())];
        assert_eq!(difference(&first, &settings(&device, &more).unwrap()), "ask");
        write("m/model.yaml", "another");
        assert_eq!(difference(&first, &settings(&device, &[caption(1)]).unwrap()), "models.blip");
    }
}

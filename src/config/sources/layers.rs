//! The sources of a device file and of those that it extends.

use std::collections::BTreeMap;

use super::{Source, SourceKind};
use crate::config::device::rooted_steps;
use crate::config::error::ConfigError;
use crate::config::extends::Layer;
use crate::config::names::unusable_name;

/// The sources of all files, with their paths resolved; of those with one name, the nearest file's.
pub(in crate::config) fn of(layers: &[Layer]) -> Result<BTreeMap<String, Source>, ConfigError> {
    let mut all = BTreeMap::new();
    for layer in layers.iter().rev() {
        for (name, raw) in &layer.raw.sources {
            let wrong = |(keys, problem)| wrong(layer, name, keys, problem);
            if let Some(problem) = unusable_name(name) {
                return Err(wrong((Vec::new(), problem.to_string())));
            }
            let mut source = raw.clone().check().map_err(wrong)?.relative_to(&layer.base);
            if let Some(steps) = source.pipeline.take() {
                source.pipeline = Some(rooted_steps(layer, &["sources", name, "pipeline"], steps)?);
            }
            all.insert(name.clone(), source);
        }
    }
    for (name, source) in &all {
        if let (Err((keys, problem)), Some(layer)) =
            (joins(source, &all), layers.iter().find(|layer| layer.raw.sources.contains_key(name)))
        {
            return Err(wrong(layer, name, keys, problem));
        }
    }
    Ok(all)
}

fn wrong(layer: &Layer, name: &str, keys: Vec<String>, problem: String) -> ConfigError {
    let keys: Vec<&str> = ["sources", name].into_iter().chain(keys.iter().map(String::as_str)).collect();
    layer.wrong(&keys, format!("{}: {problem}", keys.join(".")))
}

/// Checks that the sources that a join names exist and are of the right kinds.
fn joins(source: &Source, all: &BTreeMap<String, Source>) -> Result<(), (Vec<String>, String)> {
    let SourceKind::Join(join) = &source.kind else { return Ok(()) };
    let is_camera = |kind: &SourceKind| matches!(kind, SourceKind::Camera(_));
    let is_microphone = |kind: &SourceKind| matches!(kind, SourceKind::Microphone(_));
    let wrong = |key: &str, problem| Err((vec!["join".to_string(), key.to_string()], problem));
    match (all.get(&join.picture), all.get(&join.sound)) {
        (None, _) => wrong("picture", format!("no source `{}`", join.picture)),
        (_, None) => wrong("sound", format!("no source `{}`", join.sound)),
        (Some(picture), _) if !is_camera(&picture.kind) => {
            wrong("picture", format!("source `{}` is not a camera", join.picture))
        }
        (_, Some(sound)) if !is_microphone(&sound.kind) => {
            wrong("sound", format!("source `{}` is not a microphone", join.sound))
        }
        _ => Ok(()),
    }
}

//! The models of a device file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::error::ConfigError;
use super::extends::Layer;
use super::modality::Modality;
use super::model_entry::ModelEntry;
use super::provider::{Provider, Providers};
use super::raw::{Place, RawModel};
use super::remote::RemoteOptions;

/// The models of the files in `layers`, nearest first; `providers` are those of models that do not name any.
pub(super) fn of(layers: &[Layer], providers: &[Provider]) -> Result<BTreeMap<String, ModelEntry>, ConfigError> {
    let names: BTreeSet<&String> = layers.iter().flat_map(|layer| layer.raw.models.keys()).collect();
    let models = names.into_iter().map(|name| Ok((name.clone(), entry(layers, name, providers)?)));
    let models = models.collect::<Result<_, _>>()?;
    check_fallbacks(layers, &models)?;
    check_encoders(layers, &models)?;
    Ok(models)
}

/// The model called `key`; each of its keys comes from the nearest file that has it.
fn entry(layers: &[Layer], key: &str, providers: &[Provider]) -> Result<ModelEntry, ConfigError> {
    let named: Vec<(&Layer, &RawModel)> =
        layers.iter().filter_map(|layer| Some((layer, layer.raw.models.get(key)?))).collect();
    let Some(place) = named.iter().find_map(|(_, model)| model.place()) else {
        let nearest = named.first().map_or(&layers[0], |(layer, _)| layer);
        let problem = format!("models.{key}: no `path`, the model folder, and no `endpoint`");
        return Err(nearest.wrong(&["models", key], problem));
    };
    // Files that a nearer one overrides may say something else.
    let last = named.iter().position(|(_, model)| model.place() == Some(place)).unwrap_or_default();
    for (layer, model) in &named[..=last] {
        if let Some(stray) = model.stray(place) {
            let other = if place == Place::Folder { "a model folder (`path`)" } else { "an `endpoint`" };
            let problem = format!("models.{key}.{stray}: does not apply to {other}");
            return Err(layer.wrong(&["models", key, stray], problem));
        }
    }
    if place == Place::Endpoint {
        return remote(&named, key);
    }
    let found = named.iter().find_map(|(layer, model)| Some((layer, model.path.as_ref()?)));
    let Some((layer, path)) = found else { unreachable!("a place is a folder if there is a path") };
    let own = named.iter().find_map(|(layer, model)| {
        let list = model.execution_providers.as_ref()?;
        Some(list.clone().map(|list| layer.rooted(&list)))
    });
    Ok(ModelEntry {
        origin: format!("{}: models.{key}.path", layer.place(&["models", key, "path"])),
        path: layer.base.join(path),
        endpoint: None,
        precision: named.iter().find_map(|(_, model)| model.precision.clone()).unwrap_or_default(),
        execution_providers: Providers::of_model(own.unwrap_or_default(), providers),
        require: named.iter().find_map(|(_, model)| model.require.clone()).unwrap_or_default(),
        tasks: named.iter().find_map(|(_, model)| model.tasks.clone()),
        encoders: named.iter().find_map(|(_, model)| model.encoders.clone()).unwrap_or_default(),
    })
}

/// The model behind an endpoint; each of its keys comes from the nearest file that has it.
fn remote(named: &[(&Layer, &RawModel)], key: &str) -> Result<ModelEntry, ConfigError> {
    fn first<'a, T>(named: &[(&'a Layer, &'a RawModel)], of: impl Fn(&'a RawModel) -> Option<T>) -> Option<T> {
        named.iter().find_map(|(_, model)| of(model))
    }
    let file = |of: fn(&RawModel) -> Option<&PathBuf>| {
        named.iter().find_map(|(layer, model)| of(model).map(|file| layer.base.join(file)))
    };
    let endpoint = first(named, |it| it.endpoint.as_deref()).unwrap_or_default();
    let default =
        RemoteOptions::new(endpoint.trim_end_matches('/'), first(named, |it| it.model.clone()).unwrap_or_default());
    let options = RemoteOptions {
        api_key_file: file(|it| it.api_key_file.as_ref()),
        ca_file: file(|it| it.ca_file.as_ref()),
        timeout: first(named, |it| it.timeout).unwrap_or(default.timeout),
        max_retries: first(named, |it| it.max_retries).unwrap_or(default.max_retries),
        proxy: first(named, |it| it.proxy.clone()),
        sees: first(named, |it| it.sees).unwrap_or(default.sees),
        hears: first(named, |it| it.hears).unwrap_or(default.hears),
        fallback: first(named, |it| it.fallback.clone()),
        ..default
    };
    options
        .check()
        .map_err(|(at, problem)| named[0].0.wrong(&["models", key, at], format!("models.{key}.{at}: {problem}")))?;
    let origin = format!("{}: models.{key}.endpoint", named[0].0.place(&["models", key, "endpoint"]));
    Ok(ModelEntry { origin, ..ModelEntry::remote(options) })
}

/// Checks the models' fallbacks: they exist, and have a folder.
fn check_fallbacks(layers: &[Layer], models: &BTreeMap<String, ModelEntry>) -> Result<(), ConfigError> {
    for (key, entry) in models {
        let Some(fallback) = entry.endpoint.as_ref().and_then(|endpoint| endpoint.fallback.as_ref()) else { continue };
        let problem = match models.get(fallback) {
            None => "there is no such model",
            Some(entry) if entry.endpoint.is_some() => "it is behind an endpoint, too; name a model on this device",
            Some(_) => continue,
        };
        let layer = layers.iter().find(|layer| layer.raw.models.get(key).is_some_and(|model| model.fallback.is_some()));
        let layer = layer.unwrap_or(&layers[0]);
        return Err(
            layer.wrong(&["models", key, "fallback"], format!("models.{key}.fallback: `{fallback}`: {problem}"))
        );
    }
    Ok(())
}

/// Checks the models' encoders: they exist, are others, and have a folder. Whether they compute what the model accepts is
/// checked with the folders, when a record first needs it.
fn check_encoders(layers: &[Layer], models: &BTreeMap<String, ModelEntry>) -> Result<(), ConfigError> {
    for (key, entry) in models {
        for (modality, name) in &entry.encoders {
            let problem = match models.get(name) {
                _ if *modality == Modality::Sensors => "sensor readings need no encoder; use image, text or audio",
                None => "there is no such model",
                Some(_) if name == key => "a model cannot be its own encoder",
                Some(entry) if entry.endpoint.is_some() => "it is behind an endpoint; name a model on this device",
                Some(_) => continue,
            };
            let chosen = |layer: &&Layer| layer.raw.models.get(key).is_some_and(|model| model.encoders.is_some());
            let layer = layers.iter().find(chosen).unwrap_or(&layers[0]);
            let place = ["models", key, "encoders", modality.name()];
            return Err(layer.wrong(&place, format!("{}: `{name}`: {problem}", place.join("."))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use crate::config::Device;
    use crate::config::model_folder::Modality;

    fn load(base: &str, text: &str) -> Result<Device, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("base.yaml"), format!("device: base\n{base}\n")).unwrap();
        let path = folder.path().join("board.yaml");
        fs::write(&path, format!("device: board\nextends: base.yaml\n{text}\n")).unwrap();
        Device::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_of_an_endpoint_come_from_the_nearest_file() {
        let base = "models: {cloud: {endpoint: 'http://a/v1', model: m, timeout: 9s, api_key_file: key}}";
        let device = load(base, "models: {cloud: {timeout: 5s}, writer: {path: w}}").unwrap();
        let options = device.models["cloud"].endpoint.as_ref().unwrap();
        assert_eq!((options.model.as_str(), options.timeout), ("m", Duration::from_secs(5)));
        assert!(options.api_key_file.as_ref().unwrap().is_absolute());
        let device = load(base, "models: {cloud: {path: w}}").unwrap();
        assert!(device.models["cloud"].endpoint.is_none());
    }

    #[test]
    fn folders_and_endpoints_have_keys_of_their_own() {
        let cloud =
            |keys: &str| format!("models: {{cloud: {{endpoint: 'http://a/v1', model: m, {keys}}}, w: {{path: w}}}}");
        for (text, expected) in [
            ("models: {cloud: {timeout: 5s}}".to_string(), "no `path`, the model folder, and no `endpoint`"),
            (
                "models: {cloud: {path: a, model: m}}".to_string(),
                "models.cloud.model: does not apply to a model folder",
            ),
            ("models: {cloud: {path: a, endpoint: 'http://a'}}".to_string(), "models.cloud.endpoint: does not apply"),
            (cloud("precision: int8"), "models.cloud.precision: does not apply to an `endpoint`"),
            (cloud("fallback: x"), "models.cloud.fallback: `x`: there is no such model"),
            (cloud("fallback: cloud"), "models.cloud.fallback: `cloud`: it is behind an endpoint, too"),
            ("models: {cloud: {endpoint: 'http://a'}}".to_string(), "models.cloud.model: is missing"),
        ] {
            let error = load("", &text).unwrap_err();
            assert!(error.contains("board.yaml:3") && error.contains(expected), "{text}: {error}");
        }
        assert!(load("", &cloud("fallback: w")).is_ok());
    }

    #[test]
    fn encoders_are_other_models_on_this_device() {
        let student = |encoders: &str| {
            let cloud = "c: {endpoint: 'http://a/v1', model: m}";
            format!("models: {{s: {{path: s, encoders: {{{encoders}}}}}, e: {{path: e}}, {cloud}}}")
        };
        let device = load("", &student("image: e, audio: e")).unwrap();
        assert_eq!(device.models["s"].encoders[&Modality::Image], "e");
        let base = student("text: e");
        assert_eq!(load(&base, "models: {s: {precision: int8}}").unwrap().models["s"].encoders.len(), 1);
        assert!(load(&base, "models: {s: {encoders: {}}}").unwrap().models["s"].encoders.is_empty());
        for (encoders, expected) in [
            ("image: x", "models.s.encoders.image: `x`: there is no such model"),
            ("text: s", "models.s.encoders.text: `s`: a model cannot be its own encoder"),
            ("text: c", "`c`: it is behind an endpoint"),
            ("sensors: e", "models.s.encoders.sensors: `e`: sensor readings need no encoder"),
            ("smell: e", "unknown variant `smell`"),
        ] {
            let error = load("", &student(encoders)).unwrap_err();
            assert!(error.contains("board.yaml:3") && error.contains(expected), "{encoders}: {error}");
        }
        let error = load("", "models: {c: {endpoint: 'http://a', model: m, encoders: {image: e}}}").unwrap_err();
        assert!(error.contains("models.c.encoders: does not apply to an `endpoint`"), "{error}");
    }
}

//! The models that transcribe, and the choice for clients that leave it to the service.

use std::sync::Arc;

use edgefuse::config::Device;
use edgefuse::config::model_folder::{ModelFolder, capability};
use edgefuse::models::choose_model;
use edgefuse::models::whisper::language_code;

/// Who asks for a model, for errors.
const USER: &str = "transcribe";

/// The device's models that transcribe, by name. Reads their folders.
pub fn transcribing(device: &Device) -> impl Iterator<Item = (String, Arc<ModelFolder>)> {
    device.models.keys().filter_map(|name| choose_model(device, capability::TRANSCRIBE, Some(name), USER).ok())
}

/// The model for a client: the one that it names; else `configured`, or if that one does not know the language, the first
/// that does. `None` leaves the choice to the step. Reads the models' folders.
pub fn choose(
    device: &Device,
    named: Option<&str>,
    configured: Option<String>,
    language: Option<&str>,
) -> Option<String> {
    // Clients that leave the choice to the service send no name, or a name from another service.
    if let Some(name) = named.filter(|name| device.models.contains_key(*name)) {
        return Some(name.to_string());
    }
    let Some(language) = language.filter(|name| !name.eq_ignore_ascii_case("auto")) else { return configured };
    let code = language_code(language).map_or_else(|| language.to_lowercase(), str::to_string);
    let usual = choose_model(device, capability::TRANSCRIBE, configured.as_deref(), USER).ok();
    // A model behind an endpoint lists no languages.
    let fits = usual.is_some_and(|(_, folder)| {
        let languages = folder.spec.languages();
        languages.is_empty() || languages.contains(&code.as_str())
    });
    if fits {
        return configured;
    }
    let knows = |folder: &ModelFolder| folder.spec.languages().contains(&code.as_str());
    let other = transcribing(device).find(|(_, folder)| knows(folder)).map(|(name, _)| name);
    other.or(configured)
}

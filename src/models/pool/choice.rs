//! Chooses the model of a device for a task: the one that is named, or the only one with the capability.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Device;
use crate::config::model_folder::{ModelFolder, capability};
use crate::error::Error;
use crate::models::kinds::read_folder;

/// The `model.yaml` files of a device's models, each read when it is first asked about.
pub(super) struct Folders {
    read: Mutex<BTreeMap<String, Arc<ModelFolder>>>,
}

impl Folders {
    pub fn new() -> Self {
        Folders { read: Mutex::new(BTreeMap::new()) }
    }

    /// The folder of the model called `name`. Errors are not cached, because the folder may exist next time.
    pub fn of(&self, device: &Device, name: &str) -> Result<Arc<ModelFolder>, Error> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = read.get(name) {
            return Ok(folder.clone());
        }
        let entry = device.models.get(name).ok_or_else(|| unknown(device, name))?;
        let folder = Arc::new(read_folder(entry)?);
        read.insert(name.to_string(), folder.clone());
        Ok(folder)
    }

    /// The model with this capability: `named`, or else the only one that the device has for it; for pictures, one behind
    /// an endpoint only if no other can. `user` is the command or step that needs it.
    pub fn choose(
        &self,
        device: &Device,
        capability: &'static str,
        named: Option<&str>,
        user: &'static str,
    ) -> Result<(String, Arc<ModelFolder>), Error> {
        let can = |folder: &ModelFolder| folder.capabilities().contains(&capability);
        if let Some(name) = named {
            let folder = self.of(device, name)?;
            return match can(&folder) {
                true => Ok((name.to_string(), folder)),
                false => Err(unable(&folder, capability)),
            };
        }
        let (mut able, mut unreadable) = (Vec::new(), None);
        for (name, entry) in &device.models {
            if entry.tasks.as_ref().is_some_and(|tasks| !tasks.iter().any(|task| task == capability)) {
                continue;
            }
            match self.of(device, name) {
                Ok(folder) if can(&folder) => able.push((name.clone(), folder)),
                Ok(_) => {}
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
        // A fallback answers in place of its model, not beside it.
        let fallbacks: Vec<&str> = able
            .iter()
            .filter_map(|(name, _)| device.models.get(name)?.endpoint.as_ref()?.fallback.as_deref())
            .collect();
        able.retain(|(name, _)| !fallbacks.contains(&name.as_str()));
        // Pictures stay on the device unless it says otherwise. Who chats is never guessed.
        let here = |name: &str| device.models.get(name).is_none_or(|entry| entry.endpoint.is_none());
        if capability != capability::CHAT && able.iter().any(|(name, _)| here(name)) {
            able.retain(|(name, _)| here(name));
        }
        let names: Vec<String> = able.iter().map(|(name, _)| format!("`{name}`")).collect();
        match (able.pop(), names.len(), unreadable) {
            (Some(one), 1, _) => Ok(one),
            (None, _, Some(unreadable)) => Err(unreadable),
            (None, _, None) => Err(Error::NoModel { config: device.path.clone(), capability, user }),
            (Some(_), _, _) => {
                Err(Error::SeveralModels { config: device.path.clone(), names: names.join(" and "), capability, user })
            }
        }
    }
}

pub(super) fn unknown(device: &Device, name: &str) -> Error {
    let known: Vec<&str> = device.models.keys().map(String::as_str).collect();
    Error::UnknownModel { config: device.path.clone(), name: name.to_string(), known: known.join(", ") }
}

/// Error for a model that lacks a capability.
fn unable(folder: &ModelFolder, capability: &'static str) -> Error {
    let can = folder.capabilities().join(" and ");
    Error::Request {
        model: folder.common.name.clone(),
        problem: format!("this model (kind `{}`) can {can}, but cannot {capability}", folder.kind),
    }
}

/// The name of the device's model with this capability: `named`, or else the only one. `user` is the command or step
/// that needs it, for errors.
///
/// # Errors
/// [`Error::NoModel`], [`Error::SeveralModels`] or [`Error::UnknownModel`]; [`Error::Request`] if the named model lacks
/// the capability; [`Error::Model`] if no readable model has it, and one cannot be read.
pub fn choose_model(
    device: &Device,
    capability: &'static str,
    named: Option<&str>,
    user: &'static str,
) -> Result<(String, Arc<ModelFolder>), Error> {
    Folders::new().choose(device, capability, named, user)
}

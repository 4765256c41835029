//! A device file as written. [`super::Device`] is what the rest of the program sees.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::by_graph::ByGraph;
use super::media::Ffmpeg;
use super::modality::Modality;
use super::precisions::Precisions;
use super::provider::{Provider, Required};
use super::runtime::{OnMissingProvider, Requests, count};
use super::server::Server;
use super::sinks::Sink;
use super::sources::RawSource;
use super::steps::Step;
use super::units::{ByteSize, span};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a device file must be a mapping that starts with `device: NAME`")]
pub(super) struct RawDevice {
    pub device: String,
    pub extends: Option<PathBuf>,
    #[serde(default)]
    pub runtime: RawRuntime,
    pub execution_providers: Option<Vec<Provider>>,
    #[serde(default)]
    pub models: BTreeMap<String, RawModel>,
    #[serde(default)]
    pub media: RawMedia,
    pub pipeline: Option<Vec<Step>>,
    pub server: Option<Server>,
    #[serde(default)]
    pub sources: BTreeMap<String, RawSource>,
    pub sinks: Option<Vec<Sink>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`media` must be a mapping such as `{ffmpeg: never}`")]
pub(super) struct RawMedia {
    pub ffmpeg: Option<Ffmpeg>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`runtime` must be a mapping")]
pub(super) struct RawRuntime {
    pub library: Option<PathBuf>,
    pub memory_budget: Option<ByteSize>,
    pub threads: RawThreads,
    pub on_missing_provider: Option<OnMissingProvider>,
    pub report_placement: Option<bool>,
    #[serde(deserialize_with = "span")]
    pub idle_unload: Option<Duration>,
    pub requests: Option<Requests>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`threads` must be a mapping such as `{intra: 4, spinning: true}`")]
pub(super) struct RawThreads {
    #[serde(deserialize_with = "count")]
    pub intra: Option<usize>,
    #[serde(deserialize_with = "count")]
    pub inter: Option<usize>,
    pub spinning: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a model must be a mapping such as `{path: onnx/NAME, precision: fp32}` or `{endpoint: URL, model: NAME}`"
)]
pub(super) struct RawModel {
    pub path: Option<PathBuf>,
    pub precision: Option<Precisions>,
    pub execution_providers: Option<ByGraph<Vec<Provider>>>,
    pub require: Option<Required>,
    pub tasks: Option<Vec<String>>,
    pub encoders: Option<BTreeMap<Modality, String>>,
    pub endpoint: Option<String>,
    pub model: Option<String>,
    pub api_key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "span")]
    pub timeout: Option<Duration>,
    pub max_retries: Option<u32>,
    pub proxy: Option<String>,
    pub sees: Option<bool>,
    pub hears: Option<bool>,
    pub fallback: Option<String>,
}

/// Where a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Folder,
    Endpoint,
}

impl RawModel {
    /// Where the model is, if this file says it.
    pub fn place(&self) -> Option<Place> {
        match (&self.path, &self.endpoint) {
            (Some(_), _) => Some(Place::Folder),
            (None, Some(_)) => Some(Place::Endpoint),
            (None, None) => None,
        }
    }

    /// A key that does not apply to a model at `place`.
    pub fn stray(&self, place: Place) -> Option<&'static str> {
        let of_endpoints = [
            ("endpoint", self.endpoint.is_some()),
            ("model", self.model.is_some()),
            ("api_key_file", self.api_key_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("timeout", self.timeout.is_some()),
            ("max_retries", self.max_retries.is_some()),
            ("proxy", self.proxy.is_some()),
            ("sees", self.sees.is_some()),
            ("hears", self.hears.is_some()),
            ("fallback", self.fallback.is_some()),
        ];
        let of_folders = [
            ("path", self.path.is_some()),
            ("precision", self.precision.is_some()),
            ("execution_providers", self.execution_providers.is_some()),
            ("require", self.require.is_some()),
            ("tasks", self.tasks.is_some()),
            ("encoders", self.encoders.is_some()),
        ];
        let others: &[(&str, bool)] = match place {
            Place::Folder => &of_endpoints,
            Place::Endpoint => &of_folders,
        };
        others.iter().find(|(_, given)| *given).map(|(key, _)| *key)
    }
}

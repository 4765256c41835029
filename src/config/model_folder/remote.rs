//! A model behind an endpoint, in place of a folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::spec::{Graphs, KindSpec, capability};
use super::{Common, Dialect, ModelFolder, Provenance};
use crate::config::modality::Modality;
use crate::config::{ModelEntry, RemoteOptions};

/// What the device file says about the endpoint.
#[derive(Debug, Clone)]
pub struct RemoteSpec(pub RemoteOptions);

impl KindSpec for RemoteSpec {
    fn check(&self, _graphs: &Graphs) -> Result<(), String> {
        Ok(())
    }

    fn capabilities(&self, _graphs: &Graphs) -> Vec<&'static str> {
        match self.0.sees {
            true => vec![capability::CAPTION, capability::ANSWER, capability::CHAT],
            false => vec![capability::CHAT],
        }
    }

    fn attachments(&self) -> Vec<Modality> {
        let accepted = [(Modality::Image, self.0.sees), (Modality::Audio, self.0.hears)];
        accepted.into_iter().filter(|(_, accepts)| *accepts).map(|(modality, _)| modality).collect()
    }
}

impl ModelFolder {
    /// The word for the kind of models behind endpoints. No `model.yaml` can name it: only a device file makes edgefuse
    /// connect to anything.
    pub const REMOTE: &'static str = "remote";

    /// Stands for the folder of a model behind an endpoint: it has no files and no graphs.
    pub(crate) fn of_endpoint(entry: &ModelEntry, options: &RemoteOptions) -> Self {
        let source = Provenance {
            weights: options.model.clone(),
            origin: options.shown(),
            license: String::new(),
            exporter: String::new(),
        };
        let common = Common {
            name: options.model.clone(),
            dialect: Dialect::Standard,
            opset: 0,
            source,
            files: BTreeMap::new(),
            graphs: BTreeMap::new(),
            reduced_from: None,
        };
        let spec = Arc::new(RemoteSpec(options.clone()));
        ModelFolder { path: entry.path.clone(), common, kind: Self::REMOTE, spec }
    }
}

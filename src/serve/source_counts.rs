//! What sources deliver, for `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, String)>;

/// The counts of all sources. Their labels are the sources of the device file.
#[derive(Clone, Default)]
pub struct SourceCounts {
    arrived: Family<Labels, Counter>,
    processed: Family<Labels, Counter>,
    dropped: Family<Labels, Counter>,
    up: Family<Labels, Gauge>,
}

/// The counts of one source.
#[derive(Clone)]
pub struct Counts {
    /// Frames, blocks of sound, or files that arrived.
    pub arrived: Counter,
    /// Frames, utterances or records that were processed.
    pub processed: Counter,
    /// Utterances that were left out because the models did not keep up.
    pub dropped: Counter,
    up: Gauge,
    warned: Arc<AtomicBool>,
}

impl SourceCounts {
    pub fn register(&self, registry: &mut Registry) {
        let help = "Frames, blocks of sound or files that arrived from a source";
        registry.register("source_arrived", help, self.arrived.clone());
        registry.register("source_processed", "Records of a source that were processed", self.processed.clone());
        let help = "Utterances of a source left out because the models did not keep up";
        registry.register("source_dropped", help, self.dropped.clone());
        registry.register("source_up", "1 for each source that works", self.up.clone());
    }

    /// The counts of the source with this name.
    pub fn of(&self, name: &str) -> Counts {
        let labels = vec![("source", name.to_string())];
        Counts {
            arrived: self.arrived.get_or_create(&labels).clone(),
            processed: self.processed.get_or_create(&labels).clone(),
            dropped: self.dropped.get_or_create(&labels).clone(),
            up: self.up.get_or_create(&labels).clone(),
            warned: Arc::default(),
        }
    }
}

impl Counts {
    pub fn is_up(&self, up: bool) {
        self.up.set(i64::from(up));
    }

    /// Counts an utterance that was left out; `true` for the first.
    pub fn drop_one(&self) -> bool {
        self.dropped.inc();
        !self.warned.swap(true, Ordering::Relaxed)
    }
}

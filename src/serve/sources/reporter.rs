//! What a source reports, and what is counted about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::serve::event::{Event, Moment, What};

/// Accepts events. Never blocks.
pub type Publish = Arc<dyn Fn(Event) + Send + Sync>;

/// Counters of one source.
#[derive(Debug, Default)]
pub struct Counts {
    /// Frames, or blocks of sound, that arrived.
    pub arrived: AtomicU64,
    /// Frames or utterances that were processed.
    pub processed: AtomicU64,
    /// Utterances that were left out because the models did not keep up.
    pub dropped: AtomicU64,
    up: AtomicBool,
}

impl Counts {
    /// Whether the source works.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }
}

/// Reports in the name of one source.
#[derive(Clone)]
pub struct Reporter {
    pub name: Arc<str>,
    pub counts: Arc<Counts>,
    publish: Publish,
}

impl Reporter {
    pub fn new(name: &str, publish: Publish) -> Self {
        Reporter { name: name.into(), counts: Arc::default(), publish }
    }

    /// Reports what happens now.
    pub fn publish(&self, what: What) {
        self.publish_at(Moment::now(), what);
    }

    /// Reports what happened at another moment.
    pub fn publish_at(&self, at: Moment, what: What) {
        (self.publish)(Event { source: self.name.clone(), at, what });
    }

    pub fn is_up(&self, up: bool) {
        self.counts.up.store(up, Ordering::Relaxed);
    }

    pub fn arrived(&self) {
        self.counts.arrived.fetch_add(1, Ordering::Relaxed);
    }
}

//! What a source reports.

use std::sync::Arc;

use crate::serve::event::{Event, Moment, What};
use crate::serve::source_counts::Counts;

/// Accepts events. Never blocks.
pub type Publish = Arc<dyn Fn(Event) + Send + Sync>;

/// Reports in the name of one source.
#[derive(Clone)]
pub struct Reporter {
    pub name: Arc<str>,
    pub counts: Counts,
    publish: Publish,
}

impl Reporter {
    pub fn new(name: &str, counts: Counts, publish: Publish) -> Self {
        Reporter { name: name.into(), counts, publish }
    }

    /// Reports what happens now.
    pub fn publish(&self, what: What) {
        self.publish_at(Moment::now(), what);
    }

    /// Reports what happened at another moment.
    pub fn publish_at(&self, at: Moment, what: What) {
        (self.publish)(Event { source: self.name.clone(), at, what });
    }
}

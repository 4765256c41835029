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
    /// Sources that work whenever this one does: the joins of a microphone.
    followers: Arc<[Reporter]>,
}

impl Reporter {
    pub fn new(name: &str, counts: Counts, publish: Publish) -> Self {
        Reporter { name: name.into(), counts, publish, followers: Arc::default() }
    }

    /// The same, followed by sources that work whenever this one does.
    pub fn followed(self, followers: impl Iterator<Item = Reporter>) -> Self {
        Reporter { followers: followers.collect(), ..self }
    }

    /// Reports what happens now.
    pub fn publish(&self, what: What) {
        self.publish_at(Moment::now(), what);
    }

    /// Reports what happened at another moment.
    pub fn publish_at(&self, at: Moment, what: What) {
        (self.publish)(Event { source: self.name.clone(), at, what });
    }

    /// Reports that the source works.
    pub fn up(&self) {
        self.followers.iter().for_each(Reporter::up);
        self.counts.is_up(true);
        self.publish(What::Up);
    }

    /// Reports that the source does not work, with the reason.
    pub fn down(&self, why: &str) {
        self.followers.iter().for_each(|follower| follower.down(why));
        self.counts.is_up(false);
        self.publish(What::Down(why.to_string()));
    }
}

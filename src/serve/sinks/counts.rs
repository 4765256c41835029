//! What sinks delivered, dropped and keep, for `/metrics`.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, String)>;

/// The counts of all sinks. Their labels are the sinks of the device file.
#[derive(Clone, Default)]
pub struct SinkCounts {
    delivered: Family<Labels, Counter>,
    dropped: Family<Labels, Counter>,
    waiting: Family<Labels, Gauge>,
}

/// The counts of one sink.
#[derive(Clone, Default)]
pub struct Counts {
    pub delivered: Counter,
    pub dropped: Counter,
    /// Events in the queue, and results that are kept until they can be delivered.
    pub waiting: Gauge,
}

impl SinkCounts {
    pub fn register(&self, registry: &mut Registry) {
        registry.register("sink_delivered", "Results and states that a sink delivered", self.delivered.clone());
        registry.register("sink_dropped", "Results and states that a sink dropped", self.dropped.clone());
        registry.register("sink_waiting", "Results and states that wait for a sink", self.waiting.clone());
    }

    /// The counts of the sink with this name.
    pub fn of(&self, name: &str) -> Counts {
        let labels = vec![("sink", name.to_string())];
        Counts {
            delivered: self.delivered.get_or_create(&labels).clone(),
            dropped: self.dropped.get_or_create(&labels).clone(),
            waiting: self.waiting.get_or_create(&labels).clone(),
        }
    }
}

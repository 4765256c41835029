//! The bounded queue in front of a sink, so that whoever reports an event never waits for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::counts::Counts;
use crate::serve::event::Event;

/// The most events that wait.
const MOST_EVENTS: usize = 1024;

/// The most bytes of pictures that events keep in memory while they wait.
const MOST_BYTES: usize = 32 << 20;

/// A queue between the sources and one sink.
pub struct Queue {
    sink: String,
    state: Mutex<State>,
    changed: Notify,
    pub counts: Counts,
}

#[derive(Default)]
struct State {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// When the sink must have ended, once it is to end.
    until: Option<Instant>,
    /// Nobody takes events any more.
    closed: bool,
    /// Whether events are being dropped, which is reported once.
    full: bool,
}

impl Queue {
    pub fn new(sink: &str, counts: Counts) -> Self {
        Queue { sink: sink.to_string(), state: Mutex::default(), changed: Notify::new(), counts }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event. If there is no room, the oldest ones give way.
    pub fn push(&self, event: Arc<Event>) {
        let mut state = self.state();
        if state.closed || state.until.is_some() {
            self.counts.dropped.inc();
            return;
        }
        state.bytes += bytes(&event);
        state.events.push_back(event);
        self.counts.waiting.inc();
        while state.events.len() > MOST_EVENTS || (state.bytes > MOST_BYTES && state.events.len() > 1) {
            self.take(&mut state);
            self.counts.dropped.inc();
            if !std::mem::replace(&mut state.full, true) {
                log::warn!("sink {}: slower than its sources; the oldest results are dropped", self.sink);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    fn take(&self, state: &mut State) -> Option<Arc<Event>> {
        let event = state.events.pop_front()?;
        state.bytes = state.bytes.saturating_sub(bytes(&event));
        self.counts.waiting.dec();
        Some(event)
    }

    /// The next event; `None` once the sink is to end and there are no more. Nothing is lost if it is dropped unfinished.
    pub async fn next(&self) -> Option<Arc<Event>> {
        loop {
            {
                let mut state = self.state();
                if let Some(event) = self.take(&mut state) {
                    state.full &= !state.events.is_empty();
                    return Some(event);
                }
                if state.until.is_some() {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// When the sink must have ended, once it is to end.
    pub fn until(&self) -> Option<Instant> {
        self.state().until
    }

    /// The sink is to deliver what waits, and to have ended by `until`.
    pub fn end(&self, until: Instant) {
        self.state().until = Some(until);
        self.changed.notify_one();
    }

    /// Nobody takes events any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        while self.take(&mut state).is_some() {
            self.counts.dropped.inc();
        }
    }
}

/// What an event keeps in memory, mostly.
fn bytes(event: &Event) -> usize {
    event.finding().and_then(|finding| finding.picture.as_ref()).map_or(0, |picture| picture.as_raw().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::event::What;
    use crate::serve::sinks::made::{captioned, event, pictured};

    fn taken(queue: &Queue) -> Vec<String> {
        queue.end(Instant::now());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut sources = Vec::new();
        while let Some(event) = runtime.block_on(queue.next()) {
            sources.push(event.source.to_string());
        }
        sources
    }

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        let queue = Queue::new("x", Counts::default());
        for number in 0..MOST_EVENTS + 3 {
            queue.push(Arc::new(event(&number.to_string(), What::Up)));
        }
        assert_eq!((queue.counts.dropped.get(), queue.counts.waiting.get()), (3, MOST_EVENTS as i64));
        let taken = taken(&queue);
        assert_eq!((taken.len(), taken[0].as_str()), (MOST_EVENTS, "3"));
        assert_eq!(queue.counts.waiting.get(), 0);
    }

    #[test]
    fn pictures_are_bounded_by_their_bytes() {
        let queue = Queue::new("x", Counts::default());
        let picture = edgefuse::media::image::RgbImage::new(2000, 2000);
        for number in 0..10 {
            queue.push(Arc::new(pictured(&number.to_string(), "a", picture.clone())));
        }
        assert_eq!(taken(&queue), ["8", "9"]);
    }

    #[test]
    fn a_queue_that_ends_takes_no_more() {
        let queue = Queue::new("x", Counts::default());
        queue.push(captioned("door", 1));
        queue.end(Instant::now());
        queue.push(captioned("late", 2));
        assert_eq!(taken(&queue), ["door"]);
        assert_eq!(queue.counts.dropped.get(), 1);
    }
}

//! The sink `webhook`: results as HTTP requests, one at a time and in order.

mod post;
mod signature;

use std::pin::pin;
use std::time::Duration;

use edgefuse::config::WebhookOptions;
use edgefuse::hex::hex;
use tokio::time::{Instant, sleep, sleep_until};

use super::Sink;
use super::counts::Counts;
use super::outage::{Outage, were};
use super::queue::Queue;
use super::spool::{Entry, Spool};
use crate::serve::event::Event;
use edgefuse::backoff::Backoff;
use post::{Outcome, Poster};

/// Length of the text that identifies a delivery.
const DELIVERY: usize = 32;

/// Interval at which the spool is looked after.
const TICK: Duration = Duration::from_millis(500);

pub struct Webhook {
    poster: Poster,
    retries: u32,
    spool: Spool,
    counts: Counts,
    progress: Progress,
}

/// What became of the last requests.
struct Progress {
    /// The receiver is away.
    outage: Outage,
    /// The receiver does not want results.
    refusals: Outage,
    pause: Backoff,
    /// When the next request may be sent.
    again: Instant,
    /// How often the receiver answered the oldest result with an error.
    failures: u32,
    /// Results that were kept until the receiver was back.
    kept: u64,
}

impl Webhook {
    /// Opens the spool. The receiver need not be there yet.
    ///
    /// # Errors
    /// The problem, in one line.
    pub fn open(options: &WebhookOptions, name: &str, counts: &Counts) -> Result<Self, String> {
        Ok(Webhook {
            poster: Poster::new(options)?,
            retries: options.retries,
            spool: Spool::open(options.spool.as_ref(), name, counts)?,
            counts: counts.clone(),
            progress: Progress {
                outage: Outage::none(name),
                refusals: Outage::none(name),
                pause: Backoff::default(),
                again: Instant::now(),
                failures: 0,
                kept: 0,
            },
        })
    }

    /// Whether to go on with the next result.
    fn settle(&mut self, number: u64, outcome: Outcome) -> bool {
        let progress = &mut self.progress;
        match outcome {
            Outcome::Taken => {
                progress.kept = progress.kept.max(self.spool.waiting());
                self.spool.delivered(number);
                self.counts.delivered.inc();
                (progress.failures, progress.again) = (0, Instant::now());
                progress.pause.reset();
                progress.refusals.ends("results are accepted again", None);
                if self.spool.waiting() == 0 {
                    let kept = std::mem::take(&mut progress.kept);
                    progress.outage.ends("the receiver answers again", Some(format!("{} kept and sent", were(kept))));
                }
                true
            }
            Outcome::Refused(why) => {
                self.drop_first(number);
                self.progress.refusals.begins(why, "such results are dropped");
                self.progress.refusals.dropped(1);
                true
            }
            Outcome::Failed { own: true, why, .. } if progress.failures >= self.retries => {
                self.drop_first(number);
                self.progress.refusals.begins(why, "results are dropped after as many attempts as `retries` allows");
                self.progress.refusals.dropped(1);
                true
            }
            Outcome::Failed { why, pause, own } => {
                self.spool.rewind();
                progress.failures += u32::from(own);
                progress.again = Instant::now() + pause.unwrap_or_default().max(progress.pause.next_jittered());
                progress.outage.begins(why, "results are kept until it works");
                false
            }
        }
    }

    fn drop_first(&mut self, number: u64) {
        self.spool.delivered(number);
        self.counts.dropped.inc();
        self.progress.failures = 0;
    }
}

/// A result as it is kept: what identifies the delivery, and the body.
fn kept(event: &Event) -> Option<Vec<u8>> {
    let mut bytes = hex(&fastrand::u128(..).to_le_bytes()).into_bytes();
    bytes.extend(serde_json::to_vec(event.line()?).ok()?);
    Some(bytes)
}

/// Takes in what comes, until the queue ends.
async fn intake(spool: &mut Spool, queue: &Queue, open: &mut bool) {
    tokio::select! {
        event = queue.next(), if *open => match event {
            Some(event) => {
                if let Some(bytes) = kept(&event) {
                    spool.push(bytes);
                }
            }
            None => *open = false,
        },
        () = sleep(TICK) => {}
    }
    spool.sync();
}

/// Whether the sink's time is over.
fn is_over(queue: &Queue) -> bool {
    queue.until().is_some_and(|until| Instant::from_std(until) <= Instant::now())
}

impl Sink for Webhook {
    async fn run(mut self, queue: &Queue) {
        let mut open = true;
        loop {
            if !open && (self.spool.waiting() == 0 || is_over(queue)) {
                break;
            }
            // An end does not wait for the next attempt, but makes one.
            if open && self.progress.again > Instant::now() {
                tokio::select! {
                    () = intake(&mut self.spool, queue, &mut open) => {}
                    () = sleep_until(self.progress.again) => {}
                }
                continue;
            }
            let Some(Entry { number, payload }) = self.spool.take() else {
                intake(&mut self.spool, queue, &mut open).await;
                continue;
            };
            let (delivery, body) = payload.split_at(payload.len().min(DELIVERY));
            let delivery = String::from_utf8_lossy(delivery);
            let outcome = {
                let mut post = pin!(self.poster.post(&delivery, body));
                loop {
                    tokio::select! {
                        outcome = &mut post => break Some(outcome),
                        () = intake(&mut self.spool, queue, &mut open) => if is_over(queue) {
                            break None;
                        },
                    }
                }
            };
            let Some(outcome) = outcome else { break };
            if !self.settle(number, outcome) && !open {
                break;
            }
        }
        self.spool.end();
    }
}

#[cfg(test)]
mod tests;

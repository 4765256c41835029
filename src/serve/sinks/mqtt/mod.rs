//! The sink `mqtt`: results as messages to a broker, with Home Assistant's discovery, and commands from it.

mod connection;
mod discovery;
mod inbox;
mod message;
mod outbox;
mod topics;

use edgefuse::config::MqttOptions;
use edgefuse::small_file;
use tokio::time::timeout_at;

use super::counts::Counts;
use super::outage::{Outage, were};
use super::queue::Queue;
use super::spool::Spool;
use super::{Context, Sink};
use crate::serve::event::Event;
use connection::{Broker, Connection, Ended};
use edgefuse::backoff::Backoff;
use inbox::Inbox;
use message::Message;
use outbox::Outbox;

/// Longer than any password.
const LARGEST_FILE: u64 = 4096;

pub struct Mqtt {
    broker: Broker,
    outbox: Outbox,
    inbox: Inbox,
    spool: Spool,
    outage: Outage,
    counts: Counts,
}

impl Mqtt {
    /// Opens the spool. The broker need not be there yet.
    ///
    /// # Errors
    /// The problem, in one line.
    pub fn open(options: &MqttOptions, name: &str, counts: &Counts, context: &Context) -> Result<Self, String> {
        let password = match &options.password_file {
            Some(file) => {
                let text = small_file::read_text(file, LARGEST_FILE);
                let text = text.map_err(|error| format!("mqtt.password_file: {}: {error}", file.display()))?;
                Some(text.trim_end_matches(['\r', '\n']).to_string())
            }
            None => options.broker.password.clone(),
        };
        let device = &context.device.name;
        let outbox = Outbox::new(options, device);
        Ok(Mqtt {
            broker: Broker::new(options, device, password, outbox.offline()),
            outbox,
            inbox: Inbox::new(context.commands.clone(), context.sources.clone()),
            spool: Spool::open(options.spool.as_ref(), name, counts)?,
            outage: Outage::none(name),
            counts: counts.clone(),
        })
    }

    /// Takes in an event; returns what is sent at once if there is a connection.
    fn take_in(&mut self, event: &Event) -> Vec<Message> {
        let messages = self.outbox.messages(event);
        messages.results.iter().for_each(|message| self.spool.push(message.encode()));
        messages.passing
    }

    /// The broker has everything that was kept.
    fn all_sent(&mut self, kept: u64) {
        self.outage.ends("connected again", (kept > 0).then(|| format!("{} kept and sent", were(kept))));
    }
}

impl Sink for Mqtt {
    async fn run(mut self, queue: &Queue) {
        let mut pause = Backoff::default();
        loop {
            match Connection::open(&self.broker).run(&mut self, queue, &mut pause).await {
                Ended::Stopped => break,
                Ended::Broken(why) => self.outage.begins(why, "results are kept until it is back"),
            }
            let again = tokio::time::Instant::now() + pause.next_jittered();
            // Events are taken in meanwhile, so that they are on disk.
            let stopped = loop {
                match timeout_at(again, queue.next()).await {
                    Ok(Some(event)) => drop(self.take_in(&event)),
                    Ok(None) => break true,
                    Err(_) => break false,
                }
                self.spool.sync();
            };
            if stopped {
                // The broker may be back.
                if self.spool.waiting() > 0 {
                    Connection::open(&self.broker).run(&mut self, queue, &mut pause).await;
                }
                break;
            }
        }
        self.spool.end();
    }
}

#[cfg(test)]
mod tests;

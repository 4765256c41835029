//! The sink `mqtt`: results as messages to a broker, with Home Assistant's discovery, and commands from it.

mod broker;
mod connection;
mod discovery;
mod ended;
mod inbox;
mod message;
mod outbox;
mod payload;
mod refusals;
mod topics;
mod under_way;

use edgefuse::config::MqttOptions;
use edgefuse::small_file;
use tokio::time::timeout_at;

use super::counts::Counts;
use super::outage::{Outage, were};
use super::queue::Queue;
use super::spool::Spool;
use super::{Context, Sink};
use crate::serve::event::Event;
use broker::Broker;
use connection::Connection;
use edgefuse::backoff::Backoff;
use ended::Ended;
use inbox::Inbox;
use message::Message;
use outbox::Outbox;
use refusals::Refusals;
use under_way::{UnderWay, What};

/// Longer than any password.
const LARGEST_FILE: u64 = 4096;

pub struct Mqtt {
    broker: Broker,
    outbox: Outbox,
    inbox: Inbox,
    spool: Spool,
    refusals: Refusals,
    /// Whether a message was larger than the device file allows, which is reported once.
    too_large: bool,
    /// Time between two connections.
    pause: Backoff,
    name: String,
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
        let mut outbox = Outbox::new(options, device);
        for source in &context.sources {
            context.outlooks.get(source).into_iter().for_each(|outlook| outbox.expect(source, outlook));
        }
        Ok(Mqtt {
            broker: Broker::new(options, device, password, outbox.offline())?,
            outbox,
            inbox: Inbox::new(context.commands.clone(), context.sources.clone()),
            spool: Spool::open(options.spool.as_ref(), name, counts)?,
            refusals: Refusals::new(usize::try_from(options.max_message.bytes()).unwrap_or(usize::MAX)),
            too_large: false,
            pause: Backoff::default(),
            name: name.to_string(),
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

    /// The broker closed a connection with these messages unacknowledged. One that is too large for the broker would break the next
    /// ones as well, and is dropped.
    fn broke(&mut self, under_way: &UnderWay) {
        let Some(load) = self.refusals.broke(under_way.loads()) else { return };
        let what = match load.what {
            What::Result { number, .. } => {
                self.spool.delivered(number);
                "the result".to_string()
            }
            What::Other(topic) => {
                self.outbox.forget(&topic);
                format!("the message to {topic}, like others of this size,")
            }
        };
        self.counts.dropped.inc();
        self.pause.reset();
        let (name, size) = (&self.name, load.size);
        log::warn!(
            "sink {name}: the broker ends the connection over a message of {size} bytes; {what} is dropped. If the broker has \
             a limit, set `max_message` to it"
        );
    }

    /// A message is not sent, because it is too large.
    fn left_out(&mut self, message: &Message) {
        self.counts.dropped.inc();
        let (name, topic, size) = (&self.name, &message.topic, message.size());
        if !self.refusals.allows(size) && !std::mem::replace(&mut self.too_large, true) {
            log::warn!(
                "sink {name}: a message of {size} bytes to {topic} is above `max_message`; such messages are dropped"
            );
        } else {
            log::debug!("sink {name}: a message of {size} bytes to {topic} is dropped");
        }
    }

    /// The broker has everything that was kept.
    fn all_sent(&mut self, kept: u64) {
        self.outage.ends("connected again", (kept > 0).then(|| format!("{} kept and sent", were(kept))));
    }
}

impl Sink for Mqtt {
    async fn run(mut self, queue: &Queue) {
        loop {
            match Connection::open(&self.broker).run(&mut self, queue).await {
                Ended::Stopped => break,
                Ended::Broken(why) => self.outage.begins(why, "results are kept until it is back"),
            }
            let again = tokio::time::Instant::now() + self.pause.next_jittered();
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
                    Connection::open(&self.broker).run(&mut self, queue).await;
                }
                break;
            }
        }
        self.spool.end();
    }
}

#[cfg(test)]
mod tests;

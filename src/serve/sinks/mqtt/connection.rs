//! A connection to the broker, from the attempt to its end.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event as Polled, EventLoop, Outgoing, Packet, PublishOptions, QoS};

use super::Mqtt;
use super::broker::Broker;
use super::ended::{Ended, described, was_closed};
use super::message::Message;
use super::topics::{ASK, CAPTION};
use super::under_way::{Load, UnderWay, What};
use crate::serve::sinks::queue::Queue;

/// A connection that lasts this long is not one that fails again at once.
const STABLE: Duration = Duration::from_secs(30);

/// Time for a result to be acknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Messages that wait for the client's loop, other than results.
const MOST_PASSING: usize = 512;

/// Interval at which the spool is looked after.
const TICK: Duration = Duration::from_millis(500);

/// A connection. It has a client of its own: what was not acknowledged is sent again by the next one, from the spool.
pub struct Connection {
    client: AsyncClient,
    events: Option<EventLoop>,
    connected: Option<Instant>,
    /// Messages for the client, other than results.
    passing: VecDeque<Message>,
    /// Messages that the client has and the broker did not acknowledge.
    under_way: UnderWay,
    /// When the result that is under way was given to the client.
    result_given: Option<Instant>,
    /// Results that were kept before this connection and wait.
    kept: Option<u64>,
    /// Whether the broker closed it.
    closed: bool,
    stage: Stage,
}

/// Stages of a connection's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Events are delivered.
    Running,
    /// The sink ends: what waits is delivered.
    Draining,
    /// The last message was given to the client.
    Farewell,
    /// The client is to disconnect.
    Parting,
}

impl Connection {
    pub fn open(broker: &Broker) -> Self {
        let (client, events) = broker.client();
        Connection {
            client,
            events: Some(events),
            connected: None,
            passing: VecDeque::new(),
            under_way: UnderWay::default(),
            result_given: None,
            kept: None,
            closed: false,
            stage: Stage::Running,
        }
    }

    /// Delivers until the sink ends or the connection does.
    pub async fn run(mut self, mqtt: &mut Mqtt, queue: &Queue) -> Ended {
        let ended = self.deliver(mqtt, queue).await;
        if self.closed && self.connected.is_some() {
            mqtt.broke(&self.under_way);
        }
        ended
    }

    async fn deliver(&mut self, mqtt: &mut Mqtt, queue: &Queue) -> Ended {
        let Some(mut events) = self.events.take() else { return Ended::Stopped };
        mqtt.spool.rewind();
        loop {
            let polled = {
                let mut poll = pin!(events.poll());
                loop {
                    let until = queue.until().filter(|_| self.stage != Stage::Running);
                    tokio::select! {
                        polled = caught(poll.as_mut()) => break polled,
                        event = queue.next(), if self.stage == Stage::Running => match event {
                            Some(event) => {
                                let passing = mqtt.take_in(&event);
                                if self.connected.is_some() {
                                    self.pass(passing, mqtt);
                                }
                            }
                            None => self.stage = Stage::Draining,
                        },
                        () = tokio::time::sleep(TICK) => {}
                    }
                    mqtt.spool.sync();
                    if self.result_given.is_some_and(|given| given.elapsed() >= UNACKNOWLEDGED) {
                        return Ended::Broken("the broker does not acknowledge results".to_string());
                    }
                    if until.is_some_and(|until| until <= Instant::now()) {
                        return Ended::Stopped;
                    }
                    self.give(mqtt);
                }
            };
            match polled {
                None => return Ended::Broken("the client failed".to_string()),
                Some(Ok(Polled::Outgoing(Outgoing::Disconnect))) => return Ended::Stopped,
                Some(Err(_)) if self.stage == Stage::Parting => return Ended::Stopped,
                Some(Err(error)) => {
                    // What arrived before the end.
                    let last: Vec<Polled> = events.state.events.drain(..).collect();
                    last.into_iter().for_each(|polled| self.handle(polled, mqtt));
                    self.closed = was_closed(&error);
                    if self.connected.is_some_and(|since| since.elapsed() >= STABLE) {
                        mqtt.pause.reset();
                    }
                    return Ended::Broken(described(&error, self.connected.is_some()));
                }
                Some(Ok(polled)) => self.handle(polled, mqtt),
            }
            self.give(mqtt);
        }
    }

    fn handle(&mut self, polled: Polled, mqtt: &mut Mqtt) {
        match polled {
            Polled::Incoming(Packet::ConnAck(_)) => {
                self.connected = Some(Instant::now());
                self.kept = Some(mqtt.spool.waiting());
                mqtt.refusals.connected();
                self.subscribe(mqtt);
                self.passing.push_back(mqtt.outbox.online());
                self.passing.extend(mqtt.outbox.states());
            }
            Polled::Incoming(Packet::PubAck(acknowledged)) => {
                let Some(load) = self.under_way.acknowledged(acknowledged.pkid) else { return };
                mqtt.refusals.acknowledged(&load);
                if let What::Result { number, .. } = load.what {
                    self.result_given = None;
                    mqtt.spool.delivered(number);
                    mqtt.counts.delivered.inc();
                }
            }
            Polled::Incoming(Packet::Publish(publish)) => self.receive(&publish, mqtt),
            Polled::Outgoing(Outgoing::Publish(packet)) if packet != 0 => self.under_way.sent(packet),
            _ => {}
        }
    }

    fn subscribe(&mut self, mqtt: &Mqtt) {
        let topics = &mqtt.outbox.topics;
        let all = [topics.commands(ASK), topics.commands(CAPTION)].into_iter().chain(mqtt.outbox.status());
        for topic in all {
            if let Err(error) = self.client.try_subscribe(topic, QoS::AtLeastOnce) {
                log::debug!("subscription: {error}");
            }
        }
    }

    fn receive(&mut self, publish: &rumqttc::Publish, mqtt: &mut Mqtt) {
        let Ok(topic) = std::str::from_utf8(&publish.topic) else { return };
        if mqtt.outbox.status().as_deref() == Some(topic) {
            if &*publish.payload == b"online" {
                self.passing.extend(mqtt.outbox.states());
            }
            return;
        }
        self.passing.extend(mqtt.inbox.receive(&mqtt.outbox.topics, topic, publish.retain, &publish.payload));
    }

    /// Adds messages that are of no use later. Where a broker does not take them, the oldest give way; states come again with
    /// the next connection.
    fn pass(&mut self, messages: Vec<Message>, mqtt: &Mqtt) {
        self.passing.extend(messages);
        while self.passing.len() > MOST_PASSING {
            self.passing.pop_front();
            mqtt.counts.dropped.inc();
        }
    }

    /// Gives the client what it has room for: states, which are few, before results.
    fn give(&mut self, mqtt: &mut Mqtt) {
        if self.connected.is_none() || self.stage == Stage::Parting {
            return;
        }
        while let Some(message) = self.passing.pop_front() {
            if !mqtt.refusals.allows_passing(message.size()) {
                mqtt.left_out(&message);
                continue;
            }
            let load = Load::other(&message);
            let Message { topic, retain, payload } = message.clone();
            if self.client.try_publish(topic, payload, PublishOptions::at_least_once().retain(retain)).is_err() {
                self.passing.push_front(message);
                return;
            }
            self.under_way.give(load);
        }
        // One result at a time: after a broken connection, at most one is sent again that the broker already had, and the
        // order stays as it is.
        while mqtt.spool.under_way() == 0
            && let Some(entry) = mqtt.spool.take()
        {
            let Some(message) = Message::decode(&entry.payload) else {
                // Not a message of ours: it would stay in the way for ever.
                mqtt.spool.delivered(entry.number);
                continue;
            };
            if !mqtt.refusals.allows(message.size()) {
                mqtt.spool.delivered(entry.number);
                mqtt.left_out(&message);
                continue;
            }
            let load = Load::result(&message, entry.number);
            let Message { topic, retain, payload } = message;
            if self.client.try_publish(topic, payload, PublishOptions::at_least_once().retain(retain)).is_err() {
                mqtt.spool.rewind();
                return;
            }
            self.under_way.give(load);
            self.result_given = Some(Instant::now());
        }
        if mqtt.spool.waiting() == 0
            && let Some(kept) = self.kept.take()
        {
            mqtt.all_sent(kept);
        }
        let idle = self.under_way.is_empty() && mqtt.spool.waiting() == 0;
        match self.stage {
            // A connection that ends in order has no last will, so it is said.
            Stage::Draining if idle => {
                self.stage = Stage::Farewell;
                self.passing.push_back(mqtt.outbox.offline());
                self.give(mqtt);
            }
            Stage::Farewell if idle && self.client.try_disconnect().is_ok() => self.stage = Stage::Parting,
            _ => {}
        }
    }
}

/// Polls the client. Its panics, on what a broker sends, end the connection, not the sink.
async fn caught<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context: &mut Context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

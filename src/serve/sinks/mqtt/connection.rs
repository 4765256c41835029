//! A connection to the broker, from the attempt to its end.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use edgefuse::config::MqttOptions;
use edgefuse::redact::redacted;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event as Polled, EventLoop, LastWill,
    MqttOptions as ClientOptions, NetworkOptions, Outgoing, Packet, QoS,
};

use super::Mqtt;
use super::message::Message;
use super::topics::{ASK, CAPTION};
use crate::serve::sinks::names::escaped;
use crate::serve::sinks::queue::Queue;
use edgefuse::backoff::Backoff;

/// Time for a connection to be made, and for the last words of one.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that lasts this long is not one that fails again at once.
const STABLE: Duration = Duration::from_secs(30);

/// Interval of the broker's and our signs of life.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Time for a result to be acknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Messages that were sent and not acknowledged.
const WINDOW: u16 = 8;

/// Messages between us and the client's loop.
const CHANNEL: usize = 64;

/// Messages that wait for the client's loop, other than results.
const MOST_PASSING: usize = 512;

/// The largest message that may come in; a larger one ends the connection.
const LARGEST_IN: usize = 8 << 20;

/// The largest message that goes out: one entry of the spool.
const LARGEST_OUT: usize = 32 << 20;

/// Interval at which the spool is looked after.
const TICK: Duration = Duration::from_millis(500);

/// How to reach the broker.
pub struct Broker {
    options: ClientOptions,
}

impl Broker {
    pub fn new(options: &MqttOptions, device: &str, password: Option<String>, will: Message) -> Self {
        // The same at each connection: the broker then ends the one that it may still hold, and its will with it.
        let id = match options.prefix.as_str() {
            "edgefuse" => format!("edgefuse-{}", escaped(device)),
            prefix => format!("edgefuse-{}-{}", escaped(prefix), escaped(device)),
        };
        let mut client = ClientOptions::new(id, options.broker.host.clone(), options.broker.port);
        client.set_keep_alive(KEEP_ALIVE).set_clean_session(true).set_inflight(WINDOW);
        client.set_max_packet_size(LARGEST_IN, LARGEST_OUT);
        client.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, will.retain));
        if let Some(user) = options.user.as_ref().or(options.broker.user.as_ref()) {
            client.set_credentials(user, password.unwrap_or_default());
        }
        Broker { options: client }
    }
}

/// How a connection ended.
pub enum Ended {
    /// The sink ends.
    Stopped,
    /// There is none, or none any more.
    Broken(String),
}

/// A connection. It has a client of its own: what was not acknowledged is sent again by the next one, from the spool.
pub struct Connection {
    client: AsyncClient,
    events: Option<EventLoop>,
    connected: Option<Instant>,
    /// Messages for the client, other than results.
    passing: VecDeque<Message>,
    /// The numbers of results, in the order in which they were given to the client; none for other messages.
    given: VecDeque<Option<u64>>,
    /// What was sent and not acknowledged by its packet: results by their numbers.
    sent: BTreeMap<u16, Option<u64>>,
    /// When the result that is under way was given to the client.
    result_given: Option<Instant>,
    /// Results that were kept before this connection and wait.
    kept: Option<u64>,
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
        let (client, mut events) = AsyncClient::new(broker.options.clone(), CHANNEL);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(PATIENCE.as_secs());
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        Connection {
            client,
            events: Some(events),
            connected: None,
            passing: VecDeque::new(),
            given: VecDeque::new(),
            sent: BTreeMap::new(),
            result_given: None,
            kept: None,
            stage: Stage::Running,
        }
    }

    /// Delivers until the sink ends or the connection does.
    pub async fn run(mut self, mqtt: &mut Mqtt, queue: &Queue, pause: &mut Backoff) -> Ended {
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
                    if self.connected.is_some_and(|since| since.elapsed() >= STABLE) {
                        pause.reset();
                    }
                    return Ended::Broken(self.described(&error));
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
                self.subscribe(mqtt);
                self.passing.push_back(mqtt.outbox.online());
                self.passing.extend(mqtt.outbox.states());
            }
            Polled::Incoming(Packet::PubAck(acknowledged)) => {
                if let Some(Some(number)) = self.sent.remove(&acknowledged.pkid) {
                    self.result_given = None;
                    mqtt.spool.delivered(number);
                    mqtt.counts.delivered.inc();
                }
            }
            Polled::Incoming(Packet::Publish(publish)) => self.receive(&publish, mqtt),
            Polled::Outgoing(Outgoing::Publish(packet)) if packet != 0 => {
                if let Some(given) = self.given.pop_front() {
                    self.sent.insert(packet, given);
                }
            }
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
        if mqtt.outbox.status().as_deref() == Some(publish.topic.as_str()) {
            if &*publish.payload == b"online" {
                self.passing.extend(mqtt.outbox.states());
            }
            return;
        }
        self.passing.extend(mqtt.inbox.receive(&mqtt.outbox.topics, &publish.topic, publish.retain, &publish.payload));
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
            let Message { topic, retain, payload } = message.clone();
            if self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload).is_err() {
                self.passing.push_front(message);
                return;
            }
            self.given.push_back(None);
        }
        // One result at a time: after a broken connection, at most one is sent again that the broker already had, and the
        // order stays as it is.
        while mqtt.spool.under_way() == 0
            && let Some(entry) = mqtt.spool.take()
        {
            let Some(Message { topic, retain, payload }) = Message::decode(&entry.payload) else {
                // Not a message of ours: it would stay in the way for ever.
                mqtt.spool.delivered(entry.number);
                continue;
            };
            if self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload).is_err() {
                mqtt.spool.rewind();
                return;
            }
            self.given.push_back(Some(entry.number));
            self.result_given = Some(Instant::now());
        }
        if mqtt.spool.waiting() == 0
            && let Some(kept) = self.kept.take()
        {
            mqtt.all_sent(kept);
        }
        let idle = self.sent.is_empty() && self.given.is_empty() && mqtt.spool.waiting() == 0;
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

    fn described(&self, error: &ConnectionError) -> String {
        let lost = match self.connected {
            Some(_) => "the connection was lost",
            None => "cannot connect",
        };
        match error {
            ConnectionError::ConnectionRefused(
                ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
            ) => {
                format!("{lost}: the broker refuses the user or the password")
            }
            ConnectionError::ConnectionRefused(code) => format!("{lost}: the broker refuses: {code:?}"),
            ConnectionError::NetworkTimeout => format!("{lost}: no answer within {} s", PATIENCE.as_secs()),
            ConnectionError::Io(error) => format!("{lost}: {error}"),
            error => format!("{lost}: {}", redacted(&error.to_string())),
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

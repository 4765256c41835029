//! How to reach the broker.

use std::time::Duration;

use edgefuse::config::MqttOptions;
use rumqttc::{AsyncClient, EventLoop, LastWill, MqttOptions as ClientOptions, NetworkOptions, QoS};

use super::message::Message;
use crate::serve::sinks::names::escaped;

/// Time for a connection to be made, and for the last words of one.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Interval of the broker's and our signs of life.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Messages that were sent and not acknowledged.
const WINDOW: u16 = 8;

/// Messages between us and the client's loop.
const CHANNEL: usize = 64;

/// The largest message that may come in; a larger one ends the connection.
const LARGEST_IN: usize = 8 << 20;

/// A packet's type and length, and the number of the message.
const LARGEST_HEAD: usize = 7;

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
        let largest_out = usize::try_from(options.max_message.bytes()).unwrap_or(usize::MAX);
        client.set_max_packet_size(LARGEST_IN, largest_out.saturating_add(LARGEST_HEAD));
        client.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, will.retain));
        if let Some(user) = options.user.as_ref().or(options.broker.user.as_ref()) {
            client.set_credentials(user, password.unwrap_or_default());
        }
        Broker { options: client }
    }

    /// A client, which connects when its loop is polled.
    pub fn client(&self) -> (AsyncClient, EventLoop) {
        let (client, mut events) = AsyncClient::new(self.options.clone(), CHANNEL);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(PATIENCE.as_secs());
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        (client, events)
    }
}

//! How to reach the broker.

use std::time::Duration;

use edgefuse::config::MqttOptions;
use rumqttc::{
    AsyncClient, Broker as Address, EventLoop, LastWill, MqttOptions as ClientOptions, NetworkOptions, QoS, SessionMode,
};

use super::message::Message;
use crate::serve::sinks::names::escaped;
use crate::serve::sinks::stream::Connector;

/// Time for a connection to be made, and for the last words of one.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Interval of the broker's and our signs of life, in seconds.
const KEEP_ALIVE: u16 = 30;

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
    /// # Errors
    /// The problem with certificates or a key, in one line.
    pub fn new(options: &MqttOptions, device: &str, password: Option<String>, will: Message) -> Result<Self, String> {
        // The same at each connection: the broker then ends the one that it may still hold, and its will with it.
        let id = match options.prefix.as_str() {
            "edgefuse" => format!("edgefuse-{}", escaped(device)),
            prefix => format!("edgefuse-{}-{}", escaped(prefix), escaped(device)),
        };
        let connector = Connector::new(&options.broker, &options.tls).map_err(|problem| format!("mqtt.{problem}"))?;
        let mut client = ClientOptions::new(id, Address::tcp(options.broker.host.clone(), options.broker.port));
        client.set_keep_alive(KEEP_ALIVE).set_session_mode(SessionMode::Clean).set_inflight(WINDOW);
        client.set_request_channel_capacity(CHANNEL);
        client.set_socket_connector(move |_, _| {
            let connector = connector.clone();
            async move { connector.connect().await }
        });
        let largest_out = usize::try_from(options.max_message.bytes()).unwrap_or(usize::MAX);
        client.set_max_packet_size(LARGEST_IN, largest_out.saturating_add(LARGEST_HEAD));
        client.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, will.retain));
        if let Some(user) = options.user.as_ref().or(options.broker.user.as_ref()) {
            match password {
                Some(password) => client.set_credentials(user, password),
                None => client.set_username(user),
            };
        }
        Ok(Broker { options: client })
    }

    /// A client, which connects when its loop is polled.
    pub fn client(&self) -> (AsyncClient, EventLoop) {
        let (client, mut events) = AsyncClient::builder(self.options.clone()).build();
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(PATIENCE.as_secs());
        events.set_network_options(network);
        (client, events)
    }
}

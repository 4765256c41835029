//! The network service of a device: `server:` of a device file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::units::{ByteSize, duration};

/// Maximum number of live sessions: each occupies a thread.
const MOST_LIVE: usize = 1024;

/// What `edgefuse serve` offers. Without a section, a protocol is not offered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "`server` must be a mapping such as `{http: {listen: 127.0.0.1:8080}}`"
)]
pub struct Server {
    /// The HTTP API.
    pub http: Option<Http>,
    /// Home Assistant's protocol for speech.
    pub wyoming: Option<Wyoming>,
    /// Time for running requests to finish at shutdown; then they are cancelled.
    #[serde(deserialize_with = "drain")]
    pub drain: Drain,
}

/// Time for running requests to finish at shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain(pub Duration);

impl Default for Drain {
    fn default() -> Self {
        Drain(Duration::from_secs(20))
    }
}

/// The HTTP API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`http` must be a mapping such as `{listen: 127.0.0.1:8080}`")]
pub struct Http {
    /// The address to listen on. Port 0 is any free one.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// A file with the key that clients must send. Required for an address other than loopback, unless the service is
    /// started with `--insecure`.
    pub api_key_file: Option<PathBuf>,
    /// Origins of web pages that may use the API, such as `http://panel.local`.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Indexes that clients may search besides those of `index` steps: folders by name.
    #[serde(default)]
    pub indexes: BTreeMap<String, PathBuf>,
    /// What clients may send, and how long that may take.
    #[serde(default)]
    pub limits: Limits,
}

/// Limits of the HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`limits` must be a mapping such as `{body: 25MiB}`")]
pub struct Limits {
    /// Bytes of one request's body.
    pub body: ByteSize,
    /// Bytes of the bodies of all requests together.
    pub bodies: ByteSize,
    /// Length of a recording.
    #[serde(deserialize_with = "duration")]
    pub sound: Duration,
    /// Open connections.
    pub connections: usize,
    /// Live sessions at once, beside other connections.
    pub live: usize,
    /// Time without an event after which a live session ends.
    #[serde(deserialize_with = "duration")]
    pub live_idle: Duration,
    /// Time for a request's header to arrive, and for the next request of a connection.
    #[serde(deserialize_with = "duration")]
    pub header_time: Duration,
    /// Time without a byte while a body arrives or an answer is sent.
    #[serde(deserialize_with = "duration")]
    pub stall: Duration,
    /// Time for a body to arrive as a whole.
    #[serde(deserialize_with = "duration")]
    pub body_time: Duration,
    /// Time from a complete request to its answer, waiting included.
    #[serde(deserialize_with = "duration")]
    pub work_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body: ByteSize::from(25 << 20),
            bodies: ByteSize::from(100 << 20),
            sound: Duration::from_secs(2 * 3600),
            connections: 256,
            live: 8,
            live_idle: Duration::from_secs(60),
            header_time: Duration::from_secs(30),
            stall: Duration::from_secs(10),
            body_time: Duration::from_secs(300),
            work_time: Duration::from_secs(600),
        }
    }
}

/// Home Assistant's protocol for speech.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`wyoming` must be a mapping such as `{listen: 0.0.0.0:10300}`")]
pub struct Wyoming {
    /// The address to listen on. Port 0 is any free one. The protocol has no keys: the network must be trusted.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// Whether the service is announced in the local network (mDNS), so that Home Assistant finds it.
    #[serde(default)]
    pub announce: bool,
    /// Limits of the protocol.
    #[serde(default)]
    pub limits: WyomingLimits,
}

/// Limits of the Wyoming protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`limits` must be a mapping such as `{connections: 32}`")]
pub struct WyomingLimits {
    /// Open connections.
    pub connections: usize,
    /// Length of one utterance.
    #[serde(deserialize_with = "duration")]
    pub sound: Duration,
    /// Time without an event from a client that does not wait for a transcript.
    #[serde(deserialize_with = "duration")]
    pub idle: Duration,
    /// Time from the end of an utterance to its transcript, waiting included.
    #[serde(deserialize_with = "duration")]
    pub work_time: Duration,
}

impl Default for WyomingLimits {
    fn default() -> Self {
        WyomingLimits {
            connections: 32,
            sound: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            work_time: Duration::from_secs(120),
        }
    }
}

impl Server {
    /// Checks the values. The error has the keys of the value that is wrong, below `server`.
    pub(super) fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        let wrong = |keys: &[&'static str], problem: &str| Err((keys.to_vec(), problem.to_string()));
        if let Some(http) = &self.http {
            let limits = &http.limits;
            if limits.connections == 0 {
                return wrong(&["http", "limits", "connections"], "must be at least 1");
            }
            if limits.live > MOST_LIVE {
                return wrong(&["http", "limits", "live"], "must be at most 1024");
            }
            if limits.bodies < limits.body {
                return wrong(&["http", "limits", "bodies"], "must be at least `body`");
            }
            if let Some(problem) = http.indexes.keys().find_map(|name| super::names::unusable_name(name)) {
                return wrong(&["http", "indexes"], problem);
            }
            if http.origins.iter().any(|origin| !origin.contains("://") || origin.ends_with('/')) {
                return wrong(
                    &["http", "origins"],
                    "an origin is a scheme, a host and a port, such as http://panel.local",
                );
            }
        }
        if let Some(wyoming) = &self.wyoming {
            if wyoming.limits.connections == 0 {
                return wrong(&["wyoming", "limits", "connections"], "must be at least 1");
            }
            if wyoming.announce && wyoming.listen.ip().is_loopback() {
                let problem = "only for an address that other machines can reach, such as 0.0.0.0:10300";
                return wrong(&["wyoming", "announce"], problem);
            }
        }
        Ok(())
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong =
        |_| D::Error::custom(format!("`{text}` is not an address and a port, such as 127.0.0.1:8080 or [::]:8080"));
    text.parse().map_err(wrong)
}

fn drain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Drain, D::Error> {
    duration(deserializer).map(Drain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Server, String> {
        let server: Server = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        server.check().map(|()| server).map_err(|(keys, problem)| format!("{}: {problem}", keys.join(".")))
    }

    #[test]
    fn reads_addresses_and_limits() {
        let server = read("{http: {listen: '[::1]:0', limits: {body: 1MiB, stall: 2s}}, drain: 5s}").unwrap();
        let http = server.http.unwrap();
        assert!(http.listen.ip().is_loopback());
        assert_eq!((http.limits.body.bytes(), http.limits.stall), (1 << 20, Duration::from_secs(2)));
        assert_eq!((http.limits.connections, server.drain), (256, Drain(Duration::from_secs(5))));
        assert!(server.wyoming.is_none());
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, expected) in [
            ("{http: {}}", "missing field `listen`"),
            ("{http: {listen: localhost}}", "`localhost` is not an address and a port"),
            ("{http: {listen: 127.0.0.1:80, port: 3}}", "unknown field `port`"),
            ("{http: {listen: 127.0.0.1:80, limits: {body: 25}}}", "size with its unit"),
            ("{http: {listen: 127.0.0.1:80, limits: {body: 2GiB}}}", "http.limits.bodies: must be at least"),
            ("{http: {listen: 127.0.0.1:80, limits: {connections: 0}}}", "http.limits.connections: must be"),
            ("{http: {listen: 127.0.0.1:80, limits: {live: 2000}}}", "http.limits.live: must be at most 1024"),
            ("{http: {listen: 127.0.0.1:80, limits: {stall: 5}}}", "`5` is not a duration"),
            ("{http: {listen: 127.0.0.1:80, origins: [panel]}}", "an origin is a scheme"),
            ("{http: {listen: 127.0.0.1:80, indexes: {a/b: x}}}", "http.indexes: a name is up to 64"),
            ("{wyoming: {listen: 127.0.0.1:80, limits: {connections: 0}}}", "wyoming.limits.connections"),
            ("{wyoming: {listen: '127.0.0.1:80', announce: true}}", "wyoming.announce: only for an address"),
            ("{mqtt: {}}", "unknown field `mqtt`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

//! Options of the sink `mqtt`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::super::units::ByteSize;
use super::endpoint::{Endpoint, MQTT};
use super::spool::SpoolOptions;
use super::tls::TlsFiles;

/// The largest `max_message`, in bytes.
const LARGEST: u64 = 32 << 20;

/// Results as messages to an MQTT broker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`mqtt` must be a mapping such as `{broker: mqtt://localhost:1883}`")]
pub struct MqttOptions {
    /// The broker.
    #[serde(deserialize_with = "broker")]
    pub broker: Endpoint,
    /// The user, if it is not in the address.
    pub user: Option<String>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Certificates and keys for `mqtts://`.
    #[serde(default)]
    pub tls: TlsFiles,
    /// First part of all topics.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// Which home automation the device describes its entities to.
    pub discovery: Option<Discovery>,
    /// First part of the topics of `discovery`.
    #[serde(default = "discovery_prefix")]
    pub discovery_prefix: String,
    /// Whether the broker keeps the last result of each topic for new subscribers.
    #[serde(default = "retain")]
    pub retain: bool,
    /// Whether the picture of the last result is published.
    #[serde(default)]
    pub images: bool,
    /// Largest message that is sent, topic and payload; at most 32 MiB.
    #[serde(default = "max_message")]
    pub max_message: ByteSize,
    /// What is kept while the broker is away.
    pub spool: Option<SpoolOptions>,
}

/// A convention by which a program finds entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Discovery {
    /// Home Assistant's.
    HomeAssistant,
}

fn broker<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
    let text = String::deserialize(deserializer)?;
    let endpoint = Endpoint::parse(&text, &MQTT).map_err(D::Error::custom)?;
    match endpoint.path.trim_matches('/').is_empty() {
        true => Ok(endpoint),
        false => {
            Err(D::Error::custom(format!("{endpoint}: a broker's address has no path; topics begin with `prefix`")))
        }
    }
}

fn prefix() -> String {
    "edgefuse".to_string()
}

fn discovery_prefix() -> String {
    "homeassistant".to_string()
}

fn retain() -> bool {
    true
}

fn max_message() -> ByteSize {
    ByteSize::from(LARGEST)
}

impl MqttOptions {
    pub(super) fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        for (key, text) in [("prefix", &self.prefix), ("discovery_prefix", &self.discovery_prefix)] {
            let levels = text.split('/').all(|level| !level.is_empty());
            let plain = !text.contains(['+', '#']) && !text.chars().any(char::is_control) && !text.starts_with('$');
            if !levels || !plain || text.len() > 256 {
                let problem = format!("`{text}` cannot start a topic; write one without `+`, `#` and empty levels");
                return Err((vec![key], problem));
            }
        }
        if self.user.is_some() && self.broker.user.is_some() {
            return Err((vec!["user"], "the broker's address already has a user".to_string()));
        }
        let password = self.broker.password.is_some();
        if self.password_file.is_some() && password {
            return Err((vec!["password_file"], "the broker's address already has a password".to_string()));
        }
        if self.password_file.is_some() && self.user.is_none() && self.broker.user.is_none() {
            return Err((vec!["password_file"], "a password needs a `user`".to_string()));
        }
        if self.max_message.bytes() > LARGEST {
            return Err((vec!["max_message"], format!("{} is more than 32MiB", self.max_message)));
        }
        self.tls.check(&self.broker)?;
        self.spool.as_ref().map_or(Ok(()), SpoolOptions::check)
    }

    pub(super) fn root(&mut self, base: &Path) {
        self.tls.root(base);
        for path in self.password_file.iter_mut().chain(self.spool.as_mut().map(|spool| &mut spool.path)) {
            *path = base.join(&*path);
        }
    }
}

//! Options of the sink `webhook`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::super::units::duration;
use super::endpoint::{Endpoint, HTTP};
use super::spool::SpoolOptions;
use super::tls::TlsFiles;

/// Headers that the sink sets itself, or that would change how a request ends.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "transfer-encoding",
    "upgrade",
    "x-edgefuse-delivery",
    "x-edgefuse-signature",
];

/// Results as HTTP requests.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`webhook` must be a mapping such as `{url: http://host/hook}`")]
pub struct WebhookOptions {
    /// Where requests go.
    #[serde(deserialize_with = "url")]
    pub url: Endpoint,
    /// A file with the secret that signs requests.
    pub secret_file: Option<PathBuf>,
    /// Headers of each request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Time for an answer.
    #[serde(default = "timeout", deserialize_with = "duration")]
    pub timeout: Duration,
    /// Certificates and keys for `https://`.
    #[serde(default)]
    pub tls: TlsFiles,
    /// How often a result that the receiver answers with an error is sent again.
    #[serde(default = "retries")]
    pub retries: u32,
    /// What is kept while the receiver is away.
    pub spool: Option<SpoolOptions>,
}

/// Headers may be credentials.
impl fmt::Debug for WebhookOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let mut text = formatter.debug_struct("WebhookOptions");
        text.field("url", &self.url).field("headers", &self.headers.keys()).field("timeout", &self.timeout);
        text.field("retries", &self.retries).field("spool", &self.spool).finish_non_exhaustive()
    }
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
    let text = String::deserialize(deserializer)?;
    Endpoint::parse(&text, &HTTP).map_err(D::Error::custom)
}

fn timeout() -> Duration {
    Duration::from_secs(10)
}

fn retries() -> u32 {
    10
}

impl WebhookOptions {
    pub(super) fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        for (name, value) in &self.headers {
            let token = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
            let usable = !name.is_empty() && name.chars().all(token);
            if !usable || value.chars().any(|char| char.is_control() || !char.is_ascii()) {
                return Err((
                    vec!["headers"],
                    format!("`{name}` is not a header: letters, digits and `-`, and a plain value"),
                ));
            }
            if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err((vec!["headers"], format!("`{name}` is set by edgefuse")));
            }
        }
        self.tls.check(&self.url)?;
        self.spool.as_ref().map_or(Ok(()), SpoolOptions::check)
    }

    pub(super) fn root(&mut self, base: &Path) {
        self.tls.root(base);
        for path in self.secret_file.iter_mut().chain(self.spool.as_mut().map(|spool| &mut spool.path)) {
            *path = base.join(&*path);
        }
    }
}

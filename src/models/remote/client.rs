//! One request to the endpoint.

use std::io::{BufReader, Read};
use std::time::Duration;

use serde_json::Value;
use ureq::http::StatusCode;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::{Agent, Proxy, Timeout};

use super::events::{self, Ended};
use super::one_line::{first_line, message};
use crate::config::RemoteOptions;
use crate::support::redact::redacted;
use crate::support::small_file;

/// Maximum size of a key file.
const LARGEST_KEY: u64 = 16 << 10;

/// Maximum size of a file of certificates.
#[cfg(feature = "tls")]
const LARGEST_CERTIFICATES: u64 = 1 << 20;

/// Time for a connection, within the time for the answer.
const CONNECT: Duration = Duration::from_secs(10);

/// What is read of an error's body.
const LARGEST_ERROR: u64 = 16 << 10;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub why: String,
    pub kind: FailureKind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FailureKind {
    /// The endpoint does not accept this request.
    Refused,
    /// The endpoint cannot be used now.
    Away {
        /// Whether another attempt may succeed soon, and the pause that the endpoint asks for.
        again: Option<Option<Duration>>,
    },
}

/// Sends requests. Clones share connections.
#[derive(Clone)]
pub(super) struct Client {
    agent: Agent,
    endpoint: String,
    key: Option<String>,
}

impl Client {
    /// # Errors
    /// One line, for a key, proxy or certificates that cannot be used.
    pub fn new(options: &RemoteOptions) -> Result<Self, String> {
        let key = options.api_key_file.as_deref().map(|path| {
            let wrong = |problem: String| format!("api_key_file: {}: {problem}", path.display());
            let text = small_file::read_text(path, LARGEST_KEY).map_err(|error| wrong(error.to_string()))?;
            let key = text.trim().to_string();
            let usable = !key.is_empty() && key.chars().all(|char| char.is_ascii_graphic());
            if usable {
                Ok(key)
            } else {
                Err(wrong("does not contain a key: one line of letters and digits".to_string()))
            }
        });
        let proxy = options.proxy.as_deref().map(|text| Proxy::new(text).map_err(|error| format!("proxy: {error}")));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(options.timeout))
            .timeout_connect(Some(CONNECT.min(options.timeout)))
            // A redirect could lead the key elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Not the environment's: a device connects to what its file names.
            .proxy(proxy.transpose()?)
            .user_agent(concat!("edgefuse/", env!("CARGO_PKG_VERSION")));
        #[cfg(feature = "tls")]
        let config = match &options.ca_file {
            Some(path) => config.tls_config(certificates(path)?),
            None => config,
        };
        Ok(Client {
            agent: Agent::new_with_config(config.build()),
            endpoint: options.endpoint.clone(),
            key: key.transpose()?,
        })
    }

    /// Posts `body` to a path of the endpoint; calls `on_text` with each piece of the answer's text, until that returns
    /// false.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn post(&self, path: &str, body: &[u8], on_text: &mut dyn FnMut(&str) -> bool) -> Result<Ended, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.endpoint)).header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let mut response = request.send(body).map_err(|error| failed(&error))?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
        let (pause, location) = (header(RETRY_AFTER).and_then(|text| text.trim().parse().ok()), header(LOCATION));
        let kind = header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        if !status.is_success() {
            let mut text = Vec::new();
            // What can be read of it is enough.
            let _ = response.body_mut().as_reader().take(LARGEST_ERROR).read_to_end(&mut text);
            return Err(self.refused(
                status,
                &String::from_utf8_lossy(&text),
                location,
                pause.map(Duration::from_secs),
            ));
        }
        let away = |why| Failure { why, kind: FailureKind::Away { again: None } };
        if kind.starts_with("text/html") {
            return Err(away(
                "answers with a web page; `endpoint` is the address before /chat/completions".to_string(),
            ));
        }
        let streamed = kind.starts_with("text/event-stream");
        events::read(BufReader::new(response.body_mut().as_reader()), streamed, on_text).map_err(away)
    }

    fn refused(&self, status: StatusCode, body: &str, location: Option<String>, pause: Option<Duration>) -> Failure {
        let said = match serde_json::from_str::<Value>(body) {
            Ok(value) => message(value.get("error").unwrap_or(&value)),
            Err(_) => first_line(body),
        };
        // Some servers quote the key.
        let said = self.key.as_ref().map_or(said.clone(), |key| said.replace(key, "***"));
        let said = if said.is_empty() || said.starts_with('<') { String::new() } else { format!(": {said}") };
        let again = |pause| FailureKind::Away { again: Some(pause) };
        let (kind, hint) = match status.as_u16() {
            300..=399 => {
                let to = location.unwrap_or_else(|| "another address".to_string());
                let hint = format!(" and redirects to {}, which is not followed", redacted(&to));
                (FailureKind::Away { again: None }, hint)
            }
            401 | 403 if self.key.is_none() => {
                (FailureKind::Away { again: None }, " (there is no `api_key_file`)".to_string())
            }
            401 | 403 => {
                (FailureKind::Away { again: None }, " (the key in `api_key_file` is not accepted)".to_string())
            }
            404 | 405 | 501 => {
                (FailureKind::Away { again: None }, " (is `endpoint` right, and `model` there?)".to_string())
            }
            408 | 409 | 425 | 429 | 500..=599 => (again(pause), String::new()),
            _ => (FailureKind::Refused, String::new()),
        };
        Failure { why: format!("answers {}{hint}{said}", status.as_u16()), kind }
    }
}

#[cfg(feature = "tls")]
fn certificates(path: &std::path::Path) -> Result<ureq::tls::TlsConfig, String> {
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

    let wrong = |problem: String| format!("ca_file: {}: {problem}", path.display());
    let bytes = small_file::read(path, LARGEST_CERTIFICATES).map_err(|error| wrong(error.to_string()))?;
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(first_line(&error.to_string())))? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(wrong("contains no certificate in PEM format".to_string()));
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&found)).build())
}

/// A request without any answer.
fn failed(error: &ureq::Error) -> Failure {
    let soon = FailureKind::Away { again: Some(None) };
    let (why, kind) = match error {
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => ("cannot be reached in time".to_string(), soon),
        ureq::Error::Timeout(_) => ("no answer within `timeout`".to_string(), FailureKind::Away { again: None }),
        ureq::Error::HostNotFound => ("the host name cannot be resolved".to_string(), soon),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            ("nothing listens there".to_string(), soon)
        }
        error => {
            let text = first_line(&error.to_string());
            let untrusted = text.contains("certificate");
            let hint = if untrusted { " (name the authority's certificate with `ca_file`)" } else { "" };
            let kind = if untrusted { FailureKind::Away { again: None } } else { soon };
            (format!("{text}{hint}"), kind)
        }
    };
    Failure { why, kind }
}

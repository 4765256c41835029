//! Models behind an HTTP endpoint.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::raw::RawModel;
use crate::support::redact::redacted;

/// Maximum number of further attempts.
const MOST_RETRIES: u32 = 10;

/// A model behind an endpoint that speaks OpenAI's API.
#[derive(Clone, PartialEq)]
pub struct RemoteOptions {
    /// Address that the API's paths follow, such as `http://gateway.local:8000/v1`.
    pub endpoint: String,
    /// The model's name there.
    pub model: String,
    /// A file with the key, which is sent as bearer token.
    pub api_key_file: Option<PathBuf>,
    /// A PEM file with the certificates of further authorities, for `https://`.
    pub ca_file: Option<PathBuf>,
    /// Time for a whole answer.
    pub timeout: Duration,
    /// How often a request is sent again that failed before the answer began.
    pub max_retries: u32,
    /// Address of a proxy. The environment's proxies are not used.
    pub proxy: Option<String>,
    /// Whether the model accepts pictures.
    pub sees: bool,
    /// Whether the model accepts sound.
    pub hears: bool,
    /// Name of the model, under `models`, that answers while the endpoint is away.
    pub fallback: Option<String>,
}

impl RemoteOptions {
    /// A model that accepts pictures but no sound, with the defaults of a device file.
    pub fn new(endpoint: impl Into<String>, model: impl Into<String>) -> Self {
        RemoteOptions {
            endpoint: endpoint.into(),
            model: model.into(),
            api_key_file: None,
            ca_file: None,
            timeout: Duration::from_secs(60),
            max_retries: 2,
            proxy: None,
            sees: true,
            hears: false,
            fallback: None,
        }
    }

    /// The options in a device file; the error is about the key that it names.
    pub(super) fn of(raw: &RawModel) -> Result<Self, (&'static str, String)> {
        let Some(endpoint) = &raw.endpoint else { return Err(("endpoint", "is missing".to_string())) };
        let Some(model) = raw.model.clone().filter(|name| !name.trim().is_empty()) else {
            return Err(("model", "is missing: the name of the model at the endpoint".to_string()));
        };
        check_address(endpoint).map_err(|problem| ("endpoint", problem))?;
        if let Some(proxy) = &raw.proxy {
            check_address(proxy).map_err(|problem| ("proxy", problem))?;
        }
        let default = RemoteOptions::new(endpoint.trim_end_matches('/'), model);
        let max_retries = raw.max_retries.unwrap_or(default.max_retries);
        if max_retries > MOST_RETRIES {
            return Err(("max_retries", format!("{max_retries} is not within 0 to {MOST_RETRIES}")));
        }
        Ok(RemoteOptions {
            api_key_file: raw.api_key_file.clone(),
            ca_file: raw.ca_file.clone(),
            timeout: raw.timeout.unwrap_or(default.timeout),
            max_retries,
            proxy: raw.proxy.clone(),
            sees: raw.sees.unwrap_or(default.sees),
            hears: raw.hears.unwrap_or(default.hears),
            fallback: raw.fallback.clone(),
            ..default
        })
    }

    /// The endpoint without credentials, for messages.
    pub fn shown(&self) -> String {
        redacted(&self.endpoint).into_owned()
    }
}

/// Addresses may contain credentials.
impl fmt::Debug for RemoteOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let mut text = formatter.debug_struct("RemoteOptions");
        text.field("endpoint", &self.shown()).field("model", &self.model).field("timeout", &self.timeout);
        text.field("max_retries", &self.max_retries).field("fallback", &self.fallback).finish_non_exhaustive()
    }
}

fn check_address(text: &str) -> Result<(), String> {
    let wrong = |problem: &str| Err(format!("`{}`: {problem}", redacted(text)));
    let rest = match text.split_once("://") {
        Some(("http", rest)) => rest,
        Some(("https", rest)) if cfg!(feature = "tls") => rest,
        Some(("https", _)) => return wrong("this program was built without TLS (cargo feature `tls`)"),
        _ => return wrong("an address is written http://HOST:PORT/v1 or https://HOST/v1"),
    };
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    if text.chars().any(|char| char.is_whitespace() || char.is_control() || !char.is_ascii()) {
        return wrong("contains a space or a character that must be written as %XX");
    }
    if text.contains(['?', '#']) {
        return wrong("has a query; name the address that the API's paths follow");
    }
    match authority.rsplit('@').next() {
        None | Some("") => wrong("no host"),
        Some(host) if host.starts_with(':') => wrong("no host"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RemoteOptions, (&'static str, String)> {
        RemoteOptions::of(&serde_yaml::from_str(text).unwrap())
    }

    #[test]
    fn defaults_and_credentials() {
        let options = read("{endpoint: 'http://u:p@host:8000/v1/', model: m, api_key_file: key}").unwrap();
        assert_eq!((options.endpoint.as_str(), options.model.as_str()), ("http://u:p@host:8000/v1", "m"));
        assert_eq!((options.timeout, options.max_retries), (Duration::from_secs(60), 2));
        assert!(options.sees && !options.hears);
        assert!(!format!("{options:?} {}", options.shown()).contains("u:p"));
    }

    #[test]
    fn names_the_key_that_is_wrong() {
        for (text, key, expected) in [
            ("{endpoint: 'http://h/v1'}", "model", "is missing"),
            ("{endpoint: 'h:80', model: m}", "endpoint", "is written http://"),
            ("{endpoint: 'ftp://h', model: m}", "endpoint", "is written http://"),
            ("{endpoint: 'http://', model: m}", "endpoint", "no host"),
            ("{endpoint: 'http://:80/v1', model: m}", "endpoint", "no host"),
            ("{endpoint: 'http://h/v1?key=x', model: m}", "endpoint", "has a query"),
            ("{endpoint: 'http://h/a b', model: m}", "endpoint", "contains a space"),
            ("{endpoint: 'http://h', model: m, proxy: x}", "proxy", "is written http://"),
            ("{endpoint: 'http://h', model: m, max_retries: 11}", "max_retries", "not within 0 to 10"),
        ] {
            let (at, problem) = read(text).unwrap_err();
            assert!(at == key && problem.contains(expected), "{text}: {at}: {problem}");
        }
    }
}

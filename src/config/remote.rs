//! Models behind an HTTP endpoint.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
    /// A PEM file with the certificates of the authorities to trust for `https://`, instead of Mozilla's.
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

    /// Checks the values; the error is about the key that it names.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.model.trim().is_empty() {
            return Err(("model", "is missing: the name of the model at the endpoint".to_string()));
        }
        check_address(&self.endpoint).map_err(|problem| ("endpoint", problem))?;
        if let Some(proxy) = &self.proxy {
            check_address(proxy).map_err(|problem| ("proxy", problem))?;
        }
        match self.max_retries {
            0..=MOST_RETRIES => Ok(()),
            more => Err(("max_retries", format!("{more} is not within 0 to {MOST_RETRIES}"))),
        }
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
    if !cfg!(feature = "remote") {
        return wrong("edgefuse was built without models behind an endpoint (cargo feature `remote`)");
    }
    let rest = match text.split_once("://") {
        Some(("http", rest)) => rest,
        Some(("https", rest)) if cfg!(feature = "tls") => rest,
        Some(("https", _)) => return wrong("edgefuse was built without TLS (cargo feature `tls`)"),
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

    fn checked(change: impl FnOnce(&mut RemoteOptions)) -> Result<(), (&'static str, String)> {
        let mut options = RemoteOptions::new("http://u:p@host:8000/v1", "m");
        change(&mut options);
        options.check()
    }

    #[test]
    fn credentials_are_never_shown() {
        let options = RemoteOptions::new("http://u:p@host:8000/v1", "m");
        assert!(options.sees && !options.hears && options.check().is_ok());
        assert!(!format!("{options:?} {}", options.shown()).contains("u:p"));
    }

    #[test]
    fn names_the_key_that_is_wrong() {
        for (address, expected) in [
            ("h:80", "is written http://"),
            ("ftp://h", "is written http://"),
            ("http://", "no host"),
            ("http://:80/v1", "no host"),
            ("http://h/v1?key=x", "has a query"),
            ("http://h/a b", "contains a space"),
        ] {
            let (key, problem) = checked(|it| it.endpoint = address.to_string()).unwrap_err();
            assert!(key == "endpoint" && problem.contains(expected), "{address}: {problem}");
            assert_eq!(checked(|it| it.proxy = Some(address.to_string())).unwrap_err().0, "proxy");
        }
        assert_eq!(checked(|it| it.model = " ".to_string()).unwrap_err().0, "model");
        let (key, problem) = checked(|it| it.max_retries = 11).unwrap_err();
        assert!(key == "max_retries" && problem.contains("not within 0 to 10"), "{problem}");
    }
}

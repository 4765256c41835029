//! Addresses of brokers and receivers: `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH]`.

use std::fmt;

use crate::support::redact::redacted;

/// Schemes and usual ports of a protocol: unencrypted, and over TLS.
#[derive(PartialEq, Eq)]
pub(super) struct Protocol {
    pub plain: (&'static str, u16),
    pub tls: (&'static str, u16),
}

/// Registered by IANA.
pub(super) const MQTT: Protocol = Protocol { plain: ("mqtt", 1883), tls: ("mqtts", 8883) };
pub(super) const HTTP: Protocol = Protocol { plain: ("http", 80), tls: ("https", 443) };

/// Where a sink connects to.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(super) protocol: &'static Protocol,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Name or address of the host; an IPv6 address is in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, from `/` on; empty if the address has none.
    pub path: String,
    /// The user in the address.
    pub user: Option<String>,
    /// The password in the address.
    pub password: Option<String>,
}

impl Endpoint {
    /// Reads an address of this protocol. The error does not contain credentials.
    pub(super) fn parse(text: &str, protocol: &'static Protocol) -> Result<Self, String> {
        let wrong = |problem: &str| {
            let ((plain, port), (tls, tls_port)) = (protocol.plain, protocol.tls);
            let shown = redacted(text);
            Err(format!(
                "`{shown}`: {problem}; an address is written {plain}://host:{port}, or {tls}://host:{tls_port} over TLS"
            ))
        };
        let Some((given, rest)) = text.split_once("://") else { return wrong("no scheme") };
        let tls = given == protocol.tls.0;
        let (scheme, default_port) = if tls { protocol.tls } else { protocol.plain };
        if given != scheme {
            return wrong("unknown scheme");
        }
        if text.chars().any(|char| char.is_whitespace() || char.is_control()) {
            return wrong("contains a space");
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, authority),
        };
        // The colons of an IPv6 address are within brackets.
        let (host, port) = match place.rfind(':').filter(|at| !place[*at..].contains(']')) {
            Some(at) => (&place[..at], place[at + 1..].parse::<u16>().ok()),
            None => (place, Some(default_port)),
        };
        let Some(port) = port.filter(|port| *port != 0) else { return wrong("the port is not a number up to 65535") };
        let named = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let usable = match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.len() <= 253 && host.chars().all(named),
        };
        if !usable {
            return wrong("no host name or address");
        }
        if path.contains('#') || !path.is_ascii() {
            return wrong("the path has characters that must be written as %XX");
        }
        let (user, password) = match credentials.map(|it| it.split_once(':').map_or((it, None), |(u, p)| (u, Some(p))))
        {
            Some((user, password)) => (Some(decoded(user)), password.map(decoded)),
            None => (None, None),
        };
        Ok(Endpoint { protocol, tls, host: host.to_string(), port, path: path.to_string(), user, password })
    }

    /// Scheme and usual port.
    fn scheme(&self) -> (&'static str, u16) {
        if self.tls { self.protocol.tls } else { self.protocol.plain }
    }

    /// The host, and the port unless it is the usual one.
    pub fn authority(&self) -> String {
        if self.port == self.scheme().1 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// The text with `%XX` replaced by the byte; as it is, if that does not make text.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_string())
}

/// The address without credentials and path.
impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}://{}:{}", self.scheme().0, self.host, self.port)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, HTTP, MQTT};

    fn mqtt(text: &str) -> Result<Endpoint, String> {
        Endpoint::parse(text, &MQTT)
    }

    #[test]
    fn reads_every_part() {
        let endpoint = mqtt("mqtt://us%40er:p%3Aa@broker.local:1884").unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("broker.local", 1884));
        assert_eq!((endpoint.user.as_deref(), endpoint.password.as_deref()), (Some("us@er"), Some("p:a")));
        assert_eq!(mqtt("mqtt://[::1]").unwrap().to_string(), "mqtt://[::1]:1883");
        let hook = Endpoint::parse("http://host/a/b?c=d", &HTTP).unwrap();
        assert_eq!((hook.port, hook.path.as_str(), hook.tls), (80, "/a/b?c=d", false));
    }

    #[test]
    fn an_encrypted_address_has_a_port_of_its_own() {
        let endpoint = mqtt("mqtts://broker.local").unwrap();
        assert_eq!((endpoint.to_string().as_str(), endpoint.tls), ("mqtts://broker.local:8883", true));
        let authority = |text| Endpoint::parse(text, &HTTP).unwrap().authority();
        assert_eq!((authority("https://h/a"), authority("https://h:80/")), ("h".to_string(), "h:80".to_string()));
        assert_eq!((authority("http://h:80"), authority("http://[::1]:81")), ("h".to_string(), "[::1]:81".to_string()));
    }

    #[test]
    fn never_prints_credentials() {
        let endpoint = mqtt("mqtt://user:secret@host").unwrap();
        assert_eq!(format!("{endpoint} {endpoint:?}"), "mqtt://host:1883 mqtt://host:1883");
        for wrong in
            ["mqtt://user:secret@host:x", "tcp://user:secret@host", "mqtts://user:secret@host:x", "mqtt://u:secret@"]
        {
            let error = mqtt(wrong).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, expected) in [
            ("host:1883", "no scheme"),
            ("ftp://host", "unknown scheme"),
            ("http://host", "unknown scheme"),
            ("mqtt://host:99999", "not a number up to 65535"),
            ("mqtt://host:0", "not a number up to 65535"),
            ("mqtt://", "no host"),
            ("mqtt://[::1", "no host"),
            ("mqtt://ho st", "contains a space"),
            ("mqtt://host/%C3%A4#x", "%XX"),
        ] {
            let error = mqtt(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("mqtt://host:1883"), "{text}: {error}");
        }
    }
}

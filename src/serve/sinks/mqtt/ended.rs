//! How a connection to the broker ended.

use std::io::ErrorKind;

use edgefuse::redact::redacted;
use rumqttc::{ConnectReturnCode, ConnectionError, StateError};

use super::broker::PATIENCE;
use crate::serve::sinks::stream::explained;

/// How a connection ended.
pub enum Ended {
    /// The sink ends.
    Stopped,
    /// There is none, or none any more.
    Broken(String),
}

/// Why a connection ended, or why there was none.
pub fn described(error: &ConnectionError, was_connected: bool) -> String {
    let lost = if was_connected { "the connection was lost" } else { "cannot connect" };
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => {
            format!("{lost}: the broker refuses the user or the password")
        }
        ConnectionError::ConnectionRefused(code) => format!("{lost}: the broker refuses: {code:?}"),
        ConnectionError::NetworkTimeout => format!("{lost}: no answer within {} s", PATIENCE.as_secs()),
        ConnectionError::Io(error) => format!("{lost}: {}", explained(error)),
        error => format!("{lost}: {}", redacted(&explained(error))),
    }
}

/// Whether the broker closed the connection. One that is silent, or that the network does not reach, refuses nothing.
pub fn was_closed(error: &ConnectionError) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = match error {
        ConnectionError::MqttState(StateError::ConnectionAborted) => return true,
        ConnectionError::Io(error)
        | ConnectionError::MqttState(
            StateError::Io(error) | StateError::Deserialization(rumqttc::mqttbytes::Error::Io(error)),
        ) => error.kind(),
        _ => return false,
    };
    matches!(kind, ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broker_that_closes_the_connection_may_mean_it() {
        let io = |kind: ErrorKind| std::io::Error::from(kind);
        let state = |error| ConnectionError::MqttState(error);
        for closed in [
            ConnectionError::Io(io(ErrorKind::ConnectionReset)),
            state(StateError::ConnectionAborted),
            state(StateError::Io(io(ErrorKind::BrokenPipe))),
            state(StateError::Deserialization(rumqttc::mqttbytes::Error::Io(io(ErrorKind::ConnectionReset)))),
        ] {
            assert!(was_closed(&closed), "{closed}");
        }
        for other in [
            ConnectionError::NetworkTimeout,
            state(StateError::AwaitPingResp),
            ConnectionError::Io(io(ErrorKind::TimedOut)),
            state(StateError::Io(io(ErrorKind::HostUnreachable))),
        ] {
            assert!(!was_closed(&other), "{other}");
        }
    }
}

//! The sockets that the service listens on: bound as the device file says, or passed by systemd (`man systemd.socket`).

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use edgefuse::config::Server as ServerConfig;
use listenfd::ListenFd;
use tokio::task::JoinSet;

use super::StartError;

/// Whether there is room for another of at most `most` connections, one task each.
pub fn has_room(connections: &mut JoinSet<()>, most: usize) -> bool {
    while connections.try_join_next().is_some() {}
    connections.len() < most
}

/// One socket for each protocol of the device file.
#[derive(Default)]
pub struct Sockets {
    pub http: Option<TcpListener>,
    pub wyoming: Option<TcpListener>,
}

impl Sockets {
    /// Takes the sockets that systemd passed: by their names `http` and `wyoming` (`FileDescriptorName=`), or else in
    /// this order; and binds the others. Errors start with `file`.
    ///
    /// # Errors
    /// [`StartError::Usage`] for a socket that no protocol uses, or that cannot be listened on.
    pub fn open(config: &ServerConfig, file: &Path) -> Result<Self, StartError> {
        let mut sockets = Self::passed(config)?;
        let bind = |key: &str, address: Option<SocketAddr>, passed: &mut Option<TcpListener>| {
            if let (Some(address), None) = (address, passed.as_ref()) {
                let problem = |error| format!("{}: server.{key}.listen: {address}: {error}", file.display());
                *passed = Some(TcpListener::bind(address).map_err(|error| StartError::Usage(problem(error)))?);
            }
            // As tokio needs them.
            let waits = passed.as_ref().map_or(Ok(()), |socket| socket.set_nonblocking(true));
            waits.map_err(|error| StartError::Usage(format!("server.{key}: {error}")))
        };
        bind("http", config.http.as_ref().map(|http| http.listen), &mut sockets.http)?;
        bind("wyoming", config.wyoming.as_ref().map(|wyoming| wyoming.listen), &mut sockets.wyoming)?;
        Ok(sockets)
    }

    fn passed(config: &ServerConfig) -> Result<Self, StartError> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').collect();
        let mut passed = ListenFd::from_env();
        let mut sockets = Sockets::default();
        for index in 0..passed.len() {
            let name = names.get(index).copied().unwrap_or_default();
            let socket = passed.take_tcp_listener(index);
            let socket = socket.map_err(|error| StartError::Usage(format!("socket {index} of systemd: {error}")))?;
            let by_order = !matches!(name, "http" | "wyoming");
            let place = match name {
                _ if config.http.is_some() && sockets.http.is_none() && (by_order || name == "http") => {
                    &mut sockets.http
                }
                _ if config.wyoming.is_some() && sockets.wyoming.is_none() && (by_order || name == "wyoming") => {
                    &mut sockets.wyoming
                }
                _ => {
                    let problem = format!("systemd passed socket {index} `{name}`, which no part of `server` uses");
                    return Err(StartError::Usage(problem));
                }
            };
            *place = socket;
        }
        Ok(sockets)
    }
}

//! Notifies systemd of the service's state: datagrams to the socket in `NOTIFY_SOCKET` (`man sd_notify`).

use std::env;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The way to systemd; does nothing where no systemd started the process.
pub(super) struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Notify {
    pub fn new() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|name| {
            let found = address(&name).and_then(|address| Ok((UnixDatagram::unbound()?, address)));
            found.inspect_err(|error| log::warn!("NOTIFY_SOCKET: {error}; systemd is told nothing")).ok()
        });
        Notify { socket }
    }

    /// The service takes work.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The service is alive: systemd ends one that does not say so for longer than `WatchdogSec`.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            let sent = socket.send_to_addr(state.as_bytes(), address);
            sent.err().inspect(|error| log::debug!("{state} to systemd: {error}"));
        }
    }
}

/// A path, or, behind an `@`, a name in Linux's own space for them.
fn address(name: &OsString) -> std::io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}

//! Notifies systemd of the service's state: datagrams to the socket in `NOTIFY_SOCKET` (`man sd_notify`).

use std::cell::Cell;
use std::env;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Maximum time that a message waits for a receiver with a full queue: a service must not block on its supervisor.
const PATIENCE: Duration = Duration::from_secs(1);

/// Minimum time between watchdog messages, however many records or tokens pass.
const BETWEEN_SIGNS: Duration = Duration::from_secs(1);

/// The connection to systemd; does nothing if systemd did not start the process.
pub(super) struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    last_sign: Cell<Option<Instant>>,
}

impl Notify {
    pub fn new() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|name| {
            let found = address(&name).and_then(|address| {
                let socket = UnixDatagram::unbound()?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok((socket, address))
            });
            found.inspect_err(|error| log::warn!("NOTIFY_SOCKET: {error}; systemd is not notified")).ok()
        });
        Notify { socket, last_sign: Cell::new(None) }
    }

    /// The service is ready.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The service is alive: systemd kills a service that does not report this within `WatchdogSec`.
    pub fn alive(&self) {
        if self.last_sign.get().is_none_or(|last| last.elapsed() >= BETWEEN_SIGNS) {
            self.send("WATCHDOG=1");
            self.last_sign.set(Some(Instant::now()));
        }
    }

    fn send(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            let sent = socket.send_to_addr(state.as_bytes(), address);
            sent.err().inspect(|error| log::debug!("{state} to systemd: {error}"));
        }
    }
}

/// A path or, after an `@`, a name in Linux's abstract namespace.
fn address(name: &OsString) -> std::io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}

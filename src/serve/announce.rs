//! Announces the Wyoming service in the local network by mDNS (RFC 6762 and 6763), so that Home Assistant finds it.

use std::net::SocketAddr;
use std::time::Duration;

use edgefuse::config::Device;
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

/// Maximum time for the withdrawal.
const PATIENCE: Duration = Duration::from_secs(1);

const KIND: &str = "_wyoming._tcp.local.";

/// An announcement, withdrawn when dropped.
pub struct Announcement {
    daemon: ServiceDaemon,
    name: String,
}

impl Announcement {
    /// Announces the service at `address`; an unspecified address stands for all of the machine's.
    ///
    /// # Errors
    /// One line.
    pub fn start(device: &Device, address: SocketAddr) -> Result<Self, String> {
        let failed = |error: mdns_sd::Error| format!("server.wyoming.announce: {error}");
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let addresses = if address.ip().is_unspecified() { String::new() } else { address.ip().to_string() };
        let properties: [(&str, &str); 0] = [];
        let instance = format!("edgefuse {}", device.name);
        let host = format!("{host}.local.");
        let service = ServiceInfo::new(KIND, &instance, &host, addresses.as_str(), address.port(), &properties[..]);
        let mut service = service.map_err(failed)?;
        if address.ip().is_unspecified() {
            service = service.enable_addr_auto();
        }
        let daemon = ServiceDaemon::new().map_err(failed)?;
        // Other machines cannot use its addresses.
        daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6]).map_err(failed)?;
        let name = service.get_fullname().to_string();
        daemon.register(service).map_err(failed)?;
        Ok(Announcement { daemon, name })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if let Ok(withdrawn) = self.daemon.unregister(&self.name) {
            let _ = withdrawn.recv_timeout(PATIENCE);
        }
        let _ = self.daemon.shutdown();
    }
}

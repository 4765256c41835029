//! What a board needs for the sinks of its device file. A bundle contains no credentials, and the unit may write to its own
//! folders only.

use std::path::Path;

use edgefuse::Error;
use edgefuse::config::{Device, Target};

use super::place::place;

/// The folder that the unit may write to.
const STATE: &str = "/var/lib/edgefuse";

/// Notes for the person who installs the bundle.
pub(super) fn notes(device: &Device) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for (index, sink) in device.sinks.iter().enumerate() {
        let refused = |problem: &str| {
            Err(Error::Bundle { problem: format!("{}: sinks.{index}: {problem}", device.path.display()) })
        };
        if sink.target.endpoint().is_some_and(|endpoint| endpoint.user.is_some() || endpoint.password.is_some()) {
            return refused("a bundle contains no credentials; leave them out of the address");
        }
        if let Target::Webhook(options) = &sink.target
            && options.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization"))
        {
            return refused("webhook.headers: a bundle contains no credentials");
        }
        for (key, file) in sink.target.secret_files() {
            if place(file, &device.base).is_some() {
                return refused(&format!(
                    "{key}: a bundle contains no credentials and certificates; name an absolute path, such as \
                     /etc/edgefuse/secret, and put the file there on the board"
                ));
            }
            notes.push(format!("{key}: the board needs {}, readable by user edgefuse", file.display()));
        }
        for (key, path) in sink.target.written() {
            if !path.starts_with(Path::new(STATE)) {
                return refused(&format!("{key}: the service may write below {STATE} only"));
            }
        }
    }
    Ok(notes)
}

/// Whether a sink delivers to another machine.
pub(super) fn leave(device: &Device) -> bool {
    let inside = |host: &str| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    device.sinks.iter().filter_map(|sink| sink.target.endpoint()).any(|endpoint| !inside(&endpoint.host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(sinks: &str) -> Device {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.yaml");
        std::fs::write(&path, format!("device: board\nsinks:\n{sinks}")).unwrap();
        Device::load(&path).unwrap()
    }

    #[test]
    fn credentials_stay_out_and_files_are_where_the_unit_may_write() {
        let good = "  - jsonl: {path: /var/lib/edgefuse/results}\n\
                    \x20 - mqtt: {broker: 'mqtt://h', user: u, password_file: /etc/p, spool: {path: /var/lib/edgefuse/s}}\n";
        let notes = notes(&device(good)).unwrap();
        assert_eq!(notes, ["mqtt.password_file: the board needs /etc/p, readable by user edgefuse"]);
        for (sinks, expected) in [
            ("  - jsonl: {path: results}\n", "sinks.0: jsonl.path: the service may write below /var/lib/edgefuse only"),
            ("  - mqtt: {broker: 'mqtt://u:secret@h'}\n", "leave them out of the address"),
            ("  - mqtt: {broker: 'mqtt://h', user: u, password_file: p}\n", "mqtt.password_file: a bundle contains no"),
            ("  - mqtt: {broker: 'mqtts://h', tls: {ca_file: p}}\n", "mqtt.tls.ca_file: a bundle contains no"),
            ("  - webhook: {url: 'http://h', secret_file: p}\n", "webhook.secret_file: a bundle contains no"),
            ("  - webhook: {url: 'http://h', headers: {Authorization: secret}}\n", "webhook.headers: a bundle"),
            ("  - snapshot: {path: /srv/pictures}\n", "snapshot.path: the service may write"),
            ("  - mqtt: {broker: 'mqtt://h', spool: {path: away}}\n", "mqtt.spool.path: the service may write"),
        ] {
            let error = super::notes(&device(sinks)).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret@"), "{sinks}: {error}");
        }
    }

    #[test]
    fn only_other_machines_are_outside() {
        let to = |host: &str| leave(&device(&format!("  - mqtt: {{broker: 'mqtt://{host}'}}\n")));
        assert!(to("broker.local") && to("192.168.1.2"));
        assert!(!to("localhost") && !to("127.0.0.1") && !to("[::1]"));
        assert!(!leave(&device("  - jsonl: {path: a}\n")));
    }
}

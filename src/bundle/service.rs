//! The systemd unit of a board, and the script that installs a bundle.

use edgefuse::config::Device;
use edgefuse::config::model_folder::RuntimeVersion;
use edgefuse::engine::Machine;

use super::sinks;

/// Seconds for a service to stop, beside the time that its requests may take.
const STOP_S: u64 = 15;

const UNIT: &str = include_str!("edgefuse.service");
const INSTALL: &str = include_str!("install.sh");

/// What the unit runs.
struct Service {
    description: &'static str,
    command: String,
    network: String,
}

/// Watches a folder.
fn watch() -> Service {
    Service {
        description: "captions, transcripts, answers and decisions about what is put into /var/lib/edgefuse/in",
        command: "--format json watch /var/lib/edgefuse/in --results /var/lib/edgefuse/out".to_string(),
        network: "# It needs no network.\nPrivateNetwork=yes\nRestrictAddressFamilies=AF_UNIX".to_string(),
    }
}

/// Serves what `server`, `sources` and `sinks` in the device file say.
fn serve(device: &Device) -> Service {
    let server = &device.server;
    let addresses = [server.http.as_ref().map(|it| it.listen), server.wyoming.as_ref().map(|it| it.listen)];
    let served = addresses.iter().flatten().all(|address| address.ip().is_loopback());
    // Where sources connect to is up to their commands.
    let inside = served && device.sources.is_empty() && !sinks::leave(device);
    let announces = server.wyoming.as_ref().is_some_and(|wyoming| wyoming.announce);
    let mut network = format!(
        "# It uses the network{}.\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6{}",
        if inside { ", within this machine only" } else { "" },
        // To list the machine's addresses.
        if announces { " AF_NETLINK" } else { "" }
    );
    if inside {
        network += "\nIPAddressAllow=localhost\nIPAddressDeny=any";
    }
    let stop = server.drain.0.as_secs() + STOP_S;
    Service {
        description: "the device's models for other programs",
        // Requests are logged with `--verbose`.
        command: format!("--log-format json serve\nExecReload=/bin/kill -HUP $MAINPID\nTimeoutStopSec={stop}s"),
        network,
    }
}

/// The unit that serves, if the device file `config` has a `server` or `sources`, or else watches a folder. `{PREFIX}` is left for the
/// script, because names never contain braces.
pub(super) fn unit(device: &Device, config: &str) -> String {
    let memory = match device.runtime.memory_budget {
        Some(budget) => format!("MemoryMax={}\nMemorySwapMax=0", budget.bytes()),
        None => "# MemoryMax=: the device file has no runtime.memory_budget".to_string(),
    };
    // An accelerator is a device, and its libraries generate code at run time.
    let accelerator = device.providers().any(|provider| provider.name() != "cpu");
    let devices = match (accelerator, device.sources.is_empty()) {
        (true, true) => "SupplementaryGroups=video render",
        (true, false) => "SupplementaryGroups=video render audio",
        (false, false) => "SupplementaryGroups=video audio\nMemoryDenyWriteExecute=yes",
        (false, true) => "PrivateDevices=yes\nMemoryDenyWriteExecute=yes",
    };
    let serves = device.server.http.is_some() || device.server.wyoming.is_some() || !device.sources.is_empty();
    let Service { description, command, network } = if serves { serve(device) } else { watch() };
    let fixed = [
        ("@DESCRIPTION@", description),
        ("@COMMAND@", &command),
        ("@MEMORY@", &memory),
        ("@NETWORK@", &network),
        ("@DEVICES@", devices),
        // The name is replaced last, because it may look like one of the other placeholders.
        ("@CONFIG@", config),
    ];
    fixed.into_iter().fold(UNIT.to_string(), |unit, (place, text)| unit.replace(place, text))
}

/// The script for a board of this architecture. The name of the device file was checked to need no quoting
/// (`place::safe`), but is quoted anyway.
pub(super) fn install_script(machine: Machine, config: &str, glibc: Option<RuntimeVersion>) -> String {
    // The name of the architecture in `uname -m`, and the path of glibc's loader.
    let (name, loader) = match machine {
        Machine::Aarch64 => ("aarch64", "/lib/ld-linux-aarch64.so.1"),
        _ => ("x86_64", "/lib64/ld-linux-x86-64.so.2"),
    };
    INSTALL
        .replace("@MACHINE@", name)
        .replace("@LOADER@", loader)
        .replace("@GLIBC@", &glibc.map(|version| version.to_string()).unwrap_or_default())
        .replace("@CONFIG@", config)
}

//! The systemd unit of a board, and the script that installs a bundle.

use edgefuse::config::Device;

const UNIT: &str = include_str!("edgefuse.service");
const INSTALL: &str = include_str!("install.sh");

/// The unit that watches a folder with the device file `config`. `@PREFIX@` is left for the script.
pub(super) fn unit(device: &Device, config: &str) -> String {
    let memory = match device.runtime.memory_budget {
        Some(budget) => format!("MemoryMax={}\nMemorySwapMax=0", budget.bytes()),
        None => "# MemoryMax=: the device file has no runtime.memory_budget".to_string(),
    };
    let devices = match device.providers().any(|provider| provider.name() != "cpu") {
        // An accelerator is a device, and its libraries write the code that they run.
        true => "SupplementaryGroups=video render",
        false => "PrivateDevices=yes\nMemoryDenyWriteExecute=yes",
    };
    UNIT.replace("@CONFIG@", config).replace("@MEMORY@", &memory).replace("@DEVICES@", devices)
}

/// The script for a board of this machine, as `uname -m` names it.
pub(super) fn install_script(machine: &str, config: &str) -> String {
    INSTALL.replace("@MACHINE@", machine).replace("@CONFIG@", config)
}

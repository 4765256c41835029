//! The systemd unit of a board, and the script that installs a bundle.

use edgefuse::config::Device;
use edgefuse::config::model_folder::RuntimeVersion;
use edgefuse::engine::Machine;

const UNIT: &str = include_str!("edgefuse.service");
const INSTALL: &str = include_str!("install.sh");

/// The unit that watches a folder with the device file `config`. `{PREFIX}` is left for the script, because names never
/// contain braces.
pub(super) fn unit(device: &Device, config: &str) -> String {
    let memory = match device.runtime.memory_budget {
        Some(budget) => format!("MemoryMax={}\nMemorySwapMax=0", budget.bytes()),
        None => "# MemoryMax=: the device file has no runtime.memory_budget".to_string(),
    };
    let devices = match device.providers().any(|provider| provider.name() != "cpu") {
        // An accelerator is a device, and its libraries generate code at run time.
        true => "SupplementaryGroups=video render",
        false => "PrivateDevices=yes\nMemoryDenyWriteExecute=yes",
    };
    // The name is replaced last, because it may look like one of the other placeholders.
    UNIT.replace("@MEMORY@", &memory).replace("@DEVICES@", devices).replace("@CONFIG@", config)
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

//! What the process uses.

use std::fs;

/// Resident memory of this process in bytes, now; `None` where `/proc` does not tell.
pub fn resident_bytes() -> Option<u64> {
    status_value("VmRSS:")
}

/// The most resident memory that this process ever had, in bytes; `None` where `/proc` does not tell.
pub fn peak_resident_bytes() -> Option<u64> {
    status_value("VmHWM:")
}

fn status_value(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

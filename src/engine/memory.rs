//! Memory use of this process.

use std::fs;

/// Current resident memory of this process in bytes; `None` if `/proc` does not report it.
pub fn resident_bytes() -> Option<u64> {
    status_value("VmRSS:")
}

/// Peak resident memory in bytes since the start, or since [`reset_peak`]; `None` if `/proc` does not report it.
pub fn peak_resident_bytes() -> Option<u64> {
    status_value("VmHWM:")
}

/// Resets [`peak_resident_bytes`]. If the system does not allow it, the peak remains that of the whole process.
pub fn reset_peak() {
    // "5" is the command for just this: proc(5), /proc/pid/clear_refs.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Returns freed memory to the system; otherwise the allocator keeps it, and it counts as resident.
pub fn release_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // Safety: a function of the C library without preconditions, safe to call from any thread.
        unsafe { malloc_trim(0) };
    }
}

/// From now on, blocks of 1 MiB and more go back to the system as soon as they are freed, and are not carved out of a heap
/// that later allocations keep from shrinking. For processes that load and unload models: each large allocation becomes
/// somewhat slower.
///
/// By default glibc raises this threshold whenever a larger block is freed, up to 32 MiB.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const LARGE: libc::c_int = 1 << 20;
        // SAFETY: a function of the C library without conditions, safe to call from any thread.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }
}

fn status_value(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

//! Memory use of this process.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An address in the code of ONNX Runtime, once it is loaded for good; 0 before.
static LIBRARY_CODE: AtomicUsize = AtomicUsize::new(0);

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

/// Returns to the system what is not in use: freed memory, which the allocator otherwise keeps, and code, of which most
/// runs only once, at the start. Both count as resident. Code that runs again is mapped again.
pub fn release_unused() {
    release_code();
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

/// All threads allocate from one heap. For processes with a thread for each client: glibc gives each of them a heap of its
/// own, up to eight for each core, and keeps in each what its largest request needed. Call it before there are threads.
pub fn share_one_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: a function of the C library without conditions, safe to call from any thread.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }
}

/// Tells [`release_unused`] that the code at `address` belongs to a library that is never unloaded.
pub(super) fn library_stays(address: usize) {
    LIBRARY_CODE.store(address, Ordering::Relaxed);
}

/// Unmaps the pages of our own code and of ONNX Runtime's. Other libraries may be unloaded by another thread meanwhile, and
/// something else mapped in their place.
#[cfg(target_os = "linux")]
fn release_code() {
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let stays = [release_code as *const () as usize, LIBRARY_CODE.load(Ordering::Relaxed)];
    for (start, end) in unmodified_code(&smaps, &stays) {
        // SAFETY: code that is never unloaded, of which no page was ever modified: the kernel reads each page from its file
        // again when it is next executed.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    }
}

#[cfg(not(target_os = "linux"))]
fn release_code() {}

/// Address ranges of the executable mappings of files that contain one of `addresses` and have no page of their own, from
/// the text of `/proc/PID/smaps` (proc(5)).
#[cfg(target_os = "linux")]
fn unmodified_code(smaps: &str, addresses: &[usize]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        if let Some(kilobytes) = line.strip_prefix("Anonymous:") {
            found.extend(current.take().filter(|_| kilobytes.trim() == "0 kB"));
        } else if let Some((range, rest)) = line.split_once(' ')
            && let Some((start, end)) = range.split_once('-')
            && let (Ok(start), Ok(end)) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16))
        {
            let code = rest.starts_with("r-xp ") && rest.contains(" /");
            let wanted = code && addresses.iter().any(|address| (start..end).contains(address));
            current = wanted.then_some((start, end));
        }
    }
    found
}

fn status_value(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_unmodified_code_that_stays_is_released() {
        let smaps = "\
55d0a000-55d0c000 r--p 00000000 fe:01 1 /usr/bin/edgefuse\nRss: 8 kB\nAnonymous:             0 kB\n\
55d0c000-55d10000 r-xp 00002000 fe:01 1 /usr/bin/edgefuse\nRss: 16 kB\nAnonymous:             0 kB\nVmFlags: rd ex\n\
55d10000-55d20000 r-xp 00002000 fe:01 3 /usr/lib/other.so\nRss: 16 kB\nAnonymous:             0 kB\n\
55d20000-55d30000 r-xp 00002000 fe:01 2 /usr/lib/patched.so\nRss: 16 kB\nAnonymous:             4 kB\n\
55d30000-55d40000 rw-p 00000000 00:00 0 [heap]\nAnonymous:             0 kB\n\
7ffd1000-7ffd3000 r-xp 00000000 00:00 0 [vdso]\nAnonymous:             0 kB\n";
        let stays = [0x55d0_c123, 0x55d2_0000, 0x55d3_0000, 0x7ffd_1000];
        assert_eq!(unmodified_code(smaps, &stays), [(0x55d0_c000, 0x55d1_0000)]);
        assert_eq!(unmodified_code(smaps, &[0]), []);
    }

    #[test]
    #[cfg_attr(target_arch = "aarch64", ignore = "mostly emulated, and qemu-user does not unmap the pages of files")]
    fn code_that_was_released_runs_again_and_is_not_resident_meanwhile() {
        let before = status_value("RssFile:").unwrap();
        release_unused();
        let after = status_value("RssFile:").unwrap();
        assert!(after < before, "{before} to {after}");
    }
}

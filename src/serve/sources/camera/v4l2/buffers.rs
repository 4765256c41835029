//! The buffers through which a device passes its frames.

use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::time::{ClockId, clock_gettime};

use super::calls::{Calls, Kernel};

/// Number of buffers: one is being filled, one is being read, two are on the way.
const COUNT: u32 = 4;

/// Mapped buffers of a device that streams.
pub struct Buffers {
    mapped: Vec<Mapped>,
    /// A handle of the device, to stop the stream.
    file: File,
}

/// Memory that is shared with the device.
struct Mapped {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory belongs to this value alone, and is only read while it is borrowed.
unsafe impl Send for Mapped {}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped with this length by `Buffers::start`, and not used after this.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

impl Buffers {
    /// Maps the buffers and starts the stream.
    pub fn start(calls: &Kernel, file: &File) -> io::Result<Self> {
        let count = calls.request_buffers(COUNT)?;
        if count < 2 {
            return Err(io::Error::other("the device has no memory for its buffers"));
        }
        let mut buffers = Buffers { mapped: Vec::new(), file: file.try_clone()? };
        for index in 0..count {
            let (offset, len) = calls.buffer(index)?;
            // SAFETY: a new mapping of the device at an address that the kernel chooses.
            let start = unsafe { mmap(ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, file, offset)? };
            let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("a buffer cannot be mapped"))?;
            buffers.mapped.push(Mapped { start, len });
        }
        (0..count).try_for_each(|index| calls.queue(index))?;
        calls.stream(true)?;
        Ok(buffers)
    }

    /// Calls `read` with the next frame's bytes and the time since its capture, and returns the buffer to the device. `None`
    /// if there is no frame, or it is damaged.
    pub fn take<T>(&self, calls: &dyn Calls, read: impl FnOnce(&[u8], Duration) -> T) -> io::Result<Option<T>> {
        let Some(filled) = calls.dequeue()? else { return Ok(None) };
        let buffer = self.mapped.get(filled.index as usize);
        let outcome = buffer.filter(|_| !filled.is_damaged).map(|buffer| {
            // SAFETY: mapped with this length, and the device does not write to a buffer that it has handed over.
            let bytes = unsafe { std::slice::from_raw_parts(buffer.start.as_ptr(), filled.bytes.min(buffer.len)) };
            read(bytes, filled.at.map_or(Duration::ZERO, age))
        });
        calls.queue(filled.index)?;
        Ok(outcome)
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        let _ = Kernel::new(&self.file).stream(false);
    }
}

/// Time since a moment of the monotonic clock, in nanoseconds.
fn age(at: u64) -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let now = now.tv_sec.unsigned_abs().saturating_mul(1_000_000_000).saturating_add(now.tv_nsec.unsigned_abs());
    Duration::from_nanos(now.saturating_sub(at))
}

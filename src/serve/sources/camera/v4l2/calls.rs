//! The calls of Video4Linux2, and the layout of their arguments on 64-bit machines (`linux/videodev2.h`).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use edgefuse::config::FrameSize;

/// `V4L2_BUF_TYPE_VIDEO_CAPTURE`.
const CAPTURE: u32 = 1;

/// `V4L2_MEMORY_MMAP`.
const MAPPED: u32 = 1;

/// `V4L2_CAP_VIDEO_CAPTURE`, `V4L2_CAP_STREAMING` and `V4L2_CAP_DEVICE_CAPS`.
const CAN_CAPTURE: u32 = 0x1;
const CAN_STREAM: u32 = 0x0400_0000;
const HAS_DEVICE_CAPS: u32 = 0x8000_0000;

/// `V4L2_BUF_FLAG_ERROR` and the mask and value of the monotonic clock.
const DAMAGED: u32 = 0x40;
const CLOCK: u32 = 0xe000;
const MONOTONIC: u32 = 0x2000;

/// More formats or sizes than any device has.
const MOST_OFFERS: u32 = 256;

/// `_IOC(direction, 'V', number, size)`; direction 1 is for writing, 2 for reading, 3 for both.
const fn code(direction: u32, number: u32, size: usize) -> u32 {
    direction << 30 | (size as u32) << 16 | 0x56 << 8 | number
}

pub const QUERYCAP: u32 = code(2, 0, 104);
pub const ENUM_FMT: u32 = code(3, 2, 64);
pub const S_FMT: u32 = code(3, 5, 208);
pub const REQBUFS: u32 = code(3, 8, 20);
pub const QUERYBUF: u32 = code(3, 9, 88);
pub const QBUF: u32 = code(3, 15, 88);
pub const DQBUF: u32 = code(3, 17, 88);
pub const STREAMON: u32 = code(1, 18, 4);
pub const STREAMOFF: u32 = code(1, 19, 4);
pub const S_PARM: u32 = code(3, 22, 204);
pub const ENUM_FRAMESIZES: u32 = code(3, 74, 44);

/// A format that a device offers, with its sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The four characters of the format.
    pub code: u32,
    /// Its sizes; empty if the device does not list them.
    pub sizes: Vec<Sizes>,
}

/// Sizes of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    One(FrameSize),
    /// From the smallest to the largest, in steps.
    Range {
        least: FrameSize,
        most: FrameSize,
        step: (u32, u32),
    },
}

/// The format that a device delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureFormat {
    pub code: u32,
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next; 0 for compressed formats.
    pub stride: u32,
}

/// A buffer that the device has filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    pub index: u32,
    pub bytes: usize,
    /// Time of the capture by the monotonic clock, in nanoseconds, if the driver reports it.
    pub at: Option<u64>,
    pub is_damaged: bool,
}

/// One call of the kernel: a request and its argument. Tests answer with what a device answered.
pub trait Calls {
    /// # Errors
    /// What the kernel reports.
    fn call(&self, request: u32, argument: &mut [u8]) -> io::Result<()>;

    /// Whether the device captures video into mapped buffers.
    fn captures(&self) -> io::Result<bool> {
        let mut argument = [0; 104];
        self.call(QUERYCAP, &mut argument)?;
        let all = get(&argument, 84);
        let own = if all & HAS_DEVICE_CAPS != 0 { get(&argument, 88) } else { all };
        Ok(own & CAN_CAPTURE != 0 && own & CAN_STREAM != 0)
    }

    /// All formats with their sizes.
    fn offers(&self) -> io::Result<Vec<Offer>> {
        let mut offers = Vec::new();
        for index in 0..MOST_OFFERS {
            let mut argument = [0; 64];
            set(&mut argument, 0, index);
            set(&mut argument, 4, CAPTURE);
            match self.call(ENUM_FMT, &mut argument) {
                Ok(()) => offers.push(get(&argument, 44)),
                Err(error) if is_end(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(offers.into_iter().map(|code| Offer { code, sizes: self.sizes(code) }).collect())
    }

    /// The sizes of a format.
    fn sizes(&self, code: u32) -> Vec<Sizes> {
        let mut sizes = Vec::new();
        for index in 0..MOST_OFFERS {
            let mut argument = [0; 44];
            set(&mut argument, 0, index);
            set(&mut argument, 4, code);
            // Drivers without this call answer with another error; their sizes are not known.
            if self.call(ENUM_FRAMESIZES, &mut argument).is_err() {
                break;
            }
            let size = |width, height| FrameSize { width: get(&argument, width), height: get(&argument, height) };
            match get(&argument, 8) {
                1 => sizes.push(Sizes::One(size(12, 16))),
                _ => {
                    let step = (get(&argument, 20).max(1), get(&argument, 32).max(1));
                    sizes.push(Sizes::Range { least: size(12, 24), most: size(16, 28), step });
                    break;
                }
            }
        }
        sizes
    }

    /// Asks for a format, and returns the one that the device chose.
    fn set_format(&self, code: u32, size: FrameSize) -> io::Result<PictureFormat> {
        let mut argument = [0; 208];
        set(&mut argument, 0, CAPTURE);
        for (at, value) in [(8, size.width), (12, size.height), (16, code)] {
            set(&mut argument, at, value);
        }
        self.call(S_FMT, &mut argument)?;
        let [width, height, code] = [8, 12, 16].map(|at| get(&argument, at));
        Ok(PictureFormat { code, width, height, stride: get(&argument, 24) })
    }

    /// Asks for a frame rate.
    fn set_rate(&self, fps: f64) -> io::Result<()> {
        let mut argument = [0; 204];
        set(&mut argument, 0, CAPTURE);
        // Time per frame as a fraction of seconds.
        set(&mut argument, 12, 1_000);
        set(&mut argument, 16, (fps.clamp(0.001, 1_000.0) * 1_000.0).round() as u32);
        self.call(S_PARM, &mut argument)
    }

    /// Asks for buffers, and returns how many there are.
    fn request_buffers(&self, count: u32) -> io::Result<u32> {
        let mut argument = [0; 20];
        for (at, value) in [(0, count), (4, CAPTURE), (8, MAPPED)] {
            set(&mut argument, at, value);
        }
        self.call(REQBUFS, &mut argument)?;
        Ok(get(&argument, 0))
    }

    /// Offset and length of a buffer for mapping it.
    fn buffer(&self, index: u32) -> io::Result<(u64, usize)> {
        let mut argument = buffer(index);
        self.call(QUERYBUF, &mut argument)?;
        Ok((u64::from(get(&argument, 64)), get(&argument, 72) as usize))
    }

    /// Lends a buffer to the device.
    fn queue(&self, index: u32) -> io::Result<()> {
        self.call(QBUF, &mut buffer(index))
    }

    /// Takes back a filled buffer; `None` if there is none yet.
    fn dequeue(&self) -> io::Result<Option<Filled>> {
        let mut argument = buffer(0);
        match self.call(DQBUF, &mut argument) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            outcome => outcome?,
        }
        let flags = get(&argument, 12);
        let (seconds, micros) = (get_long(&argument, 24), get_long(&argument, 32));
        let at = seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1_000));
        Ok(Some(Filled {
            index: get(&argument, 0),
            bytes: get(&argument, 8) as usize,
            at: (flags & CLOCK == MONOTONIC).then_some(at),
            is_damaged: flags & DAMAGED != 0,
        }))
    }

    /// Starts or stops the stream of frames.
    fn stream(&self, on: bool) -> io::Result<()> {
        self.call(if on { STREAMON } else { STREAMOFF }, &mut CAPTURE.to_ne_bytes())
    }
}

/// `struct v4l2_buffer` for a mapped buffer.
fn buffer(index: u32) -> [u8; 88] {
    let mut argument = [0; 88];
    for (at, value) in [(0, index), (4, CAPTURE), (60, MAPPED)] {
        set(&mut argument, at, value);
    }
    argument
}

fn is_end(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINVAL)
}

pub fn get(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|field| field.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn get_long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|field| field.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

pub fn set(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}

/// The four characters of a format.
pub fn name(code: u32) -> String {
    String::from_utf8_lossy(&code.to_le_bytes()).escape_debug().to_string()
}

/// A device of the kernel.
pub struct Kernel<'a>(&'a File);

impl<'a> Kernel<'a> {
    pub fn new(file: &'a File) -> Self {
        Kernel(file)
    }
}

impl Calls for Kernel<'_> {
    fn call(&self, request: u32, argument: &mut [u8]) -> io::Result<()> {
        if cfg!(not(target_pointer_width = "64")) {
            return Err(io::Error::other("video devices are read in process on 64-bit machines only; use exec:ffmpeg"));
        }
        if argument.len() != (request >> 16 & 0x3fff) as usize {
            return Err(io::Error::other("an argument of the wrong size"));
        }
        // Aligned for the longest field.
        let mut aligned = vec![0_u64; argument.len().div_ceil(8)];
        // SAFETY: a `u64` is eight bytes without padding, and the slice is within the vector.
        let bytes = unsafe { std::slice::from_raw_parts_mut(aligned.as_mut_ptr().cast::<u8>(), argument.len()) };
        bytes.copy_from_slice(argument);
        loop {
            // SAFETY: the request's number contains the size of its argument, which is that of `bytes`; the calls used here
            // have no pointers in their arguments.
            let outcome = unsafe { libc::ioctl(self.0.as_raw_fd(), request as _, bytes.as_mut_ptr()) };
            if outcome >= 0 {
                argument.copy_from_slice(bytes);
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

//! Video devices through the kernel's Video4Linux2 interface.
//!
//! The layer is our own because the crates for it either link `libv4l` or generate their bindings with libclang, which a
//! cross image lacks. It is small: frames are exchanged through four mapped buffers
//! (<https://docs.kernel.org/userspace-api/media/v4l/mmap.html>).

mod buffers;
mod calls;
mod choose;

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use edgefuse::media::video::{Frame, RawPicture};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::stop::Stop;
use super::{FrameReader, Wanted};
use crate::serve::event::Moment;

use buffers::Buffers;
use calls::{Calls, Kernel, PictureFormat};
use choose::{Coding, choose};

/// Interval at which a reader checks whether the service stops.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// A device that delivers frames.
pub struct Device {
    path: PathBuf,
    file: File,
    buffers: Buffers,
    format: PictureFormat,
    coding: Coding,
    stall: Duration,
    stop: Stop,
}

impl Device {
    pub fn open(path: &Path, wanted: Wanted, stall: Duration, stop: &Stop) -> Result<Self, String> {
        let wrong = |problem: String| format!("{}: {problem}", path.display());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::NotFound => wrong("there is no such device; is the camera connected?".to_string()),
            ErrorKind::PermissionDenied => {
                wrong("permission denied; the user of the service must be in the group `video`".to_string())
            }
            _ => wrong(format!("cannot open: {error}")),
        })?;
        let kernel = Kernel::new(&file);
        let (format, coding) = negotiate(&kernel, wanted).map_err(wrong)?;
        let buffers = Buffers::start(&kernel, &file).map_err(|error| match error.raw_os_error() {
            Some(libc::EBUSY) => wrong("busy: another program uses it".to_string()),
            _ => wrong(format!("cannot start: {error}")),
        })?;
        log::debug!("{}: {format:?}", path.display());
        Ok(Device { path: path.to_path_buf(), file, buffers, format, coding, stall, stop: stop.clone() })
    }

    /// The frame in a buffer; `None` for one that is damaged.
    fn frame(&self, bytes: &[u8]) -> Option<Frame> {
        match self.coding {
            Coding::Files => (!bytes.is_empty()).then(|| Frame::File(bytes.to_vec())),
            Coding::Pixels(pixels) => {
                let PictureFormat { width, height, stride, .. } = self.format;
                let stride = (stride as usize).max(pixels.row(width));
                RawPicture::new(pixels, width, height, stride, bytes.to_vec()).map(Frame::Raw)
            }
        }
    }
}

/// Agrees with the device on a format.
fn negotiate(calls: &dyn Calls, wanted: Wanted) -> Result<(PictureFormat, Coding), String> {
    let unusable = |error: std::io::Error| format!("not a usable video device: {error}");
    if !calls.captures().map_err(unusable)? {
        return Err("the device captures no video; cameras often have several devices, try another number".to_string());
    }
    let offered = calls.offers().map_err(unusable)?;
    let choice = choose(&offered, wanted).ok_or_else(|| {
        let names: Vec<String> = offered.iter().map(|offer| calls::name(offer.code)).collect();
        format!("the device offers no supported format (MJPG, YUYV, NV12, RGB3, BGR3, GREY): {}", names.join(", "))
    })?;
    let format =
        calls.set_format(choice.code, choice.size).map_err(|error| format!("cannot set the format: {error}"))?;
    // The driver may answer with another format or size than requested.
    let coding = Coding::of(format.code)
        .ok_or_else(|| format!("the device chose the format {}, which is not supported", calls::name(format.code)))?;
    // Not every device can change its rate; it then delivers more frames than needed.
    if let Err(error) = calls.set_rate(wanted.fps) {
        log::debug!("frame rate: {error}");
    }
    Ok((format, coding))
}

impl FrameReader for Device {
    fn next_frame(&mut self) -> Result<Option<(Frame, Moment)>, String> {
        let wrong = |problem: String| format!("{}: {problem}", self.path.display());
        let started = Instant::now();
        loop {
            if self.stop.is_set() {
                return Err(wrong("the service stops".to_string()));
            }
            match poll(&mut [PollFd::new(&self.file.as_fd(), PollFlags::IN)], Some(&LOOK)) {
                Ok(0) if started.elapsed() >= self.stall => {
                    return Err(wrong(format!("no frame for {} s", self.stall.as_secs_f64())));
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(wrong(format!("cannot wait: {error}"))),
            }
            let kernel = Kernel::new(&self.file);
            let taken = self.buffers.take(&kernel, |bytes, age| (self.frame(bytes), Moment::now().before(age)));
            match taken {
                Ok(Some((Some(frame), at))) => return Ok(Some((frame, at))),
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                    return Err(wrong("the camera was disconnected".to_string()));
                }
                Err(error) => return Err(wrong(format!("cannot read: {error}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests;

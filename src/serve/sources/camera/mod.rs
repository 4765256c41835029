//! Cameras: frames from a device or a command.

mod command;
mod frames;
mod v4l2;

use edgefuse::config::{Camera, FrameSize, Frames, Source};
use edgefuse::media::video::Frame;

use super::stop::Stop;
use crate::serve::event::Moment;

use frames::CommandFrames;
use v4l2::Device;

/// An open camera.
pub trait FrameReader {
    /// Waits for the next frame; `None` if the camera has no more.
    ///
    /// # Errors
    /// One line.
    fn next_frame(&mut self) -> Result<Option<(Frame, Moment)>, String>;
}

/// What a camera is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// The size in the device file.
    pub size: Option<FrameSize>,
    /// The smallest width and height that the models can use without enlarging.
    pub least: FrameSize,
    /// Frames per second.
    pub fps: f64,
}

/// Opens the camera of a source. Reading from it fails if it delivers nothing for `stall` of the source.
///
/// # Errors
/// One line.
pub fn open(camera: &Camera, source: &Source, wanted: Wanted, stop: &Stop) -> Result<Box<dyn FrameReader>, String> {
    Ok(match &camera.address {
        Frames::V4l2(path) => Box::new(Device::open(path, wanted, source.stall, stop)?),
        Frames::Csi(number) => {
            let words = command::csi(*number, wanted)?;
            Box::new(CommandFrames::start(&words, camera, source, stop)?)
        }
        Frames::Url(url) => Box::new(CommandFrames::start(&command::ffmpeg(url, wanted), camera, source, stop)?),
        Frames::Command(words) => Box::new(CommandFrames::start(words, camera, source, stop)?),
    })
}

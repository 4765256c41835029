//! Addresses of cameras, and the frames that they are asked for.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::microphone::command_line;

/// Maximum width and height of a frame.
const LARGEST_SIDE: u32 = 8_192;

/// A camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Where its frames come from.
    pub address: Frames,
    /// The size that it is asked for; the least that the models need if `None`. Required for raw frames of a command.
    pub size: Option<FrameSize>,
    /// The frame rate that it is asked for, in frames per second.
    pub fps: Option<f64>,
    /// The format of a command's output.
    pub format: FrameFormat,
}

/// Where frames come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frames {
    /// A video device, such as `/dev/video0`, read in process (`v4l2:///dev/video0`).
    V4l2(PathBuf),
    /// A camera on the board's camera connector, by its number (`csi://0`).
    Csi(u32),
    /// Anything that ffmpeg opens by its address: `rtsp://`, `http://`, `file:`.
    Url(String),
    /// A command, whose standard output is frames (`exec:`).
    Command(Vec<String>),
}

/// Width and height in pixels, written `640x480`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSize {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Format of the frames that a command writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FrameFormat {
    /// JPEG or PNG files, one after another; bytes between them, such as those of a multipart stream, are skipped.
    #[default]
    Mjpeg,
    /// 8-bit red, green, blue.
    Rgb24,
    /// 8-bit blue, green, red.
    Bgr24,
    /// 8-bit grey.
    Gray,
    /// 4:2:2, packed: Y0 U Y1 V.
    Yuyv,
    /// 4:2:0: a plane of Y, then one of interleaved U and V.
    Nv12,
}

impl Frames {
    /// Reads an address.
    ///
    /// # Errors
    /// One line that lists the kinds of address.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(command) = text.strip_prefix("exec:") {
            return command_line(command).map(Frames::Command);
        }
        if let Some(device) = text.strip_prefix("v4l2://") {
            return absolute(device).map(Frames::V4l2);
        }
        if let Some(number) = text.strip_prefix("csi://") {
            let wrong = |_| format!("`{text}`: the number of a camera is expected, such as csi://0");
            return number.parse().map(Frames::Csi).map_err(wrong);
        }
        if text.starts_with("/dev/") {
            return absolute(text).map(Frames::V4l2);
        }
        const SCHEMES: [&str; 8] = ["rtsp", "rtsps", "http", "https", "rtmp", "udp", "srt", "file"];
        if let Some((scheme, rest)) = text.split_once(':')
            && SCHEMES.contains(&scheme)
            && !rest.is_empty()
            && !text.contains(char::is_control)
        {
            return Ok(Frames::Url(text.to_string()));
        }
        Err(format!(
            "`{}` is not a camera; write v4l2:///dev/video0, csi://0, rtsp://HOST/PATH, http://HOST/PATH, file:PATH or \
             exec:COMMAND",
            text.escape_debug()
        ))
    }
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    match path.starts_with('/') {
        true => Ok(PathBuf::from(path)),
        false => Err(format!("`{path}` is not the path of a device, such as v4l2:///dev/video0")),
    }
}

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Frames::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for FrameSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let side = |text: &str| text.parse().ok().filter(|side| (16..=LARGEST_SIDE).contains(side));
        let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
        let (width, height) = sides.ok_or_else(|| {
            D::Error::custom(format!("`{text}` is not a size of a frame, such as 640x480 (16 to {LARGEST_SIDE} each)"))
        })?;
        Ok(FrameSize { width, height })
    }
}

impl fmt::Display for FrameSize {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let device = Frames::V4l2("/dev/video0".into());
        assert_eq!(Frames::parse("v4l2:///dev/video0"), Ok(device.clone()));
        assert_eq!(Frames::parse("/dev/video0"), Ok(device));
        assert_eq!(Frames::parse("csi://1"), Ok(Frames::Csi(1)));
        assert_eq!(Frames::parse("rtsp://a:b@cam/x"), Ok(Frames::Url("rtsp://a:b@cam/x".into())));
        let command = ["ffmpeg", "-i", "a b.mp4", "-"].map(String::from).to_vec();
        assert_eq!(Frames::parse("exec: ffmpeg -i 'a b.mp4' -"), Ok(Frames::Command(command)));
        for text in ["", "camera", "v4l2://video0", "csi://front", "exec:", "exec:'a", "gopher://x", "rtsp:", "-i x"] {
            assert!(Frames::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_is_width_and_height() {
        let size: FrameSize = serde_yaml::from_str("640x480").unwrap();
        assert_eq!((size.width, size.height), (640, 480));
        for text in ["640", "0x0", "640x", "640x480x3", "99999x10", "-1x5"] {
            assert!(serde_yaml::from_str::<FrameSize>(text).is_err(), "{text}");
        }
    }
}

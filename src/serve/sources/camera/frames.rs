//! Frames that a command writes.

use std::io::{ErrorKind, Read};

use edgefuse::config::{Camera, FrameFormat, FrameSize, Frames, Source};
use edgefuse::media::video::{Frame, PictureFiles, PixelFormat, RawPicture, SplitError};

use super::super::child::ChildStream;
use super::super::stop::Stop;
use super::FrameReader;
use crate::serve::event::Moment;

/// The frames of a command.
pub enum CommandFrames {
    Files { files: PictureFiles<Borrowed>, is_film: bool },
    Raw { child: ChildStream, format: PixelFormat, size: FrameSize },
}

/// The command, which a reader of files lends back to explain its end.
pub struct Borrowed(ChildStream);

impl Read for Borrowed {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(bytes)
    }
}

impl CommandFrames {
    pub fn start(words: &[String], camera: &Camera, source: &Source, stop: &Stop) -> Result<Self, String> {
        let child = ChildStream::start(words, &source.folder, source.stall, stop)?;
        Ok(match (pixels(camera.format), camera.size) {
            (Some(format), Some(size)) => CommandFrames::Raw { child, format, size },
            _ => {
                let is_film = matches!(&camera.address, Frames::Url(url) if url.starts_with("file:"));
                CommandFrames::Files { files: PictureFiles::new(Borrowed(child)), is_film }
            }
        })
    }
}

impl FrameReader for CommandFrames {
    fn next_frame(&mut self) -> Result<Option<(Frame, Moment)>, String> {
        match self {
            CommandFrames::Files { files, is_film } => match files.next_file() {
                Ok(Some(bytes)) => Ok(Some((Frame::File(bytes), Moment::now()))),
                Ok(None) => {
                    let child = &mut files.stream_mut().0;
                    match child.ending() {
                        ending if *is_film && ending.ends_with(" ended") => Ok(None),
                        ending => Err(ending),
                    }
                }
                Err(SplitError::Io(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            },
            CommandFrames::Raw { child, format, size } => {
                let mut bytes = vec![0; format.len(size.width, size.height)];
                match child.read_exact(&mut bytes) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(child.ending()),
                    Err(error) => return Err(error.to_string()),
                }
                let stride = format.row(size.width);
                let picture = RawPicture::new(*format, size.width, size.height, stride, bytes);
                let picture = picture.ok_or_else(|| format!("{size} is not possible for this format: odd width"))?;
                Ok(Some((Frame::Raw(picture), Moment::now())))
            }
        }
    }
}

/// The pixels of a raw format; `None` for picture files.
fn pixels(format: FrameFormat) -> Option<PixelFormat> {
    match format {
        FrameFormat::Rgb24 => Some(PixelFormat::Rgb24),
        FrameFormat::Bgr24 => Some(PixelFormat::Bgr24),
        FrameFormat::Gray => Some(PixelFormat::Gray),
        FrameFormat::Yuyv => Some(PixelFormat::Yuyv),
        FrameFormat::Nv12 => Some(PixelFormat::Nv12),
        _ => None,
    }
}

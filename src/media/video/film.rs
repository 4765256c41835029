//! Frames of a film, with their times.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use super::frame::Frame;
use super::pixels::{PixelFormat, RawPicture};
use super::thumbnail::Thumbnail;
use crate::config::Ffmpeg;
use crate::media::ffmpeg::{Output, Process, program};
use crate::media::file::{self, FileError};
use crate::media::image::MAX_PIXELS;

/// Looks per second for changes of scene.
const LOOKS: u32 = 4;

/// A frame that differs from the last look by at least this share begins a scene.
const NEW_SCENE: f64 = 0.4;

/// Maximum length of the header of a PPM picture, in bytes.
const LONGEST_HEADER: usize = 40;

/// Which frames of a film are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moments {
    /// One every so often, from the beginning on.
    Every(Duration),
    /// The first frame of each scene.
    Scenes,
}

/// Why the frames of a film cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FilmError {
    /// The file cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no decoder.
    #[error("films need ffmpeg: install it (or allow it: `media.ffmpeg`)")]
    NoFfmpeg,
    /// ffmpeg cannot read the film.
    #[error("cannot be decoded with ffmpeg: {problem}")]
    Ffmpeg {
        /// The error of ffmpeg or the system.
        problem: String,
    },
    /// A frame is too large.
    #[error("frames of {width} x {height} pixels: more than {MAX_PIXELS} pixels")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}

/// Frames of a film with their times in seconds, in order. One is decoded at a time. Iteration ends with the film, or after
/// an error.
pub struct Film {
    process: Process,
    output: Output,
    /// Time between two frames that ffmpeg writes, in seconds.
    step: f64,
    frames: u64,
    /// The last look, if scenes are wanted.
    scenes: Option<Option<Thumbnail>>,
    ended: bool,
    warnings: Vec<String>,
}

impl Film {
    /// Opens a film.
    ///
    /// # Errors
    /// [`FilmError`]: an unreadable file, no ffmpeg.
    pub fn open(path: &Path, ffmpeg: &Ffmpeg, moments: Moments) -> Result<Self, FilmError> {
        let (file, _) = file::open(path)?;
        Self::of(&file, ffmpeg, moments)
    }

    fn of(file: &File, ffmpeg: &Ffmpeg, moments: Moments) -> Result<Self, FilmError> {
        let program = program(ffmpeg).ok_or(FilmError::NoFfmpeg)?;
        let step = match moments {
            Moments::Every(every) => every.as_secs_f64().max(0.001),
            Moments::Scenes => 1.0 / f64::from(LOOKS),
        };
        // With `round=up`, the frame at each time is the one that is displayed then.
        let filter = format!("fps=fps={}:start_time=0:round=up", 1.0 / step);
        let arguments =
            ["-an", "-sn", "-dn", "-vf", &filter, "-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"];
        let (process, output) =
            Process::start(&program, file, &arguments).map_err(|problem| FilmError::Ffmpeg { problem })?;
        let scenes = (moments == Moments::Scenes).then_some(None);
        Ok(Film { process, output, step, frames: 0, scenes, ended: false, warnings: Vec::new() })
    }

    /// What was left out, once the film has ended.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Number of audio tracks of the film, once a frame has been read.
    pub fn audio_tracks(&self) -> usize {
        self.process.audio_tracks()
    }

    /// The next frame that ffmpeg writes.
    fn read(&mut self) -> Result<Option<RawPicture>, FilmError> {
        let Some((width, height)) = self.header()? else {
            if self.frames == 0 {
                return Err(FilmError::Ffmpeg { problem: self.process.reason() });
            }
            self.process.finish(&mut self.warnings);
            return Ok(None);
        };
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(FilmError::TooLarge { width, height });
        }
        let mut bytes = vec![0; PixelFormat::Rgb24.len(width, height)];
        if let Err(error) = self.output.read_exact(&mut bytes) {
            return Err(FilmError::Ffmpeg { problem: format!("a frame is cut off: {error}") });
        }
        Ok(RawPicture::new(PixelFormat::Rgb24, width, height, PixelFormat::Rgb24.row(width), bytes))
    }

    /// The size in the header of a PPM picture, `P6\nWIDTH HEIGHT\n255\n`; `None` at the end of the output.
    fn header(&mut self) -> Result<Option<(u32, u32)>, FilmError> {
        let mut header = Vec::new();
        let mut byte = [0];
        while header.iter().filter(|byte| **byte == b'\n').count() < 3 {
            match self.output.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => header.push(byte[0]),
                Err(error) => return Err(FilmError::Ffmpeg { problem: error.to_string() }),
            }
            if header.len() > LONGEST_HEADER {
                break;
            }
        }
        let text = String::from_utf8_lossy(&header);
        let mut words = text.split_ascii_whitespace();
        let size = match (words.next(), words.next(), words.next(), words.next()) {
            (Some("P6"), Some(width), Some(height), Some("255")) => width.parse().ok().zip(height.parse().ok()),
            _ => None,
        };
        let wrong = || FilmError::Ffmpeg { problem: "it did not write pictures".to_string() };
        size.map(Some).ok_or_else(wrong)
    }
}

impl Iterator for Film {
    type Item = Result<(f64, Frame), FilmError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let picture = match self.read() {
                Ok(Some(picture)) => picture,
                Ok(None) => break,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            let at = self.frames as f64 * self.step;
            self.frames += 1;
            let frame = Frame::Raw(picture);
            if let Some(before) = &mut self.scenes {
                let Ok(look) = frame.thumbnail() else { continue };
                let is_new = before.as_ref().is_none_or(|before| look.changed(before) >= NEW_SCENE);
                *before = Some(look);
                if !is_new {
                    continue;
                }
            }
            return Some(Ok((at, frame)));
        }
        self.ended = true;
        None
    }
}

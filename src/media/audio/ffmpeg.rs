//! Formats without a built-in decoder, through an installed ffmpeg, which writes WAV.

use std::fs::File;

use super::AudioError;
use super::decoder::Decoder;
use super::interleaved::Frames;
use super::wav::{Header, WavDecoder};
use crate::config::Ffmpeg;
use crate::media::ffmpeg::{Output, Process, program};

/// Decodes a file with ffmpeg.
pub(super) struct FfmpegDecoder {
    wav: WavDecoder<Output>,
    process: Process,
    /// Notes that are reported once.
    notes: Vec<String>,
}

impl FfmpegDecoder {
    /// Starts ffmpeg on `file`; `None` if it is not installed, or must not be used.
    ///
    /// # Errors
    /// [`AudioError::Ffmpeg`] if it cannot be started, or cannot read the file.
    pub(super) fn open(ffmpeg: &Ffmpeg, file: &File) -> Option<Result<Self, AudioError>> {
        program(ffmpeg).map(|program| Self::start(&program, file))
    }

    fn start(program: &std::path::Path, file: &File) -> Result<Self, AudioError> {
        let failed = |problem: String| AudioError::Ffmpeg { problem };
        let arguments = ["-vn", "-sn", "-dn", "-map_metadata", "-1", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"];
        let (mut process, mut output) = Process::start(program, file, &arguments).map_err(failed)?;
        let header = match Header::read(&mut output, None) {
            Ok(header) => header,
            Err(_) => return Err(failed(process.reason())),
        };
        let notes = vec!["decoded by ffmpeg, because there is no built-in decoder".to_string()];
        Ok(Self { wav: WavDecoder::new(output, header, 1.0)?, process, notes })
    }
}

impl FfmpegDecoder {
    /// Adds a warning.
    pub(super) fn note(&mut self, warning: &str) {
        self.notes.push(warning.to_string());
    }
}

impl Decoder for FfmpegDecoder {
    fn next(&mut self, warnings: &mut Vec<String>) -> Result<Option<Frames<'_>>, AudioError> {
        warnings.append(&mut self.notes);
        let frames = self.wav.next(warnings)?;
        if frames.is_none() {
            let tracks = self.process.audio_tracks();
            if tracks > 1 {
                warnings.push(format!("it has {tracks} audio tracks: the one that ffmpeg prefers is used"));
            }
            self.process.finish(warnings);
        }
        Ok(frames)
    }
}

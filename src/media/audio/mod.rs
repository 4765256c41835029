//! Audio files to mono samples, and mono samples to the log-mel spectrogram.
//!
//! | module | what it does |
//! |---|---|
//! | `wav` | WAV with integer or 32-bit float samples, through `hound` |
//! | `compressed` | mp3, flac, ogg (vorbis), m4a (aac, alac), adts, and companded WAV, through `symphonia` |
//! | `mono` | interleaved frames of any rate and channel count to mono at the wanted rate |
//! | `resample` | the change of sample rate, through `rubato` |
//! | `log_mel` | the spectrogram of Whisper |

mod compressed;
mod error;
mod log_mel;
mod mono;
mod resample;
mod wav;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

pub use error::AudioError;
pub use log_mel::{LogMel, LogMelConfig};
use mono::MonoWriter;

/// Decodes an audio file to mono samples in [-1, 1] at `sample_rate` Hz.
///
/// The format is told by the file's content, never by its name. Channels are averaged. A file that already is mono at
/// `sample_rate` comes back untouched (16-bit samples as `value / 32768`); another rate is resampled without a shift
/// in time, to `round(frames * sample_rate / file's rate)` samples.
///
/// What can be saved is saved, with a warning in the log, as ffmpeg and libsndfile do: a file cut off in the middle
/// gives what is there, corrupt packets are left out, samples that are not finite become 0, and samples beyond
/// [-1, 1] are clipped. While decoding, memory holds the result and a few blocks, whatever a header claims.
///
/// # Errors
/// [`AudioError`], one line, for everything else: an unreadable file, no audio in it, a codec that is not supported,
/// a header that makes no sense, or not a single sample.
pub fn load(path: &Path, sample_rate: u32) -> Result<Vec<f32>, AudioError> {
    let mut file = File::open(path).map_err(AudioError::Io)?;
    let metadata = file.metadata().map_err(AudioError::Io)?;
    if metadata.is_dir() {
        return Err(AudioError::Directory);
    }
    if !metadata.is_file() {
        return Err(AudioError::NotRegularFile);
    }
    if metadata.len() == 0 {
        return Err(AudioError::EmptyFile);
    }

    let mut magic = Vec::with_capacity(wav::MAGIC_LEN);
    (&file)
        .take(wav::MAGIC_LEN as u64)
        .read_to_end(&mut magic)
        .map_err(AudioError::Io)?;
    file.rewind().map_err(AudioError::Io)?;

    let mut samples = MonoWriter::new(sample_rate)?;
    if wav::is_wav(&magic) {
        let header = wav::Header::read(&mut file, metadata.len())?;
        if header.is_linear() {
            wav::decode(&mut file, &header, &mut samples)?;
        } else {
            file.rewind().map_err(AudioError::Io)?;
            compressed::decode(file, &mut samples)
                .map_err(|error| error.in_wav(header.format_tag))?;
        }
    } else {
        compressed::decode(file, &mut samples)?;
    }
    samples.finish()
}

//! Audio files to mono samples, and mono samples to the log-mel spectrogram.
//!
//! | module | what it does |
//! |---|---|
//! | `wav` | WAV with integer or 32-bit float samples, through `hound` |
//! | `compressed` | mp3, flac, ogg (vorbis), m4a (aac, alac), adts, and companded WAV, through `symphonia` |
//! | `mono` | interleaved frames of any rate and channel count to mono at the wanted rate |
//! | `resample` | the change of sample rate, through `rubato` |
//! | `unsupported` | names for what cannot be decoded |
//! | `log_mel` | the spectrogram of Whisper |

mod compressed;
mod error;
mod log_mel;
mod mono;
mod resample;
mod unsupported;
mod wav;

use std::io::{Read, Seek};
use std::path::Path;

use super::file;
pub use error::AudioError;
pub use log_mel::{LogMel, LogMelConfig};
use mono::MonoWriter;

/// Decodes an audio file to mono samples in [-1, 1] at `sample_rate` Hz.
///
/// The format is told by the file's content, never by its name. Channels are averaged. A file that already is mono at
/// `sample_rate` comes back untouched (16-bit samples as `value / 32768`); another rate is resampled without a shift
/// in time, to `round(frames * sample_rate / file's rate)` samples. The silence that an encoder puts in front is taken
/// off where the file tells its length and the decoder reads it (mp3, vorbis); in front of AAC some 20 to 50 ms stay.
///
/// What can be saved is saved, with a warning in the log, as ffmpeg and libsndfile do: a file cut off in the middle
/// gives what is there, corrupt packets are left out, samples that are not finite become 0, and samples beyond
/// [-1, 1] are clipped. While decoding, memory holds the result and a few blocks, whatever a header claims.
///
/// # Errors
/// [`AudioError`], one line, for everything else: an unreadable file, no audio in it, a codec that is not supported,
/// a header that makes no sense, or not a single sample.
pub fn load(path: &Path, sample_rate: u32) -> Result<Vec<f32>, AudioError> {
    let (mut file, len) = file::open(path)?;
    let mut magic = Vec::with_capacity(unsupported::MAGIC_LEN);
    (&file).take(unsupported::MAGIC_LEN as u64).read_to_end(&mut magic)?;
    file.rewind()?;

    if let Some(codec) = unsupported::format_name(&magic) {
        return Err(AudioError::UnsupportedCodec { codec: codec.into() });
    }
    let mut samples = MonoWriter::new(sample_rate)?;
    if wav::is_wav(&magic) {
        let header = wav::Header::read(&mut file, len)?;
        if header.is_linear() {
            wav::decode(&mut file, &header, &mut samples)?;
        } else {
            file.rewind()?;
            compressed::decode(file, &mut samples).map_err(|error| error.in_wav(header.format_tag))?;
        }
    } else {
        compressed::decode(file, &mut samples)?;
    }
    let (samples, warnings) = samples.finish()?;
    warnings.iter().for_each(|warning| log::warn!("{}: {warning}", path.display()));
    Ok(samples)
}

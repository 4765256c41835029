//! Audio files to mono samples, and mono samples to the log-mel spectrogram.
//!
//! | module | role |
//! |---|---|
//! | `source` | [`Samples`]: sources of mono samples, block by block |
//! | `reader` | audio files of every kind, by path |
//! | `recording` | recordings that can be read more than once |
//! | `excerpts` | parts of a recording as a recording |
//! | `extensions` | file name extensions |
//! | `live` | sound that is still being written, such as standard input |
//! | `file` | [`AudioFile`]: where a recording is, and how it may be decoded |
//! | `decoder` | the loop from a decoder's frames to samples |
//! | `interleaved` | those frames |
//! | `wav` | WAV with integer or floating-point samples, and raw samples |
//! | `compressed` | mp3, flac, ogg, webm, mp4, adts, aiff, caf and ADPCM WAV, through `symphonia` and `opus-pure` |
//! | `ffmpeg` | every other format, through an installed ffmpeg |
//! | `phase` | channels to mono, even if they cancel each other out |
//! | `mono` | interleaved frames of any rate and channel count to mono at the requested rate |
//! | `resample` | sample rate conversion, through `rubato` |
//! | `parts` | recordings joined in one file, and containers whose declared lengths are wrong |
//! | `synced` | frames of the formats without a file header |
//! | `unsupported` | names of formats that cannot be decoded |
//! | `log_mel` | the spectrogram of Whisper |

mod compressed;
mod decoder;
mod error;
mod excerpts;
mod extensions;
mod ffmpeg;
mod file;
mod interleaved;
mod live;
mod log_mel;
mod mono;
mod parts;
mod phase;
mod reader;
mod recording;
mod resample;
mod source;
mod synced;
mod unsupported;
mod wav;

pub use error::AudioError;
pub use excerpts::Excerpts;
pub use extensions::{EXTENSIONS, is_recording};
pub use file::AudioFile;
pub use live::LiveReader;
pub use log_mel::{Extent, LogMel, LogMelConfig, LogMelStream, Spectrogram, Window, normalise};
pub use mono::Channel;
pub use reader::{AudioReader, load};
pub use recording::Recording;
pub use source::{Samples, SliceReader};

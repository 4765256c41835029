use std::io;

use super::super::FileError;
use super::wav::format_name;

/// An audio file without usable samples, or a spectrogram that cannot be computed.
///
/// Each text is complete in one line (`source` is therefore not chained) and leaves out the path, which the caller has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The file cannot be read, whatever is in it.
    #[error(transparent)]
    File(#[from] FileError),

    /// No known audio format was found in the file's content.
    #[error("is not audio in a known format (wav, mp3, flac, ogg, opus, m4a, aac, mp4, mkv, webm, aiff, caf)")]
    UnknownFormat,

    /// The container is known, but there is no audio track in it.
    #[error("has no audio track")]
    NoAudioTrack,

    /// The codec, or a feature of it, is not supported.
    #[error(
        "{codec} is not supported without ffmpeg: install it (or allow it: `media.ffmpeg`), or convert the file with \
         `ffmpeg -i INPUT output.wav`"
    )]
    UnsupportedCodec {
        /// The codec, or the feature of it, by name.
        codec: String,
    },

    /// The header, or the stream after it, is invalid in its format.
    #[error("is damaged: {0}")]
    Malformed(String),

    /// The file ended before any sample.
    #[error("is cut off before its first sample")]
    CutOff,

    /// An MP4 file that ends before its index, without which it cannot be read.
    #[error("is cut off: the index at its end is missing, so it cannot be read")]
    NoIndex,

    /// An implausible sample rate.
    #[error("claims a sample rate of {0} Hz, which is not within 1,000 to 384,000 Hz")]
    SampleRate(u32),

    /// The recording is longer than is allowed here.
    #[error("is longer than {seconds} s, the limit here")]
    TooLong {
        /// The limit.
        seconds: u64,
    },

    /// The file was decoded to the end and had no samples.
    #[error("has no samples")]
    NoSamples,

    /// A live stream ended without a byte.
    #[error("ended before a single byte of sound arrived")]
    EmptyStream,

    /// The format of the stream can only be decoded from files.
    #[error("is {format}, which cannot be read from a stream: send `ffmpeg -i INPUT -f wav -`, or name the file")]
    NotLive {
        /// The format, by name.
        format: &'static str,
    },

    /// The recording does not have the requested channel.
    #[error("has no channel {wanted}: it has {channels}")]
    NoChannel {
        /// The requested channel, counted from 1.
        wanted: usize,
        /// Number of channels of the recording.
        channels: usize,
    },

    /// ffmpeg was needed, but could not decode the file.
    #[error("cannot be decoded with ffmpeg: {problem}")]
    Ffmpeg {
        /// The error of ffmpeg or the system.
        problem: String,
    },

    /// Packets were found, and none of them could be decoded.
    #[error("has no packet that can be decoded")]
    NothingDecodable,

    /// The resampler failed.
    #[error("cannot be resampled: {0}")]
    Resample(String),

    /// A requested frame of a spectrogram was dropped before.
    #[error("frame {frame} of the spectrogram was requested, but frames before {first} were dropped")]
    FramePassed {
        /// The requested frame.
        frame: usize,
        /// The first frame that is still kept.
        first: usize,
    },

    /// The sample rate differs from that of the spectrogram.
    #[error("has a sample rate of {found} Hz, but the spectrogram needs {wanted} Hz")]
    OtherRate {
        /// The rate of the samples.
        found: u32,
        /// The rate of the spectrogram.
        wanted: u32,
    },

    /// The constants of a spectrogram are invalid.
    #[error("the log-mel constants are invalid: {0}")]
    LogMelConfig(&'static str),
}

impl AudioError {
    /// The same error for the payload of a WAV file: an unsupported codec is named as in WAV.
    pub(super) fn in_wav(self, format_tag: u16) -> Self {
        match self {
            Self::UnknownFormat | Self::NoAudioTrack | Self::UnsupportedCodec { .. } => {
                Self::UnsupportedCodec { codec: format!("{} in a wav file", format_name(format_tag)) }
            }
            other => other,
        }
    }
}

impl From<io::Error> for AudioError {
    fn from(error: io::Error) -> Self {
        Self::File(FileError::Io(error))
    }
}

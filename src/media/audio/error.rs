use std::io;

use super::super::FileError;
use super::wav::format_name;

/// Why an audio file gave no samples, or a spectrogram cannot be computed.
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

    /// The codec, or what the file does with it, is not supported.
    #[error(
        "{codec} is not supported without ffmpeg: install it (or allow it: `media.ffmpeg`), or convert the file with \
         `ffmpeg -i INPUT output.wav`"
    )]
    UnsupportedCodec {
        /// The codec, or the feature of it, by name.
        codec: String,
    },

    /// The header, or the stream after it, breaks the rules of its format.
    #[error("is damaged: {0}")]
    Malformed(String),

    /// The file ended before there was anything to decode.
    #[error("is cut off before its first sample")]
    CutOff,

    /// An MP4 file that ends before its index, without which nothing in it can be found.
    #[error("is cut off: the index at its end, without which nothing in it can be read, is missing")]
    NoIndex,

    /// A sample rate that no recording has.
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

    /// A stream that was read while it was being written ended without a byte.
    #[error("ended before a single byte of sound came")]
    EmptyStream,

    /// The stream has a format that can be decoded from files only.
    #[error(
        "is {format}, which cannot be read from a stream: send `ffmpeg -i INPUT -f wav -`, or give the file by name"
    )]
    NotLive {
        /// The format, by name.
        format: &'static str,
    },

    /// A channel was asked for that the recording does not have.
    #[error("has no channel {wanted}: it has {channels}")]
    NoChannel {
        /// The channel asked for, counted from 1.
        wanted: usize,
        /// How many there are.
        channels: usize,
    },

    /// ffmpeg was needed, and could not decode the file.
    #[error("cannot be decoded with ffmpeg: {problem}")]
    Ffmpeg {
        /// What ffmpeg, or the system, says about it.
        problem: String,
    },

    /// Packets were found, and none of them could be decoded.
    #[error("has no packet that can be decoded")]
    NothingDecodable,

    /// The resampler refused to work.
    #[error("cannot be resampled: {0}")]
    Resample(String),

    /// A spectrogram was asked for a frame before one it had let go.
    #[error("frame {frame} of the spectrogram was asked for after frame {first}, and only later ones are kept")]
    FramePassed {
        /// The frame that was asked for.
        frame: usize,
        /// The first frame that is still there.
        first: usize,
    },

    /// Samples of one rate were given to a spectrogram of another.
    #[error("comes at {found} Hz, and the spectrogram is one of {wanted} Hz")]
    OtherRate {
        /// The rate of the samples.
        found: u32,
        /// The rate of the spectrogram.
        wanted: u32,
    },

    /// The constants of a spectrogram make no sense.
    #[error("the log-mel constants make no sense: {0}")]
    LogMelConfig(&'static str),
}

impl AudioError {
    /// The same error for the payload of a WAV file: a codec that is missing is then called by its WAV name.
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

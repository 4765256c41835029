//! Everything that is not plain WAV: mp3, flac, ogg (vorbis), m4a (aac, alac), adts, and companded or ADPCM WAV.

use std::fs::File;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AC3, CODEC_ID_EAC3, CODEC_ID_OPUS, CODEC_ID_SPEEX, CODEC_ID_WMA,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::AudioError;
use super::decoder::Decoder;
use super::interleaved::Frames;

/// Frames given at a time: a codec's packet may be much longer.
const BLOCK_FRAMES: usize = 4096;

/// Decodes the default audio track, packet by packet.
pub(super) struct CompressedDecoder {
    format: Box<dyn FormatReader>,
    track_id: u32,
    decoder: Box<dyn AudioDecoder>,
    packet: DecodedPacket,
    decoded: u64,
    corrupt: u64,
    last_error: Option<Error>,
    /// The codec's number, where the container is WAV.
    wav_codec: Option<u16>,
}

/// The samples of a packet, given out piece by piece.
#[derive(Default)]
struct DecodedPacket {
    interleaved: Vec<f32>,
    given: usize,
    sample_rate: u32,
    channels: usize,
}

impl CompressedDecoder {
    /// Finds the track. `wav_codec` is the codec's number where the container is WAV, for the error texts.
    pub(super) fn open(file: File, wav_codec: Option<u16>) -> Result<Self, AudioError> {
        guard(wav_codec, || {
            let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
            let format = symphonia::default::get_probe()
                .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
                .map_err(|error| match error {
                    // The probe ran through the whole file.
                    Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => AudioError::CutOff,
                    Error::Unsupported(_) => AudioError::UnknownFormat,
                    other => describe(other),
                })?;
            let (track_id, decoder) = open_track(format.as_ref())?;
            let packet = DecodedPacket::default();
            Ok(Self { format, track_id, decoder, packet, decoded: 0, corrupt: 0, last_error: None, wav_codec })
        })
    }

    /// Decodes the next packet that can be; `false` at the end.
    fn decode(&mut self, warnings: &mut Vec<String>) -> Result<bool, AudioError> {
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                // A chained stream begins: its tracks replace those before.
                Err(Error::ResetRequired) => {
                    (self.track_id, self.decoder) = open_track(self.format.as_ref())?;
                    continue;
                }
                Err(error) => {
                    if self.decoded == 0 {
                        return Err(describe(error));
                    }
                    warnings.push(format!("the audio ends early and is used up to there: {error}"));
                    break;
                }
            };
            if packet.track_id != self.track_id {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(buffer) => {
                    self.decoded += 1;
                    self.packet.given = 0;
                    self.packet.sample_rate = buffer.spec().rate();
                    self.packet.channels = buffer.spec().channels().count();
                    self.packet.interleaved.resize(buffer.samples_interleaved(), 0.0);
                    buffer.copy_to_slice_interleaved(&mut self.packet.interleaved);
                    return Ok(true);
                }
                Err(Error::ResetRequired) => (self.track_id, self.decoder) = open_track(self.format.as_ref())?,
                Err(error @ (Error::DecodeError(_) | Error::IoError(_))) => {
                    self.corrupt += 1;
                    self.last_error = Some(error);
                }
                Err(error) => return Err(describe(error)),
            }
        }
        match self.last_error.take() {
            Some(error) if self.decoded == 0 => return Err(AudioError::NothingDecodable(error.to_string())),
            Some(error) => {
                let (corrupt, packets) = (self.corrupt, self.corrupt + self.decoded);
                warnings.push(format!("{corrupt} of {packets} packets are damaged and left out: {error}"));
            }
            None => {}
        }
        Ok(false)
    }
}

impl Decoder for CompressedDecoder {
    fn next(&mut self, warnings: &mut Vec<String>) -> Result<Option<Frames<'_>>, AudioError> {
        if self.packet.given == self.packet.interleaved.len() && !guard(self.wav_codec, || self.decode(warnings))? {
            return Ok(None);
        }
        let DecodedPacket { interleaved, given, sample_rate, channels } = &mut self.packet;
        let rest = &interleaved[*given..];
        let piece = &rest[..rest.len().min(BLOCK_FRAMES * *channels)];
        *given += piece.len();
        Ok(Some(Frames { sample_rate: *sample_rate, channels: *channels, interleaved: piece }))
    }
}

/// Runs code of the decoders, some of which panic on some damaged files (Microsoft ADPCM does, where arithmetic is
/// checked for overflow). For whoever has the file that is damage like any other. Nothing is used after the error.
fn guard<T>(wav_codec: Option<u16>, decode: impl FnOnce() -> Result<T, AudioError>) -> Result<T, AudioError> {
    let result = catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(AudioError::Malformed("its decoder gave up".into())));
    match wav_codec {
        Some(format_tag) => result.map_err(|error| error.in_wav(format_tag)),
        None => result,
    }
}

fn open_track(format: &dyn FormatReader) -> Result<(u32, Box<dyn AudioDecoder>), AudioError> {
    let Some(track) = format.default_track(TrackType::Audio) else {
        // A track whose codec the container's reader does not know has no type.
        let mut types = format.tracks().iter().map(Track::track_type);
        return Err(match types.any(|kind| kind.is_none()) {
            true => AudioError::UnsupportedCodec { codec: "the audio codec".into() },
            false => AudioError::NoAudioTrack,
        });
    };
    let parameters =
        track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or(AudioError::NoAudioTrack)?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| match error {
            Error::Unsupported(_) => AudioError::UnsupportedCodec { codec: codec_name(parameters.codec) },
            other => describe(other),
        })?;
    Ok((track.id, decoder))
}

fn codec_name(codec: AudioCodecId) -> String {
    match codec {
        CODEC_ID_OPUS => "Opus".into(),
        CODEC_ID_SPEEX => "Speex".into(),
        CODEC_ID_WMA => "Windows Media Audio".into(),
        CODEC_ID_AC3 => "AC-3".into(),
        CODEC_ID_EAC3 => "E-AC-3".into(),
        other => format!("the audio codec {other}"),
    }
}

fn describe(error: Error) -> AudioError {
    match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => AudioError::CutOff,
        Error::IoError(error) => error.into(),
        Error::Unsupported(feature) => AudioError::UnsupportedCodec { codec: feature.into() },
        other => AudioError::Malformed(other.to_string()),
    }
}

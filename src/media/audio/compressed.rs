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

use super::{AudioError, MonoWriter};

/// Decodes the default audio track.
pub(super) fn decode(file: File, samples: &mut MonoWriter) -> Result<(), AudioError> {
    // Some of the decoders panic on some damaged files (Microsoft ADPCM does, where arithmetic is checked for
    // overflow). For whoever has the file that is damage like any other. The samples are dropped with the error.
    catch_unwind(AssertUnwindSafe(|| decode_default_track(file, samples)))
        .unwrap_or_else(|_| Err(AudioError::Malformed("its decoder gave up".into())))
}

fn decode_default_track(file: File, samples: &mut MonoWriter) -> Result<(), AudioError> {
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| match error {
            // The probe ran through the whole file.
            Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => AudioError::CutOff,
            Error::Unsupported(_) => AudioError::UnknownFormat,
            other => describe(other),
        })?;

    let (mut track_id, mut decoder) = open_track(format.as_ref())?;
    let mut block = Vec::new();
    let mut decoded = 0u64;
    let mut corrupt = 0u64;
    let mut last_error = None;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A chained stream begins: its tracks replace those before.
            Err(Error::ResetRequired) => {
                (track_id, decoder) = open_track(format.as_ref())?;
                continue;
            }
            Err(error) => {
                if decoded == 0 {
                    return Err(describe(error));
                }
                samples.warn(format!("the audio ends early and is used up to there: {error}"));
                break;
            }
        };
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(buffer) => {
                decoded += 1;
                block.resize(buffer.samples_interleaved(), 0.0);
                buffer.copy_to_slice_interleaved(&mut block);
                samples.push(buffer.spec().rate(), buffer.spec().channels().count(), &block)?;
            }
            Err(Error::ResetRequired) => (track_id, decoder) = open_track(format.as_ref())?,
            Err(error @ (Error::DecodeError(_) | Error::IoError(_))) => {
                corrupt += 1;
                last_error = Some(error);
            }
            Err(error) => return Err(describe(error)),
        }
    }
    match last_error {
        Some(error) if decoded == 0 => Err(AudioError::NothingDecodable(error.to_string())),
        Some(error) => {
            let packets = corrupt + decoded;
            samples.warn(format!("{corrupt} of {packets} packets are damaged and left out: {error}"));
            Ok(())
        }
        None => Ok(()),
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

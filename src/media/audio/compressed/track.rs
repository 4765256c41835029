//! One audio track of a file, and the choice among several.

use symphonia::core::codecs::audio::well_known as id;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, Track, TrackFlags};
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use super::super::AudioError;
use super::opus::{self, Opus};
use super::wording::describe;

/// A track and its decoder.
pub(super) struct OpenTrack {
    pub(super) id: u32,
    parameters: AudioCodecParameters,
    decoder: PacketDecoder,
    time_base: Option<TimeBase>,
    /// Samples per channel that the encoder added at the end, if the file states them.
    pub(super) padding: Option<u64>,
    /// Declared duration in seconds.
    pub(super) declared: Option<f64>,
}

enum PacketDecoder {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<Opus>),
}

impl OpenTrack {
    fn new(track: &Track) -> Result<Self, AudioError> {
        let parameters = audio(track).ok_or_else(|| unnamed("its audio codec"))?.clone();
        let length = track.duration.zip(track.time_base).and_then(|(length, base)| base.calc_duration(length));
        Ok(Self {
            id: track.id,
            decoder: PacketDecoder::new(&parameters)?,
            parameters,
            time_base: track.time_base,
            padding: track.padding.map(u64::from),
            declared: length.map(|length| length.as_secs_f64()),
        })
    }

    /// Seconds at the start that the decoder skips itself.
    pub(super) fn left_out_by_decoder(&self) -> f64 {
        match &self.decoder {
            PacketDecoder::Symphonia(_) => 0.0,
            PacketDecoder::Opus(opus) => opus.to_skip() as f64 / f64::from(opus::SAMPLE_RATE),
        }
    }

    /// When a packet begins, in seconds.
    pub(super) fn seconds_at(&self, packet: &Packet) -> Option<f64> {
        Some(self.time_base?.calc_time(packet.pts)?.as_secs_f64())
    }

    /// The codec's name.
    pub(super) fn codec(&self) -> String {
        codec_name(self.parameters.codec)
    }

    /// Decodes a packet to interleaved samples, and returns their rate and number of channels.
    pub(super) fn decode(&mut self, packet: &Packet, interleaved: &mut Vec<f32>) -> Result<(u32, usize), Error> {
        let result = self.decoder.decode(packet, interleaved);
        if result.is_ok() || matches!(self.decoder, PacketDecoder::Opus(_)) {
            return result;
        }
        // A decoder is created for one rate and number of channels. If these have changed, a new one succeeds.
        let Ok(mut fresh) = PacketDecoder::new(&self.parameters) else { return result };
        match fresh.decode(packet, interleaved) {
            Ok(found) => {
                self.decoder = fresh;
                Ok(found)
            }
            Err(_) => result,
        }
    }
}

impl PacketDecoder {
    fn new(parameters: &AudioCodecParameters) -> Result<Self, AudioError> {
        if parameters.codec == id::CODEC_ID_OPUS {
            let opus = parameters.extra_data.as_deref().and_then(Opus::new);
            let broken = || AudioError::Malformed("its Opus header is invalid".into());
            return Ok(Self::Opus(Box::new(opus.ok_or_else(broken)?)));
        }
        let options = AudioDecoderOptions::default().gapless(false);
        match symphonia::default::get_codecs().make_audio_decoder(parameters, &options) {
            Ok(decoder) => Ok(Self::Symphonia(decoder)),
            Err(Error::Unsupported(_)) => Err(unnamed(&codec_name(parameters.codec))),
            Err(error) => Err(describe(error)),
        }
    }

    fn decode(&mut self, packet: &Packet, interleaved: &mut Vec<f32>) -> Result<(u32, usize), Error> {
        interleaved.clear();
        match self {
            Self::Symphonia(decoder) => {
                let buffer = decoder.decode(packet)?;
                let spec = (buffer.spec().rate(), buffer.spec().channels().count());
                interleaved.resize(buffer.samples_interleaved(), 0.0);
                buffer.copy_to_slice_interleaved(&mut *interleaved);
                Ok(spec)
            }
            Self::Opus(opus) => {
                let damaged = Error::DecodeError("opus packet");
                opus.decode(&packet.data, interleaved).ok_or(damaged)?;
                Ok((opus::SAMPLE_RATE, opus.channels))
            }
        }
    }
}

/// The audio tracks in the order in which to try them: those marked as default first. `marked` are the ids of tracks
/// that are marked in a way that the reader does not know.
pub(super) fn candidates(format: &dyn FormatReader, marked: &[u32]) -> Vec<u32> {
    let mut tracks: Vec<&Track> = format.tracks().iter().filter(|track| audio(track).is_some()).collect();
    let is_default = |track: &Track| track.flags.contains(TrackFlags::DEFAULT) || marked.contains(&track.id);
    tracks.sort_by_key(|track| !is_default(track));
    tracks.into_iter().map(|track| track.id).collect()
}

/// Opens the first of `candidates` that has a decoder and removes it and those before it; adds to `warnings` which one
/// it is if there are several.
pub(super) fn open(
    format: &dyn FormatReader,
    candidates: &mut Vec<u32>,
    warnings: &mut Vec<String>,
) -> Result<OpenTrack, AudioError> {
    let tracks = format.tracks();
    let audio_ids: Vec<u32> = tracks.iter().filter(|track| audio(track).is_some()).map(|track| track.id).collect();
    let place = |id| audio_ids.iter().position(|&other| other == id).map_or(0, |place| place + 1);
    let mut first_error = None;
    while !candidates.is_empty() {
        let id = candidates.remove(0);
        let Some(track) = tracks.iter().find(|track| track.id == id) else { continue };
        match OpenTrack::new(track) {
            Ok(open) => {
                if audio_ids.len() > 1 {
                    let language = track.language.as_ref().filter(|language| *language != "und");
                    let language = language.map(|language| format!(", {language}")).unwrap_or_default();
                    let (place, all, codec) = (place(id), audio_ids.len(), open.codec());
                    warnings.push(format!("it has {all} audio tracks: track {place} ({codec}{language}) is used"));
                }
                // A track whose codec the container's reader does not know has no type: it may be an audio track too.
                if tracks.iter().any(|track| track.codec_params.is_none()) {
                    warnings.push(
                        "a track of an unknown codec is left out; if it is an audio track, convert it".to_string(),
                    );
                }
                return Ok(open);
            }
            Err(error) => {
                if !candidates.is_empty() {
                    warnings.push(format!("audio track {} cannot be decoded: {error}", place(id)));
                }
                first_error.get_or_insert(error);
            }
        }
    }
    // A track whose codec the container's reader does not know has no type.
    let unknown = tracks.iter().any(|track| track.codec_params.is_none());
    Err(first_error.unwrap_or(if unknown { unnamed("its audio codec") } else { AudioError::NoAudioTrack }))
}

fn audio(track: &Track) -> Option<&AudioCodecParameters> {
    track.codec_params.as_ref()?.audio()
}

fn unnamed(codec: &str) -> AudioError {
    AudioError::UnsupportedCodec { codec: codec.to_string() }
}

fn codec_name(codec: AudioCodecId) -> String {
    let name = match codec {
        id::CODEC_ID_AAC => "AAC",
        id::CODEC_ID_AC3 => "AC-3",
        id::CODEC_ID_ALAC => "ALAC",
        id::CODEC_ID_ATRAC3 => "ATRAC3",
        id::CODEC_ID_DCA => "DTS",
        id::CODEC_ID_EAC3 => "E-AC-3",
        id::CODEC_ID_FLAC => "FLAC",
        id::CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
        id::CODEC_ID_MP1 | id::CODEC_ID_MP2 => "MPEG layer 1 or 2",
        id::CODEC_ID_MP3 => "mp3",
        id::CODEC_ID_MUSEPACK => "Musepack",
        id::CODEC_ID_OPUS => "Opus",
        id::CODEC_ID_SPEEX => "Speex",
        id::CODEC_ID_TTA => "True Audio",
        id::CODEC_ID_VORBIS => "Vorbis",
        id::CODEC_ID_WAVPACK => "WavPack",
        id::CODEC_ID_WMA => "Windows Media Audio",
        _ if symphonia::default::get_codecs().get_audio_decoder(codec).is_some() => "PCM",
        _ => "its audio codec",
    };
    name.into()
}

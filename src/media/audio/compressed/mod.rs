//! Everything except plain WAV: mp3, flac, ogg and webm (vorbis, opus), mp4 (aac, alac), aiff, caf, and companded or
//! ADPCM WAV.
//!
//! `symphonia` reads the containers and most codecs. This module adds what it lacks: packets count instead of the
//! lengths in headers, concatenated streams are read one after the other, the default track is used, and a track that
//! cannot be decoded is replaced by the next.

mod adts;
mod flac;
mod gaps;
pub(super) mod matroska;
mod mp4;
mod opened;
mod opus;
mod source;
mod stream;
mod track;
mod wording;

use std::collections::VecDeque;
use std::io::ErrorKind;

use gaps::Gaps;
use opened::{Joined, Opened, probe};
pub(super) use source::{Input, Span};
use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration;
use track::OpenTrack;

use super::AudioError;
use super::decoder::Decoder;
use super::interleaved::Frames;
use super::parts::left_out;
use crate::support::guard::caught;
use wording::{describe, ending};

/// Maximum number of frames returned at a time; a codec's packet may be much longer.
const BLOCK_FRAMES: usize = 4096;

/// Silence inserted between packets: a block for any number of channels that a codec may have.
static SILENCE: [f32; BLOCK_FRAMES] = [0.0; BLOCK_FRAMES];

/// Maximum number of samples per channel that are cut at the end of a file that does not state the encoder's padding: a
/// few packets of the codecs that do this.
const MOST_PADDING: u64 = 6_000;

/// An edit list that skips more than this skips more than an encoder's priming, and causes a warning.
const MOST_PRIMING_SECONDS: f64 = 0.2;

/// Tolerance for a declared length, more than the rounding of encoders: 0.25 s.
const MISSED_SECONDS: f64 = 0.25;

/// Decodes one audio track, packet by packet.
pub(super) struct CompressedDecoder {
    input: Input,
    magic: Vec<u8>,
    /// The codec's number, if the container is WAV.
    wav_codec: Option<u16>,
    format: Box<dyn FormatReader>,
    /// Where the recordings that are joined in the file or stream begin, in formats whose reader reads only one.
    joined: Option<Box<dyn Joined>>,
    track: OpenTrack,
    /// The track that follows once the current packets are decoded.
    next_track: Option<OpenTrack>,
    /// Tracks to try if no packet of this one can be decoded.
    others: Vec<u32>,
    /// Warnings from opening the file, returned first.
    opening: Vec<String>,
    /// Packets that are to be shortened if they are at the end of the recording.
    held: VecDeque<Packet>,
    ready: VecDeque<Packet>,
    /// Whether the lengths declared by the file have turned out wrong.
    distrusted: bool,
    ended: bool,
    packet: DecodedPacket,
    /// Frames of silence that come before the packet.
    silence: usize,
    /// Gaps between packets, if the container's timestamps show them.
    gaps: Option<Gaps>,
    decoded: u64,
    corrupt: u64,
    edits: Vec<mp4::Edits>,
    /// Seconds that are still to be left out at the start.
    to_skip: f64,
    /// Seconds of sound of the current stream, and of the previous ones.
    seconds: f64,
    seconds_before: f64,
}

/// The samples of a packet, returned piece by piece.
#[derive(Default)]
struct DecodedPacket {
    interleaved: Vec<f32>,
    start: usize,
    end: usize,
    sample_rate: u32,
    channels: usize,
}

impl CompressedDecoder {
    /// Finds the track of a recording that begins with `magic`. `wav_codec` is the codec's number if the container is
    /// WAV, for the error texts.
    pub(super) fn open(mut input: Input, magic: &[u8], wav_codec: Option<u16>) -> Result<Self, AudioError> {
        guard(wav_codec, || {
            let mut opened = Opened::new(&mut input, magic)?;
            let mut opening = Vec::new();
            let track = track::open(opened.format.as_ref(), &mut opened.candidates, &mut opening)?;
            let mut decoder = Self {
                input,
                magic: magic.to_vec(),
                wav_codec,
                format: opened.format,
                joined: opened.joined,
                track,
                next_track: None,
                others: opened.candidates,
                opening,
                held: VecDeque::new(),
                ready: VecDeque::new(),
                distrusted: false,
                ended: false,
                packet: DecodedPacket::default(),
                silence: 0,
                gaps: matroska::is_matroska(magic).then(Gaps::default),
                decoded: 0,
                corrupt: 0,
                edits: opened.edits,
                to_skip: 0.0,
                seconds: 0.0,
                seconds_before: 0.0,
            };
            decoder.skip_start();
            Ok(decoder)
        })
    }

    /// Adds a warning about the file.
    pub(super) fn with_warning(mut self, warning: Option<String>) -> Self {
        self.opening.extend(warning);
        self
    }

    /// Decodes the next usable packet; `false` at the end.
    fn decode(&mut self, warnings: &mut Vec<String>) -> Result<bool, AudioError> {
        warnings.append(&mut self.opening);
        loop {
            while let Some(packet) = self.next_packet(warnings)? {
                if self.decode_packet(&packet)? {
                    return Ok(true);
                }
            }
            if self.decoded > 0 {
                break;
            }
            if !self.open_other_track(warnings)? {
                return Err(if self.corrupt > 0 { AudioError::NothingDecodable } else { AudioError::NoSamples });
            }
        }
        if self.corrupt > 0 {
            let (corrupt, packets) = (self.corrupt, self.corrupt + self.decoded);
            warnings.push(format!("{corrupt} of {packets} packets are damaged and left out"));
            self.corrupt = 0;
        }
        warnings.extend(self.gaps.take().iter().flat_map(Gaps::warnings));
        Ok(false)
    }

    /// Starts a track, skipping as much of it as its container says.
    fn skip_start(&mut self) {
        let edits = self.edits.iter().find(|edits| edits.track == self.track.id);
        // An edit that would leave nothing is an error. The length is only declared, and does not change the priming.
        let plausible =
            |skipped: &f64| *skipped <= MOST_PRIMING_SECONDS || self.track.declared.is_none_or(|it| *skipped < it);
        let skipped = edits.map(|edits| edits.skipped).filter(plausible).unwrap_or(0.0);
        // The Opus header has the same number of samples, which its decoder skips.
        let skipped = (skipped - self.track.left_out_by_decoder()).max(0.0);
        self.to_skip = skipped;
        self.track.declared = self.track.declared.map(|declared| declared - skipped);
        if skipped > MOST_PRIMING_SECONDS {
            self.opening.push(format!("its edit list skips the first {skipped:.1} s"));
        }
        if let Some(pieces) = edits.map(|edits| edits.pieces).filter(|pieces| *pieces > 1) {
            self.opening.push(format!(
                "its edit list plays {pieces} pieces of it: all of its sound is used, in the order of the file"
            ));
        }
    }

    /// Decodes one packet to `self.packet`; `false` if it is damaged or has no samples.
    fn decode_packet(&mut self, packet: &Packet) -> Result<bool, AudioError> {
        let decoded = self.track.decode(packet, &mut self.packet.interleaved);
        let (sample_rate, channels) = match decoded {
            Ok(decoded) => decoded,
            Err(Error::IoError(error)) if error.raw_os_error().is_some() => return Err(error.into()),
            Err(_) => {
                self.corrupt += 1;
                (self.packet.start, self.packet.end) = (0, 0);
                return Ok(false);
            }
        };
        self.decoded += 1;
        let channels = channels.max(1);
        let frames = self.packet.interleaved.len() / channels;
        let trimmed = |trim: Duration| usize::try_from(trim.get()).unwrap_or(usize::MAX).min(frames);
        let mut start = trimmed(packet.trim_start);
        if self.to_skip > 0.0 {
            let rate = f64::from(sample_rate.max(1));
            let skipped = ((self.to_skip * rate).round() as usize).min(frames - start);
            start += skipped;
            self.to_skip = if start < frames { 0.0 } else { self.to_skip - skipped as f64 / rate };
        }
        let end = frames.saturating_sub(trimmed(packet.trim_end)).max(start);
        self.packet.start = start * channels;
        self.packet.end = end * channels;
        (self.packet.sample_rate, self.packet.channels) = (sample_rate, channels);
        let seconds = |frames: usize| frames as f64 / f64::from(sample_rate.max(1));
        self.seconds += seconds(end - start);
        if let Some((gaps, at)) = self.gaps.as_mut().zip(self.track.seconds_at(packet)) {
            let silence = gaps.before(at);
            gaps.after(seconds(frames));
            if channels <= SILENCE.len() {
                self.silence = (silence * f64::from(sample_rate)).round() as usize;
                self.seconds += seconds(self.silence);
            }
        }
        Ok(end > start || self.silence > 0)
    }

    /// The next packet, shortened only near the end of the recording.
    ///
    /// A sample count in a header shortens every packet after it. If more packets follow than an encoder could have
    /// added, the count is wrong, and they are used whole.
    fn next_packet(&mut self, warnings: &mut Vec<String>) -> Result<Option<Packet>, AudioError> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                return Ok(Some(packet));
            }
            if let Some(track) = self.next_track.take() {
                self.track = track;
                self.gaps.iter_mut().for_each(Gaps::restart);
                self.skip_start();
                self.distrusted = false;
                self.seconds_before += std::mem::take(&mut self.seconds);
            }
            if self.ended {
                return Ok(None);
            }
            let Some(mut packet) = self.read_packet(warnings)? else {
                if self.next_track.is_some() {
                    continue;
                }
                self.ended = true;
                self.ready.append(&mut self.held);
                continue;
            };
            if self.distrusted {
                packet.trim_end = Duration::ZERO;
            }
            let shortened = packet.trim_end > Duration::ZERO;
            if !shortened && self.held.is_empty() {
                return Ok(Some(packet));
            }
            self.held.push_back(packet);
            let trimmed = self.held.iter().fold(0u64, |sum, packet| sum.saturating_add(packet.trim_end.get()));
            if !shortened || trimmed > self.track.padding.unwrap_or(MOST_PADDING) {
                self.distrusted = true;
                self.held.iter_mut().for_each(|packet| packet.trim_end = Duration::ZERO);
                self.ready.append(&mut self.held);
            }
        }
    }

    /// The next packet of the track as stored in the file; `None` at the end of a stream, when `next_track` says
    /// whether another follows.
    fn read_packet(&mut self, warnings: &mut Vec<String>) -> Result<Option<Packet>, AudioError> {
        loop {
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track.id => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.check_length(warnings);
                    self.next_stream(warnings)?;
                    return Ok(None);
                }
                // A chained stream begins: its tracks replace the previous ones.
                Err(Error::ResetRequired) => {
                    let mut candidates = track::candidates(self.format.as_ref(), &[]);
                    self.change_track(|format, warnings| track::open(format, &mut candidates, warnings), warnings)?;
                    return Ok(None);
                }
                // The end of a stream whose length its reader did not know.
                Err(Error::IoError(error))
                    if error.kind() == ErrorKind::UnexpectedEof
                        && self.joined.as_ref().is_some_and(|joined| joined.is_whole()) =>
                {
                    self.next_stream(warnings)?;
                    return Ok(None);
                }
                Err(error) => {
                    if self.decoded == 0 && self.corrupt == 0 && self.held.is_empty() {
                        return Err(describe(error));
                    }
                    let seconds = self.seconds_before + self.seconds;
                    warnings.push(format!("it {} after {seconds:.1} s: the part before is used", ending(&error)));
                    return Ok(None);
                }
            }
        }
    }

    /// Advances to the next of the recordings that are joined; `false` if there is none.
    fn next_stream(&mut self, warnings: &mut Vec<String>) -> Result<bool, AudioError> {
        let Some(source) = self.joined.as_ref().and_then(|joined| joined.next()) else { return Ok(false) };
        let seconds = self.seconds_before + self.seconds;
        match probe(source) {
            Ok(format) => self.format = format,
            Err(error) => {
                warnings.push(left_out(&error, seconds));
                return Ok(false);
            }
        }
        let mut candidates = track::candidates(self.format.as_ref(), &[]);
        self.change_track(|format, warnings| track::open(format, &mut candidates, warnings), warnings)?;
        Ok(true)
    }

    /// Changes the current track: held packets of the previous one are used unchanged.
    fn change_track(
        &mut self,
        open: impl FnOnce(&dyn FormatReader, &mut Vec<String>) -> Result<OpenTrack, AudioError>,
        warnings: &mut Vec<String>,
    ) -> Result<(), AudioError> {
        self.ready.append(&mut self.held);
        self.next_track = Some(open(self.format.as_ref(), warnings)?);
        Ok(())
    }

    /// Starts again with the next track if nothing of this one could be decoded.
    fn open_other_track(&mut self, warnings: &mut Vec<String>) -> Result<bool, AudioError> {
        if self.others.is_empty() || !self.input.is_file() {
            return Ok(false);
        }
        warnings.push(format!("audio track with {} has no packet that can be decoded", self.track.codec()));
        let opened = Opened::new(&mut self.input, &self.magic)?;
        (self.format, self.joined, self.edits) = (opened.format, opened.joined, opened.edits);
        let mut others = std::mem::take(&mut self.others);
        self.change_track(|format, warnings| track::open(format, &mut others, warnings), warnings)?;
        (self.others, self.ended, self.corrupt, self.seconds_before) = (others, false, 0, 0.0);
        Ok(true)
    }

    /// Warns about a file that ends before its declared length.
    fn check_length(&mut self, warnings: &mut Vec<String>) {
        let held: u64 = self.held.iter().map(|packet| packet.dur.get()).fold(0, u64::saturating_add);
        let held = held as f64 / f64::from(self.packet.sample_rate.max(1));
        if let Some(declared) = self.track.declared
            && self.corrupt == 0
            && self.decoded > 0
            && declared > self.seconds + held + MISSED_SECONDS
        {
            let seconds = self.seconds + held;
            warnings.push(format!("its header declares {declared:.1} s, but it has {seconds:.1} s, which are used"));
        }
    }
}

impl Decoder for CompressedDecoder {
    fn next(&mut self, warnings: &mut Vec<String>) -> Result<Option<Frames<'_>>, AudioError> {
        let done = self.packet.start == self.packet.end && self.silence == 0;
        if done && !guard(self.wav_codec, || self.decode(warnings))? {
            return Ok(None);
        }
        let DecodedPacket { interleaved, start, end, sample_rate, channels } = &mut self.packet;
        if self.silence > 0 {
            let piece = self.silence.min(SILENCE.len() / *channels);
            self.silence -= piece;
            let interleaved = &SILENCE[..piece * *channels];
            return Ok(Some(Frames { sample_rate: *sample_rate, channels: *channels, interleaved }));
        }
        let rest = &interleaved[*start..*end];
        let piece = &rest[..rest.len().min(BLOCK_FRAMES * *channels)];
        *start += piece.len();
        Ok(Some(Frames { sample_rate: *sample_rate, channels: *channels, interleaved: piece }))
    }
}

/// Runs code of the decoders, some of which panic on damaged files (Microsoft ADPCM does if arithmetic is checked for
/// overflow). To users this is damage like any other. The decoder is not used after the error.
fn guard<T>(wav_codec: Option<u16>, decode: impl FnOnce() -> Result<T, AudioError>) -> Result<T, AudioError> {
    let result = caught(decode).unwrap_or_else(|| Err(AudioError::Malformed("its decoder failed".into())));
    match wav_codec {
        Some(format_tag) => result.map_err(|error| error.in_wav(format_tag)),
        None => result,
    }
}

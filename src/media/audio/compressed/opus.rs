//! Opus (RFC 6716, RFC 7845): the identification header, and packets through `opus-decoder`.

use opus_decoder::{OpusDecoder, OpusMultistreamDecoder};

/// Opus decodes at this rate, whatever was encoded.
pub(super) const SAMPLE_RATE: u32 = 48_000;

/// Samples of a channel in the longest packet: 120 ms.
const LONGEST_PACKET: usize = 5_760;

/// Decodes the packets of one track.
pub(super) struct Opus {
    decoder: Streams,
    pub(super) channels: usize,
    gain: f32,
    /// Samples of a channel still to drop: what the encoder put in front.
    skip: usize,
    block: Vec<f32>,
}

enum Streams {
    One(Box<OpusDecoder>),
    Several(Box<OpusMultistreamDecoder>),
}

impl Opus {
    /// Reads an `OpusHead`; `None` where it breaks the rules. MP4 has its numbers the other way round, and version 0.
    pub(super) fn new(head: &[u8]) -> Option<Self> {
        let head = head.strip_prefix(b"OpusHead")?;
        let &[version, channels, pre_skip_0, pre_skip_1, _, _, _, _, gain_0, gain_1, family] = head.get(..11)? else {
            return None;
        };
        let number = |bytes: [u8; 2]| match version {
            0 => u16::from_be_bytes(bytes),
            _ => u16::from_le_bytes(bytes),
        };
        let gain = f32::from(number([gain_0, gain_1]).cast_signed()) / 256.0;
        let channels = usize::from(channels);
        let decoder = match (family, channels) {
            (0, 1 | 2) => Streams::One(Box::new(OpusDecoder::new(SAMPLE_RATE, channels).ok()?)),
            (0, _) => return None,
            _ => {
                let mapping = head.get(13..13 + channels)?;
                let (streams, coupled) = (usize::from(head[11]), usize::from(head[12]));
                let decoder = OpusMultistreamDecoder::new(SAMPLE_RATE, channels, streams, coupled, mapping);
                Streams::Several(Box::new(decoder.ok()?))
            }
        };
        let skip = usize::from(number([pre_skip_0, pre_skip_1]));
        let block = vec![0.0; LONGEST_PACKET * channels];
        Some(Self { decoder, channels, gain: 10f32.powf(gain / 20.0), skip, block })
    }

    /// Appends a packet's interleaved samples; `None` for a damaged packet.
    pub(super) fn decode(&mut self, packet: &[u8], interleaved: &mut Vec<f32>) -> Option<()> {
        let decoded = match &mut self.decoder {
            Streams::One(decoder) => decoder.decode_float(packet, &mut self.block, false),
            Streams::Several(decoder) => decoder.decode_float(packet, &mut self.block, false),
        };
        let frames = decoded.ok()?.min(LONGEST_PACKET);
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        let samples = &self.block[skipped * self.channels..frames * self.channels];
        interleaved.extend(samples.iter().map(|sample| sample * self.gain));
        Some(())
    }
}

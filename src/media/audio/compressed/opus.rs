//! Opus (RFC 6716, RFC 7845): the identification header, and packets through `opus-pure`.

use opus_pure::{OpusDecoder, OpusMSDecoder};

/// Opus always decodes at this rate.
pub(super) const SAMPLE_RATE: u32 = 48_000;
const DECODER_RATE: i32 = 48_000;

/// Samples per channel in the longest packet: 120 ms.
const LONGEST_PACKET: usize = 5_760;

/// Decodes the packets of one track.
pub(super) struct Opus {
    decoder: Streams,
    pub(super) channels: usize,
    gain: f32,
    /// Samples per channel still to drop: the encoder's pre-skip.
    skip: usize,
    block: Vec<f32>,
}

enum Streams {
    One(Box<OpusDecoder>),
    Several(Box<OpusMSDecoder>),
}

impl Opus {
    /// Reads an `OpusHead`; `None` if it is invalid. MP4 stores its numbers in the other byte order, with version 0.
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
            (0, 1 | 2) => Streams::One(Box::new(OpusDecoder::new(DECODER_RATE, channels).ok()?)),
            (0, _) => return None,
            _ => {
                // The family determines the order of the streams. A mapping of its own would only reorder the channels;
                // other numbers of streams would not decode.
                let decoder = OpusMSDecoder::new(DECODER_RATE, channels, family).ok()?;
                (decoder.nb_streams() == usize::from(*head.get(11)?)).then_some(())?;
                Streams::Several(Box::new(decoder))
            }
        };
        let skip = usize::from(number([pre_skip_0, pre_skip_1]));
        let block = vec![0.0; LONGEST_PACKET * channels];
        Some(Self { decoder, channels, gain: 10f32.powf(gain / 20.0), skip, block })
    }

    /// Samples per channel to drop before the next one: before the first packet, the header's pre-skip.
    pub(super) fn to_skip(&self) -> usize {
        self.skip
    }

    /// Appends a packet's interleaved samples; `None` for a damaged packet.
    pub(super) fn decode(&mut self, packet: &[u8], interleaved: &mut Vec<f32>) -> Option<()> {
        let decoded = match &mut self.decoder {
            Streams::One(decoder) => decoder.decode(packet, LONGEST_PACKET, &mut self.block),
            Streams::Several(decoder) => decoder.decode(packet, LONGEST_PACKET, &mut self.block),
        };
        let frames = decoded.ok()?.min(LONGEST_PACKET);
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        let samples = &self.block[skipped * self.channels..frames * self.channels];
        interleaved.extend(samples.iter().map(|sample| sample * self.gain));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One stream of one channel, with nothing to drop.
    fn opened() -> Opus {
        Opus::new(b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0").unwrap()
    }

    #[test]
    fn a_packet_without_a_frame_is_a_pause_as_long_as_it_says() {
        // Discontinuous transmission: only the first byte, which declares SILK of 20 and 60 ms, and CELT of 20 ms
        // (RFC 6716, 3.1).
        for (first, frames) in [(0x08, 960), (0x18, 2_880), (0xf8, 960), (0xf9, 1_920)] {
            let (mut opus, mut samples) = (opened(), Vec::new());
            opus.decode(&[first], &mut samples).unwrap();
            assert_eq!(samples.len(), frames, "{first:#x}");
            assert!(samples.iter().all(|sample| sample.abs() < 0.01));
        }
    }

    #[test]
    fn headers_that_break_the_rules_are_refused() {
        for head in [
            &b""[..],
            b"OpusHead",
            b"OpusTags\x01\x01\0\0\x80\xbb\0\0\0\0\0",
            b"OpusHead\x01\x03\0\0\x80\xbb\0\0\0\0\0",
        ] {
            assert!(Opus::new(head).is_none(), "{head:?}");
        }
    }
}

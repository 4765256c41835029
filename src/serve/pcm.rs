//! Raw PCM sound, and the WAV header that describes it.

/// Size of a WAV header in bytes.
pub const HEADER: usize = 44;

/// PCM format: samples per second, bytes per sample, channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub rate: u32,
    pub width: u16,
    pub channels: u16,
}

impl Format {
    /// Bytes of a second of sound.
    pub fn bytes_per_second(self) -> u32 {
        self.rate * u32::from(self.width) * u32::from(self.channels)
    }

    /// The header of a WAV file with this many bytes of sound; [`u32::MAX`] if their number is not known yet.
    pub fn wav_header(self, sound: u32) -> [u8; HEADER] {
        let frame = self.width * self.channels;
        let fields: [&[u8]; 13] = [
            b"RIFF",
            &sound.saturating_add(HEADER as u32 - 8).to_le_bytes(),
            b"WAVE",
            b"fmt ",
            &16u32.to_le_bytes(),
            &1u16.to_le_bytes(),
            &self.channels.to_le_bytes(),
            &self.rate.to_le_bytes(),
            &self.bytes_per_second().to_le_bytes(),
            &frame.to_le_bytes(),
            &(self.width * 8).to_le_bytes(),
            b"data",
            &sound.to_le_bytes(),
        ];
        let mut header = [0; HEADER];
        header.copy_from_slice(&fields.concat());
        header
    }
}

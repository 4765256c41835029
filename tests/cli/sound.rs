//! Recordings that tests make.

use std::path::Path;

use crate::binary::data;

/// Samples a second.
pub const RATE: usize = 16_000;

/// 16-bit mono at 16 kHz.
pub fn write_wav(path: &Path, samples: impl IntoIterator<Item = f32>) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// The samples of a 16-bit mono WAV file of `tests/data`.
pub fn read_wav(name: &str) -> Vec<f32> {
    let mut reader = hound::WavReader::open(data(name)).unwrap();
    reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}

/// Silence.
pub fn silence(seconds: f64) -> Vec<f32> {
    vec![0.0; (seconds * RATE as f64) as usize]
}

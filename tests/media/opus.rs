//! What an Opus header requires of the decoder (RFC 7845, 5.1).

use std::fs;

use crate::audio::hear;
use crate::fixture;

#[test]
fn the_output_gain_is_applied() {
    let plain = fs::read(fixture("burst_opus.webm")).unwrap();
    let gain = plain.windows(8).position(|eight| eight == b"OpusHead").unwrap() + 16;
    let (samples, _) = hear(&plain);
    for decibels in [-6.0_f32, 3.0] {
        let mut changed = plain.clone();
        changed[gain..gain + 2].copy_from_slice(&((decibels * 256.0) as i16).to_le_bytes());
        let (louder, _) = hear(&changed);
        assert_eq!(louder.len(), samples.len());
        let factor = 10_f32.powf(decibels / 20.0);
        assert!(samples.iter().zip(&louder).all(|(a, b)| (a * factor - b).abs() < 1e-4), "{decibels} dB");
    }
}

//! Warnings about empty transcripts.

/// One line about a recording without any text. `speech` is the number of seconds of speech found, if speech detection
/// ran; `peak` is the largest absolute sample.
pub(super) fn nothing_heard(speech: Option<f64>, peak: f32) -> String {
    if peak == 0.0 {
        return "no speech found: every sample is 0 (digital silence)".to_string();
    }
    let level = 20.0 * peak.log10();
    match speech {
        Some(seconds) if seconds > 0.0 => {
            format!("{seconds:.1} s sound like speech, but no words were recognised (peak {level:.1} dBFS)")
        }
        _ => format!("no speech found (peak {level:.1} dBFS)"),
    }
}

#[cfg(test)]
mod tests {
    use super::nothing_heard;

    #[test]
    fn says_how_loud_the_recording_is() {
        assert_eq!(nothing_heard(Some(0.0), 0.067_6), "no speech found (peak -23.4 dBFS)");
        assert_eq!(nothing_heard(None, 1.0), "no speech found (peak 0.0 dBFS)");
        assert!(nothing_heard(Some(0.0), 0.0).contains("digital silence"));
        assert!(nothing_heard(Some(1.25), 0.5).starts_with("1.2 s sound like speech, but no words"));
    }
}

//! Stretches of speech, and the mapping of positions in the speech back to the recording.

use edgefuse::config::VadOptions;
use edgefuse::config::model_folder::VadAudio;
use edgefuse::models::vad::{Edge, SpeechMap, Stretch, StretchFinder, windows};

use super::bytes::Bytes;

const RATE: u32 = 16_000;

/// Up to 32 stretches in order, then two times in the speech.
pub(super) fn map(bytes: &[u8]) -> bool {
    let mut bytes = Bytes::new(bytes);
    let mut stretches = Vec::new();
    let mut at = 0;
    for _ in 0..bytes.u8() % 32 {
        let start = at + u64::from(bytes.u16());
        at = start + u64::from(bytes.u16());
        stretches.push(Stretch { start, end: at });
    }
    let map = SpeechMap::new(&stretches);
    assert_eq!(map.samples(), stretches.iter().map(Stretch::samples).sum::<u64>());
    let length = map.samples() as f64 / f64::from(RATE);
    let mut tried = false;
    while !bytes.is_empty() {
        tried = true;
        let (a, b) = (bytes.f64(), bytes.f64());
        // Times outside the speech are only checked not to panic.
        let _ = (map.seconds(a, Edge::Start, RATE), map.span(a, b, RATE), map.sample(bytes.u64(), Edge::End));
        let place = |time: f64| if time.is_finite() { time.abs() % (length + 1.0) } else { 0.0 };
        let (a, b) = (place(a).min(place(b)), place(a).max(place(b)));
        for edge in [Edge::Start, Edge::End] {
            let (first, second) = (map.seconds(a, edge, RATE), map.seconds(b, edge, RATE));
            assert!(first <= second, "{a} -> {first}, but {b} -> {second}");
            assert!(in_speech(&stretches, first), "{a} -> {first}, in a pause");
        }
        for (start, end) in [map.span(a, b, RATE), map.word(a, b, RATE)] {
            assert!(start <= end, "{a} to {b} -> {start} to {end}");
            let both = in_speech(&stretches, start) && in_speech(&stretches, end);
            assert!(both, "{a} to {b} -> {start} to {end}, in a pause");
        }
    }
    tried
}

/// Whether a time of the recording is in a stretch or at its edge.
fn in_speech(stretches: &[Stretch], seconds: f64) -> bool {
    let at = (seconds * f64::from(RATE)).round() as u64;
    let mut heard = stretches.iter().filter(|stretch| stretch.samples() > 0).peekable();
    heard.peek().is_none() || heard.any(|stretch| (stretch.start..=stretch.end).contains(&at))
}

/// Options, then a probability per byte.
pub(super) fn stretches(bytes: &[u8]) -> bool {
    let mut bytes = Bytes::new(bytes);
    let options = VadOptions {
        threshold: f64::from(bytes.u8()) / 256.0,
        neg_threshold: Some(f64::from(bytes.u8()) / 256.0).filter(|neg| *neg < 0.9),
        min_speech_ms: bytes.u16().into(),
        min_silence_ms: bytes.u16().into(),
        pad_ms: bytes.u16().into(),
        max_speech_s: f64::from(bytes.u8()),
    };
    if options.check().is_err() {
        return false;
    }
    let audio = VadAudio { sample_rate: RATE, chunk_samples: 512, context_samples: 64 };
    let most = u64::from(bytes.u16());
    let (mut finder, mut found, mut samples) = (StretchFinder::new(&options, audio), Vec::new(), 0);
    while !bytes.is_empty() {
        let undecided = finder.undecided_from();
        let before = found.len();
        finder.push(f32::from(bytes.u8()) / 255.0, &mut found);
        samples += audio.chunk_samples as u64;
        assert!(found[before..].iter().all(|stretch| stretch.start >= undecided), "a stretch that was let go");
    }
    found.extend(finder.finish(&[], samples));
    for stretch in &found {
        assert!(stretch.start < stretch.end && stretch.end <= samples, "{stretch:?} of {samples} samples");
    }
    for pair in found.windows(2) {
        assert!(pair[0].end <= pair[1].start, "{pair:?} overlap");
    }
    let windows = windows(&found, most);
    assert!(windows.iter().all(|window| window.samples() <= most.max(1)), "a window above {most}");
    let sum = |stretches: &[Stretch]| stretches.iter().map(Stretch::samples).sum::<u64>();
    assert_eq!(windows.iter().map(|window| sum(window.stretches())).sum::<u64>(), sum(&found));
    !found.is_empty()
}

//! Silero VAD against its own package, on real speech and on walks of random probabilities
//! (scripts/dev.py make_fixtures_vad); and sound that is not speech.

use std::path::PathBuf;

use edgefuse::config::VadOptions;
use edgefuse::config::model_folder::VadSpec;
use edgefuse::media::audio;
use edgefuse::models::vad::{
    Probabilities, SpeechDetector, Stretch, StretchFinder, Utterance, UtteranceEvent, Utterances, Vad,
};
use serde_json::Value;

use crate::fixture::Fixture;
use crate::library::loader;
use crate::root;

const RATE: u32 = 16_000;

fn reference() -> Fixture {
    Fixture::open("vad/silero-vad")
}

fn vad() -> Vad {
    Vad::load(loader("silero-vad")).unwrap()
}

/// The recording of the fixture: speech with pauses between.
fn recording(fixture: &Fixture) -> Vec<f32> {
    let recording = &fixture.json["recording"];
    let mut pauses = recording["pauses"].as_array().unwrap().iter().map(|pause| pause.as_u64().unwrap() as usize);
    let mut samples = Vec::new();
    for path in recording["audio"].as_array().unwrap() {
        samples.resize(samples.len() + pauses.next().unwrap(), 0.0);
        let path: PathBuf = root().join(path.as_str().unwrap());
        samples.extend(audio::load(&path, RATE).unwrap());
    }
    samples.resize(samples.len() + pauses.next().unwrap(), 0.0);
    assert_eq!(samples.len() as u64, recording["samples"].as_u64().unwrap());
    samples
}

fn options(case: &Value) -> VadOptions {
    let options: VadOptions = serde_json::from_value(case["options"].clone()).unwrap();
    options.check().unwrap();
    options
}

fn expected(case: &Value) -> Vec<Stretch> {
    let pairs: Vec<[u64; 2]> = serde_json::from_value(case["stretches"].clone()).unwrap();
    pairs.into_iter().map(|[start, end]| Stretch { start, end }).collect()
}

fn probabilities(vad: &Vad, samples: &[f32], push: usize) -> Vec<f32> {
    let mut state = Probabilities::new(vad).unwrap();
    let mut found = Vec::new();
    for block in samples.chunks(push) {
        found.extend(state.push(vad, block).unwrap());
    }
    found.extend(state.finish(vad).unwrap());
    found
}

#[test]
fn probabilities_are_those_of_silero_however_the_sound_is_cut() {
    let (fixture, vad) = (reference(), vad());
    let samples = recording(&fixture);
    let whole = probabilities(&vad, &samples, samples.len());
    let difference = fixture.largest_difference(&fixture.json["recording"]["speech"], &whole);
    println!("largest difference: {difference:e}");
    assert!(difference <= 5e-5, "{difference}");
    for push in [1, 160, 511, 512, 4_801, 16_000] {
        // Bit for bit.
        let cut = probabilities(&vad, &samples[..200_003], push);
        assert_eq!(cut[..384], whole[..384], "pushes of {push} samples");
        assert_eq!(cut.len(), 200_003_usize.div_ceil(512));
    }
}

#[test]
fn stretches_are_those_of_silero() {
    let (fixture, vad) = (reference(), vad());
    let samples = recording(&fixture);
    let cases = fixture.json["recording"]["cases"].as_array().unwrap();
    assert!(cases.len() >= 10);
    for case in cases {
        let found = vad.stretches(&samples, &options(case)).unwrap();
        assert_eq!(found, expected(case), "{}", case["options"]);
        assert!(!found.is_empty());
    }
}

#[test]
fn stretches_do_not_depend_on_how_the_sound_is_cut() {
    let (fixture, vad) = (reference(), vad());
    let samples = recording(&fixture);
    for case in fixture.json["recording"]["cases"].as_array().unwrap() {
        for push in [333, 8_192, 50_000] {
            let mut detector = SpeechDetector::new(&vad, &options(case)).unwrap();
            let mut found = Vec::new();
            for block in samples.chunks(push) {
                let before = detector.undecided_from();
                let new = detector.push(&vad, block).unwrap();
                assert!(new.iter().all(|stretch| stretch.start >= before), "{new:?} begins before {before}");
                assert!(new.iter().all(|stretch| stretch.end <= detector.samples()), "{new:?} is not over");
                found.extend(new);
            }
            let before = detector.undecided_from();
            let last = detector.finish(&vad).unwrap();
            assert!(last.iter().all(|stretch| stretch.start >= before), "{last:?} begins before {before}");
            found.extend(last);
            assert_eq!(found, expected(case), "pushes of {push}, {}", case["options"]);
        }
    }
}

/// Only the rules, in cases that are rare in speech.
#[test]
fn stretches_of_wandering_probabilities_are_those_of_silero() {
    let fixture = reference();
    let loader = loader("silero-vad");
    let spec: &VadSpec = loader.folder().spec().unwrap();
    let mut some = 0;
    for walk in fixture.json["walks"].as_array().unwrap() {
        let probabilities = fixture.values(&walk["speech"]);
        let samples = walk["samples"].as_u64().unwrap();
        for case in walk["cases"].as_array().unwrap() {
            // Up to the end of the recording.
            for known in [0, probabilities.len() / 2, probabilities.len() - 1] {
                let mut finder = StretchFinder::new(&options(case), spec.audio);
                let mut found = Vec::new();
                for &probability in &probabilities[..known] {
                    let before = finder.undecided_from();
                    finder.push(probability, &mut found);
                    assert!(finder.undecided_from() >= before);
                }
                found.extend(finder.finish(&probabilities[known..], samples));
                assert_eq!(found, expected(case), "{}", case["options"]);
                some += found.len();
            }
        }
    }
    assert!(some > 1_000, "only {some} stretches");
}

#[test]
fn silence_and_noise_are_not_speech() {
    let vad = vad();
    let seconds = 60 * RATE as usize;
    // White noise at -20 dBFS, from a generator of its own so that it is the same everywhere (Knuth's MMIX).
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let rms = 0.1 * 3.0_f32.sqrt();
    let noise: Vec<f32> = (0..seconds).map(|_| rms * random()).collect();
    for (name, sound) in [("silence", vec![0.0; seconds]), ("noise", noise), ("chords", chords(seconds))] {
        let most = probabilities(&vad, &sound, sound.len()).into_iter().fold(0.0, f32::max);
        println!("{name}: highest probability {most}");
        let options = VadOptions { min_speech_ms: 0, ..VadOptions::default() };
        assert_eq!(vad.stretches(&sound, &options).unwrap(), [], "{name}: {most}");
    }
}

/// Chords of three notes with five partials each, one every half second, struck and dying away.
fn chords(samples: usize) -> Vec<f32> {
    let roots = [220.0, 174.6, 261.6, 196.0_f64];
    (0..samples)
        .map(|at| {
            let seconds = at as f64 / f64::from(RATE);
            let (chord, since) = ((seconds * 2.0) as usize, (seconds * 2.0).fract() / 2.0);
            let envelope = (since / 0.01).min(1.0) * (-4.0 * since).exp();
            let tone: f64 = [1.0, 1.26, 1.5]
                .iter()
                .flat_map(|ratio| (1..=5).map(move |partial| (ratio, f64::from(partial))))
                .map(|(ratio, partial)| {
                    let frequency = roots[chord % roots.len()] * ratio * partial;
                    (std::f64::consts::TAU * frequency * seconds).sin() / partial
                })
                .sum();
            (0.1 * envelope * tone) as f32
        })
        .collect()
}

#[test]
fn a_recording_may_be_of_any_length() {
    let vad = vad();
    let speech = audio::load(&root().join("tests/data/librivox-0880.wav"), RATE).unwrap();
    for length in [0, 1, 511, 512, 800, 513] {
        assert_eq!(probabilities(&vad, &speech[..length], 100).len(), length.div_ceil(512));
        assert_eq!(vad.stretches(&vec![0.0; length], &VadOptions::default()).unwrap(), []);
        for stretch in vad.stretches(&speech[8_000..8_000 + length], &VadOptions::default()).unwrap() {
            assert!(stretch.start < stretch.end && stretch.end <= length as u64);
        }
    }
    // Only speech, up to the very end.
    let options = VadOptions { min_speech_ms: 0, ..VadOptions::default() };
    let found = vad.stretches(&speech[8_000..20_001], &options).unwrap();
    assert_eq!(found, [Stretch { start: 0, end: 12_001 }]);
}

#[test]
fn invalid_use_is_reported() {
    let error = Vad::load(loader("student")).err().expect("a student").to_string();
    assert!(error.contains("of kind `student`, but `vad` is needed"), "{error}");
    let vad = vad();
    let options = VadOptions { threshold: 2.0, ..VadOptions::default() };
    let error = vad.stretches(&[0.0], &options).unwrap_err();
    assert_eq!(error.to_string(), "silero-vad: threshold: 2 is not between 0 and 1");
    assert_eq!(error.exit_code(), 2);
    // NaN samples count as silence, and do not affect later samples.
    let mut odd = audio::load(&root().join("tests/data/librivox-0880.wav"), RATE).unwrap();
    let mut even = odd.clone();
    odd[9_000..9_100].fill(f32::NAN);
    odd[9_100] = f32::INFINITY;
    even[9_000..9_101].fill(0.0);
    assert_eq!(probabilities(&vad, &odd, 4_000), probabilities(&vad, &even, 4_000));
}

/// All events of a stream that arrives in blocks of this many samples.
fn utterance_events(vad: &Vad, samples: &[f32], push: usize) -> Vec<UtteranceEvent> {
    let mut utterances = Utterances::new(vad, &VadOptions::live(), 2_000).unwrap();
    let mut events = Vec::new();
    for block in samples.chunks(push) {
        events.extend(utterances.push(vad, block).unwrap());
    }
    events.extend(utterances.finish(vad).unwrap());
    events
}

/// Live sound is divided like a recording; what a pause promises is what ends; no sound is in two utterances.
#[test]
fn utterances_are_the_stretches_of_a_recording() {
    let (vad, samples) = (vad(), recording(&reference()));
    let events = utterance_events(&vad, &samples, 800);
    let ended: Vec<&Utterance> = events
        .iter()
        .filter_map(|event| match event {
            UtteranceEvent::Ended(utterance) => Some(utterance),
            _ => None,
        })
        .collect();
    let unpadded = VadOptions { pad_ms: 0, ..VadOptions::live() };
    let stretches = vad.stretches(&samples, &unpadded).unwrap();
    assert_eq!(ended.len(), stretches.len());
    for (utterance, stretch) in ended.iter().zip(&stretches) {
        // Other numbers of chunks in a run of the graph change the last bits of a probability, so a chunk at a border.
        assert!(utterance.start.abs_diff(stretch.start) <= 512 && utterance.end.abs_diff(stretch.end) <= 512);
        let last = utterance.first + utterance.samples.len() as u64;
        assert_eq!(*utterance.samples, samples[utterance.first as usize..last as usize]);
        assert!(utterance.first <= utterance.start && utterance.start - utterance.first <= 2 * 16_000);
        assert!(last >= utterance.end);
    }
    for pair in ended.windows(2) {
        assert!(pair[0].first + pair[0].samples.len() as u64 <= pair[1].first);
    }
    for (at, event) in events.iter().enumerate() {
        if let UtteranceEvent::Ended(utterance) = event
            && at > 1
            && let UtteranceEvent::Paused(before) = &events[at - 1]
        {
            assert_eq!(before, utterance);
        }
    }
    let paused = |event: &&UtteranceEvent| matches!(event, UtteranceEvent::Paused(_));
    assert!(events.iter().filter(paused).count() + 1 >= ended.len());
    // Pauses are noticed earlier or later, but what is said does not depend on how the sound arrives.
    let others = utterance_events(&vad, &samples, 2_048);
    let others = others.iter().filter(|event| matches!(event, UtteranceEvent::Ended(_)));
    assert!(others.eq(events.iter().filter(|event| matches!(event, UtteranceEvent::Ended(_)))));
}

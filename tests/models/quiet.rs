//! Speech that the detector misses without levelling, and recordings without speech.

use tempfile::tempdir;

use crate::binary::{edgefuse, words};
use crate::sound::{RATE, read_wav, silence, write_wav};

#[test]
fn quiet_speech_and_speech_on_an_offset_are_heard() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("quiet.wav");
    let speech = read_wav("librivox-0880.wav");
    let decibels = |by: f32| 10_f32.powf(by / 20.0);
    for (gain, offset, pause) in
        [(-30.0, 0.0, 0.0), (-50.0, 0.0, 0.0), (-50.0, 0.0, 20.0), (-34.0, 0.244, 0.0), (-6.0, -0.4, 0.0)]
    {
        let mut samples = silence(pause);
        samples.extend(&speech);
        write_wav(&path, samples.iter().map(|sample| sample * decibels(gain) + offset));
        let run = edgefuse(["--quiet", "transcribe", path.to_str().unwrap()]).expect(0);
        assert!(words(&run.stdout).contains("young man"), "{gain} dB, {offset}: {}", run.stdout);
    }
}

#[test]
fn quiet_noise_and_hum_are_not_taken_for_speech() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("noise.wav");
    let mut random = fastrand::Rng::with_seed(3);
    let noise: Vec<f32> = (0..8 * RATE).map(|_| 2.0 * random.f32() - 1.0).collect();
    let hum: Vec<f32> =
        (0..8 * RATE).map(|at| (at as f32 * 50.0 * std::f32::consts::TAU / RATE as f32).sin()).collect();
    for (name, sound) in [("noise", noise), ("hum", hum)] {
        for peak in [0.01, 0.003_16, 0.001] {
            write_wav(&path, sound.iter().map(|sample| sample * peak));
            let run = edgefuse(["--quiet", "transcribe", path.to_str().unwrap()]).expect(0);
            assert_eq!(run.stdout.trim(), "", "{name} of {peak}");
        }
    }
}

#[test]
fn a_recording_without_speech_says_how_loud_it_is() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("nothing.wav");
    for (peak, expected) in [(0.5, "no speech found (peak -6.0 dBFS)"), (0.0, "no speech found: every sample is 0")] {
        write_wav(&path, (0..5 * RATE).map(|at| peak * (at as f32 * 0.2).sin()));
        let run = edgefuse(["--format", "json", "transcribe", path.to_str().unwrap()]).expect(0);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        let warnings = run.json().remove(0)["warnings"].take();
        assert!(warnings[0].as_str().unwrap().contains(expected), "{warnings}");
    }
}

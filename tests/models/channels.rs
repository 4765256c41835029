//! The channels of a recording, each transcribed separately.

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{edgefuse, words};
use crate::sound::{RATE, read_wav, silence};

#[test]
fn channels_are_transcribed_apart_and_merged_by_time() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("call.wav");
    // The left one speaks first, the right one after it.
    let mut left = read_wav("librivox-0880.wav");
    let mut right = silence(left.len() as f64 / RATE as f64 + 1.0);
    right.extend(read_wav("librivox-0930.wav"));
    left.resize(right.len(), 0.0);
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for sample in left.iter().zip(&right).flat_map(|(left, right)| [left, right]) {
        writer.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
    let path = path.to_str().unwrap();
    let run = |arguments: &[&str]| edgefuse(["--quiet", "transcribe", path].iter().chain(arguments)).expect(0);

    let line: Value = run(&["--format", "json", "--channels", "split"]).json().remove(0);
    let segments = line["transcript"]["segments"].as_array().unwrap();
    let channels: Vec<u64> = segments.iter().map(|segment| segment["channel"].as_u64().unwrap()).collect();
    assert!(channels.is_sorted() && channels[0] == 0 && channels.last() == Some(&1), "{line}");
    let starts: Vec<f64> = segments.iter().map(|segment| segment["start"].as_f64().unwrap()).collect();
    assert!(starts.is_sorted() && *starts.last().unwrap() > 3.0, "{line}");

    let text = run(&["--channels", "split"]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("channel 0: ") && words(lines[0]).contains("young man"), "{text}");
    assert!(lines[1].starts_with("channel 1: ") && words(lines[1]).contains("amiable"), "{text}");
    for more in [&[][..], &["--timestamps", "word"]] {
        let srt = run(&[&["--format", "srt", "--channels", "split"][..], more].concat()).stdout;
        assert!(srt.contains("\nchannel 0: ") && srt.contains("\nchannel 1: "), "{srt}");
    }
    let alone = words(&run(&["--channels", "1"]).stdout);
    assert!(alone.contains("amiable") && !alone.contains("young man"), "{alone}");
    let none = edgefuse(["--quiet", "transcribe", path, "--channels", "7"]).expect(1);
    assert!(none.stderr.contains("channel") && none.stderr.contains("call.wav"), "{}", none.stderr);
    edgefuse(["transcribe", path, "--channels", "both"]).expect(2);
}

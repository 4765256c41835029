//! Times over pauses that were cut out.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::edgefuse;
use crate::sound::{RATE, read_wav, silence, write_wav};

/// A sentence of 2.8 s.
const SENTENCE: &str = "librivox-0880.wav";

/// The sentence, repeated after each pause; and the start and end of each in seconds.
fn sentences(path: &Path, pauses: &[f64]) -> Vec<(f64, f64)> {
    let sentence = read_wav(SENTENCE);
    let mut samples = sentence.clone();
    let mut places = vec![(0.0, samples.len() as f64 / RATE as f64)];
    for pause in pauses {
        samples.extend(silence(*pause));
        let start = samples.len() as f64 / RATE as f64;
        samples.extend(&sentence);
        places.push((start, samples.len() as f64 / RATE as f64));
    }
    write_wav(path, samples);
    places
}

/// Every segment is within one sentence and its padding, and does not overlap the next.
#[track_caller]
fn expect_in_sentences(segments: &[Value], places: &[(f64, f64)], about: &str) {
    let mut said = vec![false; places.len()];
    let mut last = 0.0;
    for segment in segments {
        let (start, end) = (segment["start"].as_f64().unwrap(), segment["end"].as_f64().unwrap());
        assert!(last <= start && start < end, "{about}: {segments:?}");
        let place = places.iter().position(|(from, to)| from - 0.5 <= start && end <= to + 0.5);
        let place = place.unwrap_or_else(|| panic!("{about}: {start} to {end} is in a pause of {places:?}"));
        said[place] = true;
        last = end;
    }
    assert!(said.iter().all(|said| *said), "{about}: {segments:?}");
}

#[test]
fn segments_stay_on_their_side_of_a_pause() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("pauses.wav");
    let ways: [&[&str]; 5] = [
        &[],
        &["--timestamps", "word"],
        &["--batch-size", "2"],
        &["--timestamps", "word", "--batch-size", "4"],
        &["--encoder-context", "adaptive", "--beams", "2"],
    ];
    for pauses in [&[20.0][..], &[4.0, 3.0]] {
        let places = sentences(&path, pauses);
        for way in ways {
            let arguments = ["--quiet", "--format", "json", "transcribe", path.to_str().unwrap()];
            let line = edgefuse(arguments.iter().chain(way)).expect(0).json().remove(0);
            expect_in_sentences(
                line["transcript"]["segments"].as_array().unwrap(),
                &places,
                &format!("{pauses:?} {way:?}"),
            );
        }
    }
}

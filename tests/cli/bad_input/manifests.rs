//! Manifests and folders with errors in them.

use super::SOME_FAILED;
use crate::binary::{data, tiny};

/// Runs a pipeline on a manifest whose second record of three is invalid.
#[track_caller]
fn bad_record(name: &str, words: &[&str]) {
    let manifest = data(name);
    let run = tiny(["--quiet", "--format", "json", "run", &manifest]).expect(SOME_FAILED).expect_error(words);
    let good: Vec<_> = run.json().into_iter().filter(|line| line["caption"]["text"].is_string()).collect();
    assert_eq!(good.len(), 2, "{}", run.stdout);
    assert_eq!((&good[0]["id"], &good[1]["id"]), (&"good-1".into(), &"good-2".into()));
}

#[test]
fn malformed_line_in_a_manifest() {
    bad_record("bad/malformed.jsonl", &["bad/malformed.jsonl:2"]);
}

#[test]
fn record_without_a_modality() {
    bad_record("bad/no-modality.jsonl", &["bad/no-modality.jsonl:2", "none of image, audio and text"]);
}

#[test]
fn record_whose_picture_is_missing() {
    bad_record("bad/missing-image.jsonl", &["not-there.png", "o such file"]);
}

#[test]
fn missing_manifest() {
    let (manifest, picture) = (data("not-there.jsonl"), data("easyvqa-0.png"));
    let run = tiny(["--quiet", "--format", "json", "run", &manifest, &picture])
        .expect(SOME_FAILED)
        .expect_error(&[&manifest, "o such file"]);
    assert_eq!(run.json().iter().filter(|line| line["caption"]["text"].is_string()).count(), 1, "{}", run.stdout);
}

#[test]
fn empty_folder_of_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().to_str().unwrap();
    tiny(["--quiet", "run", name]).expect(SOME_FAILED).expect_error(&[name]);
}

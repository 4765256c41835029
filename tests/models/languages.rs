//! Languages: their names, and speech that changes from one to another.

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{data, edgefuse, words};
use crate::sound::{read_wav, silence, write_wav};

#[test]
fn a_language_is_known_by_any_of_its_names() {
    let speech = data("cards-001.wav");
    for name in ["EN", "en-US", "en_GB", "eng", "English"] {
        edgefuse(["--quiet", "transcribe", "--language", name, &speech]).expect(0);
    }
    let speech = data("spanish.wav");
    for name in ["es-ES", "Castilian", "spa"] {
        let arguments = ["--quiet", "--model", "whisper-base", "--format", "json", "transcribe", "--language", name];
        let line = edgefuse(arguments.iter().chain([&speech.as_str()])).expect(0).json().remove(0);
        assert_eq!(line["transcript"]["language"], "es", "{name}");
    }
}

#[test]
fn languages_and_tokens_that_do_not_exist_are_refused_before_anything_is_heard() {
    for (arguments, expected) in [
        (&["--language", "de-DE"][..], &["an English-only model does not support language `de-DE`"][..]),
        (&["--language", "Germen"], &["unknown language `Germen`", "german"]),
        (&["--multilingual"], &["an English-only model cannot follow a change of language"]),
        (
            &["--model", "whisper-base", "--language", "Spainish"],
            &["unknown language `Spainish`", "did you mean", "spanish"],
        ),
        (&["--model", "whisper-base", "--language", "Cantonese"], &["the model does not know cantonese (`Cantonese`)"]),
        (&["--model", "whisper-base", "--language", "es", "--multilingual"], &["multilingual: needs `language: auto`"]),
        (&["--suppress-tokens", "999999"], &["suppress_tokens: 999999 is not a token id"]),
        (&["--suppress-tokens", "-1,-2"], &["suppress_tokens: -2 is not a token id"]),
    ] {
        edgefuse(["transcribe", "none.wav"].iter().chain(arguments)).expect(2).expect_error(expected);
    }
}

#[test]
fn both_halves_of_a_recording_keep_their_language() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("both.wav");
    let mut samples = read_wav("librivox-0880.wav");
    samples.extend(silence(8.0));
    samples.extend(read_wav("spanish.wav"));
    write_wav(&path, samples);
    let alone = |arguments: &[&str]| -> Value {
        let fixed = ["--quiet", "--model", "whisper-base", "--format", "json", "transcribe"];
        edgefuse(fixed.iter().chain(arguments)).expect(0).json().remove(0)["transcript"].take()
    };
    // The half by itself behind the same silence. Half a second of it in front is enough for the small model to hear "Mierma
    // no vive en esta llata" for "mi hermano vive en España": openai-whisper writes the same, letter by letter, with these
    // weights and this start.
    let half = folder.path().join("half.wav");
    write_wav(&half, [silence(8.0), read_wav("spanish.wav")].concat());
    let spanish = words(alone(&[half.to_str().unwrap(), "--language", "es"])["text"].as_str().unwrap());
    assert!(spanish.contains("vive en") && spanish.ends_with("en un hospital"), "{spanish}");
    let path = path.to_str().unwrap();
    for way in [&[][..], &["--multilingual"], &["--batch-size", "2"], &["--multilingual", "--batch-size", "2"]] {
        let found = alone(&[&[path][..], way].concat());
        let segments = found["segments"].as_array().unwrap();
        let languages: Vec<&str> = segments.iter().map(|segment| segment["language"].as_str().unwrap()).collect();
        assert_eq!((languages.first(), languages.last()), (Some(&"en"), Some(&"es")), "{way:?}: {found}");
        let last = segments.iter().filter(|it| it["language"] == "es").map(|it| it["text"].as_str().unwrap());
        assert_eq!(words(&last.collect::<Vec<_>>().join(" ")), spanish, "{way:?}: {found}");
        assert_eq!(found["language"], "en");
    }
    // Detected once, the language is English to the end.
    let found = alone(&[path, "--multilingual=false"]);
    assert!(found["segments"].as_array().unwrap().iter().all(|it| it.get("language").is_none()), "{found}");
}

#[test]
fn several_windows_may_decide() {
    let arguments = ["--quiet", "--model", "whisper-base", "--format", "json", "transcribe", &data("spanish.wav")];
    let options = ["--language-detection-segments", "3", "--language-detection-threshold", "1"];
    let line = edgefuse(arguments.iter().copied().chain(options)).expect(0).json().remove(0);
    assert_eq!(line["transcript"]["language"], "es");
}

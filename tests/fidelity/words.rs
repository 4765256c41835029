//! Word-level timestamps against openai-whisper, on its own intermediate values and on real speech
//! (scripts/dev.py make_fixtures_words).

use std::fs;

use crate::fixture::{Fixture, ids};
use crate::library::loader;
use crate::root;
use edgefuse::config::{EncoderContext, Task, Temperatures, Timestamps, TranscribeOptions};
use edgefuse::media::audio::{self, Recording};
use edgefuse::models::transcript::{Segment, Word};
use edgefuse::models::whisper::Whisper;
use edgefuse::models::whisper::words::{
    Punctuation, WindowPlace, WordTiming, begin_times, first_columns, place_words, split_to_words, token_matrix,
};
use edgefuse::models::{TokenBytes, Vocabulary};
use ndarray::{ArrayView2, ArrayView3, s};
use serde_json::Value;

const TINY_EN: &str = "whisper-tiny.en";
const BASE: &str = "whisper-base";

/// Number of samples in a window.
const WINDOW: usize = 480_000;

/// The grid of the times that the model knows, in seconds.
const GRID: f64 = 0.02;

/// Tolerance: times are sums and quotients of hundredths.
const ROUNDING: f64 = 1e-9;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn segment(start: f64, end: f64, tokens: Vec<i64>) -> Segment {
    let mut segment = Segment::new(start, end, "");
    segment.tokens = tokens;
    segment
}

#[test]
fn paths_are_those_of_openai_whisper() {
    let fixture = Fixture::open("words/timing");
    for case in list(&fixture.json["dtw"]) {
        let (shape, cost) = fixture.array(&case["cost"]);
        let cost = ArrayView2::from_shape((shape[0], shape[1]), cost).unwrap();
        let path = list(&case["rows"]).iter().map(count).zip(list(&case["columns"]).iter().map(count));
        let mut expected = vec![usize::MAX; shape[0]];
        path.for_each(|(row, column)| expected[row] = expected[row].min(column));
        assert_eq!(first_columns(cost), expected, "{shape:?}");
    }
}

#[test]
fn scores_become_the_times_of_openai_whisper() {
    let fixture = Fixture::open("words/timing");
    let case = &fixture.json["alignment"];
    let (shape, scores) = fixture.array(&case["attention"]);
    let scores = ArrayView3::from_shape((shape[0], shape[1], shape[2]), scores).unwrap();
    let matrix = token_matrix(scores, count(&case["frames"]) / 2);
    let text = matrix.slice(s![count(&case["prompt"])..shape[1] - 1, ..]);
    let difference = fixture.largest_difference(&case["matrix"], text.iter());
    println!("matrix: {difference:e}");
    assert!(difference <= 1e-4, "{difference}");

    let begins = begin_times(text);
    let mut first = 0;
    for word in list(&case["words"]) {
        let end = first + count(&word[1]);
        assert_eq!((begins[first], begins[end]), (number(&word[2]), number(&word[3])), "{word}");
        first = end;
    }
}

#[test]
fn tokens_split_into_the_words_of_openai_whisper() {
    let fixture = Fixture::open("words/timing");
    let folder = loader(BASE).folder().clone();
    let tokens = TokenBytes::load(&folder, "tokenizer.json").unwrap();
    for case in list(&fixture.json["splits"]) {
        let language = case["language"].as_str().unwrap();
        let words = split_to_words(&ids(&case["tokens"]), language, |ids| tokens.text(ids));
        let texts: Vec<&str> = words.iter().map(|word| word.word.as_str()).collect();
        let expected: Vec<&str> = list(&case["words"]).iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(texts, expected, "{language}");
        let counts: Vec<usize> = words.iter().map(|word| word.count).collect();
        assert_eq!(counts, list(&case["counts"]).iter().map(count).collect::<Vec<_>>(), "{language}: {texts:?}");
    }
}

#[test]
fn every_token_has_the_text_of_the_tokenizer() {
    for model in ["whisper-tiny.en", BASE] {
        let folder = loader(model).folder().clone();
        let vocabulary = Vocabulary::load(&folder, "tokenizer.json").unwrap();
        let tokens = TokenBytes::load(&folder, "tokenizer.json").unwrap();
        for id in -1..52_000 {
            assert_eq!(tokens.text(&[id]).trim(), vocabulary.decode(&[id]).unwrap(), "{model}: {id}");
        }
        // Chinese tokens, some of which are not whole characters.
        let ids = vocabulary.encode(" 今天天气很好, isn't it?", false).unwrap();
        assert_eq!(tokens.text(&ids), " 今天天气很好, isn't it?");
    }
}

#[test]
fn words_are_placed_as_openai_whisper_does() {
    let fixture = Fixture::open("words/timing");
    for case in list(&fixture.json["placed"]) {
        let words = list(&case["alignment"]).iter().map(|word| WordTiming {
            word: word[0].as_str().unwrap().to_string(),
            tokens: count(&word[1]),
            start: number(&word[2]),
            end: number(&word[3]),
            probability: 0.5,
        });
        let given = list(&case["given"]);
        let mut segments: Vec<Segment> =
            given.iter().map(|it| segment(number(&it[0]), number(&it[1]), vec![])).collect();
        let counts: Vec<usize> = given.iter().map(|it| count(&it[2])).collect();
        let place =
            WindowPlace { offset: number(&case["time_offset"]), frames: 0, last_speech: number(&case["last_speech"]) };
        let options = TranscribeOptions::default();
        place_words(words.collect(), &mut segments, &counts, Punctuation::of(&options), place);
        for (found, expected) in segments.iter().zip(list(&case["placed"])) {
            let close = |found: f64, expected: &Value| (found - number(expected)).abs() <= ROUNDING;
            assert!(close(found.start, &expected[0]) && close(found.end, &expected[1]), "{found:#?}\n{case}");
            let (words, expected) = (found.words.as_ref().unwrap(), list(&expected[2]));
            assert_eq!(words.len(), expected.len(), "{found:#?}\n{case}");
            for (word, expected) in words.iter().zip(expected) {
                assert_eq!(word.word, expected[0].as_str().unwrap());
                assert!(close(word.start, &expected[1]) && close(word.end, &expected[2]), "{found:#?}\n{case}");
            }
        }
    }
}

#[test]
fn words_of_the_same_text_by_tiny_en_are_those_of_openai_whisper() {
    same_text(TINY_EN);
}

#[test]
#[ignore = "long: scripts/test_fidelity.sh runs it"]
fn words_of_the_same_text_by_base_are_those_of_openai_whisper() {
    same_text(BASE);
}

/// The windows and tokens of openai-whisper, aligned here.
fn same_text(model: &str) {
    let whisper = Whisper::load(loader(model)).unwrap();
    let (mut words, mut farthest) = (0, 0.0_f64);
    for recording in recordings(model) {
        let samples = samples(&recording);
        let log_mel = whisper.log_mel().compute(&samples, WINDOW);
        for window in list(&recording["windows"]) {
            let (seek, frames) = (count(&window["seek"]), count(&window["frames"]));
            let encoded =
                whisper.encode_window(log_mel.slice(s![.., seek..seek + frames]), EncoderContext::Full).unwrap();
            let given = list(&window["given"]).iter();
            let mut segments: Vec<Segment> =
                given.map(|it| segment(number(&it["start"]), number(&it["end"]), ids(&it["tokens"]))).collect();
            let last_speech = number(&window["last_speech"]);
            let place = WindowPlace { offset: seek as f64 / 100.0, frames, last_speech };
            let options = TranscribeOptions::default();
            let marks = Punctuation::of(&options);
            whisper.add_words(&encoded, "en", Task::Transcribe, marks, place, &mut segments).unwrap();

            let expected = list(&window["segments"]);
            assert_eq!(segments.len(), expected.len());
            for (segment, reference) in segments.iter().zip(expected) {
                for (found, key) in [(segment.start, "start"), (segment.end, "end")] {
                    assert!((found - number(&reference[key])).abs() <= GRID + ROUNDING, "{key}: {segment:#?}");
                }
                let found = segment.words.as_ref().unwrap();
                assert_eq!(found.len(), list(&reference["words"]).len(), "{segment:#?}");
                for (word, reference) in found.iter().zip(list(&reference["words"])) {
                    assert_eq!(word.word, reference["word"].as_str().unwrap());
                    assert!(difference(word, reference) <= GRID + ROUNDING, "{word:?}, not {reference}");
                    let probability = f64::from(word.probability) - number(&reference["probability"]);
                    assert!(probability.abs() < 1e-3, "{word:?}, not {reference}");
                    farthest = farthest.max(difference(word, reference));
                    words += 1;
                }
            }
        }
    }
    println!("{model}: {words} words, at most {farthest:.3} s from openai-whisper's");
    assert!(words > 150, "only {words} words");
}

#[test]
fn words_that_tiny_en_writes_are_at_their_times() {
    own_text(TINY_EN);
}

#[test]
#[ignore = "long: scripts/test_fidelity.sh runs it"]
fn words_that_base_writes_are_at_their_times() {
    own_text(BASE);
}

/// Whole recordings, transcribed here: the times are within 0.1 s on 95 % of the words.
fn own_text(model: &str) {
    let whisper = Whisper::load(loader(model)).unwrap();
    // The options that the script uses with openai-whisper.
    let options = TranscribeOptions {
        timestamps: Timestamps::Word,
        condition_on_previous_text: false,
        temperature: Temperatures(vec![0.0]),
        ..TranscribeOptions::default()
    };
    let (mut near, mut all) = (0, 0);
    for recording in recordings(model) {
        let samples = samples(&recording);
        let sound = Recording::Samples { samples: &samples, sample_rate: 16_000 };
        let transcript = whisper.transcribe(&sound, None, &options, &mut |_, _| {}).unwrap();
        let found: Vec<&Word> = transcript.segments.iter().flat_map(|it| it.words.as_ref().unwrap()).collect();
        let windows = list(&recording["windows"]).iter();
        let expected: Vec<&Value> =
            windows.flat_map(|it| list(&it["segments"])).flat_map(|it| list(&it["words"])).collect();
        let texts = |words: &[&Value]| words.iter().map(|it| it["word"].as_str().unwrap()).collect::<String>();
        assert_eq!(found.iter().map(|it| it.word.as_str()).collect::<String>(), texts(&expected));
        near += found.iter().zip(&expected).filter(|(word, it)| difference(word, it) <= 0.1 + ROUNDING).count();
        all += expected.len();
    }
    println!("{model}: {near} of {all} words within 0.1 s");
    assert!(all > 150 && near * 100 >= all * 95, "{near} of {all} words");
}

/// Deviation of a word's start or end from the reference, in seconds.
fn difference(word: &Word, reference: &Value) -> f64 {
    let starts = word.start - number(&reference["start"]);
    let ends = word.end - number(&reference["end"]);
    starts.abs().max(ends.abs())
}

fn recordings(model: &str) -> Vec<Value> {
    let path = root().join("tests/fixtures/words").join(format!("{model}.json"));
    let fixture: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    list(&fixture["recordings"]).to_vec()
}

fn samples(recording: &Value) -> Vec<f32> {
    let paths = list(&recording["audio"]).iter().map(|path| root().join(path.as_str().unwrap()));
    paths.flat_map(|path| audio::load(&path, 16_000).unwrap()).collect()
}

//! Searches of the small BLIP against transformers' `generate` (scripts/make_fixtures_blip_search.py): beams, penalties,
//! several captions with their scores, a list of answers.

use std::fs;

use crate::fixture::ids;
use crate::library::loader;
use crate::root;
use edgefuse::config::{CaptionOptions, SearchOptions, StopEarly};
use edgefuse::media::image;
use edgefuse::models::blip::{Blip, EncodedImage};
use serde_json::Value;

/// Sums of some twenty log-probabilities, each of logits that agree within 1e-3.
const CLOSE: f64 = 2e-3;

fn fixture() -> Value {
    let path = root().join("tests/fixtures/blip/search.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn encoded(blip: &mut Blip, case: &Value) -> EncodedImage {
    blip.encode(&image::load(&root().join(case["image"].as_str().unwrap())).unwrap()).unwrap()
}

/// Our options for those of `generate`, and how many texts are wanted.
fn options(given: &Value) -> (SearchOptions, usize) {
    let mut options = SearchOptions::default();
    let mut texts = 1;
    for (name, value) in given.as_object().unwrap() {
        let number = || value.as_f64().unwrap();
        match name.as_str() {
            "max_new_tokens" => options.max_tokens = Some(number() as usize),
            "min_new_tokens" => options.min_tokens = number() as usize,
            "num_beams" => options.beams = number() as usize,
            "num_return_sequences" => texts = number() as usize,
            "length_penalty" => options.length_penalty = number() as f32,
            "repetition_penalty" => options.repetition_penalty = number() as f32,
            "no_repeat_ngram_size" => options.no_repeat_ngram_size = number() as usize,
            "early_stopping" => {
                options.early_stopping = if value == "never" { StopEarly::Never } else { StopEarly::Yes };
            }
            _ => panic!("{name}"),
        }
    }
    (options, texts)
}

#[track_caller]
fn close(what: &str, found: f32, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((f64::from(found) - expected).abs() <= CLOSE, "{what}: {found} is not {expected}");
}

/// Captions as one search of the fixture has them.
fn captions(blip: &mut Blip, image: &EncodedImage, prompt: Option<&str>, reference: &Value) {
    let (search, texts) = options(&reference["options"]);
    let prompt_tokens = if prompt.is_some() { 2 } else { 0 };
    let options = CaptionOptions { prompt: prompt.map(str::to_string), captions: texts, search };
    options.check().unwrap();
    let found = blip.caption(image, &options).unwrap();
    let expected = reference["texts"].as_array().unwrap();
    assert_eq!(found.len(), expected.len(), "{}", reference["options"]);
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let what = format!("{} {prompt:?} {at}", reference["options"]);
        assert_eq!(found.tokens[prompt_tokens..], ids(&expected["tokens"]), "{what}");
        close(&what, found.log_probability, &expected["log_probability"]);
        if reference["scores"].is_array() {
            close(&what, found.score, &reference["scores"][at]);
        }
    }
}

#[test]
fn captions_of_every_search_are_those_of_generate() {
    let fixture = fixture();
    let mut blip = Blip::load(loader("blip-easyvqa")).unwrap();
    for case in fixture["images"].as_array().unwrap() {
        let image = encoded(&mut blip, case);
        for reference in case["captions"].as_array().unwrap() {
            captions(&mut blip, &image, None, reference);
        }
        for reference in case["prompted"].as_array().unwrap() {
            captions(&mut blip, &image, fixture["prompt"].as_str(), reference);
        }
    }
}

#[test]
fn answers_of_every_search_are_those_of_generate() {
    let fixture = fixture();
    let question = fixture["question"].as_str().unwrap();
    let mut blip = Blip::load(loader("blip-easyvqa")).unwrap();
    for case in fixture["images"].as_array().unwrap() {
        let image = encoded(&mut blip, case);
        for reference in case["answers"].as_array().unwrap() {
            let answer = blip.answer(&image, question, &options(&reference["options"]).0).unwrap();
            let expected = &reference["texts"][0];
            assert_eq!(answer.tokens, ids(&expected["tokens"]), "{reference}");
            close("answer", answer.log_probability, &expected["log_probability"]);
        }
    }
}

#[test]
fn a_list_of_answers_has_the_log_probabilities_of_the_decoder() {
    let fixture = fixture();
    let question = fixture["question"].as_str().unwrap();
    let texts: Vec<String> =
        fixture["candidates"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_string()).collect();
    let mut blip = Blip::load(loader("blip-easyvqa")).unwrap();
    let candidates = blip.candidates(&texts).unwrap();
    assert_eq!(candidates.texts(), texts);
    for case in fixture["images"].as_array().unwrap() {
        let image = encoded(&mut blip, case);
        let ranked = blip.rank(&image, question, &candidates).unwrap();
        assert!(ranked.is_sorted_by(|a, b| a.log_probability >= b.log_probability));
        let expected: Vec<f64> = case["ranked"].as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect();
        let sum: f64 = expected.iter().map(|log_probability| log_probability.exp()).sum();
        for answer in ranked {
            let expected = expected[answer.candidate];
            let difference = (f64::from(answer.log_probability) - expected).abs();
            assert!(
                difference <= CLOSE.max(expected.abs() * 1e-5),
                "{}: {answer:?} {expected}",
                texts[answer.candidate]
            );
            let probability = expected.exp() / sum;
            assert!((f64::from(answer.probability) - probability).abs() <= 1e-4, "{answer:?} {probability}");
        }
    }
}

/// More answers than a step has rows, so that there are several batches.
#[test]
fn a_long_list_of_answers_has_the_numbers_of_a_short_one() {
    let mut blip = Blip::load(loader("blip-easyvqa")).unwrap();
    let image = encoded(&mut blip, &fixture()["images"][0]);
    let words = ["red", "green", "blue", "circle", "triangle", "rectangle", "yes", "no", "image", "shape", "is", "the"];
    let texts: Vec<String> = words
        .iter()
        .flat_map(|first| words.iter().map(move |second| format!("{first} {second} {first}")))
        .chain(words.iter().map(|word| word.to_string()))
        .collect();
    let question = "what is there?";
    let all = blip.candidates(&texts).unwrap();
    let ranked = blip.rank(&image, question, &all).unwrap();
    assert_eq!(ranked.len(), 156);
    for answer in ranked.iter().step_by(13) {
        let alone = blip.candidates(&texts[answer.candidate..=answer.candidate]).unwrap();
        let alone = blip.rank(&image, question, &alone).unwrap()[0].clone();
        assert!((alone.log_probability - answer.log_probability).abs() <= 1e-3, "{answer:?} {alone:?}");
        assert_eq!(alone.probability, 1.0);
    }
}

#[test]
fn drawn_captions_are_those_of_their_seed() {
    let mut blip = Blip::load(loader("blip-easyvqa")).unwrap();
    let image = encoded(&mut blip, &fixture()["images"][2]);
    let mut draw = |seed, temperature, top_k, top_p| {
        let search = SearchOptions { seed, temperature, top_k, top_p, ..SearchOptions::default() };
        let options = CaptionOptions { captions: 8, search, ..CaptionOptions::default() };
        let captions = blip.caption(&image, &options).unwrap();
        assert!(captions.is_sorted_by(|a, b| a.score >= b.score));
        captions.into_iter().map(|caption| caption.tokens).collect::<Vec<_>>()
    };
    let first = draw(1, 3.0, 0, 1.0);
    assert_eq!(first, draw(1, 3.0, 0, 1.0));
    assert_ne!(first, draw(2, 3.0, 0, 1.0));
    assert!(first.iter().any(|tokens| tokens != &first[0]));
    // From one token there is nothing to draw: the greedy caption, eight times.
    let greedy = ids(&fixture()["images"][2]["captions"][0]["texts"][0]["tokens"]);
    for tokens in draw(1, 3.0, 1, 1.0).iter().chain(&draw(1, 3.0, 0, 1e-6)) {
        assert_eq!(*tokens, greedy);
    }
}

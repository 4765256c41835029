//! Tiny BLIP-2 models with random weights, one with OPT and one with T5, against transformers' `generate`
//! (scripts/dev.py make_fixtures_blip2).

use std::fs;

use crate::blip_random::{close, list, options};
use crate::fixture::ids;
use crate::library::loader_at;
use crate::root;
use edgefuse::config::CaptionOptions;
use edgefuse::error::Error;
use edgefuse::media::image;
use edgefuse::models::Loader;
use edgefuse::models::blip2::Blip2;
use edgefuse::models::capability::Model;
use edgefuse::models::picture::EncodedImage;
use serde_json::Value;

const LANGUAGES: [&str; 2] = ["opt", "t5"];

fn loader(language: &str) -> Loader {
    loader_at(&root().join("tests/fixtures/blip2").join(language))
}

fn model(language: &str) -> Blip2 {
    Blip2::load(loader(language)).unwrap()
}

fn fixture(language: &str) -> Value {
    let path = root().join("tests/fixtures/blip2").join(format!("{language}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn encoded(model: &Blip2, case: &Value) -> EncodedImage {
    model.encode(&image::load(&root().join(case["image"].as_str().unwrap())).unwrap()).unwrap()
}

#[test]
fn captions_and_answers_of_every_search_are_those_of_generate() {
    for language in LANGUAGES {
        let fixture = fixture(language);
        let model = model(language);
        for case in list(&fixture["images"]) {
            let image = encoded(&model, case);
            for reference in list(&case["texts"]) {
                let what = format!("{language} {} {}", case["image"], reference);
                let (mut search, captions) = options(&reference["options"]);
                search.max_tokens = fixture["max_new_tokens"].as_u64().map(|most| most as usize);
                let prompt = reference["prompt"].as_str();
                let found: Vec<(Vec<i64>, String)> = if reference["kind"] == "answer" {
                    let answer = model.answer(&image, prompt.unwrap(), &search).unwrap();
                    vec![(answer.tokens, answer.text)]
                } else {
                    let options = CaptionOptions {
                        prompt: prompt.map(str::to_string),
                        captions,
                        search,
                        ..CaptionOptions::default()
                    };
                    let captions = model.caption(&image, &options).unwrap();
                    captions.into_iter().map(|caption| (caption.tokens, caption.text)).collect()
                };
                let expected = list(&reference["tokens"]);
                assert_eq!(found.len(), expected.len(), "{what}");
                // OPT continues a prompt, which is part of the caption; T5 generates a separate text.
                let goes_on = language == "opt" && reference["kind"] == "caption";
                let before = prompt.filter(|_| goes_on).unwrap_or_default();
                for ((tokens, text), (expected, written)) in
                    found.iter().zip(expected.iter().zip(list(&reference["text"])))
                {
                    assert!(tokens.ends_with(&ids(expected)), "{what}: {tokens:?}");
                    assert!(goes_on || tokens.len() == ids(expected).len(), "{what}: {tokens:?}");
                    assert!(text.starts_with(before) && text.ends_with(written.as_str().unwrap()), "{what}: {text}");
                }
            }
        }
    }
}

#[test]
fn a_list_of_answers_has_the_log_probabilities_of_the_language_model() {
    for language in LANGUAGES {
        let fixture = fixture(language);
        let texts: Vec<String> =
            list(&fixture["candidates"]).iter().map(|text| text.as_str().unwrap().to_string()).collect();
        let model = model(language);
        let candidates = model.candidates(&texts).unwrap();
        assert_eq!(candidates.texts(), texts);
        for case in list(&fixture["images"]) {
            let image = encoded(&model, case);
            let ranked = model.rank(&image, fixture["question"].as_str().unwrap(), &candidates).unwrap();
            assert!(ranked.is_sorted_by(|a, b| a.log_probability >= b.log_probability));
            for answer in ranked {
                let what = format!("{language} {} {}", case["image"], texts[answer.candidate]);
                close(&what, answer.log_probability, case["ranked"][answer.candidate].as_f64().unwrap());
            }
        }
    }
}

/// Samples start from copies of a row that has read the picture.
#[test]
fn drawn_captions_are_those_of_their_seed() {
    for language in LANGUAGES {
        let model = model(language);
        let image = encoded(&model, &fixture(language)["images"][0]);
        let mut options = CaptionOptions { captions: 4, ..CaptionOptions::default() };
        (options.search.temperature, options.search.seed) = (1.0, 3);
        let draw = |model: &Blip2| -> Vec<Vec<i64>> {
            model.caption(&image, &options).unwrap().into_iter().map(|caption| caption.tokens).collect()
        };
        let first = draw(&model);
        assert!(first.iter().any(|tokens| *tokens != first[0]), "{first:?}");
        assert_eq!(first, draw(&model));
    }
}

#[test]
fn bad_input_is_an_error_that_says_so() {
    let model = model("opt");
    let image = encoded(&model, &fixture("opt")["images"][0]);
    let search = CaptionOptions::default().search;
    let problem = model.answer(&image, " ", &search).unwrap_err();
    assert!(matches!(&problem, Error::Input { problem } if problem == "the question is empty"), "{problem}");
    let problem = model.answer(&image, &"what ".repeat(60), &search).unwrap_err().to_string();
    assert!(problem.contains("the model accepts fewer than 55"), "{problem}");
    // If there is room for a token, there is a text; it does not exceed the positions.
    let caption = CaptionOptions { prompt: Some("what ".repeat(50)), ..CaptionOptions::default() };
    let tokens = model.caption(&image, &caption).unwrap()[0].tokens.len();
    assert!((53..=54).contains(&tokens), "{tokens}");
    // BLIP-2 does not match texts.
    assert!(model.as_matcher().is_none());
}

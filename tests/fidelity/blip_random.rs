//! BLIP with small random weights against transformers (scripts/dev.py make_fixtures_blip): every search of `generate`,
//! lists of answers, matching and embeddings. Random weights lead to flat probabilities, so a wrong rule shows at once.

use crate::fixture::{Fixture, ids};
use crate::library::loader_at;
use crate::root;
use edgefuse::config::{CaptionOptions, SearchOptions, StopEarly};
use edgefuse::media::image::{self, pixel_values};
use edgefuse::models::blip::Blip;
use edgefuse::models::capability::Embedder;
use edgefuse::models::embedding::EmbedInputs;
use edgefuse::models::picture::EncodedImage;
use serde_json::Value;

const END: i64 = 3;

const PAD: i64 = 0;

/// Sums of a dozen log-probabilities.
const CLOSE: f64 = 1e-4;

fn blip() -> Blip {
    Blip::load(loader_at(&root().join("tests/fixtures/blip/random"))).unwrap()
}

fn encoded(blip: &Blip, case: &Value) -> EncodedImage {
    blip.encode(&image::load(&root().join(case["image"].as_str().unwrap())).unwrap()).unwrap()
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Our options for those of `generate`, and the number of texts.
pub fn options(given: &Value) -> (SearchOptions, usize) {
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
pub fn close(what: &str, found: f32, expected: f64) {
    let difference = (f64::from(found) - expected).abs();
    assert!(difference <= CLOSE.max(expected.abs() * 1e-5), "{what}: {found} is not {expected}");
}

/// The tokens after the start token, without the end token.
fn inner(value: &Value) -> Vec<i64> {
    let ids = ids(value);
    ids.strip_suffix(&[END]).unwrap_or(&ids)[1..].to_vec()
}

#[test]
fn captions_of_every_search_are_those_of_generate() {
    let fixture = Fixture::open("blip/random");
    let blip = blip();
    let mut compared = 0;
    for case in list(&fixture.json["images"]) {
        let image = encoded(&blip, case);
        for reference in list(&case["captions"]) {
            let what = format!("{} {} {}", case["image"], reference["prompt"], reference["options"]);
            let (search, captions) = options(&reference["options"]);
            let prompt = reference["prompt"].as_str().map(str::to_string);
            let prompted = prompt.as_ref().map_or(0, |prompt| prompt.split(' ').count());
            let options = CaptionOptions { prompt, captions, search, ..CaptionOptions::default() };
            options.check().unwrap();
            let found = blip.caption(&image, &options).unwrap();
            assert_eq!(found.len(), list(&reference["ids"]).len(), "{what}");
            for (at, found) in found.iter().enumerate() {
                let expected = &reference["ids"][at];
                assert_eq!(found.tokens, inner(expected), "{what}");
                assert_eq!(found.text, reference["texts"][at].as_str().unwrap(), "{what}");
                let Some(score) = reference["scores"][at].as_f64() else { continue };
                close(&what, found.score, score);
                if search.repetition_penalty == 1.0 {
                    let length = (ids(expected).len() - 1 - prompted) as f64;
                    let sum = score * length.powf(f64::from(search.length_penalty));
                    close(&what, found.log_probability, sum);
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared} texts");
}

#[test]
fn answers_of_every_search_are_those_of_generate() {
    let fixture = Fixture::open("blip/random");
    let blip = blip();
    for case in list(&fixture.json["images"]) {
        let image = encoded(&blip, case);
        for question in list(&case["answers"]) {
            for reference in list(&question["searches"]) {
                let (options, _) = options(&reference["options"]);
                let answer = blip.answer(&image, question["question"].as_str().unwrap(), &options).unwrap();
                assert_eq!(answer.tokens, inner(&reference["ids"][0]), "{reference}");
                assert_eq!(answer.text, reference["texts"][0].as_str().unwrap(), "{reference}");
            }
        }
    }
}

#[test]
fn a_list_of_answers_has_the_log_probabilities_of_the_decoder() {
    let fixture = Fixture::open("blip/random");
    let blip = blip();
    for case in list(&fixture.json["images"]) {
        let image = encoded(&blip, case);
        for question in list(&case["answers"]) {
            let expected = list(&question["ranked"]);
            let texts: Vec<String> = expected.iter().map(|it| it["text"].as_str().unwrap().to_string()).collect();
            let candidates = blip.candidates(&texts).unwrap();
            assert_eq!(candidates.texts(), texts);
            let ranked = blip.rank(&image, question["question"].as_str().unwrap(), &candidates).unwrap();
            assert_eq!(ranked.len(), texts.len());
            assert!(ranked.is_sorted_by(|a, b| a.log_probability >= b.log_probability));
            let log_probability = |at: usize| expected[at]["log_probability"].as_f64().unwrap();
            let sum: f64 = (0..texts.len()).map(|at| log_probability(at).exp()).sum();
            for answer in ranked {
                let expected = log_probability(answer.candidate);
                close(&texts[answer.candidate], answer.log_probability, expected);
                close(&texts[answer.candidate], answer.probability, expected.exp() / sum);
            }
        }
    }
}

/// More answers than a step has rows, so that there are several batches.
#[test]
fn a_long_list_of_answers_has_the_numbers_of_a_short_one() {
    let blip = blip();
    let image = encoded(&blip, &Fixture::open("blip/random").json["images"][0]);
    let words: Vec<String> = (30..45).map(|word| format!("w{word}")).collect();
    let pairs = words.iter().flat_map(|first| words.iter().map(move |second| format!("{first} {second} {first}")));
    let texts: Vec<String> = pairs.chain(words.iter().cloned()).collect();
    let question = "what color is the circle?";
    let all = blip.candidates(&texts).unwrap();
    let ranked = blip.rank(&image, question, &all).unwrap();
    assert_eq!(ranked.len(), 240);
    for answer in ranked.iter().step_by(13) {
        let alone = blip.candidates(&texts[answer.candidate..=answer.candidate]).unwrap();
        let alone = blip.rank(&image, question, &alone).unwrap()[0].clone();
        close(&texts[answer.candidate], answer.log_probability, f64::from(alone.log_probability));
        assert_eq!(alone.probability, 1.0);
    }
}

#[test]
fn drawn_captions_are_those_of_their_seed() {
    let fixture = Fixture::open("blip/random");
    let case = &fixture.json["images"][0];
    let blip = blip();
    let image = encoded(&blip, case);
    let draw = |seed, temperature, top_k, top_p| {
        let search =
            SearchOptions { max_tokens: Some(12), seed, temperature, top_k, top_p, ..SearchOptions::default() };
        let options = CaptionOptions { captions: 8, search, ..CaptionOptions::default() };
        let captions = blip.caption(&image, &options).unwrap();
        assert!(captions.is_sorted_by(|a, b| a.score >= b.score));
        captions.into_iter().map(|caption| caption.tokens).collect::<Vec<_>>()
    };
    let first = draw(1, 1.0, 0, 1.0);
    assert_eq!(first, draw(1, 1.0, 0, 1.0));
    assert_ne!(first, draw(2, 1.0, 0, 1.0));
    assert!(first.iter().any(|tokens| tokens != &first[0]));
    // With a single candidate token, sampling yields the greedy caption, eight times.
    let greedy = inner(&case["captions"][0]["ids"][0]);
    for tokens in draw(1, 3.0, 1, 1.0).iter().chain(&draw(1, 3.0, 0, 1e-6)) {
        assert_eq!(*tokens, greedy);
    }
}

#[test]
fn matching_and_embeddings_are_those_of_transformers() {
    let fixture = Fixture::open("blip/random");
    let blip = blip();
    for case in list(&fixture.json["images"]) {
        let image = encoded(&blip, case);
        check_matching(&fixture, &blip, &image, &case["match"]);
        check_embeddings(&fixture, &blip, case);
    }
}

/// Compares the embeddings of a case's picture and texts, each embedded on its own, with the reference.
pub fn check_embeddings(fixture: &Fixture, blip: &Blip, case: &Value) {
    let picture = image::load(&root().join(case["image"].as_str().unwrap())).unwrap();
    let pixels = pixel_values(&picture, &Embedder::view(blip).unwrap());
    let reference = &case["match"];
    let embedded = blip.embed(&EmbedInputs { image: Some(&pixels), ..EmbedInputs::default() }).unwrap();
    let difference = fixture.largest_difference(&reference["image_embedding"], &embedded.image.unwrap());
    assert!(difference <= 1e-5, "image_embedding: {difference}");
    let mut embeddings = Vec::new();
    for (text, ids) in list(&reference["texts"]).iter().zip(list(&reference["input_ids"])) {
        let embedded = blip.embed(&EmbedInputs { text: text.as_str(), ..EmbedInputs::default() }).unwrap();
        // The reference is padded to its longest text.
        assert_eq!(embedded.text_tokens, Some(self::ids(ids).iter().filter(|id| **id != PAD).count()), "{text}");
        embeddings.extend(embedded.text.unwrap());
    }
    let difference = fixture.largest_difference(&reference["text_embedding"], &embeddings);
    assert!(difference <= 1e-5, "text_embedding: {difference}");
}

/// Compares the results of `blip` for the fixture's texts and `image` with the `reference`.
pub fn check_matching(fixture: &Fixture, blip: &Blip, image: &EncodedImage, reference: &Value) {
    let texts: Vec<String> = list(&reference["texts"]).iter().map(|it| it.as_str().unwrap().to_string()).collect();
    let texts = blip.match_list(&texts).unwrap();
    let found = blip.match_texts(image, &texts).unwrap();
    assert_eq!(found.len(), list(&reference["texts"]).len());
    for (at, found) in found.iter().enumerate() {
        close("probability", found.probability.unwrap(), reference["probability"][at].as_f64().unwrap());
        close("similarity", found.similarity.unwrap(), reference["score"][at].as_f64().unwrap());
    }
    let difference = fixture.largest_difference(&reference["image_embedding"], image.embedding().unwrap());
    assert!(difference <= 1e-5, "image_embedding: {difference}");
    let embeddings = texts.embeddings().unwrap();
    let difference = fixture.largest_difference(&reference["text_embedding"], embeddings.iter());
    assert!(difference <= 1e-5, "text_embedding: {difference}");
}

#[test]
fn many_texts_have_the_numbers_that_each_has_alone() {
    let blip = blip();
    let image = encoded(&blip, &Fixture::open("blip/random").json["images"][1]);
    let texts: Vec<String> = (0..80).map(|n| format!("w{} ", 10 + n % 50).repeat(1 + n % 9)).collect();
    let list = blip.match_list(&texts).unwrap();
    let together = blip.match_texts(&image, &list).unwrap();
    for (text, together) in texts.iter().zip(together).step_by(7) {
        let alone = blip.match_list(std::slice::from_ref(text)).unwrap();
        let alone = blip.match_texts(&image, &alone).unwrap()[0];
        close(text, together.probability.unwrap(), f64::from(alone.probability.unwrap()));
        close(text, together.similarity.unwrap(), f64::from(alone.similarity.unwrap()));
    }
}

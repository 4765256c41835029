//! Encoders against transformers, timm and sentence-transformers (scripts/dev.py make_fixtures_encoders): tiny ones with
//! random weights, and those that `scripts/setup.sh` exports on real photographs and sentences.

use std::fs;

use edgefuse::config::TextRole;
use edgefuse::media::image::{self, pixel_values};
use edgefuse::models::capability::{Classifier, Embedder};
use edgefuse::models::embedding::EmbedInputs;
use edgefuse::models::encoder::Encoder;
use ndarray::Array4;
use serde_json::Value;

use crate::library::loader_at;
use crate::root;

/// Every how many pixel values one is in the fixture of real photographs.
const SAMPLES: usize = 997;

/// Every how many features one is in that fixture.
const FEATURES: usize = 16;

fn json(name: &str) -> Value {
    let path = root().join("tests/fixtures/encoder").join(name);
    serde_json::from_slice(&fs::read(&path).unwrap()).unwrap()
}

fn encoder(folder: &str) -> Encoder {
    Encoder::load(loader_at(&root().join(folder))).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn assert_close<'a>(found: impl Iterator<Item = &'a f32>, expected: &Value, tolerance: f64, what: &str) {
    let found: Vec<f64> = found.map(|value| f64::from(*value)).collect();
    let expected: Vec<f64> = list(expected).iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(largest <= tolerance, "{what}: {largest}");
}

/// The preprocessed picture of a fixture.
fn pixels(encoder: &Encoder, fixture: &Value) -> Array4<f32> {
    let path = root().join("tests/data").join(fixture["picture"].as_str().unwrap());
    pixel_values(&image::load(&path).unwrap(), &Embedder::view(encoder).unwrap())
}

#[test]
fn towers_of_one_space_are_those_of_transformers() {
    for name in ["clip", "siglip"] {
        let (encoder, expected) =
            (encoder(&format!("tests/fixtures/encoder/{name}")), json(&format!("{name}/expected.json")));
        let pixels = pixels(&encoder, &expected);
        assert_close(pixels.iter(), &expected["pixels"], 1e-5, name);
        let picture = encoder.encode_pixels(pixels).unwrap();
        assert_close(picture.embedding().unwrap().iter(), &expected["embedding"], 1e-5, name);
        let texts: Vec<String> =
            list(&expected["texts"]).iter().map(|text| text["text"].as_str().unwrap().to_string()).collect();
        // In one batch, although their lengths differ.
        let texts = encoder.texts(&texts, TextRole::Query).unwrap();
        let matches = encoder.match_texts(&picture, &texts).unwrap();
        let embeddings = texts.embeddings().unwrap();
        for ((text, found), embedding) in list(&expected["texts"]).iter().zip(matches).zip(embeddings.rows()) {
            assert_close(embedding.iter(), &text["embedding"], 1e-5, name);
            let near = |found: Option<f32>, key: &str| match (found, text[key].as_f64()) {
                (Some(found), Some(expected)) => (f64::from(found) - expected).abs() < 1e-5,
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(
                near(found.similarity, "similarity") && near(found.probability, "probability"),
                "{name}: {found:?}"
            );
        }
    }
}

#[test]
fn classes_are_those_of_transformers() {
    let (encoder, expected) = (encoder("tests/fixtures/encoder/vit"), json("vit/expected.json"));
    let pixels = pixels(&encoder, &expected);
    assert_close(pixels.iter(), &expected["pixels"], 1e-5, "pixels");
    let features = encoder.features(&EmbedInputs { image: Some(&pixels), ..EmbedInputs::default() }).unwrap();
    assert_close(features.image.unwrap().iter(), &expected["embedding"], 1e-5, "features");
    let picture = encoder.encode_pixels(pixels).unwrap();
    let mut found = Classifier::classify(&encoder, &picture, usize::MAX).unwrap();
    assert!(found.is_sorted_by(|a, b| a.probability >= b.probability), "{found:?}");
    found.sort_by_key(|it| it.class);
    assert_close(found.iter().map(|it| &it.probability), &expected["probabilities"], 1e-6, "probabilities");
    let length: f32 = picture.embedding().unwrap().iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
}

#[test]
fn real_photographs_are_classified_as_by_timm() {
    let encoder = encoder("onnx/efficientnet-lite0");
    for photograph in list(&json("real.json")["photographs"]) {
        let name = photograph["picture"].as_str().unwrap();
        let pixels = pixels(&encoder, photograph);
        assert_close(pixels.iter().step_by(SAMPLES), &photograph["pixels"], 1e-5, name);
        let features = encoder.features(&EmbedInputs { image: Some(&pixels), ..EmbedInputs::default() }).unwrap();
        assert_close(features.image.unwrap().iter().step_by(FEATURES), &photograph["features"], 1e-4, name);
        let picture = encoder.encode_pixels(pixels).unwrap();
        for (found, expected) in encoder.classify(&picture, 5).unwrap().iter().zip(list(&photograph["classes"])) {
            assert_eq!(encoder.classes()[found.class], expected[0].as_str().unwrap(), "{name}");
            assert!((f64::from(found.probability) - expected[1].as_f64().unwrap()).abs() < 1e-5, "{name}: {found:?}");
        }
    }
}

#[test]
fn real_sentences_are_embedded_as_by_sentence_transformers() {
    let encoder = encoder("onnx/minilm-l6");
    for sentence in list(&json("real.json")["sentences"]) {
        let text = sentence["text"].as_str().unwrap();
        let found = encoder.embed(&EmbedInputs { text: Some(text), ..EmbedInputs::default() }).unwrap();
        assert_close(found.text.unwrap().iter(), &sentence["embedding"], 1e-5, text);
    }
}

#[test]
fn a_photograph_is_found_by_words_that_are_not_its_class() {
    let encoder = encoder("onnx/photos");
    let photographs = ["chelsea.png", "coffee.png", "rocket.jpg"].map(|name| {
        let picture = image::load(&root().join("tests/data").join(name)).unwrap();
        encoder.encode_pixels(pixel_values(&picture, &Embedder::view(&encoder).unwrap())).unwrap()
    });
    for (text, expected) in [("a kitten", 0), ("something hot to drink", 1), ("a space launch", 2), ("a pet animal", 0)]
    {
        let texts = encoder.texts(&[text.to_string()], TextRole::Query).unwrap();
        let similarity = |at: usize| encoder.match_texts(&photographs[at], &texts).unwrap()[0].similarity.unwrap();
        let nearest = (0..photographs.len()).max_by(|a, b| similarity(*a).total_cmp(&similarity(*b))).unwrap();
        assert_eq!(nearest, expected, "{text}");
    }
}

//! The small BLIP and the picture's preprocessing against transformers (scripts/dev.py make_fixtures_blip).

use crate::blip_random::{check_embeddings, check_matching};
use crate::fixture::{Fixture, ids};
use crate::library::loader;
use crate::root;
use edgefuse::config::model_folder::BlipSpec;
use edgefuse::config::{CaptionOptions, SearchOptions};
use edgefuse::engine::Tensor;
use edgefuse::media::image::{self, PixelConfig, Resample, RgbImage, pixel_values};
use edgefuse::models::Vocabulary;
use edgefuse::models::blip::Blip;
use edgefuse::models::generation::{CrossAttention, Decoder};
use ndarray::Array2;
use serde_json::Value;

const MODEL: &str = "blip-easyvqa";

fn picture(path: &Value) -> RgbImage {
    image::load(&root().join(path.as_str().unwrap())).unwrap()
}

fn numbers(value: &Value) -> [f32; 3] {
    let numbers: Vec<f32> = value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect();
    numbers.try_into().unwrap()
}

#[test]
fn pixel_values_are_those_of_the_hugging_face_processor() {
    let fixture = Fixture::open("blip/pixels");
    let settings = &fixture.json["settings"];
    assert_eq!(settings["resample"], "bicubic");
    for case in fixture.json["cases"].as_array().unwrap() {
        let size = case["size"].as_u64().unwrap() as u32;
        let config = PixelConfig {
            width: size,
            height: size,
            crop: None,
            split: None,
            resample: Resample::Bicubic,
            rescale: settings["rescale"].as_f64().unwrap() as f32,
            mean: numbers(&settings["mean"]),
            std: numbers(&settings["std"]),
        };
        let values = pixel_values(&picture(&case["image"]), &config);
        let difference = fixture.largest_difference(&case["pixel_values"], &values);
        println!("{} at {size}: {difference:e}", case["image"]);
        assert!(difference <= 1e-5, "{} ({}) at {size}: {difference}", case["image"], case["mode"]);
    }
}

#[test]
fn token_ids_are_those_of_transformers() {
    let fixture = Fixture::open("blip/model");
    let loader = loader(MODEL);
    let vocabulary = Vocabulary::load(loader.folder(), "tokenizer.json").unwrap();
    for case in fixture.json["texts"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        assert_eq!(vocabulary.encode(text, true).unwrap(), ids(&case["ids"]), "{text}");
    }
}

/// The logits after each prefix of `written`, concatenated, after `prompt` tokens were fed at once.
fn logits(decoder: &mut Decoder, cross: &CrossAttention, written: &[i64]) -> Vec<f32> {
    let mut decoding = decoder.start(cross).unwrap();
    written.iter().flat_map(|token| decoding.feed(&[*token]).unwrap().row(0).to_vec()).collect()
}

#[test]
fn vision_and_logits_are_those_of_transformers() {
    let fixture = Fixture::open("blip/model");
    let loader = loader(MODEL);
    let folder = loader.folder().clone();
    let spec: &BlipSpec = folder.spec().unwrap();
    let vocabulary = Vocabulary::load(&folder, &spec.tokenizer).unwrap();
    let vision = loader.graph("vision").unwrap();
    let question_encoder = loader.graph("question_encoder").unwrap();
    let mut caption_decoder = Decoder::load(&loader, "caption_decoder").unwrap();
    let mut answer_decoder = Decoder::load(&loader, "answer_decoder").unwrap();
    let config = PixelConfig {
        width: spec.image.width,
        height: spec.image.height,
        crop: None,
        split: None,
        resample: Resample::Bicubic,
        rescale: spec.image.rescale,
        mean: spec.image.mean,
        std: spec.image.std,
    };
    let mut most = 0f32;
    let mut within = |what: &str, difference: f32| {
        most = most.max(difference);
        assert!(difference <= 1e-3, "{what}: {difference}");
    };
    for case in fixture.json["images"].as_array().unwrap() {
        let pixels = [Tensor::float(pixel_values(&picture(&case["image"]), &config)).unwrap()];
        let mut outputs = vision.run(&[("pixel_values", &pixels)]).unwrap();
        let embeddings = outputs.take("image_embeds");
        let difference = fixture.largest_difference(&case["image_embeds"], embeddings[0].view().unwrap().iter());
        within("image_embeds", difference);

        let caption_cross = CrossAttention::take(&mut outputs);
        for caption in case["captions"].as_array().unwrap() {
            let written = ids(&caption["ids"]);
            let found = logits(&mut caption_decoder, &caption_cross, &written[..written.len() - 1]);
            within("caption", fixture.largest_difference(&caption["logits"], &found));
        }
        for answer in case["answers"].as_array().unwrap() {
            let question = vocabulary.encode(answer["question"].as_str().unwrap(), true).unwrap();
            let question = Array2::from_shape_vec((1, question.len()), question).unwrap();
            let question = [Tensor::integer(question).unwrap()];
            let mut outputs = question_encoder.run(&[("input_ids", &question), ("image_embeds", &embeddings)]).unwrap();
            let cross = CrossAttention::take(&mut outputs);
            let written = ids(&answer["ids"]);
            let found = logits(&mut answer_decoder, &cross, &written[..written.len() - 1]);
            within("answer", fixture.largest_difference(&answer["logits"], &found));
        }
    }
    println!("largest difference: {most:e}");
}

/// Removes the start and the end token.
fn inner(value: &Value, end: i64) -> Vec<i64> {
    let ids = ids(value);
    let inner = ids.strip_suffix(&[end]).unwrap_or(&ids);
    inner[1..].to_vec()
}

#[test]
fn captions_and_answers_are_those_of_generate() {
    let fixture = Fixture::open("blip/model");
    let loader = loader(MODEL);
    let spec: &BlipSpec = loader.folder().spec().unwrap();
    let end = spec.tokens.end;
    let blip = Blip::load(loader).unwrap();
    for case in fixture.json["images"].as_array().unwrap() {
        let encoded = blip.encode(&picture(&case["image"])).unwrap();
        for reference in case["captions"].as_array().unwrap() {
            let prompt = reference["prompt"].as_str().map(str::to_string);
            let options = CaptionOptions { prompt, ..CaptionOptions::default() };
            let caption = blip.caption(&encoded, &options).unwrap().remove(0);
            assert_eq!(caption.tokens, inner(&reference["ids"], end), "{}: {reference}", case["image"]);
            assert_eq!(caption.text, reference["text"].as_str().unwrap());
        }
        for reference in case["answers"].as_array().unwrap() {
            let answer =
                blip.answer(&encoded, reference["question"].as_str().unwrap(), &SearchOptions::default()).unwrap();
            assert_eq!(answer.tokens, inner(&reference["ids"], end), "{}: {reference}", case["image"]);
            assert_eq!(answer.text, reference["text"].as_str().unwrap());
        }
    }
}

#[test]
fn matching_is_that_of_transformers() {
    let fixture = Fixture::open("blip/model");
    let blip = Blip::load(loader(MODEL)).unwrap();
    for case in fixture.json["images"].as_array().unwrap() {
        let encoded = blip.encode(&picture(&case["image"])).unwrap();
        check_matching(&fixture, &blip, &encoded, &case["match"]);
        check_embeddings(&fixture, &blip, case);
    }
}

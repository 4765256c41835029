//! The tiny SmolVLM, in both dialects, against transformers' image processor, chat templates and `generate`
//! (scripts/dev.py make_fixtures_vlm).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::blip_random::{close, list, options};
use crate::fixture::ids;
use crate::library::loader_at;
use crate::root;
use edgefuse::config::{CaptionOptions, ReplyOptions, Truncate};
use edgefuse::error::Error;
use edgefuse::media::image::{self, PixelConfig, RgbImage, pixels};
use edgefuse::models::capability::{Captioner, PictureEncoder};
use edgefuse::models::chat::{Attachment, Message, Prompt, Reply};
use edgefuse::models::vlm::VisionLanguageModel;
use serde_json::Value;
use sha2::{Digest, Sha256};

const DIALECTS: [&str; 2] = ["vlm", "vlm-standard"];

/// Positions that are read in one run.
const RUN: usize = 128;

fn folder(name: &str) -> PathBuf {
    root().join("tests/fixtures/tiny").join(name)
}

fn model(name: &str) -> VisionLanguageModel {
    VisionLanguageModel::load(loader_at(&folder(name))).unwrap()
}

fn fixture() -> Value {
    serde_json::from_slice(&fs::read(root().join("tests/fixtures/vlm/replies.json")).unwrap()).unwrap()
}

fn picture(path: &Value) -> RgbImage {
    image::load(&root().join(path.as_str().unwrap())).unwrap()
}

fn config(name: &str) -> PixelConfig {
    let loader = loader_at(&folder(name));
    PixelConfig::from(loader.folder().spec.image().unwrap())
}

/// The messages of a case, with their pictures.
fn messages(case: &Value) -> Vec<Message> {
    let mut pictures = list(&case["pictures"]).iter();
    let message = |given: &Value| {
        let mut message = Message::new(given["role"].as_str().unwrap(), given["content"].as_str().unwrap());
        for _ in 0..given["images"].as_u64().unwrap_or(0) {
            message.attachments.push(Attachment::Picture(Arc::new(picture(pictures.next().unwrap()))));
        }
        message
    };
    list(&case["messages"]).iter().map(message).collect()
}

fn reply_options() -> ReplyOptions {
    ReplyOptions { max_tokens: Some(50), ..ReplyOptions::default() }
}

fn written(reply: &Reply) -> Vec<i64> {
    reply.tokens.iter().map(|token| token.id).collect()
}

#[test]
fn pictures_are_split_as_by_the_image_processor() {
    let (fixture, config) = (fixture(), config("vlm"));
    for case in list(&fixture["pictures"]) {
        let made = pixels(&picture(&case["image"]), &config);
        let grid = ids(&case["grid"]);
        assert_eq!((made.rows as i64, made.columns as i64), (grid[0], grid[1]), "{}", case["image"]);
        assert_eq!(made.values.dim().0 as u64, case["tiles"].as_u64().unwrap());
        let samples: Vec<u8> = made.values.iter().map(|value| ((value * 0.5 + 0.5) * 255.0).round() as u8).collect();
        let hash: String = Sha256::digest(&samples).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, case["sha256"].as_str().unwrap(), "{}", case["image"]);
    }
}

#[test]
fn answers_in_conversations_with_pictures_are_those_of_transformers() {
    for name in DIALECTS {
        let model = model(name);
        for case in list(&fixture()["conversations"]) {
            let reply = model.chat(Prompt::Messages(&messages(case)), &reply_options()).unwrap();
            assert_eq!(reply.prompt_tokens, list(&case["ids"]).len(), "{name}");
            assert_eq!(written(&reply), ids(&case["tokens"]), "{name}: {}", case["prompt"]);
            for (token, expected) in reply.tokens.iter().zip(list(&case["log_probabilities"])) {
                close("log-probability", token.log_probability, expected.as_f64().unwrap());
            }
        }
    }
}

#[test]
fn captions_and_answers_of_every_search_are_those_of_generate() {
    let fixture = fixture();
    for name in DIALECTS {
        let model = model(name);
        for case in list(&fixture["texts"]) {
            let encoded = model.encode(&picture(&case["image"])).unwrap();
            let (mut search, _) = options(&case["options"]);
            search.max_tokens = Some(20);
            let what = format!("{name}: {case}");
            let tokens = if case["kind"] == "caption" {
                let options = CaptionOptions { search, ..CaptionOptions::default() };
                model.caption(&encoded, &options).unwrap().remove(0).tokens
            } else {
                model.answer(&encoded, "the river?", &search).unwrap().tokens
            };
            assert_eq!(tokens, ids(&case["tokens"]), "{what}");
            let Some(ranked) = case["ranked"].as_object() else { continue };
            let texts: Vec<String> = ranked.keys().cloned().collect();
            let candidates = model.candidates(&texts).unwrap();
            for answer in model.rank(&encoded, "the river?", &candidates).unwrap() {
                let expected = ranked[&candidates.texts()[answer.candidate]].as_f64().unwrap();
                close(&what, answer.log_probability, expected);
            }
        }
    }
}

#[test]
fn what_was_read_of_a_picture_is_reused_and_changes_nothing() {
    let fixture = fixture();
    let fresh = model("vlm");
    let case = messages(&fixture["conversations"][3]);
    let first = fresh.chat(Prompt::Messages(&case), &reply_options()).unwrap();
    let again = fresh.chat(Prompt::Messages(&case), &reply_options()).unwrap();
    assert_eq!((first.reused_tokens, again.reused_tokens, &again.tokens), (0, RUN, &first.tokens));
    // Another first picture of the same size is another prefix, although its tokens are the same.
    let mut other = case.clone();
    other[1].attachments = vec![Attachment::Picture(Arc::new(picture(&"tests/data/rocket.jpg".into())))];
    let changed = fresh.chat(Prompt::Messages(&other), &reply_options()).unwrap();
    assert_eq!((changed.reused_tokens, changed.prompt_tokens), (0, first.prompt_tokens));
    assert_eq!(changed.tokens, model("vlm").chat(Prompt::Messages(&other), &reply_options()).unwrap().tokens);
    assert_ne!(changed.tokens, first.tokens);
}

/// Conversations that are written at the same time share the steps of their decoder, with pictures and without.
#[test]
fn conversations_at_the_same_time_do_not_change_each_other() {
    let (fixture, model) = (fixture(), model("vlm"));
    std::thread::scope(|scope| {
        for case in list(&fixture["conversations"]) {
            let model = &model;
            scope.spawn(move || {
                let reply = model.chat(Prompt::Messages(&messages(case)), &reply_options()).unwrap();
                assert_eq!(written(&reply), ids(&case["tokens"]));
            });
        }
    });
}

#[test]
fn tokens_of_pictures_in_a_message_are_text() {
    let model = model("vlm");
    let count = |text: &str, pictures: usize| {
        let mut message = Message::new("user", text);
        let picture = Attachment::Picture(Arc::new(RgbImage::new(40, 40)));
        message.attachments = vec![picture; pictures];
        model.chat(Prompt::Messages(&[message]), &reply_options()).unwrap().prompt_tokens
    };
    let plain = (count("ab", 0), count("ab", 1));
    for token in ["<image>", "<fake_token_around_image>", "<global-img>", "<row_1_col_1>", "<end_of_utterance>"] {
        assert_eq!(count(&format!("a{token}b"), 0), plain.0 + token.len(), "{token}");
        assert_eq!(count(&format!("a{token}b"), 1), plain.1 + token.len(), "{token}");
    }
}

#[test]
fn input_that_does_not_fit_is_an_error_that_says_so() {
    let model = model("vlm");
    let mut message = Message::new("user", "a");
    message.attachments.push(Attachment::Sound(vec![0.0; 16].into()));
    let error = model.chat(Prompt::Messages(&[message]), &reply_options()).unwrap_err();
    assert!(error.to_string().contains("but no sound"), "{error}");
    // Eight pictures of 3 x 3 tiles have more rows than the context.
    let mut many = Message::new("user", "the house");
    many.attachments = vec![Attachment::Picture(Arc::new(RgbImage::new(90, 90))); 8];
    for truncate in [Truncate::Error, Truncate::Middle] {
        let options = ReplyOptions { truncate, ..reply_options() };
        let error = model.chat(Prompt::Messages(&[many.clone()]), &options).unwrap_err();
        assert!(matches!(error, Error::Input { .. }) && error.to_string().contains("tokens"), "{error}");
    }
    let encoded = model.encode(&RgbImage::new(9, 9)).unwrap();
    let error = model.answer(&encoded, " ", &CaptionOptions::default().search).unwrap_err();
    assert!(error.to_string().contains("the question is empty"), "{error}");
    let long = CaptionOptions { prompt: Some("the ".repeat(600)), ..CaptionOptions::default() };
    let error = model.caption(&encoded, &long).unwrap_err();
    assert!(error.to_string().contains("the model accepts at most 511"), "{error}");
}

/// However large a picture is, and however narrow.
#[test]
fn a_huge_picture_has_few_tiles() {
    let (model, config) = (model("vlm"), config("vlm"));
    for (width, height, tiles) in [(60_000, 1, 4), (1, 60_000, 4), (1_500, 1_500, 10)] {
        let made = pixels(&RgbImage::new(width, height), &config);
        assert_eq!(made.values.dim(), (tiles, 3, 32, 32), "{width} x {height}");
        let encoded = PictureEncoder::encode_pixels(&model, made).unwrap();
        Captioner::caption(&model, &encoded, &CaptionOptions::default()).unwrap();
    }
}

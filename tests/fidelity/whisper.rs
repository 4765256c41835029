//! Whisper tiny.en and base against openai-whisper and transformers, on real speech (scripts/dev.py make_fixtures_whisper).

use std::collections::BTreeSet;

use crate::fixture::{Fixture, ids};
use crate::library::loader;
use crate::root;
use edgefuse::config::model_folder::WhisperSpec;
use edgefuse::config::{EncoderContext, Task, Temperatures, Timestamps, TranscribeOptions};
use edgefuse::engine::Tensor;
use edgefuse::media::audio::{self, Recording};
use edgefuse::models::generation::{CrossAttention, Decoder};
use edgefuse::models::whisper::Whisper;
use ndarray::Axis;
use serde_json::Value;

const TINY_EN: &str = "whisper-tiny.en";
const BASE: &str = "whisper-base";

fn reference(model: &str) -> Fixture {
    Fixture::open(&format!("whisper/{model}"))
}

fn samples(path: &Value) -> Vec<f32> {
    audio::load(&root().join(path.as_str().unwrap()), 16_000).unwrap()
}

#[test]
fn encoder_and_logits_of_tiny_en_are_those_of_transformers() {
    encoder_and_logits(TINY_EN);
}

#[test]
fn encoder_and_logits_of_base_are_those_of_transformers() {
    encoder_and_logits(BASE);
}

fn encoder_and_logits(model: &str) {
    let fixture = reference(model);
    let loader = loader(model);
    let folder = loader.folder().clone();
    let spec: &WhisperSpec = folder.spec().unwrap();

    let samples = samples(&fixture.json["audio"]);
    let log_mel = loader.log_mel(&spec.audio).unwrap().compute(&samples, spec.audio.chunk_samples() - samples.len());
    let encoder = loader.graph("encoder").unwrap();
    let log_mel = [Tensor::float(log_mel.insert_axis(Axis(0))).unwrap()];
    let mut outputs = encoder.run(&[("log_mel", &log_mel)]).unwrap();

    let cross = CrossAttention::take(&mut outputs);
    for layer in fixture.json["cross"].as_array().unwrap() {
        let number = layer["layer"].as_u64().unwrap() as usize;
        // Keys are transposed: [windows, heads, head_dim, source].
        let keys = cross.keys()[number].view().unwrap().permuted_axes(&[0, 1, 3, 2][..]);
        for (name, values) in [("key", keys), ("value", cross.values()[number].view().unwrap())] {
            let difference = fixture.largest_difference(&layer[name], values.iter());
            println!("layer {number} cross-attention {name}: {difference:e}");
            assert!(difference <= 1e-3, "layer {number} {name}: {difference}");
        }
    }

    let decoder = Decoder::load(&loader, "decoder").unwrap();
    for case in fixture.json["logits"].as_array().unwrap() {
        let tokens = ids(&case["input_ids"]);
        // As one prompt, and token by token through the cache: both must produce the same.
        let mut at_once = decoder.start(&cross).unwrap();
        let whole = at_once.feed(&tokens).unwrap().row(0).to_vec();
        let mut stepwise = decoder.start(&cross).unwrap();
        let stepped = tokens.iter().map(|token| stepwise.feed(&[*token]).unwrap()).last().unwrap().row(0).to_vec();
        for (way, logits) in [("prompt", whole), ("cache", stepped)] {
            let difference = fixture.largest_difference(&case["sampled"], &logits);
            println!("logits after {} tokens, {way}: {difference:e}", tokens.len());
            assert!(difference <= 1e-3, "{way}: {difference}");
            let top: Vec<f32> = ids(&case["top_ids"]).iter().map(|id| logits[*id as usize]).collect();
            assert!(fixture.largest_difference(&case["top"], &top) <= 1e-3, "{way}: the most probable tokens");
        }
    }
}

#[test]
fn token_ids_of_tiny_en_are_those_of_openai_whisper() {
    token_ids(TINY_EN);
}

#[test]
#[ignore = "long: scripts/test_fidelity.sh runs it"]
fn token_ids_and_languages_of_base_are_those_of_openai_whisper() {
    token_ids(BASE);
}

fn token_ids(model: &str) {
    let fixture = reference(model);
    let whisper = Whisper::load(loader(model)).unwrap();
    let clips = fixture.json["clips"].as_array().unwrap();
    assert!(clips.len() >= 5, "only {} clips", clips.len());
    for clip in clips {
        let samples = samples(&clip["audio"]);
        let name = clip["audio"].as_str().unwrap();
        // As in openai-whisper's `decode`: the sound padded with silence to 30 s.
        let log_mel = whisper.log_mel().compute(&samples, 480_000 - samples.len());
        let window = whisper.encode_window(log_mel.view(), EncoderContext::Full).unwrap();
        if let Some(languages) = clip["languages"].as_object() {
            let found = whisper.detect_language(&window).unwrap();
            let likeliest =
                languages.iter().max_by(|a, b| a.1.as_f64().unwrap().total_cmp(&b.1.as_f64().unwrap())).unwrap();
            assert_eq!(&found[0].0, likeliest.0, "{name}");
            for (code, probability) in languages {
                let ours = found.iter().find(|(known, _)| known == code).unwrap().1;
                assert!((f64::from(ours) - probability.as_f64().unwrap()).abs() < 1e-3, "{name}: {code} {ours}");
            }
        }
        let greedy = TranscribeOptions { temperature: Temperatures(vec![0.0]), ..TranscribeOptions::default() };
        let beams = TranscribeOptions { beams: 5, ..greedy.clone() };
        for (key, options) in [
            ("text", TranscribeOptions { timestamps: Timestamps::None, ..greedy.clone() }),
            ("timestamps", greedy),
            ("beams", beams.clone()),
            ("patient_beams", TranscribeOptions { patience: 2.0, length_penalty: Some(0.5), ..beams }),
        ] {
            let prompt = whisper.prompt("en", Task::Transcribe, options.timestamps != Timestamps::None).unwrap();
            let decoded = whisper.decode_windows(&window, &prompt, &options).unwrap().remove(0);
            let reference = &clip[key];
            assert_eq!(decoded.tokens, ids(&reference["ids"]), "{name}, {key}");
            // Another implementation of `zlib`: a byte or two more or less.
            let length = reference["text"].as_str().unwrap().len() as f64;
            let theirs = length / reference["compression_ratio"].as_f64().unwrap();
            let difference = length / f64::from(decoded.compression_ratio) - theirs;
            assert!(difference.abs() < 2.5, "{name}, {key}: {difference} bytes, {decoded:?}");
            for (found, figure) in [
                (decoded.avg_logprob, &reference["average_log_probability"]),
                (decoded.no_speech_prob, &reference["no_speech_probability"]),
            ] {
                assert!((f64::from(found) - figure.as_f64().unwrap()).abs() < 1e-3, "{name}, {key}: {decoded:?}");
            }
        }
    }
}

/// Windows leave the batch at different steps: their texts have different lengths.
#[test]
fn windows_decoded_together_have_the_tokens_of_openai_whisper() {
    let fixture = reference(TINY_EN);
    let whisper = Whisper::load(loader(TINY_EN)).unwrap();
    let clips = fixture.json["clips"].as_array().unwrap();
    let encoded: Vec<CrossAttention> = clips
        .iter()
        .map(|clip| {
            let samples = samples(&clip["audio"]);
            let log_mel = whisper.log_mel().compute(&samples, 480_000 - samples.len());
            whisper.encode_window(log_mel.view(), EncoderContext::Full).unwrap()
        })
        .collect();
    let mut together = encoded[0].room_for(encoded.len()).unwrap();
    encoded.iter().enumerate().for_each(|(index, window)| together.put(index, window).unwrap());
    let options = TranscribeOptions { temperature: Temperatures(vec![0.0]), ..TranscribeOptions::default() };
    let prompt = whisper.prompt("en", Task::Transcribe, true).unwrap();
    let decoded = whisper.decode_windows(&together, &prompt, &options).unwrap();
    let tokens: Vec<_> = decoded.into_iter().map(|window| window.tokens).collect();
    let expected: Vec<_> = clips.iter().map(|clip| ids(&clip["timestamps"]["ids"])).collect();
    assert_eq!(tokens, expected);
    let lengths: BTreeSet<usize> = expected.iter().map(Vec::len).collect();
    assert!(lengths.len() >= 4, "too alike to leave at different steps: {lengths:?}");
}

#[test]
#[ignore = "long: scripts/test_fidelity.sh runs it"]
fn segments_of_tiny_en_past_thirty_seconds_are_those_of_openai_whisper() {
    long_form(TINY_EN);
}

#[test]
#[ignore = "long: scripts/test_fidelity.sh runs it"]
fn segments_of_base_past_thirty_seconds_are_those_of_openai_whisper() {
    long_form(BASE);
}

fn long_form(model: &str) {
    let fixture = reference(model);
    let whisper = Whisper::load(loader(model)).unwrap();
    for name in ["long", "longer"] {
        let long = &fixture.json[name];
        let pause = vec![0.0; 16_000 * long["pause_seconds"].as_u64().unwrap() as usize];
        let clips = long["audio"].as_array().unwrap().iter();
        let samples: Vec<f32> = clips.flat_map(|clip| [samples(clip), pause.clone()]).flatten().collect();
        let recording = Recording::Samples { samples: &samples, sample_rate: 16_000 };
        let seconds = samples.len() as f64 / 16_000.0;
        assert!(seconds > 30.0 && (seconds - long["seconds"].as_f64().unwrap()).abs() < 1e-6, "{seconds} s");

        let conditioned = TranscribeOptions { temperature: Temperatures(vec![0.0]), ..TranscribeOptions::default() };
        let initial_prompt = long["initial_prompt"].as_str().map(str::to_string);
        for (key, options) in [
            ("conditioned", conditioned.clone()),
            ("unconditioned", TranscribeOptions { condition_on_previous_text: false, ..conditioned.clone() }),
            ("prompted", TranscribeOptions { initial_prompt, ..conditioned.clone() }),
            ("beams", TranscribeOptions { beams: 5, ..conditioned }),
        ] {
            let transcript = whisper.transcribe(&recording, None, &options, &mut |_, _| {}).unwrap();
            let expected = long[key].as_array().unwrap();
            // openai-whisper keeps segments without text, emptied.
            let expected: Vec<_> = expected.iter().filter(|segment| segment["text"] != "").collect();
            assert_eq!(transcript.segments.len(), expected.len(), "{name}, {key}: {transcript:#?}");
            for (segment, reference) in transcript.segments.iter().zip(expected) {
                assert_eq!(segment.tokens, ids(&reference["tokens"]), "{name}, {key}: {segment:?}");
                assert_eq!(segment.text, reference["text"].as_str().unwrap().trim());
                for (found, side) in [(segment.start, "start"), (segment.end, "end")] {
                    let difference = (found - reference[side].as_f64().unwrap()).abs();
                    assert!(difference < 1e-6, "{name}, {key}, {side}: {segment:?}");
                }
            }
        }
    }
}

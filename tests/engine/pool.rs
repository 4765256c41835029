//! The pool of a device's models: choice of models, and scheduling of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::Error;
use edgefuse::config::{CaptionOptions, Device, ModelEntry, TranscribeOptions};
use edgefuse::engine::EngineError;
use edgefuse::models::Models;
use edgefuse::models::capability::{Captioner, Decider, Embedder, Transcriber, VoiceDetector};
use edgefuse::models::embedding::EmbedInputs;
use edgefuse::pipeline::{Pipeline, Record, Sound};
use edgefuse::request::{Priority, Request, Stopped};

use crate::{engine, root};

/// A device with these models of the fixtures.
fn device(models: &[(&str, &str)]) -> Device {
    let mut device = Device::new("test");
    for (name, folder) in models {
        device.models.insert((*name).to_string(), ModelEntry::new(root().join("tests/fixtures").join(folder)));
    }
    device
}

fn models(list: &[(&str, &str)]) -> Models {
    Models::new(Arc::new(engine()), device(list))
}

const TINY: [(&str, &str); 4] =
    [("ears", "tiny/whisper.en"), ("eyes", "blip/random"), ("judge", "student/raw"), ("gate", "tiny/vad")];

#[test]
fn a_model_is_found_by_what_it_can_do() {
    let models = models(&TINY);
    assert_eq!(models.lease::<dyn Transcriber>(None, "test").unwrap().key(), "ears");
    assert_eq!(models.lease::<dyn Captioner>(None, "test").unwrap().key(), "eyes");
    assert_eq!(models.lease::<dyn Decider>(None, "test").unwrap().key(), "judge");
    assert_eq!(models.lease::<dyn VoiceDetector>(Some("gate"), "test").unwrap().key(), "gate");
    assert_eq!(models.loaded(), ["ears", "eyes", "gate", "judge"]);
}

#[test]
fn a_model_names_what_it_embeds() {
    let models = models(&TINY);
    let eyes = models.lease::<dyn Embedder>(Some("eyes"), "test").unwrap();
    let error = |inputs: &EmbedInputs| eyes.embed(inputs).unwrap_err().to_string();
    assert_eq!(error(&EmbedInputs::default()), "nothing to embed; random embeds image, text");
    let sound = EmbedInputs { audio: Some(&[0.5; 16_000]), ..EmbedInputs::default() };
    assert_eq!(error(&sound), "random does not embed audio; it embeds image, text");
    let blank = EmbedInputs { text: Some(" "), ..EmbedInputs::default() };
    assert_eq!(error(&blank), "the text to embed is empty");
    let judge = models.lease::<dyn Embedder>(Some("judge"), "test").unwrap();
    let found = judge.embed(&sound).unwrap();
    assert_eq!((found.audio.unwrap().len(), found.image, found.text, found.text_tokens), (8, None, None, None));
}

#[test]
fn a_choice_that_fails_is_explained() {
    let models = models(&[("a", "tiny/whisper.en"), ("b", "tiny/whisper"), ("gone", "nowhere")]);
    let error = |named: Option<&str>| models.lease::<dyn Transcriber>(named, "transcribe").unwrap_err();
    let several = error(None);
    assert!(matches!(&several, Error::SeveralModels { .. }), "{several}");
    assert!(
        several.to_string().contains("`a` and `b` can transcribe; choose one with the option `model`"),
        "{several}"
    );
    let unknown = error(Some("c"));
    assert!(unknown.to_string().contains("unknown model `c`; there are a, b, gone"), "{unknown}");
    assert_eq!((several.exit_code(), unknown.exit_code(), error(Some("gone")).exit_code()), (2, 2, 3));
    // An unreadable model may be the missing one; a readable one without the capability is not.
    let missing = models.lease::<dyn Captioner>(None, "caption").unwrap_err();
    assert!(matches!(missing, Error::Model(_)), "{missing}");
    let unable = models.lease::<dyn Captioner>(Some("a"), "caption").unwrap_err();
    assert!(unable.to_string().contains("this model (kind `whisper`) can transcribe, but cannot caption"), "{unable}");
    assert_eq!(models.lease::<dyn Transcriber>(Some("b"), "transcribe").unwrap().key(), "b");
}

#[test]
fn a_model_is_chosen_only_for_the_tasks_of_its_entry() {
    let mut device = device(&[("a", "tiny/whisper.en"), ("b", "tiny/whisper")]);
    device.models.get_mut("a").unwrap().tasks = Some(vec!["caption".to_string()]);
    let models = Models::new(Arc::new(engine()), device);
    assert_eq!(models.lease::<dyn Transcriber>(None, "test").unwrap().key(), "b");
    // One that is named need not list the task.
    assert_eq!(models.lease::<dyn Transcriber>(Some("a"), "test").unwrap().key(), "a");
}

#[test]
fn a_model_is_loaded_once_for_many_threads() {
    let models = models(&TINY);
    let kept: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| models.lease::<dyn Captioner>(None, "test").unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let first: *const dyn Captioner = &raw const *kept[0];
    assert!(kept.iter().all(|lease| std::ptr::addr_eq(first, &raw const **lease)));
}

#[test]
fn an_idle_model_is_unloaded_and_a_leased_one_is_not() {
    let mut device = device(&TINY);
    device.runtime.idle_unload = Some(Duration::from_millis(40));
    let models = Models::new(Arc::new(engine()), device);
    let kept = models.lease::<dyn Captioner>(None, "test").unwrap();
    drop(models.lease::<dyn Decider>(None, "test").unwrap());
    let until = Instant::now() + Duration::from_secs(20);
    while models.loaded() != ["eyes"] {
        assert!(Instant::now() < until, "{:?}", models.loaded());
        thread::sleep(Duration::from_millis(10));
    }
    drop(kept);
    while !models.loaded().is_empty() {
        assert!(Instant::now() < until, "{:?}", models.loaded());
        thread::sleep(Duration::from_millis(10));
    }
    // It is loaded again when needed.
    assert_eq!(models.lease::<dyn Captioner>(None, "test").unwrap().key(), "eyes");
}

/// A pipeline with the tiny Whisper, and half a minute of sound for it.
fn transcription(device: Device) -> (Pipeline, Record) {
    let models = Models::new(Arc::new(engine()), device);
    let pipeline = Pipeline::new(models, &[TranscribeOptions::default().into()]).unwrap();
    let tone: Vec<f32> = (0..16_000 * 30).map(|at| (at as f32 * 0.05).sin() * 0.3).collect();
    (pipeline, Record::default().with_id("tone").with_audio(Sound::from_samples(tone, 16_000)))
}

fn stopped(error: &Error) -> Option<Stopped> {
    match error {
        Error::Engine(EngineError::Stopped(stopped)) => Some(*stopped),
        _ => None,
    }
}

#[test]
fn a_cancelled_request_ends_between_two_tokens() {
    let (pipeline, record) = transcription(device(&TINY[..1]));
    let request = Request::new(Priority::Batch);
    let (cancel, seen) = (request.clone(), Arc::new(AtomicUsize::new(0)));
    let count = seen.clone();
    let request = request.on_token(move |_| {
        // Out of the hundreds that such a recording has.
        if count.fetch_add(1, Ordering::Relaxed) == 4 {
            cancel.cancel();
        }
    });
    let error = request.run(|| pipeline.process(&record, &mut |_, _| {})).unwrap_err();
    assert_eq!(stopped(&error), Some(Stopped::Cancelled), "{error}");
    // Another request on the same model is not disturbed.
    let result = pipeline.process(&record, &mut |_, _| {}).unwrap();
    assert!(!result.transcript().unwrap().value.segments.is_empty());
    assert_eq!(seen.load(Ordering::Relaxed), 5);
}

#[test]
fn a_deadline_ends_a_request() {
    let (pipeline, record) = transcription(device(&TINY[..1]));
    let request = Request::default().with_timeout(Duration::from_millis(1));
    let error = request.run(|| pipeline.process(&record, &mut |_, _| {})).unwrap_err();
    assert_eq!(stopped(&error), Some(Stopped::DeadlinePassed), "{error}");
}

#[test]
fn a_rejected_request_is_reported_at_once() {
    let mut device = device(&TINY[..1]);
    (device.runtime.requests.at_once, device.runtime.requests.waiting) = (1, 0);
    let (pipeline, record) = transcription(device);
    let admitted = pipeline.models().admit().unwrap();
    let error = pipeline.process(&record, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::Overloaded { .. }), "{error}");
    drop(admitted);
    pipeline.process(&record, &mut |_, _| {}).unwrap();
}

#[test]
fn pictures_and_sounds_in_memory_are_as_good_as_files() {
    let file = |name: &str| root().join("tests/data").join(name);
    let models = models(&TINY);
    let caption = CaptionOptions {
        search: edgefuse::config::SearchOptions { max_tokens: Some(6), ..Default::default() },
        ..Default::default()
    };
    let pipeline = Pipeline::new(models, &[TranscribeOptions::default().into(), caption.into()]).unwrap();
    let (picture, sound) = (file("easyvqa-23.png"), file("question-color.wav"));
    let value = |record: &Record| {
        let result = pipeline.process(record, &mut |_, _| {}).unwrap();
        assert_eq!(result.errors(), Vec::<&str>::new());
        (format!("{:?}", result.transcript().unwrap().value), format!("{:?}", result.caption().unwrap().value))
    };
    let record = |id: &str| Record::default().with_id(id);
    let files = value(&record("files").with_image(&picture).with_audio(&sound));
    let bytes = |path| std::fs::read(path).unwrap();
    let picture_bytes = edgefuse::pipeline::Picture::from_bytes(bytes(&picture));
    let memory = record("bytes").with_image(picture_bytes).with_audio(Sound::from_bytes(bytes(&sound)));
    assert_eq!(value(&memory), files);
    // As in a line of a manifest.
    let line = serde_json::to_string(&memory).unwrap();
    assert_eq!(value(&serde_json::from_str(&line).unwrap()), files);
    let pixels = edgefuse::media::image::load(&picture).unwrap();
    let samples = edgefuse::media::audio::AudioFile::new(&sound).load(16_000, &mut Vec::new()).unwrap();
    let decoded = record("decoded")
        .with_image(edgefuse::pipeline::Picture::Pixels(Arc::new(pixels)))
        .with_audio(Sound::from_samples(samples, 16_000));
    assert_eq!(value(&decoded), files);
    // Invalid input is an error of the record, and names it.
    let bad = record("bad")
        .with_image(edgefuse::pipeline::Picture::from_bytes(vec![0; 9]))
        .with_audio(Sound::from_bytes(vec![]));
    let result = pipeline.process(&bad, &mut |_, _| {}).unwrap();
    assert_eq!(result.errors(), ["(sound in memory): is an empty file"]);
}

//! One loaded model, many threads.

use std::sync::Arc;
use std::thread;

use edgefuse::config::{CaptionOptions, TranscribeOptions};
use edgefuse::engine::{Engine, Graph};
use edgefuse::media::audio::{AudioFile, Recording};
use edgefuse::media::image;
use edgefuse::models::blip::Blip;
use edgefuse::models::fusion::FusionInputs;
use edgefuse::models::student::Student;
use edgefuse::models::vad::Vad;
use edgefuse::models::whisper::Whisper;
use edgefuse::models::{Loader, Models};
use edgefuse::pipeline::Pipeline;

use crate::{engine, root};

const THREADS: usize = 16;

#[test]
fn models_may_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Engine>>();
    shared::<Graph>();
    shared::<Whisper>();
    shared::<Blip>();
    shared::<Models>();
    shared::<Pipeline>();
    shared::<Student>();
    shared::<Vad>();
}

/// `THREADS` threads at once get the same results as one after the other, input by input.
fn at_once_as_in_turn(inputs: usize, work: impl Fn(usize) -> String + Sync) {
    let in_turn: Vec<String> = (0..inputs).map(&work).collect();
    let work = &work;
    let at_once: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|at| scope.spawn(move || work(at % inputs))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (at, found) in at_once.iter().enumerate() {
        assert_eq!(*found, in_turn[at % inputs], "thread {at}");
    }
}

#[test]
fn recordings_are_transcribed_side_by_side() {
    let loader = Loader::open(&Arc::new(engine()), root().join("tests/fixtures/tiny/whisper.en")).unwrap();
    let whisper = Whisper::load(loader).unwrap();
    let options = TranscribeOptions::default();
    let recordings = ["cards-001.wav", "librivox-0880.wav", "question-color.wav"];
    at_once_as_in_turn(recordings.len(), |at| {
        let file = AudioFile::new(root().join("tests/data").join(recordings[at]));
        let transcript = whisper.transcribe(&Recording::from(&file), None, &options, &mut |_, _| {}).unwrap();
        assert!(!transcript.segments.is_empty());
        format!("{:?}", transcript.segments)
    });
}

#[test]
fn pictures_are_captioned_side_by_side() {
    let blip = Blip::load(Loader::open(&Arc::new(engine()), root().join("onnx/blip-easyvqa")).unwrap()).unwrap();
    let pictures = ["easyvqa-0.png", "easyvqa-19.png", "easyvqa-23.png", "easyvqa-39.png"];
    at_once_as_in_turn(pictures.len(), |at| {
        let picture = image::load(&root().join("tests/data").join(pictures[at])).unwrap();
        let captions = blip.caption(&blip.encode(&picture).unwrap(), &CaptionOptions::default()).unwrap();
        format!("{:?}", captions.iter().map(|caption| (&caption.text, caption.score)).collect::<Vec<_>>())
    });
}

#[test]
fn decisions_are_made_side_by_side() {
    let loader = Loader::open(&Arc::new(engine()), root().join("onnx/student")).unwrap();
    let student = Student::load(loader).unwrap();
    let texts = ["what color is the shape?", "what shape is in the image?", "is there a circle?"];
    let decide = |at: usize| {
        student.fuse(&FusionInputs { text: Some(texts[at % texts.len()]), ..FusionInputs::default() }).unwrap()
    };
    let in_turn: Vec<_> = (0..texts.len()).map(decide).collect();
    let decide = &decide;
    let at_once: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4 * THREADS).map(|at| scope.spawn(move || decide(at))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (at, found) in at_once.iter().enumerate() {
        let expected = &in_turn[at % texts.len()];
        assert_eq!(found.label, expected.label, "thread {at}");
        // Records of several callers share a run, in which sums are rounded in another order.
        let pairs = found.probabilities.iter().zip(&expected.probabilities);
        let largest = pairs.map(|(a, b)| (a.1 - b.1).abs()).fold(0.0, f32::max);
        assert!(largest < 1e-6, "thread {at}: {largest}");
    }
}

//! `caption` with its searches, and on pictures of every kind, good and bad.

use std::fs;
use std::path::Path;

use crate::binary::{data, edgefuse, step_text};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;

fn fixture(name: &str) -> String {
    format!("tests/fixtures/media/{name}")
}

#[test]
fn several_captions_come_best_first_with_scores() {
    let picture = data("easyvqa-23.png");
    let run = edgefuse(["--format", "json", "caption", "--beams", "3", "--captions", "3", &picture]).expect(0);
    let caption = &run.json()[0]["caption"];
    let captions = caption["captions"].as_array().unwrap();
    assert_eq!(captions.len(), 3, "{caption}");
    assert_eq!(caption["text"], "a blue rectangle");
    for key in ["text", "score", "log_probability"] {
        assert_eq!(caption[key], captions[0][key], "{caption}");
    }
    let scores: Vec<f64> = captions.iter().map(|caption| caption["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores[0] <= 0.0, "{caption}");

    let text = edgefuse(["--quiet", "caption", "--beams", "3", "--captions", "3", &picture]).expect(0).stdout;
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.lines().next().unwrap().ends_with("  a blue rectangle"), "{text}");
}

#[test]
fn one_caption_has_its_score_and_no_list() {
    let run = edgefuse(["--format", "json", "caption", "--prompt", "a blue", &data("easyvqa-23.png")]).expect(0);
    let caption = &run.json()[0]["caption"];
    assert_eq!(caption["text"], "a blue rectangle");
    assert!(caption["captions"].is_null() && caption["score"].as_f64().unwrap() > -0.1, "{caption}");
}

#[test]
fn the_same_seed_draws_the_same_captions() {
    let drawn = |seed: &str| {
        let picture = data("easyvqa-23.png");
        let search = ["--temperature", "5", "--top-k", "0", "--captions", "4", "--seed", seed];
        edgefuse(["--quiet", "caption"].iter().chain(&search).copied().chain([picture.as_str()])).expect(0).stdout
    };
    assert_eq!(drawn("1"), drawn("1"));
    assert_ne!(drawn("1"), drawn("2"));
}

#[test]
fn an_invalid_search_is_reported_before_anything_is_loaded() {
    let picture = data("easyvqa-23.png");
    for (options, expected) in [
        (&["--captions", "3"][..], "captions: 3 captions need `beams` of 3 or more"),
        (&["--beams", "65"], "beams: 65 is not within 1 to 64"),
        (&["--beams", "2", "--temperature", "1"], "temperature"),
        (&["--top-p", "0.5"], "set a `temperature`"),
        (&["--min-tokens", "9", "--max-tokens", "8"], "min_tokens: 9 is more than max_tokens, 8"),
    ] {
        edgefuse(["caption"].iter().chain(options).copied().chain([picture.as_str()]))
            .expect(WRONG_USE)
            .expect_error(&[expected]);
    }
}

#[test]
fn the_device_file_says_how_to_search_and_the_command_line_overrides() {
    let folder = tempfile::tempdir().unwrap();
    let device = device(folder.path(), "caption: {beams: 2, captions: 2}");
    let picture = data("easyvqa-23.png");
    let captions = |more: &[&str]| {
        let arguments = ["--config", &device, "--format", "json", "caption", &picture];
        let run = edgefuse(arguments.iter().chain(more)).expect(0);
        run.json()[0]["caption"]["captions"].as_array().map_or(1, Vec::len)
    };
    assert_eq!(captions(&[]), 2);
    assert_eq!(captions(&["--beams", "4", "--captions", "4"]), 4);
    assert_eq!(captions(&["--captions", "1", "--beams", "1"]), 1);
}

#[test]
fn pictures_of_every_depth_and_colour_are_captioned() {
    for name in ["format_cmyk.jpg", "mode_palette.png"] {
        let run = edgefuse(["--quiet", "--format", "json", "caption", &fixture(name)]).expect(0);
        assert!(!step_text(&run.json()[0], "caption").is_empty(), "{name}");
    }
    // The small model's own picture with 16 bits per sample.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep.png");
    let picture = image::open(data("easyvqa-23.png")).unwrap();
    picture.to_rgb16().save(&path).unwrap();
    let run = edgefuse(["--quiet", "--format", "json", "caption", path.to_str().unwrap()]).expect(0);
    assert_eq!(step_text(&run.json()[0], "caption"), "a blue rectangle");
}

#[test]
fn bad_pictures_of_a_folder_cost_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(data("easyvqa-23.png")).unwrap();
    for index in 0..200 {
        let path = folder.path().join(format!("{index:03}.png"));
        match index % 20 {
            // Truncated at a different position each time, down to nothing.
            7 => fs::write(path, &good[..good.len() * (index / 20) / 12]).unwrap(),
            _ => fs::write(path, &good).unwrap(),
        }
    }
    let run = edgefuse(["--quiet", "--format", "json", "caption", folder.path().to_str().unwrap()]).expect(SOME_FAILED);
    let lines = run.json();
    assert_eq!(lines.len(), 200);
    assert_eq!(run.stderr.lines().count(), 10, "{}", run.stderr);
    for (index, line) in lines.iter().enumerate() {
        let name = format!("{index:03}.png");
        assert!(line["id"].as_str().unwrap().ends_with(&name), "{line}");
        match index % 20 {
            7 => assert!(line["caption"]["error"].as_str().unwrap().contains(&name), "{line}"),
            _ => assert_eq!(step_text(line, "caption"), "a blue rectangle", "{line}"),
        }
    }
}

/// A device file with the small BLIP and one step; returns its path.
pub fn device(folder: &Path, step: &str) -> String {
    let path = folder.join("board.yaml");
    let root = crate::binary::root().display();
    let library = crate::binary::library();
    let text = format!(
        "device: board\nruntime: {{library: {}}}\nmodels:\n  blip: {{path: {root}/onnx/blip-easyvqa}}\n\
         pipeline:\n  - {step}\n",
        library.display()
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

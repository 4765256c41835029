//! `memory_budget`, and inputs that need more memory than the models.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};

use crate::binary::{Run, command, data, library, root, run, step_text};

/// Little more than a picture of 12 megapixels needs beside the program, whose unused code is not resident.
const BUDGET: &str = "64MiB";

/// Captions pictures within [`BUDGET`]; costs are recorded in `folder`.
fn caption(folder: &Path, pictures: &[&str]) -> Run {
    let config = folder.join("board.yaml");
    let text = format!(
        "device: board\nruntime: {{memory_budget: {BUDGET}}}\nmodels: {{blip: {{path: {}/onnx/blip-easyvqa}}}}\n",
        root().display()
    );
    fs::write(&config, text).unwrap();
    let mut command = command();
    command.env("ORT_DYLIB_PATH", library()).env("EDGEFUSE_CACHE", folder.join("cache"));
    command.args(["--quiet", "--format", "json", "--config", config.to_str().unwrap(), "caption"]);
    run(command.args(pictures))
}

#[test]
fn a_large_photograph_does_not_count_towards_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, width, height| {
        let path = folder.path().join(name);
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 99])).save(&path).unwrap();
        path.to_str().unwrap().to_string()
    };
    let (phone, poster) = (save("phone.jpg", 4000, 3000), save("poster.jpg", 6000, 5000));
    let small = data("easyvqa-23.png");
    // 36 MB of pixels fit beside the program, without the model; 90 MB do not, which is reported before any allocation.
    let first = caption(folder.path(), &[&small, &phone, &poster, &small]).expect(1);
    let lines = first.json();
    assert_eq!(lines.len(), 4);
    for at in [0, 3] {
        assert_eq!(step_text(&lines[at], "caption"), "a blue rectangle");
    }
    assert!(lines[1]["caption"]["text"].is_string(), "{}", lines[1]);
    first.expect_error(&["poster.jpg", "6000 x 5000", "memory budget", "scale it down"]);
    // None of it counts towards the model.
    caption(folder.path(), &[&phone]).expect(0);
    caption(folder.path(), &[&small]).expect(0);
}

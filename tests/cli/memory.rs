//! `memory_budget` and inputs that take more than the models.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};

use crate::binary::{Run, command, data, library, root, run, step_text};

/// Captions a picture within 64 MiB, where costs are remembered in `folder`.
fn caption(folder: &Path, picture: &str) -> Run {
    let config = folder.join("board.yaml");
    let text = format!(
        "device: board\nruntime: {{memory_budget: 64MiB}}\nmodels: {{blip: {{path: {}/onnx/blip-easyvqa}}}}\n",
        root().display()
    );
    fs::write(&config, text).unwrap();
    let mut command = command();
    command.env("ORT_DYLIB_PATH", library()).env("EDGEFUSE_CACHE", folder.join("cache"));
    run(command.args(["--quiet", "--format", "json", "--config", config.to_str().unwrap(), "caption", picture]))
}

#[test]
fn a_large_photograph_is_no_cost_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, width, height| {
        let path = folder.path().join(name);
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 99])).save(&path).unwrap();
        path.to_str().unwrap().to_string()
    };
    let (phone, poster) = (save("phone.jpg", 4000, 3000), save("poster.jpg", 6000, 5000));
    let small = |when| {
        let lines = caption(folder.path(), &data("easyvqa-23.png")).expect(0).json();
        assert_eq!(step_text(&lines[0], "caption"), "a blue rectangle", "{when}");
    };
    small("before");
    caption(folder.path(), &phone).expect(0);
    small("after 12 megapixels");
    // 86 MiB of pixels never fit: an error of this picture, said before anything is allocated.
    let words = ["poster.jpg", "6000 x 5000", "memory budget", "scale it down"];
    caption(folder.path(), &poster).expect(1).expect_error(&words);
    small("after a picture that does not fit");
}

//! Pictures that cannot be read, or barely.

use super::{SOME_FAILED, bad_input, good_input};
use crate::binary::{data, tiny};

/// Captions a bad picture between two good ones.
#[track_caller]
fn bad_picture(name: &str, cause: &str) {
    bad_input("caption", "caption", &data("easyvqa-0.png"), name, cause);
}

#[test]
fn missing_picture() {
    bad_picture("not-there.png", "o such file");
}

#[test]
fn empty_picture() {
    bad_picture("bad/empty.png", "empty file");
}

#[test]
fn text_called_png() {
    bad_picture("bad/text.png", "not an image in a known format");
}

#[test]
fn corrupt_png() {
    bad_picture("bad/corrupt.png", "damaged");
}

#[test]
fn png_that_makes_its_decoder_panic() {
    let run = tiny(["--quiet", "caption", "tests/fuzz/found/png/palette-with-half-a-colour"]).expect(SOME_FAILED);
    run.expect_error(&["palette-with-half-a-colour: ", "its decoder failed"]);
}

#[test]
fn picture_header_that_asks_for_gigabytes() {
    bad_picture("bad/huge-30000x30000.png", "30000 x 30000 pixels");
}

#[test]
fn picture_of_one_pixel_is_good() {
    good_input("caption", "caption", "bad/pixel-1x1.png");
}

#[test]
fn spoken_question_about_a_picture_that_cannot_be_read() {
    let picture = data("bad/corrupt.png");
    let run = tiny(["--quiet", "ask", &picture, "--audio", &data("question-color.wav")]).expect(SOME_FAILED);
    assert_eq!(run.stdout, "", "a transcript is not an answer");
    run.expect_error(&[&picture]);
}

//! `match`: good input and bad.

use crate::binary::{data, edgefuse};

const WRONG_USE: i32 = 2;

#[test]
fn a_model_without_the_graphs_says_so() {
    edgefuse(["--quiet", "match", &data("easyvqa-23.png"), "--text", "a red circle"])
        .expect(WRONG_USE)
        .expect_error(&["blip-easyvqa", "captions pictures and answers questions but does not match", "match_encoder"]);
}

#[test]
fn texts_are_needed() {
    let picture = data("easyvqa-23.png");
    edgefuse(["match", &picture]).expect(WRONG_USE).expect_error(&["--text TEXT or --texts FILE"]);
    edgefuse(["match", &picture, "--text", " "]).expect(WRONG_USE).expect_error(&["--text is empty"]);
    edgefuse(["match", &picture, "--texts", "nowhere.txt"]).expect(WRONG_USE).expect_error(&["nowhere.txt"]);
    edgefuse(["match", &picture, "--text", "a", "--texts", "b"]).expect(WRONG_USE);
}

//! `ask`: several questions, lists of answers, good and bad.

use std::fs;
use std::path::Path;

use crate::binary::{Run, data, edgefuse, step_text};
use crate::caption::device;
use serde_json::Value;

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;

const COLOUR: &str = "what color is the shape?";
const SHAPE: &str = "what shape is in the image?";

/// Writes a list of answers; returns its path.
fn list(folder: &Path, bytes: &[u8]) -> String {
    let path = folder.join("answers.txt");
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_string()
}

fn ask(answers: &str, more: &[&str]) -> Run {
    let picture = data("easyvqa-23.png");
    let arguments = ["--quiet", "--format", "json", "ask", "--answers", answers, &picture, COLOUR];
    edgefuse(arguments.iter().chain(more).copied())
}

#[test]
fn several_questions_have_an_answer_each_in_order() {
    let picture = data("easyvqa-23.png");
    let questions = [COLOUR, SHAPE, "is there a circle?"];
    let run = edgefuse(["--format", "json", "ask", &picture].iter().chain(&questions).copied()).expect(0);
    let lines = run.json();
    let answers: Vec<&str> = lines.iter().map(|line| step_text(line, "answer")).collect();
    assert_eq!(answers, ["blue", "rectangle", "no"]);
    for (line, question) in lines.iter().zip(questions) {
        assert_eq!((&line["answer"]["question"], &line["id"]), (&question.into(), &picture.as_str().into()));
    }
    let text = edgefuse(["--quiet", "ask", &picture, COLOUR, SHAPE]).expect(0).stdout;
    assert_eq!(text, format!("{COLOUR} blue\n{SHAPE} rectangle\n"));
}

#[test]
fn a_question_that_is_too_long_costs_no_other() {
    let picture = data("easyvqa-23.png");
    let long = "what ".repeat(100);
    let run = edgefuse(["--quiet", "--format", "json", "ask", &picture, &long, COLOUR])
        .expect(SOME_FAILED)
        .expect_error(&[&picture, "the question has 102 tokens; the model accepts up to 64"]);
    let lines = run.json();
    assert!(lines[0]["answer"]["error"].is_string(), "{}", run.stdout);
    assert_eq!(step_text(&lines[1], "answer"), "blue");
}

#[test]
fn an_empty_question_is_reported() {
    edgefuse(["ask", &data("easyvqa-23.png"), COLOUR, "  "]).expect(WRONG_USE).expect_error(&["question is empty"]);
}

#[test]
fn a_list_of_answers_is_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let answers = list(folder.path(), b"red\n\n blue \nred\r\ngreen\n\nBLUE\nrectangle\n");
    let run = ask(&answers, &[]).expect(0);
    let answer = run.json().remove(0)["answer"].take();
    let ranked = answer["answers"].as_array().unwrap();
    assert_eq!(ranked.len(), 4, "{answer}");
    assert_eq!((&answer["text"], &ranked[0]["text"]), (&"blue".into(), &"blue".into()));
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap();
    let sum: f64 = ranked.iter().map(|it| number(it, "probability")).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{answer}");
    assert!(ranked.is_sorted_by(|a, b| number(a, "log_probability") >= number(b, "log_probability")), "{answer}");
    assert_eq!(number(&answer, "log_probability"), number(&ranked[0], "log_probability"));

    let top = ask(&answers, &["--top", "2"]).expect(0).json().remove(0)["answer"].take();
    assert_eq!(top["answers"].as_array().unwrap()[..], ranked[..2]);

    let picture = data("easyvqa-23.png");
    let text = |more: &[&str]| {
        let arguments = ["--quiet", "ask", "--answers", &answers, &picture, COLOUR];
        edgefuse(arguments.iter().chain(more).copied()).expect(0).stdout
    };
    assert_eq!(text(&[]), "blue\n");
    let table = text(&["--top", "3"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.starts_with("1.0000  blue\n") || table.starts_with("0.99"), "{table}");
}

#[test]
fn what_is_left_out_of_a_list_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let answers = list(folder.path(), b"red\n\nblue\n \nblue\nBLUE\n");
    let run = edgefuse(["ask", "--answers", &answers, &data("easyvqa-23.png"), COLOUR]).expect(0);
    for expected in ["line 2 and 1 more left out: blank", "line 5 left out: a repetition", "`BLUE`"] {
        let count = run.stderr.lines().filter(|line| line.starts_with("warn") && line.contains(expected)).count();
        assert_eq!(count, 1, "`{expected}` in: {}", run.stderr);
    }
}

#[test]
fn an_invalid_list_of_answers_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let unreadable = |bytes: &[u8], expected: &str| {
        let answers = list(folder.path(), bytes);
        ask(&answers, &[]).expect(WRONG_USE).expect_error(&[&answers, expected]);
    };
    unreadable(b"", "contains no text");
    unreadable(b"\n \n\n", "contains no text");
    unreadable(b"red\nbl\xfce\n", "answers.txt: not UTF-8 text (line 2, byte 3 of the line)");
    unreadable(&vec![b'a'; (16 << 20) + 1], "larger than 16 MiB");
    ask("nowhere.txt", &[]).expect(WRONG_USE).expect_error(&["nowhere.txt", "o such file"]);
    let directory = folder.path().to_str().unwrap();
    ask(directory, &[]).expect(WRONG_USE).expect_error(&[directory]);
    let long = list(folder.path(), "red ".repeat(200).as_bytes());
    ask(&long, &[]).expect(WRONG_USE).expect_error(&["has 200 tokens; the model accepts up to 63"]);
    let good = list(folder.path(), b"red\n");
    ask(&good, &["--top", "0"]).expect(WRONG_USE).expect_error(&["top: must be at least 1"]);
}

#[test]
fn the_pipeline_ranks_for_every_record() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("colours.txt"), "red\ngreen\nblue\n").unwrap();
    let device = device(folder.path(), "ask: {question: what color is the shape?, answers: colours.txt}");
    let pictures = [data("easyvqa-23.png"), data("easyvqa-0.png")];
    let arguments = ["--config", &device, "--quiet", "--format", "json", "run", &pictures[0], &pictures[1]];
    let lines = edgefuse(arguments).expect(0).json();
    for (line, colour) in lines.iter().zip(["blue", "red"]) {
        assert_eq!(line["answer"]["text"], colour);
        assert_eq!(line["answer"]["answers"].as_array().unwrap().len(), 3, "{line}");
    }
    fs::remove_file(folder.path().join("colours.txt")).unwrap();
    edgefuse(arguments).expect(WRONG_USE).expect_error(&["board.yaml:6:", "answers", "colours.txt does not exist"]);
}

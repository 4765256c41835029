//! `align`: the sentences of a text and the stretches of a film, with pictures of known captions and known cuts.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::binary::{data, edgefuse, root};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;

/// Pictures, what they show, and for how long, in seconds.
const SCENES: [(&str, &str, f64); 7] = [
    ("easyvqa-0.png", "A red triangle.", 2.4),
    ("easyvqa-39.png", "A yellow circle.", 3.2),
    ("easyvqa-63.png", "A brown triangle.", 1.6),
    ("easyvqa-19.png", "A black circle.", 2.8),
    ("easyvqa-41.png", "A green triangle.", 4.0),
    ("easyvqa-23.png", "A blue rectangle.", 2.0),
    ("easyvqa-7.png", "A green circle.", 3.6),
];

/// A film of the scenes; `None`, said aloud, without ffmpeg.
fn film(path: &Path) -> Option<()> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error"]);
    for (picture, _, seconds) in SCENES {
        command.args(["-loop", "1", "-t", &seconds.to_string(), "-i"]).arg(root().join(data(picture)));
    }
    let each = (0..SCENES.len()).map(|at| format!("[{at}]fps=25,format=rgb24,setsar=1[s{at}];")).collect::<String>();
    let all = (0..SCENES.len()).map(|at| format!("[s{at}]")).collect::<String>();
    let filter = format!("{each}{all}concat=n={}:v=1:a=0,format=yuv444p[v]", SCENES.len());
    match command.args(["-filter_complex", &filter, "-map", "[v]", "-c:v", "ffv1"]).arg(path).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            println!("not run: ffmpeg: {error}");
            return None;
        }
    }
    Some(())
}

#[test]
fn sentences_find_their_scenes() {
    let folder = tempfile::tempdir().unwrap();
    let (path, script) = (folder.path().join("film.mkv"), folder.path().join("script.txt"));
    if film(&path).is_none() {
        return;
    }
    fs::write(&script, SCENES.map(|(_, sentence, _)| sentence).join(" ")).unwrap();
    let files = [path.to_str().unwrap(), script.to_str().unwrap()];
    let arguments = ["--model", "blip", "align", files[0], files[1], "--every", "400ms"];
    let found = edgefuse([&arguments[..], &["--format", "json"]].concat()).expect(0).json();
    assert_eq!(found.len(), SCENES.len());
    let (mut start, mut near, mut all) = (0.0, 0, 0);
    for (stretch, (_, sentence, seconds)) in found.iter().zip(SCENES) {
        assert_eq!(stretch["text"], sentence);
        for (boundary, expected) in [("start", start), ("end", start + seconds)] {
            near += usize::from((stretch[boundary].as_f64().unwrap() - expected).abs() <= 1.0);
            all += 1;
        }
        start += seconds;
    }
    assert!(near as f64 >= 0.95 * f64::from(all), "{near} of {all} boundaries within a second: {found:?}");
    let text = edgefuse([&arguments[..], &["--format", "vtt"]].concat()).expect(0).stdout;
    assert!(text.starts_with("WEBVTT\n\n00:00.000 --> 00:0") && text.contains("A yellow circle."), "{text}");
    let few = edgefuse([&arguments[..5], &["--every", "5s"]].concat()).expect(SOME_FAILED);
    assert!(few.stderr.contains("too few for 7 sentences; use a smaller --every"), "{}", few.stderr);
}

#[test]
fn what_cannot_be_aligned_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    fs::write(at("empty.txt"), "\n...\n").unwrap();
    fs::write(at("one.txt"), "A red circle.").unwrap();
    fs::write(at("bytes.txt"), [0xff, 0xfe, 0x00]).unwrap();
    fs::write(at("not.mp4"), "text").unwrap();
    let align = |film: &str, script: &str| edgefuse(["--model", "blip", "align", &at(film), &at(script)]);
    for (film, script, code, words) in [
        ("not.mp4", "none.txt", SOME_FAILED, "none.txt"),
        ("not.mp4", "empty.txt", SOME_FAILED, "empty.txt: it contains no sentence"),
        ("not.mp4", "bytes.txt", SOME_FAILED, "bytes.txt"),
        ("one.txt", "one.txt", WRONG_USE, "not a film by its name"),
        ("not.mp4", "one.txt", SOME_FAILED, "not.mp4"),
        ("none.mp4", "one.txt", SOME_FAILED, "none.mp4: cannot be read: No such file"),
    ] {
        let run = align(film, script);
        assert_eq!(run.code, code, "{film} {script}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{film} {script}: {}", run.stderr);
    }
}

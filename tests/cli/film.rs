//! Films: frames by time and by scene, with the sound, as results and as a time line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary::{data, root, tiny};

/// Three scenes of two seconds each, with or without a spoken question; `None`, said aloud, without ffmpeg.
pub fn film(folder: &Path, name: &str, sound: bool) -> Option<PathBuf> {
    let path = folder.join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error"]);
    command.args(["-loop", "1", "-t", "2", "-i"]).arg(root().join(data("easyvqa-23.png")));
    for pattern in ["smptebars=size=64x64", "rgbtestsrc=size=64x64"] {
        command.args(["-f", "lavfi", "-t", "2", "-i", pattern]);
    }
    let filter = "[0]fps=25,format=rgb24,setsar=1[a];[1]fps=25,format=rgb24,setsar=1[b];[2]fps=25,format=rgb24,setsar=1[c];[a][b][c]concat=n=3:v=1:a=0,format=yuv444p[v]";
    if sound {
        command.arg("-i").arg(root().join(data("question-color.wav"))).args(["-filter_complex", filter]);
        command.args(["-map", "[v]", "-map", "3:a", "-c:a", "flac"]);
    } else {
        command.args(["-filter_complex", filter, "-map", "[v]"]);
    }
    match command.args(["-c:v", "ffv1"]).arg(&path).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            println!("not run: ffmpeg: {error}");
            return None;
        }
    }
    Some(path)
}

#[test]
fn frames_come_at_their_times_beside_the_sound() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = film(folder.path(), "film.mkv", true) else { return };
    let film = film.to_str().unwrap();
    let results = tiny(&["run", film, "--every", "500ms", "--format", "json"]).expect(0).json();
    assert!(results[0]["transcript"].is_object() && results[0].get("position").is_none(), "{}", results[0]);
    let positions: Vec<f64> = results[1..].iter().map(|result| result["position"].as_f64().unwrap()).collect();
    assert_eq!(positions, (0..12).map(|half| f64::from(half) / 2.0).collect::<Vec<_>>());
    assert_eq!(results[2]["id"], format!("{film}#t=0.500"));
    // What is shown at 1.5 s is the first picture still, and at 2 s the second: no frame is dated too early or too late.
    let captions: Vec<&str> = results[1..].iter().map(|result| result["caption"]["text"].as_str().unwrap()).collect();
    assert!(captions[..4].iter().all(|caption| *caption == captions[0]), "{captions:?}");
    assert!(captions[4..8].iter().all(|caption| *caption == captions[4]), "{captions:?}");
    assert!(captions[0] != captions[4] || captions[4] != captions[8], "{captions:?}");
}

#[test]
fn each_scene_has_a_frame_and_a_cue() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = film(folder.path(), "film.mkv", false) else { return };
    let film = film.to_str().unwrap();
    let results = tiny(&["run", film, "--format", "json"]).expect(0).json();
    let positions: Vec<f64> = results.iter().map(|result| result["position"].as_f64().unwrap()).collect();
    assert_eq!(positions, [0.0, 2.0, 4.0]);
    let text = tiny(&["run", film, "--format", "vtt"]).expect(0).stdout;
    assert!(text.starts_with("WEBVTT\n\n00:00.000 --> 00:0"), "{text}");
    assert!(text.contains("\n[") && text.contains(" --> 00:09.000\n"), "{text}");
}

#[test]
fn what_is_no_film_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::write(&path, "text").unwrap();
    let path = path.to_str().unwrap();
    let output = tiny(&["run", path]).expect(1);
    assert!(output.stderr.contains(path), "{}", output.stderr);
    let usage = tiny(&["run", path, path, "--format", "vtt"]).expect(2);
    assert!(usage.stderr.contains("one film at a time"), "{}", usage.stderr);
    let span = tiny(&["run", path, "--every", "soon"]).expect(2);
    assert!(span.stderr.contains("not a duration"), "{}", span.stderr);
}

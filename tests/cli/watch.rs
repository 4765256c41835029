//! `watch`: a file that is put into a folder gets a result, once, and systemd is notified.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::binary::{command, data, library, root, run};

fn folders() -> (tempfile::TempDir, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let names = ["in", "out"].map(|name| folder.path().join(name).to_str().unwrap().to_string());
    names.iter().for_each(|name| fs::create_dir(name).unwrap());
    (folder, names)
}

fn put(name: &str, into: &str, under: &str) {
    fs::copy(root().join(data(name)), Path::new(into).join(under)).unwrap();
}

fn result(folder: &str, name: &str) -> Vec<Value> {
    let path = Path::new(folder).join(format!("{name}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A device file with only the small models.
fn config(folder: &Path) -> String {
    let path = folder.join("board.yaml");
    let onnx = root().join("onnx");
    let onnx = onnx.display();
    let text = format!(
        "device: board\nmodels: {{blip: {{path: {onnx}/blip-easyvqa}}, student: {{path: {onnx}/student}}}}\n\
         pipeline: [caption, fuse]\n"
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn every_file_gets_a_result_and_systemd_hears_of_it() {
    let (folder, [input, output]) = folders();
    put("easyvqa-23.png", &input, "a picture.png");
    put("bad/text.wav", &input, "bad.wav");
    fs::create_dir(Path::new(&input).join("media")).unwrap();
    put("easyvqa-0.png", &input, "media/0.png");
    fs::write(Path::new(&input).join("batch.jsonl"), "{\"id\": \"x\", \"image\": \"media/0.png\"}\nnot json\n")
        .unwrap();
    fs::write(Path::new(&input).join("notes.txt"), "no work").unwrap();
    fs::write(Path::new(&input).join(".half.png"), "still being copied").unwrap();
    let address = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&address).unwrap();

    let config = config(folder.path());
    let mut watch = command();
    watch.args(["--config", &config, "--format", "json", "watch", &input, "--results", &output, "--until-idle", "2"]);
    watch.env("ORT_DYLIB_PATH", library());
    let first = run(watch.env("NOTIFY_SOCKET", &address)).expect(0);
    assert_eq!(first.json().len(), 4, "{}", first.stdout);
    assert_eq!(result(&output, "a picture.png")[0]["caption"]["text"], "a blue rectangle");
    assert!(result(&output, "bad.wav")[0]["fusion"]["error"].as_str().unwrap().contains("not audio"));
    let batch = result(&output, "batch.jsonl");
    assert_eq!((batch.len(), batch[0]["id"].as_str()), (2, Some("x")));
    assert!(batch[1]["error"].is_string());
    let mut left: Vec<_> = fs::read_dir(&output).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a picture.png.jsonl", "bad.wav.jsonl", "batch.jsonl.jsonl"], "nothing else is left");

    systemd.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut heard = [0; 64];
    let mut hear = || systemd.recv(&mut heard).map(|count| String::from_utf8_lossy(&heard[..count]).into_owned());
    assert_eq!(hear().unwrap(), "READY=1");
    assert_eq!(hear().unwrap(), "WATCHDOG=1");

    // A file with a result is not redone; a file that killed the service three times is skipped.
    put("easyvqa-0.png", &input, "poison.png");
    fs::write(Path::new(&output).join(".poison.png.jsonl.attempts"), "3").unwrap();
    let second = run(watch.env("NOTIFY_SOCKET", "@edgefuse-nobody-listens")).expect(0);
    assert_eq!(second.json().len(), 1, "{}", second.stdout);
    assert!(result(&output, "poison.png")[0]["error"].as_str().unwrap().contains("was killed each time"));
}

#[test]
fn a_listener_that_does_not_read_holds_nothing_up() {
    let (folder, [input, output]) = folders();
    put("easyvqa-23.png", &input, "a.png");
    let address = folder.path().join("notify");
    let _systemd = UnixDatagram::bind(&address).unwrap();
    // Linux queues a few datagrams (net.unix.max_dgram_qlen) and then blocks the sender.
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"full", &address).is_ok() {}
    let config = config(folder.path());
    let mut watch = command();
    watch.args(["--config", &config, "watch", &input, "--results", &output, "--until-idle", "1"]);
    run(watch.env("ORT_DYLIB_PATH", library()).env("NOTIFY_SOCKET", &address)).expect(0);
    assert_eq!(result(&output, "a.png")[0]["caption"]["text"], "a blue rectangle");
}

#[test]
fn folders_that_cannot_be_used() {
    let (folder, [input, output]) = folders();
    let config = config(folder.path());
    let watch =
        |input: &str, output: &str| run(command().args(["--config", &config, "watch", input, "--results", output]));
    watch("/nowhere", &output).expect(1).expect_error(&["/nowhere"]);
    watch(&input, "/nowhere").expect(2).expect_error(&["/nowhere"]);
    watch(&input, &config).expect(2).expect_error(&["not a folder"]);
    // Results in the input folder would be inputs.
    let (inside, link) = (folder.path().join("in/results"), folder.path().join("link"));
    fs::create_dir(&inside).unwrap();
    std::os::unix::fs::symlink(&input, &link).unwrap();
    for results in [Path::new(&input), &inside, &link, folder.path()] {
        watch(&input, results.to_str().unwrap()).expect(2).expect_error(&["separate folders"]);
    }
}

#[test]
fn every_name_has_a_result_of_its_own() {
    let (folder, [input, output]) = folders();
    let config = config(folder.path());
    let long = format!("{}.png", "v".repeat(240));
    let names = [long.as_bytes(), b"c\xfe.png", b"c\xff.png", b"-rf.png", b"line\nbreak.png"];
    for name in names {
        fs::copy(root().join(data("easyvqa-23.png")), Path::new(&input).join(OsStr::from_bytes(name))).unwrap();
    }
    let mut watch = command();
    watch.args(["--config", &config, "--format", "json", "watch", &input, "--results", &output, "--until-idle", "1"]);
    let first = run(watch.env("ORT_DYLIB_PATH", library())).expect(0);
    assert_eq!(first.json().len(), names.len(), "{}", first.stderr);
    let results: Vec<_> = fs::read_dir(&output).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(results.len(), names.len(), "{results:?}");
    for path in results {
        assert!(fs::read_to_string(&path).unwrap().contains("a blue rectangle"), "{}", path.display());
    }
    // Only a file that changed since its result was made is redone.
    put("easyvqa-0.png", &input, "-rf.png");
    let second = run(&mut watch).expect(0);
    assert_eq!(second.json().len(), 1, "{}", second.stdout);
    assert_eq!(result(&output, "-rf.png")[0]["caption"]["text"], "a red triangle");
}

//! `run --output FILE --resume`: what is kept, and what is redone.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binary::{Run, command, data, library, root, run};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `pipeline` on `input`, with output to `r.jsonl`.
    fn run(&self, pipeline: &str, input: &Path) -> Run {
        let text = format!(
            "device: board\nmodels: {{blip: {{path: {}/onnx/blip-easyvqa}}}}\npipeline: {pipeline}\n",
            root().display()
        );
        fs::write(self.at("board.yaml"), text).unwrap();
        let mut command = command();
        command.env("ORT_DYLIB_PATH", library()).arg("--config").arg(self.at("board.yaml")).arg("run").arg(input);
        run(command.arg("--output").arg(self.at("r.jsonl")).arg("--resume")).expect(0)
    }

    fn results(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.at("r.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_file_that_holds_other_lines_is_not_lost() {
    let folder = Folder::new();
    let (picture, output) = (folder.at("a.png"), folder.at("r.jsonl"));
    fs::copy(root().join(data("easyvqa-23.png")), &picture).unwrap();
    folder.run("[caption]", &picture);
    let results = fs::read_to_string(&output).unwrap();
    let run = || {
        run(command()
            .args(["--config"])
            .arg(folder.at("board.yaml"))
            .arg("run")
            .arg(&picture)
            .arg("--resume")
            .arg("--output")
            .arg(&output)
            .env("ORT_DYLIB_PATH", library()))
    };
    for other in ["hello\n", "{\"x\": 1}\n", &format!("notes\n{results}"), &format!("{results}notes\n")] {
        fs::write(&output, other).unwrap();
        run().expect(2).expect_error(&["r.jsonl", "lines that are not results would be lost (1)"]);
        assert_eq!(fs::read_to_string(&output).unwrap(), other);
    }
    // The end of a line that was being written when the power failed, and empty lines.
    fs::write(&output, format!("\n{results}\n{{\"id\": \"b")).unwrap();
    run().expect(0);
    assert_eq!(fs::read_to_string(&output).unwrap(), results);
    // Likewise in the middle, where the files of two shards were joined.
    fs::write(&output, format!("{{\"id\":\"b\",\"capti{results}{results}")).unwrap();
    run().expect(0);
    assert_eq!(fs::read_to_string(&output).unwrap(), results);
}

#[test]
fn other_steps_and_changed_files_are_done_again() {
    let folder = Folder::new();
    let (picture, manifest) = (folder.at("a.png"), folder.at("m.jsonl"));
    fs::copy(root().join(data("easyvqa-23.png")), &picture).unwrap();
    let line =
        |id: &str| format!("{{\"id\": \"{id}\", \"image\": \"a.png\", \"text\": \"what color is the shape?\"}}\n");
    fs::write(&manifest, line("a") + &line("b")).unwrap();
    folder.run("[caption]", &manifest);
    let again = folder.run("[caption]", &manifest);
    assert!(again.stderr.contains("0 done, 2 kept"), "{}", again.stderr);

    let more = folder.run("[caption, ask]", &manifest);
    assert!(
        more.stderr.contains("other settings (ask)") && more.stderr.contains("2 done, 0 failed"),
        "{}",
        more.stderr
    );
    let results = folder.results();
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|line| line["answer"]["text"] == "blue"), "{results:?}");

    fs::copy(root().join(data("easyvqa-0.png")), &picture).unwrap();
    let changed = folder.run("[caption, ask]", &manifest);
    assert!(changed.stderr.contains("inputs that have changed"), "{}", changed.stderr);
    let results = folder.results();
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|line| line["caption"]["text"] == "a red triangle"), "{results:?}");
}

#[test]
fn names_that_are_not_utf8_have_ids_of_their_own() {
    let folder = Folder::new();
    let inputs = folder.at("in");
    fs::create_dir(&inputs).unwrap();
    for name in [&b"c\xfe.png"[..], b"c\xff.png"] {
        fs::copy(root().join(data("easyvqa-0.png")), inputs.join(OsStr::from_bytes(name))).unwrap();
    }
    folder.run("[caption]", &inputs);
    let results = folder.results();
    let ids: Vec<_> = results.iter().map(|line| line["id"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(ids, ["c\\xFE.png", "c\\xFF.png"]);
}

//! `index`, `search` and the step `index`, with a random BLIP, whose vectors mean nothing but are the same every time.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use edgefuse::hex::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::binary::{Run, damaged_model, data, library, root, run, tiny_command};
use crate::film::film;

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;

/// A folder with a device file, pictures and an index.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self::with("transcribe, caption: {min_tokens: 3, max_tokens: 8}")
    }

    /// With these steps.
    fn with(steps: &str) -> Self {
        let desk = Desk(tempfile::tempdir().unwrap());
        let models = [("blip", "blip/random"), ("whisper", "tiny/whisper.en"), ("vad", "tiny/vad")];
        desk.device("device.yaml", &models, steps);
        fs::create_dir(desk.at("pictures")).unwrap();
        for name in ["easyvqa-0.png", "easyvqa-19.png", "easyvqa-23.png"] {
            fs::copy(root().join(data(name)), desk.at("pictures").join(name)).unwrap();
        }
        desk
    }

    fn device(&self, name: &str, models: &[(&str, &str)], steps: &str) {
        let fixtures = root().join("tests/fixtures");
        let entry = |(name, path): &(&str, &str)| format!("  {name}: {{path: {}/{path}}}\n", fixtures.display());
        let models: String = models.iter().map(entry).collect();
        let text = format!(
            "device: test\nruntime: {{library: {}, threads: {{intra: 1, inter: 1}}}}\nmodels:\n{models}pipeline: [{steps}]\n",
            library().display()
        );
        fs::write(self.at(name), text).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = tiny_command();
        command.current_dir(self.0.path()).arg("--config").arg("device.yaml");
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        run(self.command().args(arguments))
    }

    /// The counts of `index pictures`.
    fn index(&self, more: &[&str]) -> Value {
        let arguments = [&["index", "pictures", "--into", "p.idx", "--format", "json"], more].concat();
        self.run(&arguments).expect(0).json().remove(0)
    }

    fn search(&self, arguments: &[&str]) -> Vec<Value> {
        self.run(&[&["search", "p.idx", "--format", "json"], arguments].concat()).expect(0).json()
    }
}

fn name(hit: &Value) -> &str {
    Path::new(hit["path"].as_str().unwrap()).file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_picture_finds_itself_and_a_caption_its_picture() {
    let desk = Desk::new();
    let counts = desk.index(&[]);
    assert_eq!(
        (&counts["indexed"], &counts["items"], &counts["failed"]),
        (&3.into(), &3.into(), &0.into()),
        "{counts}"
    );
    let hits = desk.search(&["--image", "pictures/easyvqa-19.png"]);
    assert_eq!((hits.len(), name(&hits[0])), (3, "easyvqa-19.png"));
    assert!((hits[0]["similarity"]["picture"].as_f64().unwrap() - 1.0).abs() < 1e-3, "{}", hits[0]);
    assert!(hits[1]["similarity"]["picture"].as_f64() < hits[0]["similarity"]["picture"].as_f64());
    // The words of its caption, together with the vector of the text.
    let caption = hits[0]["text"].as_str().unwrap().to_string();
    let by_text = desk.search(&[&caption, "--top", "2"]);
    assert!(by_text.len() == 2 && by_text.iter().any(|hit| hit["text"] == caption.as_str()), "{by_text:?}");
    assert!(by_text[0]["words"].as_f64().unwrap() > 0.0 && by_text[0]["similarity"]["picture"].is_number());
    let text = desk.run(&["search", "p.idx", "--image", "pictures/easyvqa-19.png", "--top", "1"]).expect(0).stdout;
    assert!(text.starts_with(" 1  1.000  /") && text.contains("easyvqa-19.png"), "{text}");
}

#[test]
fn only_what_changed_is_indexed_again() {
    let desk = Desk::new();
    desk.index(&[]);
    let again = desk.index(&[]);
    assert_eq!((&again["indexed"], &again["unchanged"]), (&0.into(), &3.into()), "{again}");
    fs::copy(desk.at("pictures/easyvqa-0.png"), desk.at("pictures/easyvqa-19.png")).unwrap();
    fs::remove_file(desk.at("pictures/easyvqa-23.png")).unwrap();
    let changed = desk.index(&[]);
    assert_eq!((&changed["indexed"], &changed["unchanged"], &changed["removed"]), (&1.into(), &1.into(), &0.into()));
    assert_eq!(desk.search(&["--image", "pictures/easyvqa-0.png"]).len(), 3, "not pruned yet");
    assert_eq!(desk.index(&["--prune"])["removed"], 1);
    let hits = desk.search(&["--image", "pictures/easyvqa-0.png"]);
    assert_eq!(hits.len(), 2);
    assert!(hits.iter().all(|hit| (hit["similarity"]["picture"].as_f64().unwrap() - 1.0).abs() < 1e-3));
    // Other settings make other captions.
    desk.device("device.yaml", &[("blip", "blip/random")], "caption: {min_tokens: 5, max_tokens: 8}");
    assert_eq!(desk.index(&[])["indexed"], 2);
}

#[test]
fn a_bad_file_fails_alone_and_is_tried_again() {
    let desk = Desk::new();
    fs::write(desk.at("pictures/bad.png"), "not a picture").unwrap();
    let run = desk.run(&["index", "pictures", "--into", "p.idx"]).expect(SOME_FAILED);
    assert!(run.stderr.contains("bad.png") && run.stdout.contains("3 indexed"), "{}{}", run.stdout, run.stderr);
    fs::copy(desk.at("pictures/easyvqa-0.png"), desk.at("pictures/bad.png")).unwrap();
    assert_eq!(desk.index(&[])["indexed"], 1);
    let filtered = desk.search(&["--image", "pictures/bad.png", "--where", "path ~ */bad.png and kind = picture"]);
    assert_eq!((filtered.len(), name(&filtered[0])), (1, "bad.png"));
}

#[test]
fn speech_is_found_by_its_segment() {
    let desk = Desk::new();
    fs::copy(root().join(data("question-color.wav")), desk.at("pictures/said.wav")).unwrap();
    desk.index(&[]);
    let hits = desk.search(&["--audio", "pictures/said.wav", "--where", "kind = speech"]);
    // The same model hears the same words.
    assert_eq!(name(&hits[0]), "said.wav");
    assert!(hits[0]["end"].as_f64() > hits[0]["start"].as_f64() && hits[0]["kind"] == "speech", "{}", hits[0]);
}

#[test]
fn a_film_is_found_by_its_frames() {
    let desk = Desk::new();
    let Some(_) = film(&desk.at("pictures"), "film.mkv", true) else { return };
    desk.index(&[]);
    let hits = desk.search(&["--image", "pictures/easyvqa-23.png", "--where", "kind = frame"]);
    assert_eq!((hits.len(), name(&hits[0]), hits[0]["start"].as_f64()), (3, "film.mkv", Some(0.0)), "{hits:?}");
    let again = desk.index(&[]);
    assert_eq!((&again["unchanged"], &again["indexed"]), (&4.into(), &0.into()));
    desk.index(&["--every", "500ms"]);
    fs::remove_file(desk.at("pictures/film.mkv")).unwrap();
    desk.index(&["--prune"]);
    assert!(desk.search(&["--image", "pictures/easyvqa-23.png", "--where", "kind = frame"]).is_empty());
}

#[test]
fn the_step_commits_every_record() {
    let desk = Desk::with("caption: {min_tokens: 3, max_tokens: 8}, index: {into: p.idx}");
    let results = desk.run(&["run", "pictures", "--format", "json"]).expect(0).json();
    assert_eq!((results.len(), &results[0]["index"]["items"]), (3, &1.into()), "{}", results[0]);
    assert_eq!(results[0]["index"]["model"], "random");
    assert_eq!(desk.search(&["--image", "pictures/easyvqa-0.png"]).len(), 3);
    // The same records replace themselves.
    desk.run(&["run", "pictures"]).expect(0);
    assert_eq!(desk.search(&["--image", "pictures/easyvqa-0.png"]).len(), 3);
}

#[test]
fn without_a_model_that_embeds_words_are_found() {
    let desk = Desk::new();
    desk.device("device.yaml", &[("whisper", "tiny/whisper.en"), ("vad", "tiny/vad")], "index: {into: p.idx}");
    fs::write(desk.at("notes.jsonl"), "{\"id\": \"a\", \"text\": \"A red bird\"}\n{\"text\": \"Two dogs\"}\n").unwrap();
    let run = desk.run(&["index", "notes.jsonl", "--into", "p.idx"]).expect(0);
    assert!(run.stderr.contains("no model that embeds, so the index contains words only"), "{}", run.stderr);
    let hits = desk.search(&["birds or a bird"]);
    assert_eq!((hits.len(), &hits[0]["id"], &hits[0]["kind"]), (1, &"a".into(), &"text".into()));
    desk.run(&["search", "p.idx", "--image", "pictures/easyvqa-0.png"])
        .expect(SOME_FAILED)
        .expect_error(&["no vectors"]);
}

#[test]
fn bad_questions_are_errors() {
    let desk = Desk::new();
    desk.index(&[]);
    for (arguments, code, words) in [
        (&["search", "p.idx"][..], WRONG_USE, "required"),
        (&["search", "none.idx", "a"], WRONG_USE, "not an index: there is nothing"),
        (&["search", "pictures", "a"], WRONG_USE, "not an index: the folder has no records.redb"),
        (&["search", "p.idx", "  "], SOME_FAILED, "the text to search for is empty"),
        (&["search", "p.idx", "a", "--where", "kind = bird"], WRONG_USE, "unknown kind `bird`"),
        (&["search", "p.idx", "a", "--top", "0"], WRONG_USE, "1 to 1000"),
        (&["search", "p.idx", "--image", "device.yaml"], SOME_FAILED, "device.yaml"),
        (&["search", "p.idx", "--audio", "none.wav"], SOME_FAILED, "none.wav"),
        (&["search", "p.idx", "a", "--format", "srt"], WRONG_USE, "srt"),
        (&["index", "none", "--into", "q.idx"], SOME_FAILED, "none: cannot be read"),
        (&["index", "pictures", "--into", "pictures"], WRONG_USE, "the folder contains"),
        (&["index", "pictures", "--into", "device.yaml"], WRONG_USE, "device.yaml"),
    ] {
        let run = desk.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{arguments:?}: {}", run.stderr);
    }
    let wrong = "caption, index";
    desk.device("wrong.yaml", &[("blip", "blip/random")], wrong);
    let run = desk.run(&["--config", "wrong.yaml", "run", "pictures"]);
    assert!(run.code == WRONG_USE, "{}", run.stderr);
}

#[test]
fn another_models_vectors_are_refused() {
    let desk = Desk::new();
    desk.index(&[]);
    desk.device("device.yaml", &[("student", "student/raw")], "");
    let run = desk.run(&["search", "p.idx", "a red bird"]).expect(WRONG_USE);
    assert!(run.stderr.contains("vectors were made by random (") && run.stderr.contains("raw ("), "{}", run.stderr);
    let run = desk.run(&["index", "pictures", "--into", "p.idx"]).expect(WRONG_USE);
    assert!(run.stderr.contains("vectors were made by random ("), "{}", run.stderr);
}

/// A board has a bundle's model folder, with fewer precisions, and an index that was made with the whole folder.
#[test]
fn an_index_made_before_bundling_is_searched_with_the_reduced_folder() {
    let desk = Desk::new();
    desk.index(&[]);
    let found = desk.search(&["a red bird"]);
    let folder = damaged_model("tests/fixtures/blip/random", desk.0.path(), &["model.yaml"]);
    let whole = fs::read(folder.join("model.yaml")).unwrap();
    // Its own model: what is beside the fixtures is not reduced.
    let text = fs::read_to_string(desk.at("device.yaml")).unwrap();
    let fixture = root().join("tests/fixtures/blip/random");
    fs::write(desk.at("device.yaml"), text.replace(fixture.to_str().unwrap(), folder.to_str().unwrap())).unwrap();
    let reduced = |digest: &str| {
        let text = String::from_utf8(whole.clone()).unwrap() + &format!("reduced_from: {digest}\n");
        fs::write(folder.join("model.yaml"), text).unwrap();
        desk.run(&["search", "p.idx", "a red bird", "--format", "json"])
    };
    assert_eq!(reduced(&hex(&Sha256::digest(&whole))).expect(0).json(), found);
    reduced(&hex(&Sha256::digest(b"another"))).expect(WRONG_USE).expect_error(&["vectors were made by random ("]);
}

/// What a killed process had printed is in the index. `EDGEFUSE_KILLS` is how often it is killed.
#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let kills: u32 = std::env::var("EDGEFUSE_KILLS").map_or(6, |kills| kills.parse().unwrap());
    let desk = Desk::with("index: {into: p.idx}");
    let mut random = fastrand::Rng::with_seed(4);
    let (mut acknowledged, mut total) = (0, 0);
    for kill in 0..kills {
        let records: String =
            (0..200).map(|at| format!("{{\"id\": \"k{kill}-{at}\", \"text\": \"bird {at}\"}}\n")).collect();
        fs::write(desk.at("notes.jsonl"), records).unwrap();
        let mut command = desk.command();
        command.args(["run", "notes.jsonl", "--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let whole = |line: &String| serde_json::from_str::<Value>(line).is_ok_and(|it| it["index"]["items"] == 1);
        // A moment after some of the records, so that the test does not depend on how fast they are.
        let before = lines.by_ref().filter(whole).take(random.usize(0..40)).count();
        std::thread::sleep(Duration::from_micros(random.u64(0..20_000)));
        child.kill().unwrap();
        let printed = before + lines.filter(whole).count();
        child.wait().unwrap();
        // One of them may have been committed and not printed.
        let filter = format!("id ~ k{kill}-*");
        let found = if total + printed > 0 && desk.at("p.idx/records.redb").exists() {
            desk.search(&["bird", "--top", "1000", "--where", &filter]).len()
        } else {
            0
        };
        assert!((printed..=printed + 1).contains(&found), "kill {kill}: {printed} printed, {found} found");
        acknowledged += usize::from(printed > 0);
        total += printed;
    }
    assert!(acknowledged > 0, "no run came as far as its first record");
    println!("{kills} kills, {total} records acknowledged, none lost");
}

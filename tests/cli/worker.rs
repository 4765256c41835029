//! `run - --output -`: a worker that other programs drive, and shards of its work.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use crate::binary::{Run, data, root, tiny, tiny_command};

/// `edgefuse run - --output -` with further arguments, and the tiny models.
fn worker(arguments: &[&str]) -> Command {
    let mut command = tiny_command();
    command.args(["run", "-", "--output", "-"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the worker on `input` to its end.
fn answers(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = worker(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn lines(records: &[Value]) -> Vec<u8> {
    records.iter().flat_map(|record| format!("{record}\n").into_bytes()).collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().unwrap()).collect()
}

/// A result without what differs from run to run.
fn timeless(mut line: Value) -> Value {
    for step in line.as_object_mut().unwrap().values_mut() {
        if let Some(step) = step.as_object_mut() {
            step.remove("ms");
        }
    }
    line
}

#[test]
fn every_line_is_answered_before_the_next_is_written() {
    for arguments in [&[][..], &["--in-flight", "3"], &["--in-flight", "3", "--unordered"]] {
        let mut child = worker(arguments).spawn().unwrap();
        let mut stdin: ChildStdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        for id in 0..3 {
            writeln!(stdin, "{}", json!({"id": id, "image": data("easyvqa-0.png")})).unwrap();
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(answer["id"], id.to_string());
            assert!(answer["caption"]["text"].is_string() && answer["made_from"].is_string(), "{answer}");
        }
        drop(stdin);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_bad_line_is_an_answer_and_the_others_go_on() {
    let good = json!({"id": "good", "image": data("easyvqa-0.png")});
    let mut input = b"{\"id\": 7, \"image\": \n[1]\n\n{\"id\": \"x\", \"colour\": 1}\n".to_vec();
    input.extend(
        b"{\"id\": \"latin\", \"text\": \"\xe9\"}\n{\"id\": \"empty\"}\n{\"id\": \"gone\", \"image\": \"no.png\"}\n",
    );
    input.extend(lines(&[
        json!({"id": "far", "image": "s3://bucket/a.png"}),
        json!({"id": "b", "image_b64": "*"}),
        good,
    ]));
    let run = answers(&["--in-flight", "2"], &input).expect(0);
    let results = run.json();
    assert_eq!(ids(&results), ["7", "-:2", "x", "latin", "empty", "gone", "far", "b", "good"]);
    let expected =
        ["-:1: malformed", "-:2: malformed", "-:4: malformed record: unknown field `colour`", "-:5: is not UTF-8"];
    for (line, words) in results.iter().zip(expected) {
        assert!(line["error"].as_str().unwrap().starts_with(words), "{line}");
    }
    assert!(results[4]["error"].as_str().unwrap().contains("-:6: the record has none of"), "{}", results[4]);
    assert!(results[5]["caption"]["error"].as_str().unwrap().contains("no.png"), "{}", results[5]);
    assert!(results[6]["error"].as_str().unwrap().contains("only paths and file:// URLs"), "{}", results[6]);
    assert!(results[8]["caption"]["text"].is_string());
    // The errors are in the results, not on standard error.
    assert_eq!(run.stderr, "1 done, 8 failed\n");
}

#[test]
fn a_path_a_url_and_inline_data_are_the_same_picture_and_sound() {
    let (picture, sound) = (root().join(data("easyvqa-0.png")), root().join(data("cards-001.wav")));
    let encoded = |path| base64::encode(fs::read(path).unwrap());
    let url = |path: &std::path::Path| format!("file://{}", path.display().to_string().replace('-', "%2D"));
    let run = answers(
        &[],
        &lines(&[
            json!({"id": 1, "image": picture, "audio": sound}),
            json!({"id": 2, "image": url(&picture), "audio": url(&sound)}),
            json!({"id": 3, "image_b64": encoded(&picture), "audio_b64": encoded(&sound)}),
            json!({"id": 4, "image": {"base64": encoded(&picture)}, "audio": {"base64": encoded(&sound)}}),
        ]),
    )
    .expect(0);
    let results: Vec<Value> = run.json().into_iter().map(timeless).collect();
    for line in &results {
        for step in ["transcript", "caption", "fusion"] {
            assert!(line[step].is_object() && line[step] == results[0][step], "{step}: {line}");
        }
    }
}

#[test]
fn results_come_in_order_or_as_they_are_ready_and_never_get_lost() {
    let records: Vec<Value> = (0..40).map(|id| json!({"id": id, "image": data("easyvqa-0.png")})).collect();
    let expected: Vec<String> = (0..40).map(|id| id.to_string()).collect();
    let ordered = answers(&["--in-flight", "4"], &lines(&records)).expect(0).json();
    assert_eq!(ids(&ordered), expected);
    let unordered = answers(&["--in-flight", "4", "--unordered"], &lines(&records)).expect(0).json();
    let mut sorted = ids(&unordered);
    sorted.sort_by_key(|id| id.parse::<u32>().unwrap());
    assert_eq!(sorted, expected);
}

#[test]
fn a_closed_output_ends_the_worker_while_its_input_is_open() {
    let mut child = worker(&[]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", json!({"image": data("easyvqa-0.png")})).unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    assert_quiet_end(child);
    drop(stdin);

    // With records in work and more to come.
    let mut child = worker(&["--in-flight", "4"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    while writeln!(stdin, "{}", json!({"image": data("easyvqa-0.png")})).is_ok() {}
    assert_quiet_end(child);
}

#[track_caller]
fn assert_quiet_end(mut child: Child) {
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "");
}

#[test]
fn an_error_of_every_record_ends_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("d.yaml");
    fs::write(&config, "device: d\nmodels: {blip: {path: nowhere}}\npipeline: [caption]\n").unwrap();
    let mut child = worker(&[]).arg("--config").arg(&config).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The worker may end before it has read the line.
    let _ = writeln!(stdin, "{}", json!({"image": root().join(data("easyvqa-0.png"))}));
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains("nowhere"), "{stderr}");
}

#[test]
fn shards_concatenated_are_the_results_of_all_records() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.jsonl");
    let picture = root().join(data("easyvqa-0.png"));
    let mut input = lines(&(0..11).map(|id| json!({"id": id, "image": picture})).collect::<Vec<_>>());
    input.extend(b"{\"id\": \"broken\"\n");
    fs::write(&manifest, input).unwrap();
    let run = |output: &str, arguments: &[&str], code| {
        let mut command = tiny_command();
        command.arg("run").arg(&manifest).arg("--output").arg(folder.path().join(output)).args(arguments);
        crate::binary::run(&mut command).expect(code)
    };
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let by_id = |text: &str| -> BTreeMap<String, Value> {
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let map = lines.iter().map(|line| (line["id"].as_str().unwrap().to_string(), timeless(line.clone()))).collect();
        assert_eq!(lines.len(), 12, "a record is missing or repeated");
        map
    };
    run("all.jsonl", &[], 1);
    let mut merged = String::new();
    let mut failed = 0;
    for index in 0..3 {
        let shard = format!("{index}/3");
        let mut command = tiny_command();
        command.arg("run").arg(&manifest).args(["--shard", &shard, "--output"]).arg(folder.path().join("r.jsonl"));
        let run = crate::binary::run(&mut command);
        failed += run.code;
        let part = read(&format!("r.{index}-of-3.jsonl"));
        assert!(part.lines().count() < 12);
        merged += &part;
    }
    assert_eq!(failed, 1, "one shard has the broken record");
    assert_eq!(by_id(&merged), by_id(&read("all.jsonl")));

    // A run over all records keeps the merged results and repeats what failed.
    fs::write(folder.path().join("merged.jsonl"), merged).unwrap();
    let again = run("merged.jsonl", &["--resume"], 1);
    assert!(again.stderr.contains("0 done, 11 kept from before, 1 failed"), "{}", again.stderr);

    // The same for workers.
    let piped: String = (0..3)
        .map(|index| answers(&["--shard", &format!("{index}/3")], &fs::read(&manifest).unwrap()).expect(0).stdout)
        .collect();
    let (piped, all) = (by_id(&piped), by_id(&read("all.jsonl")));
    assert!(piped.keys().eq(all.keys()));
    assert!(piped.iter().filter(|(id, _)| *id != "broken").all(|(id, line)| *line == all[id]));
}

#[test]
fn names_what_does_not_go_together() {
    for (arguments, words) in [
        (&["run", "a.png", "--in-flight", "2"][..], "--in-flight: needs --output -"),
        (&["run", "a.png", "--unordered"], "--unordered: needs --output -"),
        (&["run", "-", "--output", "-", "--resume"], "--resume: needs --output FILE.jsonl"),
        (&["run", "-", "a.png", "--output", "-"], "cannot be combined with other inputs"),
        (&["run", "-", "--every", "1s"], "--every: a manifest on standard input has no films"),
    ] {
        tiny(arguments).expect(2).expect_error(&[words]);
    }
    for (option, value) in [("--shard", "4/4"), ("--shard", "x"), ("--in-flight", "0"), ("--in-flight", "257")] {
        let run = tiny(["run", "-", "--output", "-", option, value]).expect(2);
        assert!(run.stderr.contains(option) && run.stderr.contains(value), "{}", run.stderr);
    }
}

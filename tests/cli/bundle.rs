//! `bundle`: what is packed, that it runs where it is unpacked, and what is rejected.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use edgefuse::hex::hex;
use sha2::{Digest, Sha256};

use crate::binary::{Run, command, damaged_model, data, edgefuse, library, root, run};

/// This program's architecture, as on the command line.
const OWN: &str = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
const OTHER: &str = if cfg!(target_arch = "aarch64") { "x86_64" } else { "aarch64" };

/// A device file with the student, in a folder laid out like a clone.
fn device_file(folder: &Path, lines: &str) -> PathBuf {
    fs::create_dir_all(folder.join("configs")).unwrap();
    fs::create_dir_all(folder.join("onnx")).unwrap();
    damaged_model("student", &folder.join("onnx"), &["student.onnx"]);
    let path = folder.join("configs/board.yaml");
    fs::write(&path, format!("device: board\n{lines}models:\n  student: {{path: onnx/student}}\npipeline: [fuse]\n"))
        .unwrap();
    path
}

/// A program of this machine for bundles that are never run: this one takes a second to compress.
const SMALL: &str = "/bin/sh";

/// As [`pack`], for this machine, with [`SMALL`] as its program.
fn pack_small(config: &Path, out: &Path, more: &[&str]) -> Run {
    pack(config, OWN, out, &[&["--binary", SMALL], more].concat())
}

fn pack(config: &Path, target: &str, out: &Path, more: &[&str]) -> Run {
    run(command().arg("--config").arg(config).args(["bundle", "--target", target]).arg("--out").arg(out).args(more))
}

/// Unpacks into a folder and returns the folder in it.
fn unpack(archive: &Path, into: &Path) -> PathBuf {
    let decoder = ruzstd::decoding::StreamingDecoder::new(File::open(archive).unwrap()).unwrap();
    tar::Archive::new(decoder).unpack(into).unwrap();
    into.join("edgefuse")
}

fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn unpacked_it_runs_checks_itself_and_installs() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "runtime: {memory_budget: 512MiB}\n");
    let (once, twice) = (folder.path().join("1.tar.zst"), folder.path().join("2.tar.zst"));
    let library = library();
    let library = ["--library", library.to_str().unwrap()];
    pack(&config, OWN, &once, &library).expect(0);
    pack(&config, OWN, &twice, &library).expect(0);
    assert!(fs::read(&once).unwrap() == fs::read(&twice).unwrap(), "two bundles of the same differ");

    let unpacked = unpack(&once, folder.path());
    let listed = fs::read_to_string(unpacked.join("SHA256SUMS")).unwrap();
    for name in [
        "edgefuse",
        "lib/libonnxruntime.so",
        "configs/board.yaml",
        "onnx/student/student.onnx",
        "onnx/student/model.yaml",
        "onnx/student/tokenizer.json",
        "edgefuse.service",
        "install.sh",
        "LICENSES/models.txt",
        "LICENSES/edgefuse-crates.txt",
        "LICENSES/edgefuse-crate-licenses.txt",
        "LICENSES/edgefuse-LICENSE-MIT",
    ] {
        assert!(listed.lines().any(|line| line.ends_with(&format!("  {name}"))), "{name} is not in\n{listed}");
    }
    let unit = fs::read_to_string(unpacked.join("edgefuse.service")).unwrap();
    for expected in
        ["MemoryMax=536870912", "WatchdogSec=", "Restart=always", "configs/board.yaml", "PrivateDevices=yes"]
    {
        assert!(unit.contains(expected), "{expected} is not in\n{unit}");
    }

    // Far from the repository and without its environment: the library and the models are the bundle's own.
    let prefix = folder.path().join("opt/edgefuse");
    let install = |prefix: &Path| {
        let mut command = Command::new("sh");
        command.arg(unpacked.join("install.sh")).args(["--no-service", "--prefix"]).arg(prefix);
        run(command.env_remove("ORT_DYLIB_PATH").env_remove("EDGEFUSE_CONFIG").current_dir("/"))
    };
    install(&prefix).expect(0);
    let unit = fs::read_to_string(prefix.join("edgefuse.service")).unwrap();
    assert!(unit.contains(&format!("ExecStart=\"{}/edgefuse\" ", prefix.display())), "{unit}");
    let mut installed = Command::new(prefix.join("edgefuse"));
    installed.env_remove("ORT_DYLIB_PATH").current_dir("/").arg("--config").arg(prefix.join("configs/board.yaml"));
    let fused = run(installed
        .args(["fuse", "--quiet", "--image"])
        .arg(root().join(data("easyvqa-23.png")))
        .args(["--text", "what color is the shape?"]))
    .expect(0);
    assert!(fused.stdout.starts_with("blue "), "{}", fused.stdout);

    // A byte that was corrupted in transfer.
    let graph = unpacked.join("onnx/student/student.onnx");
    let mut bytes = fs::read(&graph).unwrap();
    bytes[1000] ^= 1;
    fs::write(&graph, bytes).unwrap();
    let other = folder.path().join("opt/other");
    let refused = install(&other).expect(3);
    assert!(refused.stderr.contains("damaged") && !other.exists(), "{}", refused.stderr);
}

#[test]
fn two_bundles_differ_in_the_files_that_changed() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "");
    let library = library();
    let library = ["--library", library.to_str().unwrap()];
    let (old, new) = (folder.path().join("old.tar.zst"), folder.path().join("new.tar.zst"));
    pack_small(&config, &old, &library).expect(0);
    let text = fs::read_to_string(&config).unwrap() + "# A remark.\n";
    fs::write(&config, text).unwrap();
    pack_small(&config, &new, &library).expect(0);
    let compare = |from: &Path, to: &Path| run(command().args(["bundle", "--diff"]).arg(from).arg(to));
    let found = compare(&old, &new).expect(0).stdout;
    let changed: Vec<&str> = found.lines().filter(|line| line.starts_with(['+', '-', '~'])).collect();
    assert!(changed.len() == 1 && changed[0].starts_with("~ configs/board.yaml  "), "{found}");
    // An unpacked bundle is the same as its archive.
    let unpacked = unpack(&new, folder.path());
    let same = compare(&new, &unpacked).expect(0).stdout;
    let digests: Vec<&str> = same.lines().take(2).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert!(digests[0] == digests[1] && same.lines().count() == 3, "{same}");
    // Cut off, or something else.
    fs::write(&old, &fs::read(&new).unwrap()[..100_000]).unwrap();
    compare(&old, &new).expect(2).expect_error(&["old.tar.zst", "is cut off or damaged"]);
    compare(&config, &new).expect(2).expect_error(&["board.yaml", "compare archives that `edgefuse bundle` wrote"]);
}

#[test]
fn a_language_model_is_packed_with_its_chat_template_and_the_schema_of_its_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (model, config) = (folder.path().join("onnx/llm"), folder.path().join("configs/board.yaml"));
    fs::create_dir_all(&model).unwrap();
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    for name in files_in(&root().join("tests/fixtures/tiny/llm")) {
        fs::copy(root().join("tests/fixtures/tiny/llm").join(&name), model.join(&name)).unwrap();
    }
    fs::write(folder.path().join("verdict.json"), r#"{"enum": ["ok", "stop"]}"#).unwrap();
    let steps = "pipeline: [chat: {schema: verdict.json, max_tokens: 20}]";
    fs::write(&config, format!("device: board\nmodels: {{writer: {{path: onnx/llm, precision: fp32}}}}\n{steps}\n"))
        .unwrap();
    let (archive, library) = (folder.path().join("1.tar.zst"), library());
    pack(&config, OWN, &archive, &["--library", library.to_str().unwrap()]).expect(0);
    let unpacked = unpack(&archive, &folder.path().join("there"));
    assert_eq!(
        files_in(&unpacked.join("onnx/llm")),
        ["chat_template.jinja", "decoder.onnx", "decoder.onnx.data", "model.yaml", "tokenizer.json"]
    );
    let mut program = Command::new(unpacked.join("edgefuse"));
    let answered = run(program.arg("--config").arg(unpacked.join("configs/board.yaml")).args(["chat", "Is it open?"]));
    assert!(["\"ok\"", "\"stop\""].contains(&answered.expect(0).stdout.trim()));
}

#[test]
fn only_the_precision_that_the_device_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("configs/board.yaml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(root().join("tests/fixtures/tiny"), folder.path().join("onnx")).unwrap();
    let models = "{whisper: {path: onnx/whisper.en, precision: {encoder: int8, default: q8}}}";
    fs::write(&config, format!("device: board\nmodels: {models}\npipeline: [transcribe]\n")).unwrap();
    let out = folder.path().join("out.tar.zst");
    let library = library();
    let run = pack(&config, OWN, &out, &["--library", library.to_str().unwrap(), "--format", "json"]).expect(0);
    let packed = &run.json()[0];
    assert_eq!(packed["bytes"], fs::metadata(&out).unwrap().len());
    let whisper: Vec<&str> = packed["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|name| name.as_str()?.strip_prefix("onnx/whisper.en/"))
        .collect();
    assert_eq!(
        whisper,
        [
            "alignment.q8.onnx",
            "decoder.q8.onnx",
            "decoder.q8.onnx.data",
            "encoder.int8.onnx",
            "encoder.int8.onnx.data",
            "model.yaml",
            "tokenizer.json"
        ]
    );
    let unpacked = unpack(&out, folder.path());
    let mut doctor = Command::new(unpacked.join("edgefuse"));
    doctor.env_remove("ORT_DYLIB_PATH").arg("--config").arg(unpacked.join("configs/board.yaml")).arg("doctor");
    let doctor_output = crate::binary::run(&mut doctor).expect(0);
    assert!(doctor_output.stdout.contains("encoder int8, others q8"), "{}", doctor_output.stdout);
    // The reduced folder is known to be part of the whole one, also after it was packed again.
    let whole = fs::read(root().join("tests/fixtures/tiny/whisper.en/model.yaml")).unwrap();
    let line = format!("reduced_from: {}", hex(&Sha256::digest(whole)));
    let again = folder.path().join("again.tar.zst");
    let library = unpacked.join("lib/libonnxruntime.so");
    pack(&unpacked.join("configs/board.yaml"), OWN, &again, &["--library", library.to_str().unwrap()]).expect(0);
    for unpacked in [unpacked, unpack(&again, &folder.path().join("again"))] {
        let yaml = fs::read_to_string(unpacked.join("onnx/whisper.en/model.yaml")).unwrap();
        assert!(yaml.lines().any(|it| it == line), "{yaml}");
    }
}

#[test]
fn a_board_with_its_own_library_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "execution_providers: [cuda, cpu]\n");
    let out = folder.path().join("out.tar.zst");
    let run = pack_small(&config, &out, &[]).expect(0);
    assert!(run.stderr.contains("no library packed: provider `cuda`"), "{}", run.stderr);
    let unpacked = unpack(&out, folder.path());
    assert!(!unpacked.join("lib").exists());
    let notice = fs::read_to_string(unpacked.join("BOARD.txt")).unwrap();
    for what in
        ["ONNX Runtime 1.17 or a later 1.x for", "with cuda", "lib/libonnxruntime.so", "on_missing_provider: fallback"]
    {
        assert!(notice.contains(what), "{what} is not in\n{notice}");
    }
    let unit = fs::read_to_string(unpacked.join("edgefuse.service")).unwrap();
    assert!(unit.contains("SupplementaryGroups=video render") && !unit.contains("PrivateDevices"), "{unit}");
}

#[test]
fn a_library_that_the_device_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.tar.zst");
    let own_library = library();
    let own = ["--library", own_library.to_str().unwrap()];
    let config = device_file(folder.path(), "");
    let models = fs::read_to_string(&config).unwrap();
    let name = |path: &str| fs::write(&config, format!("{models}runtime: {{library: {path}}}\n")).unwrap();

    // The board's own library need not exist here.
    name("/opt/board/libonnxruntime.so");
    let run = pack_small(&config, &out, &[]).expect(0);
    let needed = "/opt/board/libonnxruntime.so; the board needs ONNX Runtime 1.17 or a later 1.x for";
    assert!(run.stderr.contains(needed), "{}", run.stderr);
    let unpacked = unpack(&out, folder.path());
    let notice = fs::read_to_string(unpacked.join("BOARD.txt")).unwrap();
    assert!(notice.contains("expected at /opt/board/libonnxruntime.so"), "{notice}");
    fs::remove_dir_all(&unpacked).unwrap();
    refused(&config, OWN, &own, 2, &["/opt/board/libonnxruntime.so", "leave one of them out"]);

    // A library inside the bundle is packed at its path.
    name("lib/mine.so");
    refused(&config, OWN, &[], 2, &["lib/mine.so does not exist", "--library"]);
    pack(&config, OWN, &out, &own).expect(0);
    let unpacked = unpack(&out, folder.path());
    assert_eq!(files_in(&unpacked.join("lib")), ["mine.so"]);
    assert!(!unpacked.join("BOARD.txt").exists());
    let mut doctor = Command::new(unpacked.join("edgefuse"));
    doctor.env_remove("ORT_DYLIB_PATH").arg("--config").arg(unpacked.join("configs/board.yaml")).arg("doctor");
    crate::binary::run(&mut doctor).expect(0);
    name("../mine.so");
    refused(&config, OWN, &own, 2, &["is outside the packed folder"]);
}

/// Packs in vain; no new file may be left.
#[track_caller]
fn refused(config: &Path, target: &str, more: &[&str], code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    pack(config, target, &folder.path().join("out.tar.zst"), more).expect(code).expect_error(words);
    assert_eq!(files_in(folder.path()), [""; 0]);
}

#[test]
fn for_the_wrong_machine() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "");
    let own_library = library();
    let (program, own_library) = (env!("CARGO_BIN_EXE_edgefuse"), own_library.to_str().unwrap());
    let other = if OTHER == "aarch64" { "the bundle is for aarch64" } else { "the bundle is for x86-64" };
    refused(&config, OTHER, &["--binary", program], 2, &[program, "built for", other]);
    refused(&config, OWN, &["--library", "tests/data/records.jsonl"], 2, &["records.jsonl", "no ELF header"]);
    // A program that is only a header, of the other machine.
    let fake = folder.path().join("edgefuse");
    let mut header = [0u8; 64];
    header[..4].copy_from_slice(b"\x7fELF");
    header[18] = if OTHER == "aarch64" { 183 } else { 62 };
    fs::write(&fake, header).unwrap();
    refused(&config, OTHER, &["--binary", fake.to_str().unwrap(), "--library", own_library], 2, &["built for", other]);
    refused(&config, OTHER, &[], 2, &["no program for", "cross build --release --target", "--binary"]);
    pack(&config, "riscv64", &folder.path().join("out.tar.zst"), &[]).expect(2);
}

#[test]
fn of_models_that_cannot_be_packed() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "");
    let graph = folder.path().join("onnx/student/student.onnx");
    let mut bytes = fs::read(&graph).unwrap();
    bytes[1000] ^= 1;
    fs::write(&graph, bytes).unwrap();
    let own_library = library();
    let own = ["--library", own_library.to_str().unwrap()];
    refused(&config, OWN, &own, 3, &["student.onnx", "SHA-256", "model.yaml says"]);

    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("path: onnx/student", "path: onnx/student, precision: int4")).unwrap();
    refused(&config, OWN, &own, 3, &["no graph `student` in precision `int4`", "fp32"]);
    let elsewhere = root().join("onnx/student");
    fs::write(&config, text.replace("onnx/student", elsewhere.to_str().unwrap())).unwrap();
    refused(&config, OWN, &own, 2, &["models.student.path must be relative"]);
    fs::write(&config, text.replace("onnx/student", "onnx/none")).unwrap();
    refused(&config, OWN, &own, 3, &["no model folder at"]);
}

#[test]
fn where_it_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "");
    let own_library = library();
    let own = ["--library", own_library.to_str().unwrap()];
    pack(&config, OWN, Path::new("/nowhere/out.tar.zst"), &own).expect(2).expect_error(&["/nowhere/out.tar.zst"]);
    pack(&config, OWN, Path::new("/dev/full"), &own).expect(2).expect_error(&["/dev/full", "not a regular file"]);
    pack(&config, OWN, folder.path(), &own).expect(2).expect_error(&["not a regular file"]);
    edgefuse(["bundle", "--target", OWN]).expect(2);
}

#[test]
fn lists_are_packed_with_the_device_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "");
    fs::create_dir(folder.path().join("lists")).unwrap();
    fs::write(folder.path().join("lists/a b.txt"), "red\nblue\n").unwrap();
    let steps = |steps: &str| {
        let text = "device: board\nmodels: {student: {path: onnx/student}, blip: {path: onnx/blip}}\npipeline: ";
        fs::write(&config, format!("{text}{steps}\n")).unwrap();
    };
    std::os::unix::fs::symlink(root().join("onnx/blip-easyvqa"), folder.path().join("onnx/blip")).unwrap();
    let own_library = library();
    let own = ["--library", own_library.to_str().unwrap()];
    steps("[ask: {answers: lists/a b.txt}]");
    let out = folder.path().join("out.tar.zst");
    pack(&config, OWN, &out, &own).expect(0);
    let unpacked = unpack(&out, folder.path());
    assert_eq!(fs::read_to_string(unpacked.join("lists/a b.txt")).unwrap(), "red\nblue\n");
    let mut doctor = Command::new(unpacked.join("edgefuse"));
    doctor.env_remove("ORT_DYLIB_PATH").arg("--config").arg(unpacked.join("configs/board.yaml")).arg("doctor");
    run(&mut doctor).expect(0);

    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    fs::write(elsewhere.path(), "red\n").unwrap();
    steps(&format!("[match: {{texts: {}}}]", elsewhere.path().display()));
    refused(&config, OWN, &own, 2, &["`match`: texts", "must be relative"]);
    // A name that would replace another file.
    fs::write(folder.path().join("install.sh"), "red\n").unwrap();
    steps("[ask: {answers: install.sh}]");
    refused(&config, OWN, &own, 2, &["two files would be named install.sh"]);
}

#[test]
fn names_go_into_scripts_and_units_as_names() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "");
    let own_library = library();
    let own = ["--library", own_library.to_str().unwrap()];
    for bad in
        ["x;id>ran;.yaml", "a&b.yaml", "a$(id).yaml", "a\nb.yaml", "a'b.yaml", "a%n.yaml", "-a.yaml", "a\\b.yaml"]
    {
        let bad = config.with_file_name(bad);
        fs::copy(&config, &bad).unwrap();
        refused(&bad, OWN, &own, 2, &["is not a valid name in a bundle"]);
    }
    // The templates' placeholders for the prefix and the memory are valid names.
    let spaced = config.with_file_name("my @PREFIX@ @MEMORY@ board.yaml");
    fs::copy(&config, &spaced).unwrap();
    let out = folder.path().join("out.tar.zst");
    let packed = pack(&spaced, OWN, &out, &own).expect(0);
    assert!(packed.stdout.contains("needs glibc 2."), "{}", packed.stdout);
    let unpacked = unpack(&out, folder.path());
    let install = |more: &[&str]| {
        let mut command = Command::new("sh");
        command.arg(unpacked.join("install.sh")).arg("--no-service").args(more).current_dir(folder.path());
        run(command.env_remove("ORT_DYLIB_PATH").env_remove("EDGEFUSE_CONFIG"))
    };
    install(&["--prefix", "opt/a b/"]).expect(0);
    let prefix = folder.path().canonicalize().unwrap().join("opt/a b");
    let unit = fs::read_to_string(prefix.join("edgefuse.service")).unwrap();
    let start = format!(
        "ExecStart=\"{0}/edgefuse\" --config \"{0}/configs/my @PREFIX@ @MEMORY@ board.yaml\" ",
        prefix.display()
    );
    assert!(unit.contains(&start) && unit.contains("Environment=ORT_DISABLE_TELEMETRY=1"), "{unit}");
    // Again over itself, but over nothing else, and not under a name that systemd or sed interprets differently.
    install(&["--prefix", "opt/a b"]).expect(0);
    fs::create_dir(folder.path().join("mine")).unwrap();
    for (prefix, expected) in [
        ("mine", "no installation of edgefuse"),
        ("a&b", "--prefix may have"),
        ("a%b", "--prefix may have"),
        ("a#b", "--prefix may have"),
        ("a\nb", "--prefix may have"),
        ("$(id)", "--prefix may have"),
        ("/", "not a folder of its own"),
        ("a/..", "not a folder of its own"),
    ] {
        let refused = install(&["--prefix", prefix]).expect(2);
        assert!(refused.stderr.contains(expected), "{prefix}: {}", refused.stderr);
    }
    assert_eq!(files_in(&folder.path().join("mine")), [""; 0]);
}

#[test]
fn install_looks_for_glibc_and_installs_into_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "");
    let own_library = library();
    let out = folder.path().join("out.tar.zst");
    pack(&config, OWN, &out, &["--library", own_library.to_str().unwrap()]).expect(0);
    let unpacked = unpack(&out, folder.path());
    let image = folder.path().join("image");
    fs::create_dir(&image).unwrap();
    let script = unpacked.join("install.sh");
    let install = |script: &Path, more: &[&str]| {
        let mut command = Command::new("sh");
        command.arg(script).args(["--no-service", "--root"]).arg(&image).args(more);
        run(command.env_remove("ORT_DYLIB_PATH").env_remove("EDGEFUSE_CONFIG"))
    };
    // An image of musl, or of 32 bits.
    let refused = install(&script, &[]).expect(3);
    assert!(refused.stderr.contains("needs a 64-bit glibc system (glibc 2."), "{}", refused.stderr);
    let loader = if OWN == "aarch64" { "lib/ld-linux-aarch64.so.1" } else { "lib64/ld-linux-x86-64.so.2" };
    fs::create_dir_all(image.join(loader).parent().unwrap()).unwrap();
    fs::write(image.join(loader), "").unwrap();
    let inside = format!("{}/new", unpacked.display());
    let mut command = Command::new("sh");
    command.arg(&script).args(["--no-service", "--prefix"]).arg(&inside);
    run(&mut command).expect(2).expect_error(&["is inside the bundle"]);
    assert!(!Path::new(&inside).exists());
    install(&script, &["--prefix", "/opt/here"]).expect(0);
    let unit = fs::read_to_string(image.join("opt/here/edgefuse.service")).unwrap();
    assert!(unit.contains("ExecStart=\"/opt/here/edgefuse\" "), "{unit}");

    // A system with an older glibc than the program was built with.
    let text = fs::read_to_string(&script).unwrap();
    let line = text.lines().find(|line| line.starts_with("glibc=")).unwrap();
    fs::write(&script, text.replace(line, "glibc='2.999'")).unwrap();
    let mut command = Command::new("sh");
    command.arg(&script).args(["--no-service", "--prefix"]).arg(folder.path().join("old"));
    let refused = run(&mut command).expect(3);
    assert!(refused.stderr.contains("(glibc 2.999 or newer), and this system has glibc 2."), "{}", refused.stderr);
}

#[test]
fn a_device_that_serves_has_a_unit_that_serves() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "");
    let library = library();
    let own = ["--library", library.to_str().unwrap()];
    let text = fs::read_to_string(&config).unwrap();
    let out = folder.path().join("out.tar.zst");
    let with = |server: &str| fs::write(&config, format!("{text}server: {{{server}}}\n")).unwrap();
    with("http: {listen: 127.0.0.1:8080}, drain: 30s");
    pack_small(&config, &out, &own).expect(0);
    let unit = fs::read_to_string(unpack(&out, folder.path()).join("edgefuse.service")).unwrap();
    for expected in
        ["--log-format json serve\n", "ExecReload=/bin/kill -HUP $MAINPID", "TimeoutStopSec=45s", "IPAddressDeny=any"]
    {
        assert!(unit.contains(expected), "{expected} is not in\n{unit}");
    }
    assert!(!unit.contains("watch") && !unit.contains("PrivateNetwork") && !unit.contains("@NETWORK@"), "{unit}");
    // Keys stay where they are.
    with("http: {listen: '0.0.0.0:8080', api_key_file: key}");
    fs::write(config.with_file_name("key"), "0123456789abcdef").unwrap();
    refused(&config, OWN, &own, 2, &["api_key_file", "a bundle contains no keys"]);
    with("http: {listen: '0.0.0.0:8080'}");
    refused(&config, OWN, &own, 2, &["server.http.listen", "api_key_file"]);
    with("http: {listen: '0.0.0.0:8080', api_key_file: /etc/edgefuse/key}");
    let packed = pack_small(&config, &out, &own).expect(0);
    assert!(packed.stderr.contains("the board needs a key in /etc/edgefuse/key"), "{}", packed.stderr);
}

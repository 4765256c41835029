//! Unusable libraries: what they do to a command, and that none of them sends telemetry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary::{command, data, library, root, run};

const WRONG_USE: i32 = 2;
const CANNOT_LOAD: i32 = 3;

const OWN: &str = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };

/// Compiles C to a shared library; rustc needs a C compiler too, to link.
fn shared(folder: &Path, name: &str, source: &str, more: &[&str]) -> PathBuf {
    let (path, file) = (folder.join(name), folder.join(format!("{name}.c")));
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.current_dir(folder).args(["-shared", "-fPIC", "-o"]).arg(&path).arg(&file).args(more);
    assert!(compiler.status().expect("cc is there").success());
    path
}

/// A library whose interface raises a signal. Rust's own handler would take a raised SIGSEGV for a fault, return, and
/// wait for the next one.
fn crashing(folder: &Path, version: &str, signal: &str) -> PathBuf {
    made(folder, version, &format!("signal({signal}, SIG_DFL); raise({signal});"))
}

/// What ONNX Runtime exports, of a version that reads well and without an interface: asked for it, it does `action` and
/// returns null.
fn made(folder: &Path, version: &str, action: &str) -> PathBuf {
    let source = format!(
        "#include <signal.h>\nstatic const void *api(unsigned version) {{ {action} return 0; }}\n\
         static const char *text(void) {{ return \"{version}\"; }}\n\
         static const struct {{ const void *(*api)(unsigned); const char *(*text)(void); }} base = {{ api, text }};\n\
         const void *OrtGetApiBase(void) {{ return &base; }}\n"
    );
    fs::write(folder.join("versions"), format!("VERS_{version} {{ global: OrtGetApiBase; }};\n")).unwrap();
    // The files that setup.sh puts beside the real library.
    for name in ["onnxruntime-LICENSE", "onnxruntime-ThirdPartyNotices.txt"] {
        fs::write(folder.join(name), "a made text").unwrap();
    }
    shared(folder, "libonnxruntime.so", &source, &["-Wl,--version-script=versions"])
}

fn device_file(folder: &Path, model: &str) -> PathBuf {
    fs::create_dir_all(folder.join("configs")).unwrap();
    std::os::unix::fs::symlink(root().join("onnx"), folder.join("onnx")).unwrap();
    let path = folder.join("configs/board.yaml");
    fs::write(&path, format!("device: board\nmodels: {{{model}}}\npipeline: [fuse]\n")).unwrap();
    path
}

#[test]
fn one_that_crashes_is_named_with_the_signal() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "student: {path: onnx/student}");
    for (signal, name) in [("SIGILL", "SIGILL (illegal instruction)"), ("SIGABRT", "SIGABRT"), ("SIGSEGV", "SIGSEGV")] {
        let path = crashing(folder.path(), "1.21.0", signal);
        let with = |arguments: &[&str]| {
            run(command().env("ORT_DYLIB_PATH", &path).arg("--config").arg(&config).args(arguments))
        };
        let doctor = with(&["doctor"]).expect(CANNOT_LOAD);
        for expected in [path.to_str().unwrap(), name, "use another version of ONNX Runtime", "something cannot run"] {
            assert!(doctor.stdout.contains(expected), "{expected} is not in\n{}", doctor.stdout);
        }
        let report = with(&["--format", "json", "doctor"]).expect(CANNOT_LOAD).json().remove(0);
        assert!(report["library"]["error"].as_str().unwrap().contains(name) && report["fit"] == false, "{report}");
        with(&["prepare"]).expect(CANNOT_LOAD).expect_error(&[path.to_str().unwrap(), name]);
        let out = folder.path().join("out.tar.zst");
        let pack = ["bundle", "--target", OWN, "--library", path.to_str().unwrap(), "--out", out.to_str().unwrap()];
        with(&pack).expect(CANNOT_LOAD).expect_error(&[path.to_str().unwrap(), name]);
        assert!(!out.exists());
    }
}

#[test]
fn one_without_the_interface_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "student: {path: onnx/student}");
    let path = made(folder.path(), "1.21.0", "");
    let expected = [path.to_str().unwrap(), "it lacks version", "use another build"];
    for arguments in [&["caption", &data("easyvqa-23.png")][..], &["prepare"]] {
        let mut with = command();
        with.env("ORT_DYLIB_PATH", &path).arg("--config").arg(&config).args(arguments);
        run(&mut with).expect(CANNOT_LOAD).expect_error(&expected);
    }
}

#[test]
fn one_that_is_too_old_for_the_models_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "whisper: {path: onnx/whisper-tiny.en, precision: q8}");
    let path = crashing(folder.path(), "1.20.0", "SIGILL");
    let out = folder.path().join("out.tar.zst");
    let pack = ["bundle", "--target", OWN, "--library", path.to_str().unwrap(), "--out", out.to_str().unwrap()];
    run(command().arg("--config").arg(&config).args(pack)).expect(WRONG_USE).expect_error(&[
        "ONNX Runtime 1.20 is too old",
        "whisper-tiny.en/",
        "`q8` needs 1.2",
    ]);
}

#[test]
fn what_the_loader_says_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let needed = shared(folder.path(), "libneeded.so", "int needed(void) { return 1; }\n", &[]);
    let source = "int needed(void);\nint ours(void) { return needed(); }\n";
    let path = shared(folder.path(), "libonnxruntime.so", source, &["-L.", "-lneeded"]);
    fs::remove_file(needed).unwrap();
    run(command().env("ORT_DYLIB_PATH", &path).args(["caption", &data("easyvqa-23.png")]))
        .expect(CANNOT_LOAD)
        .expect_error(&["libneeded.so: cannot open shared object file", path.to_str().unwrap()]);
}

#[test]
fn none_writes_into_the_home_folder() {
    let home = tempfile::tempdir().unwrap();
    // Even if telemetry was turned on.
    for telemetry in [None, Some("0")] {
        let mut caption = command();
        caption.env("HOME", home.path()).env_remove("XDG_CACHE_HOME").env_remove("ORT_DISABLE_TELEMETRY");
        if let Some(value) = telemetry {
            caption.env("ORT_DISABLE_TELEMETRY", value);
        }
        run(caption.args(["--quiet", "caption", &data("easyvqa-23.png")])).expect(0);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}

#[test]
fn doctor_runs_each_graph_and_names_the_limit_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let config = device_file(folder.path(), "student: {path: onnx/student}");
    let doctor = |limit: &str| {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -d {limit} && exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_edgefuse")]).env("ORT_DYLIB_PATH", library()).arg("--config");
        run(shell.arg(&config).args(["--format", "json", "doctor"]))
    };
    // In KiB.
    let report = doctor("1000000").expect(0).json().remove(0);
    assert_eq!(report["memory_limit"]["set_by"], "ulimit -d", "{report}");
    assert_eq!(report["memory_limit"]["bytes"], 1_024_000_000, "{report}");
    assert_eq!(report["models"][0]["graphs"][0]["runs"], true, "{report}");
}

//! Only the listed weights file of a graph is opened.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use edgefuse::config::Provider;
use edgefuse::config::model_folder::{
    Common, Dialect, FileSpec, GraphSpec, ModelFolder, Provenance, VadAudio, VadSpec,
};
use edgefuse::engine::{EngineError, Graph, GraphFile, SessionOptions, Tensor};
use ndarray::Array1;
use sha2::{Digest, Sha256};

use crate::{engine, fixture};

fn listed(path: &Path) -> FileSpec {
    let bytes = fs::read(path).unwrap();
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    FileSpec { sha256, bytes: bytes.len() as u64 }
}

/// A folder with one graph, which lists `files`.
fn folder(path: &Path, graph: &str, files: &[&str]) -> ModelFolder {
    let spec: GraphSpec = serde_yaml::from_str(&format!(
        "{{files: {{fp32: {graph}}}, weights: {{fp32: inside.onnx.data}}, \
         inputs: {{x: {{name: x, type: float32, shape: [3]}}}}, outputs: {{y: {{name: y, type: float32, shape: [3]}}}}}}"
    ))
    .unwrap();
    let unknown = || "test".to_string();
    ModelFolder {
        path: path.to_path_buf(),
        common: Common {
            name: unknown(),
            dialect: Dialect::Standard,
            opset: 17,
            source: Provenance { weights: unknown(), origin: unknown(), license: unknown(), exporter: unknown() },
            files: files.iter().map(|name| (name.to_string(), listed(&path.join(name)))).collect(),
            graphs: BTreeMap::from([("g".to_string(), spec)]),
            reduced_from: None,
        },
        // The kind does not matter to the engine.
        kind: "vad",
        spec: Arc::new(VadSpec { audio: VadAudio { sample_rate: 16_000, chunk_samples: 512, context_samples: 64 } }),
    }
}

fn load(folder: &ModelFolder) -> Result<Graph, EngineError> {
    let options = SessionOptions { precision: "fp32", why: None, providers: &[Provider::cpu()], require: None };
    engine().load(&GraphFile { folder, role: "g" }, &options)
}

/// A model folder with all fixtures in it, and another file of weights beside and above it.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    fs::create_dir(&path).unwrap();
    for entry in fs::read_dir(fixture("")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
    }
    for other in [place.path().join("outside.bin"), path.join("unlisted.bin")] {
        fs::copy(fixture("inside.onnx.data"), other).unwrap();
    }
    place
}

#[test]
fn listed_weights_are_read() {
    let place = place();
    let graph =
        load(&folder(&place.path().join("model"), "inside.onnx", &["inside.onnx", "inside.onnx.data"])).unwrap();
    let x = [Tensor::float(Array1::from(vec![1.0, 1.0, 1.0])).unwrap()];
    let y = graph.run(&[("x", &x)]).unwrap().take("y").pop().unwrap();
    assert_eq!(y.view().unwrap().as_slice().unwrap(), [2.0, 3.0, 5.0]);
}

#[test]
fn any_other_file_is_refused() {
    let place = place();
    let path = place.path().join("model");
    let mut seen = 0;
    for entry in fs::read_dir(&path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with("outside_") {
            continue;
        }
        for files in [&[name.as_str(), "inside.onnx.data"][..], &[name.as_str()]] {
            let error = load(&folder(&path, &name, files)).err().unwrap();
            assert!(matches!(error, EngineError::ExternalData { .. }), "{name}: {error}");
            assert!(error.to_string().contains(&name) && !error.to_string().contains('\n'), "{error}");
        }
        seen += 1;
    }
    assert_eq!(seen, 10);
    let unlisted = load(&folder(&path, "inside.onnx", &["inside.onnx"])).err().unwrap();
    assert!(matches!(unlisted, EngineError::ExternalData { .. }), "{unlisted}");
}

#[test]
fn weights_that_are_a_link_out_of_the_folder_are_refused() {
    let place = place();
    let path = place.path().join("model");
    let weights = path.join("inside.onnx.data");
    fs::remove_file(&weights).unwrap();
    std::os::unix::fs::symlink(place.path().join("outside.bin"), &weights).unwrap();
    let error = load(&folder(&path, "inside.onnx", &["inside.onnx", "inside.onnx.data"])).err().unwrap();
    assert!(error.to_string().contains("outside the model folder"), "{error}");
}

#[test]
fn weights_that_are_too_short_are_refused() {
    let place = place();
    let path = place.path().join("model");
    fs::write(path.join("inside.onnx.data"), [0; 8]).unwrap();
    let error = load(&folder(&path, "inside.onnx", &["inside.onnx", "inside.onnx.data"])).err().unwrap();
    assert!(error.to_string().contains("beyond the end of `inside.onnx.data`"), "{error}");
}

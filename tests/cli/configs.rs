//! The device files in configs/: each loads, and states what was tested on real hardware.

use std::fs;
use std::path::PathBuf;

use edgefuse::config::{Device, Provider, Wanted};
use edgefuse::models::read_folder;

use crate::binary::root;

fn files() -> Vec<PathBuf> {
    let folders = ["configs", "configs/examples"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let entries = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn the_boards_of_the_readme_are_there() {
    let names: Vec<_> = files().iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_string()).collect();
    for board in
        ["cpu", "datacenter-gpu", "jetson-agx-orin", "jetson-nano", "jetson-orin-nano", "raspberry-pi-5", "x86-igpu"]
    {
        assert!(names.iter().any(|name| name == board), "{board} is not among {names:?}");
    }
}

#[test]
fn every_device_file_loads() {
    for path in files() {
        let device = Device::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(device.name, path.file_stem().unwrap().to_str().unwrap());
        assert_eq!(device.base, root(), "{}", path.display());
        assert!(!device.pipeline.is_empty(), "{}", path.display());
        assert!(device.execution_providers.iter().any(|provider| matches!(provider, Provider::Cpu(_))));
        for entry in device.models.values() {
            // One is exported only for the board; the others come from the set-up.
            if entry.path.ends_with("onnx/blip-standard") {
                continue;
            }
            let folder = read_folder(entry).unwrap_or_else(|error| panic!("{error}"));
            for (role, graph) in &folder.common.graphs {
                let Wanted::Named(precision) = entry.precision.of(role) else { continue };
                assert!(graph.files.contains_key(precision), "{}: no {role} in {precision}", entry.origin);
            }
            for graph in
                entry.precision.graphs().chain(entry.execution_providers.graphs()).chain(entry.require.graphs())
            {
                assert!(folder.common.graphs.contains_key(graph), "{}: no graph {graph}", entry.origin);
            }
        }
    }
}

#[test]
fn every_device_file_says_what_was_seen() {
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let header: String = text.lines().take_while(|line| line.starts_with('#')).collect();
        let board = header.contains("Verified: ") && header.contains("Not verified: ");
        let workstation = header.contains("Developed and measured") || header.contains("ONNX Runtime older than");
        assert!(board || workstation, "{} does not say what was verified", path.display());
    }
}

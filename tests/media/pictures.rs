//! Pictures of every unusual kind against Pillow: tests/fixtures/pictures, made by scripts/dev.py make_fixtures_pictures.

use std::fs;
use std::path::{Path, PathBuf};

use edgefuse::media::image::{EXTENSIONS, load_with_warnings};
use serde_json::Value;

fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures").join(name)
}

fn known() -> serde_json::Map<String, Value> {
    serde_json::from_slice(&fs::read(picture("pictures.json")).unwrap()).unwrap()
}

/// Samples or error, width and height, and warnings of a file.
type Read = (Result<Vec<u8>, String>, (u32, u32), Vec<String>);

/// Reads a picture and checks that its warnings are lines without the path.
fn lines(name: &str) -> Read {
    let mut warnings = Vec::new();
    let loaded = load_with_warnings(&picture(name), &mut warnings);
    for line in &warnings {
        assert!(!line.contains('\n') && !line.contains("pictures/"), "{line}");
    }
    match loaded {
        Ok(image) => (Ok(image.to_vec()), image.dimensions(), warnings),
        Err(error) => (Err(error.to_string()), (0, 0), warnings),
    }
}

#[test]
fn every_kind_of_picture_is_read_as_pillow_reads_it() {
    let mut wrong = Vec::new();
    for (name, expected) in known() {
        let number = |key: &str| expected[key].as_u64().unwrap();
        let text = expected["pixels"].as_str().unwrap().as_bytes();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let pixels: Vec<u8> = text.as_chunks::<2>().0.iter().map(byte).collect();
        match lines(&name) {
            (Ok(found), size, warnings) => {
                let differ = found.iter().zip(&pixels).map(|(a, b)| a.abs_diff(*b)).max();
                if size != (number("width") as u32, number("height") as u32) || found.len() != pixels.len() {
                    wrong.push(format!("{name}: {size:?}"));
                } else if u64::from(differ.unwrap()) > number("tolerance") {
                    wrong.push(format!("{name}: off by {}", differ.unwrap()));
                }
                if warnings.len() as u64 != number("warnings") {
                    wrong.push(format!("{name}: warnings {warnings:?}"));
                }
            }
            (Err(error), ..) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_jpeg_without_all_of_its_pixels_is_cut_off() {
    for name in ["cut_off.jpg", "cut_off_progressive.jpg", "cut_off_header.jpg"] {
        assert_eq!(lines(name).0.unwrap_err(), "is cut off", "{name}");
    }
}

#[test]
fn a_png_without_all_of_its_pixels_is_an_error() {
    assert_eq!(lines("cut_off.png").0.unwrap_err(), "is cut off");
    assert!(lines("too_few_pixels.png").0.is_err());
}

#[test]
fn formats_that_are_not_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start, format) in [
        ("a.heic", &b"\0\0\0\x18ftypheic\0\0\0\0"[..], "HEIC"),
        ("b.heif", b"\0\0\0\x1cftypmif1\0\0\0\0", "HEIC"),
        ("c.avif", b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        ("d.jxl", b"\xff\x0a\0\0\0\0\0\0\0\0\0\0\0", "JPEG XL"),
        ("e.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, start).unwrap();
        let error = load_with_warnings(&path, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{format} is not supported: convert the image")), "{name}: {error}");
    }
}

#[test]
fn every_file_among_the_fixtures_has_a_known_extension() {
    for name in known().keys() {
        let extension = Path::new(name).extension().unwrap().to_str().unwrap();
        assert!(EXTENSIONS.contains(&extension), "{name}");
    }
}

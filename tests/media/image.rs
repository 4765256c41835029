//! Image files of every kind to pixels, and pixels to tensors.

use std::fs;

use edgefuse::media::image::{ImageError, PixelConfig, Resample, RgbImage, load, pixel_values, resize};

use crate::{fixture, floats, json};

fn filter(name: &str) -> Resample {
    match name {
        "box" => Resample::Box,
        "bilinear" => Resample::Bilinear,
        "hamming" => Resample::Hamming,
        "bicubic" => Resample::Bicubic,
        "lanczos" => Resample::Lanczos,
        other => panic!("{other}"),
    }
}

fn one_line(error: ImageError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.contains("tests/") && !text.contains("tmp"), "{text}");
    text
}

fn error_of(name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    one_line(load(&path).unwrap_err())
}

/// The largest difference between two samples.
fn difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// One file of every format and kind of compression.
pub const FORMATS: &[&str] = &[
    "format.png",
    "format.jpg",
    "format_progressive.jpg",
    "format.webp",
    "format_lossy.webp",
    "format.bmp",
    "format.tiff",
    "format.tga",
    "format.ico",
    "format.ppm",
    "format.qoi",
    "format.ff",
    "format.exr",
    "format.hdr",
    "format.gif",
    "format.dds",
];

#[test]
fn resizes_to_the_bit_as_pillow() {
    for case in json("resize.json").as_array().unwrap() {
        let source = load(&fixture(case["source"].as_str().unwrap())).unwrap();
        let name = case["file"].as_str().unwrap();
        let size = |key: &str| case[key].as_u64().unwrap() as u32;
        let resized = resize(&source, size("width"), size("height"), filter(case["resample"].as_str().unwrap()));
        let differing = resized.iter().zip(load(&fixture(name)).unwrap().iter()).filter(|(a, b)| a != b).count();
        assert_eq!(differing, 0, "{name}: samples that differ");
    }
}

#[test]
fn resizes_the_smallest_and_to_the_same_size() {
    let pixel = RgbImage::from_raw(1, 1, vec![10, 200, 255]).unwrap();
    for size in [1, 2, 384] {
        let resized = resize(&pixel, size, size, Resample::Bicubic);
        assert!(resized.pixels().all(|p| p.0 == [10, 200, 255]), "{size}");
    }
    let source = load(&fixture("resize_odd.png")).unwrap();
    assert_eq!(resize(&source, 37, 29, Resample::Lanczos), source);
    assert_eq!(resize(&source, 1, 1, Resample::Bicubic).dimensions(), (1, 1));
    assert!(resize(&source, 0, 5, Resample::Bicubic).is_empty());
    assert_eq!(resize(&RgbImage::new(0, 0), 2, 2, Resample::Bicubic).into_raw(), [0; 12]);
}

#[test]
fn pixel_values_equal_the_hugging_face_processor() {
    let config = json("blip_pixels.json");
    let triple = |key: &str| {
        let values = config[key].as_array().unwrap();
        std::array::from_fn(|channel| values[channel].as_f64().unwrap() as f32)
    };
    let config = PixelConfig {
        width: config["width"].as_u64().unwrap() as u32,
        height: config["height"].as_u64().unwrap() as u32,
        crop: None,
        split: None,
        resample: Resample::Bicubic,
        rescale: config["rescale"].as_f64().unwrap() as f32,
        mean: triple("mean"),
        std: triple("std"),
    };
    let values = pixel_values(&load(&fixture("resize_wide.png")).unwrap(), &config);
    assert_eq!(values.dim(), (1, 3, config.height as usize, config.width as usize));
    let worst = values
        .iter()
        .zip(floats("blip_pixels.f32"))
        .map(|(value, expected)| (value - expected).abs())
        .fold(0.0, f32::max);
    println!("max abs diff {worst:e}");
    assert!(worst <= 1e-5, "max abs diff {worst:e}");
}

#[test]
fn every_mode_becomes_rgb_as_in_transformers() {
    for mode in ["rgb", "rgba", "grey", "grey_alpha", "bilevel", "palette", "rgb16", "rgba16", "grey16"] {
        let image = load(&fixture(&format!("mode_{mode}.png"))).unwrap();
        let expected = fs::read(fixture(&format!("mode_{mode}.rgb"))).unwrap();
        assert_eq!(image.dimensions(), (9, 7), "{mode}");
        assert_eq!(image.into_raw(), expected, "{mode}");
    }
}

#[test]
fn every_format() {
    let expected = load(&fixture("format.png")).unwrap();
    for (name, tolerance) in [
        ("format.jpg", 4),
        ("format_progressive.jpg", 4),
        ("format_cmyk.jpg", 6),
        ("format.webp", 0),
        ("format_lossy.webp", 20),
        ("format.bmp", 0),
        ("format.tiff", 0),
        ("format.tga", 0),
        ("format.ico", 0),
        ("format.ppm", 0),
        ("format.qoi", 0),
        ("format.ff", 0),
        ("format.dds", 25),
        ("format.exr", 1),
        ("format.hdr", 1),
        ("format.gif", 30),
    ] {
        let image = load(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let worst = difference(&image, &expected);
        println!("{name}: {worst}");
        assert!(worst <= tolerance, "{name}: off by {worst}");
    }
    let grey = load(&fixture("format_grey.jpg")).unwrap();
    assert!(grey.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]));
}

#[test]
fn the_content_determines_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.jpg");
    fs::copy(fixture("format.png"), &path).unwrap();
    assert_eq!(load(&path).unwrap(), load(&fixture("format.png")).unwrap());
}

#[test]
fn exif_orientations_are_applied() {
    let upright = load(&fixture("orientation.png")).unwrap();
    for orientation in 1..=8 {
        let image = load(&fixture(&format!("orientation_{orientation}.jpg"))).unwrap();
        let worst = difference(&image, &upright);
        assert!(worst < 12, "orientation {orientation}: off by {worst}");
    }
}

#[test]
fn avif_is_named() {
    let text = one_line(load(&fixture("format.avif")).unwrap_err());
    assert!(text.starts_with("AVIF is not supported") && text.contains("ffmpeg"), "{text}");
}

/// A PNG file of one header chunk with these sizes, and nothing after.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(&chunk);
    bytes.extend(crc32(&chunk).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT");
    bytes.extend(crc32(b"IDAT").to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn a_picture_of_absurd_size_is_refused_from_its_header() {
    let text = error_of("huge.png", &png_header(30_000, 30_000));
    assert_eq!(text, "claims 30000 x 30000 pixels, more than the limit of 100 million: scale it down first");
    let mut bmp = fs::read(fixture("format.bmp")).unwrap();
    bmp[18..26].copy_from_slice(&[30_000u32, 30_000].map(u32::to_le_bytes).concat());
    assert!(error_of("huge.bmp", &bmp).starts_with("claims 30000 x 30000"));
    assert!(error_of("huge.ppm", b"P6 30000 30000 255\n").starts_with("claims 30000 x 30000"));
    let mut gif = fs::read(fixture("format.gif")).unwrap();
    gif[6..10].copy_from_slice(&[0x30, 0x75, 0x30, 0x75]);
    assert!(error_of("huge.gif", &gif).starts_with("claims 30000 x 30000"));
    let mut jpeg = fs::read(fixture("format.jpg")).unwrap();
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x75, 0x30, 0x75, 0x30]);
    assert!(error_of("huge.jpg", &jpeg).starts_with("claims 30000 x 30000"));
}

#[test]
fn a_picture_without_pixels_is_refused() {
    assert_eq!(error_of("none.png", &png_header(0, 5)), "is damaged: its data is invalid in its format");
    assert_eq!(error_of("none.ppm", b"P6 4 0 255\n"), "has no pixels: it claims 4 x 0");
    assert_eq!(error_of("none.ff", b"farbfeld\0\0\0\0\0\0\0\x03"), "has no pixels: it claims 0 x 3");
    let mut gif = fs::read(fixture("format.gif")).unwrap();
    gif[8..10].fill(0);
    assert!(error_of("none.gif", &gif).starts_with("has no pixels: it claims"));
    let mut bmp = fs::read(fixture("format.bmp")).unwrap();
    bmp[18..22].fill(0);
    assert_eq!(error_of("none.bmp", &bmp), "has no pixels: it claims 0 x 16");
}

#[test]
fn a_file_that_is_cut_off_is_an_error() {
    for name in FORMATS {
        let bytes = fs::read(fixture(name)).unwrap();
        for tenths in [2, 5, 9] {
            // The last tenth of the animation is its second picture, that of the small PNG file its end chunk: neither
            // is wanted.
            if ["format.gif", "format.png"].contains(name) && tenths == 9 {
                continue;
            }
            let cut = bytes.len() * tenths / 10;
            let text = error_of(name, &bytes[..cut]);
            println!("{name} cut at {cut}: {text}");
        }
    }
}

#[test]
fn a_thumbnail_does_not_hide_that_a_jpeg_is_cut_off() {
    // The end marker of a thumbnail inside a comment, ahead of a picture that is cut off.
    let bytes = fs::read(fixture("format.jpg")).unwrap();
    let start = [&bytes[..2], &[0xff, 0xfe, 0, 6, 0xff, 0xd8, 0xff, 0xd9]].concat();
    assert_eq!(error_of("cut.jpg", &[&start, &bytes[2..bytes.len() - 40]].concat()), "is cut off");
    // Data that cameras append to a complete picture does no harm.
    let file = [&start, &bytes[2..], &[1, 2, 3]].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.jpg");
    fs::write(&path, file).unwrap();
    load(&path).unwrap();
}

#[test]
fn bad_files_say_what_is_wrong() {
    assert_eq!(error_of("empty.png", b""), "is an empty file");
    for name in ["text.png", "text.jpg", "text"] {
        assert!(error_of(name, b"This is no picture.").starts_with("is not an image in a known format"), "{name}");
    }
    error_of("text.tga", b"This is no picture, though its name says so.");
    let mut png = fs::read(fixture("format.png")).unwrap();
    let data = png.windows(4).position(|chunk| chunk == b"IDAT").unwrap();
    for byte in &mut png[data + 8..data + 16] {
        *byte ^= 0xff;
    }
    assert!(error_of("corrupt.png", &png).starts_with("is damaged: "));
    assert!(error_of("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").starts_with("HEIC is not supported"));
}

#[test]
fn paths_that_are_not_files() {
    let folder = tempfile::tempdir().unwrap();
    let missing = one_line(load(&folder.path().join("missing.png")).unwrap_err());
    assert!(missing.contains("No such file"), "{missing}");
    assert_eq!(one_line(load(folder.path()).unwrap_err()), "is a directory, not a file");
    let device = one_line(load("/dev/zero".as_ref()).unwrap_err());
    assert!(device.starts_with("is not a regular file"), "{device}");
}

/// An ICO file of one PNG picture.
fn ico(png: &[u8]) -> Vec<u8> {
    let mut file = b"\0\0\x01\0\x01\0\x07\x09\0\0\x01\0\x18\0".to_vec();
    file.extend((png.len() as u32).to_le_bytes());
    file.extend(22u32.to_le_bytes());
    file.extend(png);
    file
}

#[test]
fn a_png_picture_without_alpha_in_an_ico_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.ico");
    for name in ["mode_rgb.png", "mode_palette.png", "mode_grey.png"] {
        let png = fs::read(fixture(name)).unwrap();
        fs::write(&path, ico(&png)).unwrap();
        assert_eq!(load(&path).unwrap(), load(&fixture(name)).unwrap(), "{name}");
    }
    assert!(error_of("bad.ico", &ico(b"\x89PNG\r\n\x1a\nand no more")).len() < 100);
}

#[test]
fn errors_name_no_types_of_libraries() {
    let mut tiff = fs::read(fixture("format.tiff")).unwrap();
    let compression = tiff.windows(8).position(|tag| tag == [3, 1, 3, 0, 1, 0, 0, 0]).unwrap() + 8;
    tiff[compression..compression + 2].copy_from_slice(&34_925u16.to_le_bytes());
    assert!(error_of("lzma.tiff", &tiff).starts_with("this kind of TIFF compression is not supported"));
    let mut dds = fs::read(fixture("format.dds")).unwrap();
    dds[84..88].copy_from_slice(b"ABCD");
    assert!(error_of("odd.dds", &dds).starts_with("this kind of DDS"), "{}", error_of("odd.dds", &dds));
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(5);
    let mut errors = 0;
    for name in FORMATS {
        let whole = fs::read(fixture(name)).unwrap();
        let path = folder.path().join(name);
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len().min(120));
                bytes[at] = random.u8(..);
            }
            fs::write(&path, bytes).unwrap();
            let Err(error) = load(&path) else { continue };
            errors += 1;
            let text = error.to_string();
            for part in ["{", "::", "Unknown(", "decoding", "Tiff", "Error", "Format"] {
                assert!(!text.contains(part), "{name}: {text}");
            }
        }
    }
    assert!(errors > 100, "{errors}");
}

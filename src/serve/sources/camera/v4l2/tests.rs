//! The calls against the answers of devices. Numbers and layouts are those of `linux/videodev2.h`.

use std::cell::RefCell;
use std::io;

use edgefuse::config::FrameSize;
use edgefuse::media::video::PixelFormat;

use super::calls::{
    Calls, DQBUF, ENUM_FMT, ENUM_FRAMESIZES, Filled, PictureFormat, QBUF, QUERYBUF, QUERYCAP, REQBUFS, S_FMT, S_PARM,
    STREAMOFF, STREAMON, get, set,
};
use super::choose::Coding;
use super::negotiate;
use crate::serve::sources::camera::Wanted;

/// A format with its sizes.
type Format = (&'static [u8; 4], Vec<(u32, u32)>);

/// A camera such as Logitech's C270: raw and compressed frames of the same sizes.
struct Webcam {
    formats: Vec<Format>,
    capabilities: u32,
    asked: RefCell<Vec<u32>>,
    /// The format that the driver insists on.
    insists: Option<(&'static [u8; 4], u32, u32)>,
}

impl Default for Webcam {
    fn default() -> Self {
        let sizes = vec![(640, 480), (160, 120), (320, 240), (432, 240), (800, 600), (1280, 720), (1280, 960)];
        Webcam {
            formats: vec![(b"YUYV", sizes.clone()), (b"MJPG", sizes)],
            capabilities: 0x8420_0001,
            asked: RefCell::default(),
            insists: None,
        }
    }
}

impl Calls for Webcam {
    fn call(&self, request: u32, argument: &mut [u8]) -> io::Result<()> {
        assert_eq!(argument.len(), (request >> 16 & 0x3fff) as usize);
        self.asked.borrow_mut().push(request);
        let end = || io::Error::from_raw_os_error(libc::EINVAL);
        match request {
            QUERYCAP => {
                argument[..8].copy_from_slice(b"uvcvideo");
                set(argument, 84, self.capabilities);
                set(argument, 88, 0x0420_0001);
            }
            ENUM_FMT => {
                let (code, _) = self.formats.get(get(argument, 0) as usize).ok_or_else(end)?;
                argument[44..48].copy_from_slice(*code);
            }
            ENUM_FRAMESIZES => {
                let code = get(argument, 4).to_le_bytes();
                let (_, sizes) = self.formats.iter().find(|(known, _)| **known == code).ok_or_else(end)?;
                let (width, height) = *sizes.get(get(argument, 0) as usize).ok_or_else(end)?;
                set(argument, 8, 1);
                set(argument, 12, width);
                set(argument, 16, height);
            }
            S_FMT => {
                if let Some((code, width, height)) = self.insists {
                    argument[16..20].copy_from_slice(code);
                    set(argument, 8, width);
                    set(argument, 12, height);
                }
                let width = get(argument, 8);
                set(argument, 24, if argument[16..20] == *b"YUYV" { 2 * width } else { 0 });
            }
            S_PARM => assert_eq!((get(argument, 12), get(argument, 16)), (1_000, 5_000)),
            _ => panic!("{request:x}"),
        }
        Ok(())
    }
}

fn wanted(size: Option<(u32, u32)>, least: u32) -> Wanted {
    let size = size.map(|(width, height)| FrameSize { width, height });
    Wanted { size, least: FrameSize { width: least, height: least }, fps: 5.0 }
}

#[test]
fn the_requests_are_those_of_the_kernel() {
    // Printed by a C program that includes linux/videodev2.h, on x86-64 and aarch64.
    let all = [QUERYCAP, ENUM_FMT, S_FMT, REQBUFS, QUERYBUF, QBUF, DQBUF, STREAMON, STREAMOFF, S_PARM, ENUM_FRAMESIZES];
    let expected = [
        0x8068_5600,
        0xc040_5602,
        0xc0d0_5605,
        0xc014_5608,
        0xc058_5609,
        0xc058_560f,
        0xc058_5611,
        0x4004_5612,
        0x4004_5613,
        0xc0cc_5616,
        0xc02c_564a_u32,
    ];
    assert_eq!(all, expected);
}

#[test]
fn the_least_size_that_models_need_is_negotiated() {
    for (least, expected, coding) in [
        (64, (160, 120), Coding::Pixels(PixelFormat::Yuyv)),
        (224, (320, 240), Coding::Pixels(PixelFormat::Yuyv)),
        (384, (640, 480), Coding::Pixels(PixelFormat::Yuyv)),
        // Raw frames of this size would not fit through USB 2.
        (500, (800, 600), Coding::Files),
        (2000, (1280, 960), Coding::Files),
    ] {
        let (format, found) = negotiate(&Webcam::default(), wanted(None, least)).unwrap();
        assert_eq!(((format.width, format.height), found), (expected, coding), "{least}");
    }
}

#[test]
fn a_size_in_the_device_file_is_asked_for() {
    let (format, coding) = negotiate(&Webcam::default(), wanted(Some((1280, 720)), 384)).unwrap();
    assert_eq!((format.width, format.height, coding), (1280, 720, Coding::Files));
}

#[test]
fn the_drivers_answer_counts() {
    let webcam = Webcam { insists: Some((b"YUYV", 352, 288)), ..Webcam::default() };
    let (format, _) = negotiate(&webcam, wanted(None, 384)).unwrap();
    let code = u32::from_le_bytes(*b"YUYV");
    assert_eq!(format, PictureFormat { code, width: 352, height: 288, stride: 704 });
    let odd = Webcam { insists: Some((b"H264", 640, 480)), ..Webcam::default() };
    assert!(negotiate(&odd, wanted(None, 384)).unwrap_err().contains("format H264"));
}

#[test]
fn devices_that_cannot_be_used_are_explained() {
    let metadata = Webcam { capabilities: 0x0480_0000, ..Webcam::default() };
    assert!(negotiate(&metadata, wanted(None, 384)).unwrap_err().contains("captures no video"));
    let h264 = Webcam { formats: vec![(b"H264", vec![(640, 480)])], ..Webcam::default() };
    assert!(negotiate(&h264, wanted(None, 384)).unwrap_err().ends_with("H264"));
}

/// A device with one filled buffer.
struct Filling;

impl Calls for Filling {
    fn call(&self, request: u32, argument: &mut [u8]) -> io::Result<()> {
        assert_eq!(request, DQBUF);
        assert_eq!((get(argument, 4), get(argument, 60)), (1, 1));
        for (at, value) in [(0, 3), (8, 5_000), (12, 0x2041), (24, 7), (32, 250_000)] {
            set(argument, at, value);
        }
        Ok(())
    }
}

#[test]
fn a_filled_buffer_has_its_length_time_and_flags() {
    let filled = Filling.dequeue().unwrap();
    let expected = Filled { index: 3, bytes: 5_000, at: Some(7_250_000_000), is_damaged: true };
    assert_eq!(filled, Some(expected));
}

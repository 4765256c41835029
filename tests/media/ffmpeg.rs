//! Formats that only ffmpeg reads: with fakes, and with the installed ffmpeg, if any.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use edgefuse::config::Ffmpeg;
use edgefuse::media::audio::{AudioFile, LiveReader, load};

use crate::audio::one_line;
use crate::fixture;

const RATE: u32 = 16_000;

#[test]
fn an_ffmpeg_that_is_named_and_does_not_start_is_an_error() {
    let file = AudioFile::new(fixture("burst_gsm.wav")).with_ffmpeg(Ffmpeg::Program("/nowhere/ffmpeg".into()));
    let text = one_line(file.load(RATE, &mut Vec::new()).unwrap_err());
    assert!(text.starts_with("cannot be decoded with ffmpeg: /nowhere/ffmpeg does not start"), "{text}");
}

/// A fake ffmpeg.
fn stand_in(folder: &Path, script: &str) -> Ffmpeg {
    let path = folder.join("ffmpeg");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Ffmpeg::Program(path)
}

#[test]
fn ffmpeg_reads_the_file_that_we_opened_and_is_named_in_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let answer = fixture("burst.wav").display().to_string();
    let ffmpeg = stand_in(folder.path(), &format!("head -c 4 >{}/seen; cat '{answer}'", folder.path().display()));
    let mut warnings = Vec::new();
    let file = AudioFile::new(fixture("burst_speex.ogg")).with_ffmpeg(ffmpeg);
    assert_eq!(file.load(RATE, &mut warnings).unwrap(), load(&fixture("burst.wav"), RATE).unwrap());
    assert_eq!(warnings, ["decoded by ffmpeg, because there is no built-in decoder"]);
    assert_eq!(fs::read(folder.path().join("seen")).unwrap(), b"OggS");

    let ffmpeg = stand_in(folder.path(), "echo '[speex @ 0x1] [error] no such luck' >&2; exit 1");
    let file = AudioFile::new(fixture("burst_speex.ogg")).with_ffmpeg(ffmpeg);
    let text = one_line(file.load(RATE, &mut Vec::new()).unwrap_err());
    assert_eq!(text, "cannot be decoded with ffmpeg: no such luck");
}

#[test]
fn a_built_in_decoder_is_preferred_to_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("asked");
    let ffmpeg = stand_in(folder.path(), &format!("touch {}", mark.display()));
    AudioFile::new(fixture("burst.mp3")).with_ffmpeg(ffmpeg).load(RATE, &mut Vec::new()).unwrap();
    assert!(!mark.exists());
}

#[test]
fn an_ffmpeg_that_does_not_end_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let answer = fixture("burst.wav").display().to_string();
    let ffmpeg = stand_in(folder.path(), &format!("cat '{answer}'; exec >/dev/null; exec sleep 600"));
    let mut warnings = Vec::new();
    AudioFile::new(fixture("burst_speex.ogg")).with_ffmpeg(ffmpeg).load(RATE, &mut warnings).unwrap();
    assert!(warnings.iter().any(|line| line == "ffmpeg stopped early: it did not report why"), "{warnings:?}");
}

#[test]
fn playlists_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target.wav");
    fs::copy(fixture("burst.wav"), &target).unwrap();
    let target = target.display();
    let playlists = [
        ("list.m3u8", format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{target}\n#EXT-X-ENDLIST\n")),
        ("list.mp3", format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n")),
        ("list.txt", format!("ffconcat version 1.0\nfile '{target}'\n")),
        ("list.avi", format!("ffconcat version 1.0\nfile 'file:{target}'\n")),
        ("list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n".into()),
        (
            "list.mpd",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><Period><AdaptationSet mimeType=\"audio/mp4\"><Representation id=\"1\"><BaseURL>file://{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
            ),
        ),
        ("list.pls", format!("[playlist]\nFile1={target}\nNumberOfEntries=1\n")),
    ];
    for (name, content) in playlists {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let file = AudioFile::new(&path).with_ffmpeg(Ffmpeg::Auto);
        let error = file.load(16_000, &mut Vec::new()).expect_err(name).to_string();
        assert!(error.starts_with("is not audio in a known format"), "{name}: {error}");
    }
}

/// Films and the like, whose bytes contain what looks like frames of mp3.
fn with_frames(beginning: &[u8]) -> Vec<u8> {
    [beginning, &[0; 600], &fs::read(fixture("burst_22050.mp3")).unwrap()].concat()
}

/// Beginnings of formats that have no built-in decoder, and their names.
fn unsupported() -> Vec<(Vec<u8>, &'static str)> {
    let mut transport = vec![0xff; 188 * 4];
    (0..4).for_each(|packet| transport[188 * packet] = 0x47);
    // 32 kbit/s at 48,000 Hz: 128 bytes each.
    let mut dolby = vec![0; 128 * 3];
    (0..3).for_each(|frame| dolby[128 * frame..][..6].copy_from_slice(&[0x0b, 0x77, 1, 2, 0, 0x40]));
    vec![
        (b"RIFF\x40\x42\x0f\0AVI LIST".to_vec(), "AVI"),
        (b"\0\0\x01\xba\x44\0\x04\0\x04\x01".to_vec(), "an MPEG program stream"),
        (transport, "an MPEG transport stream"),
        (dolby, "AC-3"),
        (b"\x7f\xfe\x80\x01\xfc\x3c".to_vec(), "DTS"),
        (b"FLV\x01\x05".to_vec(), "FLV"),
        (b"wvpk\x10\x20\0\0\x10\x04".to_vec(), "WavPack"),
        (b"Creative Voice File\x1a\x1a\0\x0a\x01".to_vec(), "VOC"),
    ]
}

#[test]
fn a_film_is_given_to_ffmpeg_and_not_searched_for_frames() {
    let folder = tempfile::tempdir().unwrap();
    let answer = fixture("burst.wav").display().to_string();
    let ffmpeg = stand_in(folder.path(), &format!("cat >/dev/null; cat '{answer}'"));
    let path = folder.path().join("film");
    let unknown = (b"some film".to_vec(), "");
    for (beginning, name) in unsupported().into_iter().chain([unknown]) {
        fs::write(&path, with_frames(&beginning)).unwrap();
        let file = AudioFile::new(&path).with_ffmpeg(ffmpeg.clone());
        let mut warnings = Vec::new();
        assert_eq!(file.load(RATE, &mut warnings).unwrap(), load(&fixture("burst.wav"), RATE).unwrap(), "{name}");
        assert_eq!(warnings, ["decoded by ffmpeg, because there is no built-in decoder"], "{name}");
        let outcome = AudioFile::new(&path).with_ffmpeg(Ffmpeg::Never).load(RATE, &mut Vec::new());
        if name.is_empty() {
            // The last resort.
            assert!(outcome.unwrap().len() > 6_000);
        } else {
            let text = one_line(outcome.unwrap_err());
            assert!(text.starts_with(&format!("{name} is not supported without ffmpeg")), "{text}");
        }
        let live = LiveReader::new(Cursor::new(with_frames(&beginning)), RATE).err().map(|error| error.to_string());
        let text = live.unwrap_or_default();
        assert!(name.is_empty() || text.starts_with(&format!("is {name}, which cannot be read")), "{name}: {text}");
    }
}

#[test]
fn a_file_that_is_cut_off_before_its_first_sample_is_given_to_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let answer = fixture("burst.wav").display().to_string();
    let ffmpeg = stand_in(folder.path(), &format!("cat >/dev/null; cat '{answer}'"));
    let path = folder.path().join("cut");
    fs::write(&path, &fs::read(fixture("burst.wav")).unwrap()[..30]).unwrap();
    let never = AudioFile::new(&path).with_ffmpeg(Ffmpeg::Never).load(RATE, &mut Vec::new());
    let text = one_line(never.unwrap_err());
    assert_eq!(text, "is cut off before its first sample");
    assert_eq!(AudioFile::new(&path).with_ffmpeg(ffmpeg).load(RATE, &mut Vec::new()).unwrap().len(), 8000);
}

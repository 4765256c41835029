//! Formats that only ffmpeg reads: with fakes, and with the installed ffmpeg, if any.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use edgefuse::config::Ffmpeg;
use edgefuse::media::audio::{AudioFile, load};

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

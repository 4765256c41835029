//! An installed ffmpeg: a child process that reads a file and writes to a pipe.
//!
//! The file is untrusted. ffmpeg receives an open file handle, may open nothing else, and may use only self-contained
//! formats: playlists and the like could refer to other files or addresses.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::Ffmpeg;

/// Maximum time that ffmpeg may run without producing a sample.
const PATIENCE: Duration = Duration::from_secs(60);

/// Maximum time for ffmpeg to exit after its last sample.
const GRACE: Duration = Duration::from_secs(2);

/// Number of bytes read from ffmpeg at a time, and maximum number of such blocks that wait.
const BLOCK_LEN: usize = 1 << 16;
const MOST_WAITING: usize = 8;

/// Maximum number of characters kept of an ffmpeg message.
const LONGEST_MESSAGE: usize = 200;

/// Demuxers that read nothing but the file.
const FORMATS: &str = "3gp,aa,aac,aax,ac3,act,adp,adx,aea,aiff,alp,amr,amrnb,amrwb,ape,apm,asf,asf_o,ast,au,avi,avr,\
bfstm,bit,boa,brstm,caf,daud,dsf,dss,dts,dtshd,dv,eac3,epaf,ffwavesynth,flac,flv,g722,g723_1,g726,g729,gsm,gxf,hca,ilbc,\
ircam,iss,kvag,live_flv,lmlm4,loas,m4a,m4v,matroska,mca,mj2,mlp,mmf,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,mtaf,mtv,musx,mxf,\
nistsphere,nut,ogg,oma,osq,paf,pmp,pva,pvf,qcp,rm,roq,rso,sbc,shn,sol,sox,svag,swf,tak,thp,truehd,tta,txd,vag,voc,vpk,\
vqf,w64,wav,wc3movie,webm,wsaud,wsd,wsvqa,wtv,wv,wve,xa,xvag,xwma";

/// The ffmpeg to use; `None` if none is installed, or none may be used.
pub(super) fn program(ffmpeg: &Ffmpeg) -> Option<PathBuf> {
    match ffmpeg {
        Ffmpeg::Never => None,
        Ffmpeg::Auto => installed(),
        Ffmpeg::Program(path) => Some(path.clone()),
    }
}

/// The running program; killed when it is no longer needed.
pub(super) struct Process {
    child: Child,
    messages: Arc<Mutex<Messages>>,
}

/// Messages of ffmpeg so far.
#[derive(Default)]
struct Messages {
    /// The last error.
    error: String,
    /// Number of audio tracks of the file.
    tracks: usize,
    /// Whether the following messages concern ffmpeg's output.
    about_output: bool,
}

impl Process {
    /// Starts ffmpeg on `file`, from its beginning: its process, and what it writes to `pipe:1`. `arguments` follow the
    /// input.
    ///
    /// # Errors
    /// One line, if it cannot be started.
    pub fn start(program: &Path, file: &File, arguments: &[&str]) -> Result<(Self, Output), String> {
        let open = || {
            let mut file = file.try_clone()?;
            file.seek(SeekFrom::Start(0))?;
            Ok(file)
        };
        let file = open().map_err(|error: io::Error| format!("the file cannot be read again: {error}"))?;
        let mut command = Command::new(program);
        command.args(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info"]);
        command.args(["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i", "file:/dev/stdin"]);
        command.args(arguments).stdin(file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |error| format!("{} does not start: {error}", program.display());
        let mut process = Process { child: command.spawn().map_err(failed)?, messages: Arc::default() };
        let output = Output::new(process.child.stdout.take());
        process.listen();
        Ok((process, output))
    }

    /// Reads ffmpeg's messages on a separate thread, so that ffmpeg never blocks.
    fn listen(&mut self) {
        let Some(stderr) = self.child.stderr.take() else { return };
        let messages = self.messages.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(stderr);
            let mut line = Vec::new();
            // A line without an end is read in pieces.
            while (&mut lines).take(4096).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                messages.lock().unwrap_or_else(PoisonError::into_inner).note(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
    }

    /// Why ffmpeg could not read the file.
    pub fn reason(&mut self) -> String {
        // It has closed its output, so it is about to exit.
        let _ = self.child.kill();
        let _ = self.child.wait();
        thread::sleep(Duration::from_millis(50));
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.error.is_empty() { "it ended without an error message".to_string() } else { messages.error.clone() }
    }

    /// Number of audio tracks of the file.
    pub fn audio_tracks(&self) -> usize {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).tracks
    }

    /// The exit status, or `None` if it does not exit although it has closed its output.
    fn ended(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
        let _ = self.child.kill();
        None
    }

    /// Adds the warnings about a file that was read to its end.
    pub fn finish(&mut self, warnings: &mut Vec<String>) {
        let succeeded = self.ended().is_some_and(|status| status.success());
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if !succeeded {
            let error = if messages.error.is_empty() { "it did not report why" } else { &messages.error };
            warnings.push(format!("ffmpeg stopped early: {error}"));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Messages {
    fn note(&mut self, line: &str) {
        self.about_output |= line.contains("Stream mapping:") || line.contains("Output #0");
        if !self.about_output && line.contains("Stream #0:") && line.contains(": Audio: ") {
            self.tracks += 1;
        }
        if let Some((_, text)) = line.split_once("[error] ").or_else(|| line.split_once("[fatal] ")) {
            let text = text.trim().trim_start_matches("file:/dev/stdin: ");
            self.error = text.chars().filter(|character| !character.is_control()).take(LONGEST_MESSAGE).collect();
        }
    }
}

/// Output of ffmpeg, with a timeout.
pub(super) struct Output {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    position: usize,
}

impl Output {
    fn new(stdout: Option<ChildStdout>) -> Self {
        let (sender, blocks) = mpsc::sync_channel(MOST_WAITING);
        // The thread ends with ffmpeg, or once the receiver is gone.
        thread::spawn(move || {
            let Some(mut stdout) = stdout else { return };
            loop {
                let mut block = vec![0; BLOCK_LEN];
                let sent = match stdout.read(&mut block) {
                    Ok(0) => return,
                    Ok(read) => {
                        block.truncate(read);
                        sender.send(Ok(block))
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
                    Err(error) => sender.send(Err(error)),
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), position: 0 }
    }
}

impl Read for Output {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.position == self.block.len() {
            self.block = match self.blocks.recv_timeout(PATIENCE) {
                Ok(block) => block?,
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = PATIENCE.as_secs();
                    return Err(io::Error::new(
                        ErrorKind::TimedOut,
                        format!("ffmpeg made no progress for {seconds} s"),
                    ));
                }
            };
            self.position = 0;
        }
        let rest = &self.block[self.position..];
        let len = rest.len().min(bytes.len());
        bytes[..len].copy_from_slice(&rest[..len]);
        self.position += len;
        Ok(len)
    }
}

/// `ffmpeg` on `PATH`, ignoring relative folders, which would depend on the current folder.
fn installed() -> Option<PathBuf> {
    let is_program =
        |path: &PathBuf| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    env::split_paths(&env::var_os("PATH")?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("ffmpeg"))
        .find(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_kept_without_what_ffmpeg_calls_the_file() {
        let mut messages = Messages::default();
        messages.note("[mov,mp4 @ 0x55] [error] moov atom not found\n");
        messages.note("[info]   Stream #0:0: Audio: aac, 48000 Hz\n");
        messages.note("[info]   Stream #0:1: Audio: aac, 48000 Hz\n");
        messages.note("[info] Stream mapping:\n");
        messages.note("[info]   Stream #0:0: Audio: pcm_f32le, 48000 Hz\n");
        messages.note("[error] file:/dev/stdin: Invalid data found when processing input\n");
        assert_eq!(messages.error, "Invalid data found when processing input");
        assert_eq!(messages.tracks, 2);
    }
}

//! A command whose standard output is a source's data.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::redact::redacted;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use super::guardian::Guardian;
use super::stop::Stop;

/// Interval at which a reader checks whether the service stops.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Maximum time for a command to exit after its last byte.
const GRACE: Duration = Duration::from_millis(500);

/// Number of characters kept of the last line that a command writes to standard error.
const LONGEST_LINE: usize = 300;

/// A running command. Dropped, the command and the processes that it started are killed, as far as they are in its group;
/// so they are if this process is killed.
pub struct ChildStream {
    child: Child,
    _guardian: Option<Guardian>,
    stdout: ChildStdout,
    program: String,
    said: Arc<Mutex<String>>,
    /// Reads standard error.
    listener: thread::JoinHandle<()>,
    stall: Duration,
    stop: Stop,
}

impl ChildStream {
    /// Starts a command, program and arguments, in a folder. Reading from it fails if it writes nothing for `stall`.
    ///
    /// # Errors
    /// One line: an empty command, or a program that does not start.
    pub fn start(words: &[String], folder: &Path, stall: Duration, stop: &Stop) -> Result<Self, String> {
        let (program, arguments) = words.split_first().ok_or("the command is empty")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        if !folder.as_os_str().is_empty() {
            command.current_dir(folder);
        }
        // SAFETY: `prctl` is async-signal-safe, and nothing else is called between fork and exec.
        unsafe {
            // A command must not outlive a service that was killed, not even where there is no shell for its guardian.
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let mut child = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("`{program}` is not installed"),
            _ => format!("cannot start `{program}`: {error}"),
        })?;
        let guardian = Guardian::of(child.id());
        let said = Arc::new(Mutex::new(String::new()));
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(format!("cannot start `{program}`: no pipes"));
        };
        let last = said.clone();
        let listener = thread::spawn(move || keep_last_line(stderr, &last));
        Ok(ChildStream {
            child,
            _guardian: guardian,
            stdout,
            program: program.clone(),
            said,
            listener,
            stall,
            stop: stop.clone(),
        })
    }

    /// Why its output has ended, in one line.
    pub fn ending(&mut self) -> String {
        let status = self.status();
        // What it said last may still be on the way.
        let until = Instant::now() + GRACE;
        while !self.listener.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        let how = match status {
            None => "closed its output".to_string(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(0), _) => "ended".to_string(),
                (Some(code), _) => format!("failed with exit code {code}"),
                (None, signal) => format!("was killed by signal {}", signal.unwrap_or(0)),
            },
        };
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failed = !status.is_some_and(|status| status.success());
        match failed && !said.is_empty() {
            true => format!("`{}` {how}: {said}", self.program),
            false => format!("`{}` {how}", self.program),
        }
    }

    fn status(&mut self) -> Option<ExitStatus> {
        let until = Instant::now() + GRACE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }
}

impl Read for ChildStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let started = Instant::now();
        loop {
            if self.stop.is_set() {
                return Err(io::Error::other("the service stops"));
            }
            let ready = poll(&mut [PollFd::new(&self.stdout.as_fd(), PollFlags::IN)], Some(&LOOK));
            match ready {
                Ok(0) if started.elapsed() >= self.stall => {
                    let problem = format!("`{}` wrote nothing for {} s", self.program, self.stall.as_secs_f64());
                    return Err(io::Error::new(ErrorKind::TimedOut, problem));
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.stdout.read(bytes),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for ChildStream {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Reads what a command writes to standard error, so that it never blocks, and keeps the last line without credentials.
fn keep_last_line(stderr: impl Read, last: &Mutex<String>) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.by_ref().take(1 << 16).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text: String = text.trim().chars().filter(|char| !char.is_control()).take(LONGEST_LINE).collect();
                if !text.is_empty() {
                    *last.lock().unwrap_or_else(PoisonError::into_inner) = redacted(&text).into_owned();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str, stall_ms: u64) -> ChildStream {
        let words = ["sh", "-c", script].map(String::from);
        ChildStream::start(&words, Path::new(""), Duration::from_millis(stall_ms), &Stop::default()).unwrap()
    }

    #[test]
    fn output_is_read_to_its_end_and_the_end_is_explained() {
        let mut text = String::new();
        let mut child = start("echo heard; echo 'rtsp://u:p@cam refused' >&2; exit 3", 5_000);
        child.read_to_string(&mut text).unwrap();
        assert_eq!(text, "heard\n");
        assert_eq!(child.ending(), "`sh` failed with exit code 3: rtsp://***@cam refused");
        let mut child = start("true", 5_000);
        child.read_to_string(&mut text).unwrap();
        assert_eq!(child.ending(), "`sh` ended");
    }

    #[test]
    fn a_command_that_stalls_is_reported_and_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let mut child = start(&format!("(sleep 1; touch {}) & echo x; sleep 60", mark.display()), 300);
        let error = child.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "`sh` wrote nothing for 0.3 s");
        drop(child);
        thread::sleep(Duration::from_millis(1_200));
        assert!(!mark.exists());
    }

    #[test]
    fn a_missing_program_is_named() {
        let words = ["edgefuse-no-such-program".to_string()];
        let error = ChildStream::start(&words, Path::new(""), Duration::from_secs(1), &Stop::default()).err().unwrap();
        assert_eq!(error, "`edgefuse-no-such-program` is not installed");
    }

    #[test]
    fn a_stopping_service_does_not_wait() {
        let stop = Stop::default();
        let words = ["sleep", "60"].map(String::from);
        let mut child = ChildStream::start(&words, Path::new(""), Duration::from_secs(60), &stop).unwrap();
        stop.set();
        let started = Instant::now();
        assert!(child.read(&mut [0]).is_err());
        drop(child);
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

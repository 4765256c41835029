//! Runs a command in a child process, so that the parent can report what happened if a library kills it.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write};

/// Which of the two processes goes on.
pub(super) enum Side {
    /// The child, which does the work.
    Child(Stage),
    /// The parent, after the child ended.
    Parent(Ended),
}

/// How the child ended.
pub(super) enum Ended {
    /// With this exit code; it said why itself.
    Code(u8),
    /// By a signal.
    Crash(Crash),
}

/// Where the child says what it is about to do.
pub(super) struct Stage(Option<PipeWriter>);

impl Stage {
    /// Names what would be to blame if the process ended now: a file, or a graph.
    pub fn at(&self, what: &str) {
        if let Some(mut pipe) = self.0.as_ref() {
            // The parent reads until the end; if it is gone nobody wants to know.
            let _ = pipe.write_all(format!("{}\n", what.replace('\n', " ")).as_bytes());
        }
    }
}

/// A process that a signal ended.
pub(super) struct Crash {
    signal: i32,
    at: String,
}

impl fmt::Display for Crash {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        const OTHER: &str = "use another version of ONNX Runtime (`runtime.library` or ORT_DYLIB_PATH), built for this processor and system";
        let (name, advice) = match self.signal {
            libc::SIGILL => ("SIGILL (illegal instruction)", OTHER),
            libc::SIGABRT => ("SIGABRT (it gave up)", OTHER),
            libc::SIGBUS => ("SIGBUS (bus error)", OTHER),
            libc::SIGFPE => ("SIGFPE (arithmetic error)", OTHER),
            libc::SIGSEGV => ("SIGSEGV (invalid memory access)", OTHER),
            libc::SIGSYS => ("SIGSYS (forbidden system call)", "allow what ONNX Runtime asks of the system"),
            libc::SIGKILL => {
                ("SIGKILL, most likely for want of memory", "use a smaller precision or model, or allow more memory")
            }
            _ => ("a signal", OTHER),
        };
        write!(formatter, "{}: the process ended with {name} [{}]; {advice}", self.at, self.signal)
    }
}

/// Starts a child that goes on in place of this process; the parent waits for it. Where there can be no child the work is
/// done here.
///
/// A copy of this process, not a new one: it needs no /proc to find the program, and under an emulator it stays emulated.
pub(super) fn watched() -> Side {
    let Ok((reader, writer)) = io::pipe() else { return Side::Child(Stage(None)) };
    // SAFETY: commands call this before they start a thread, so that the child is as whole as its parent.
    match unsafe { libc::fork() } {
        0 => {
            drop(reader);
            // SAFETY: asks for a signal when the parent ends, so that no child is left; no pointers.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
            Side::Child(Stage(Some(writer)))
        }
        child if child > 0 => {
            drop(writer);
            Side::Parent(wait(child, reader))
        }
        _ => Side::Child(Stage(None)),
    }
}

fn wait(child: libc::pid_t, mut stages: PipeReader) -> Ended {
    let mut said = String::new();
    let _ = stages.read_to_string(&mut said);
    let mut status = 0;
    // SAFETY: `status` lives as long as the call.
    while unsafe { libc::waitpid(child, &mut status, 0) } == -1 {
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return Ended::Code(3);
        }
    }
    if !libc::WIFSIGNALED(status) {
        return Ended::Code(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(3));
    }
    match libc::WTERMSIG(status) {
        // Somebody ended it.
        signal @ (libc::SIGINT | libc::SIGTERM | libc::SIGHUP | libc::SIGQUIT) => Ended::Code(128 + signal as u8),
        signal => Ended::Crash(Crash { signal, at: said.lines().last().unwrap_or("ONNX Runtime").to_string() }),
    }
}

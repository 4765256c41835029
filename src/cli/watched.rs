//! Runs a command in a child process, so that the parent can report it if a library kills the child.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write};

/// The process that continues after the fork.
pub(super) enum Side {
    /// The child, which does the work.
    Child(Stage),
    /// The parent, after the child ended.
    Parent(Ended),
}

/// How the child ended.
pub(super) enum Ended {
    /// With this exit code; it reported the reason itself.
    Code(u8),
    /// By a signal.
    Crash(Crash),
}

/// The child's reports of what it is about to do.
pub(super) struct Stage(Option<PipeWriter>);

impl Stage {
    /// Reports what would be to blame if the process died now: a file, or a graph.
    pub fn at(&self, what: &str) {
        if let Some(mut pipe) = self.0.as_ref() {
            // The parent reads until the end; if it is gone, the report is not needed.
            let _ = pipe.write_all(format!("{}\n", what.replace('\n', " ")).as_bytes());
        }
    }
}

/// A process that was killed by a signal.
pub(super) struct Crash {
    signal: i32,
    at: String,
}

impl fmt::Display for Crash {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        const OTHER: &str = "use another version of ONNX Runtime (`runtime.library` or ORT_DYLIB_PATH), built for this processor and system";
        let (name, advice) = match self.signal {
            libc::SIGILL => ("SIGILL (illegal instruction)", OTHER),
            libc::SIGABRT => ("SIGABRT (abort)", OTHER),
            libc::SIGBUS => ("SIGBUS (bus error)", OTHER),
            libc::SIGFPE => ("SIGFPE (arithmetic error)", OTHER),
            libc::SIGSEGV => ("SIGSEGV (invalid memory access)", OTHER),
            libc::SIGSYS => ("SIGSYS (forbidden system call)", "allow the system calls of ONNX Runtime"),
            libc::SIGKILL => {
                ("SIGKILL, probably out of memory", "use a smaller precision or model, or allow more memory")
            }
            _ => ("a signal", OTHER),
        };
        write!(formatter, "{}: the process ended with {name} [{}]; {advice}", self.at, self.signal)
    }
}

/// Forks a child that continues in place of this process; the parent waits for it. If the fork fails, the work is done
/// in this process.
///
/// A fork rather than a new process: it needs no /proc to find the program, and under an emulator it stays emulated.
pub(super) fn watched() -> Side {
    let Ok((reader, writer)) = io::pipe() else { return Side::Child(Stage(None)) };
    // SAFETY: commands call this before they start a thread, so the child's state is consistent.
    match unsafe { libc::fork() } {
        0 => {
            drop(reader);
            // SAFETY: requests a signal when the parent dies, so that no child is left; no pointers.
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
    // SAFETY: `status` outlives the call.
    while unsafe { libc::waitpid(child, &mut status, 0) } == -1 {
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return Ended::Code(3);
        }
    }
    if !libc::WIFSIGNALED(status) {
        return Ended::Code(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(3));
    }
    match libc::WTERMSIG(status) {
        // It was killed from outside.
        signal @ (libc::SIGINT | libc::SIGTERM | libc::SIGHUP | libc::SIGQUIT) => Ended::Code(128 + signal as u8),
        signal => Ended::Crash(Crash { signal, at: said.lines().last().unwrap_or("ONNX Runtime").to_string() }),
    }
}

//! Ends commands with the service, if it is killed.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Waits for the end of standard input, which ends with the service, and kills a process group.
const SCRIPT: &str = "read -r _; kill -9 \"-$1\"";

/// A small process that kills a group of processes when this one is gone, even if it was killed. Dropped, it does nothing.
pub struct Guardian(Child);

impl Guardian {
    /// Guards the group with this number. `None` if there is no shell.
    pub fn of(group: u32) -> Option<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "edgefuse-guardian", &group.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A terminal's signals are for the service.
        command.process_group(0);
        let started = command.spawn();
        started.inspect_err(|error| log::debug!("a command has no guardian: {error}")).ok().map(Guardian)
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// A shell that starts another process, both in a group of their own.
    fn group() -> Child {
        Command::new("sh").args(["-c", "sleep 60; true"]).process_group(0).spawn().unwrap()
    }

    fn is_over(child: &mut Child) -> bool {
        (0..100).any(|_| {
            thread::sleep(Duration::from_millis(10));
            child.try_wait().unwrap().is_some()
        })
    }

    #[test]
    fn a_group_ends_with_the_pipe_and_not_with_its_guardian() {
        let mut child = group();
        drop(Guardian::of(child.id()).unwrap());
        assert!(!is_over(&mut child));
        let mut guardian = Guardian::of(child.id()).unwrap();
        // As it happens when the service is killed.
        drop(guardian.0.stdin.take());
        assert!(is_over(&mut child));
    }
}

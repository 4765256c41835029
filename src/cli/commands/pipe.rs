//! `run --output -`: a worker that other programs drive through its standard input and output.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use edgefuse::config::{Device, Step};
use edgefuse::models::Models;
use edgefuse::pipeline::{Answer, Inputs, Next, Pipeline, Workers, settings, write_line};
use edgefuse::request::{Priority, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::start::engine;
use crate::cli::args::{self, Global};
use crate::cli::{Outcome, Stop, say};

/// Time between two looks at whether somebody still reads standard output.
const LOOK: Duration = Duration::from_millis(200);

/// Writes one line of results per record to standard output, until the inputs end or nobody reads it any more.
///
/// An input that fails is an error in its own line, for whoever drives the worker, so it is neither reported on standard
/// error nor in the exit code.
pub(super) fn pipe(
    global: &Global,
    mut device: Device,
    steps: &[Step],
    inputs: Inputs,
    args: &args::Run,
) -> Result<Outcome, Stop> {
    let in_flight = usize::from(args.in_flight.unwrap_or(1));
    device.runtime.requests.at_once = in_flight;
    device.runtime.requests.waiting = device.runtime.requests.waiting.max(in_flight);
    let made_with = settings(&device, steps)?;
    let engine = engine(global, &device)?;
    let pipeline = Arc::new(Pipeline::new(Models::new(engine, device), steps)?);
    let request = Request::new(Priority::Batch);
    let workers = Workers { in_flight, ordered: !args.unordered, request, on_seconds: None };
    let (submit, mut answers) = workers.start(&pipeline);
    // Not joined: it may wait for a line that nobody will write.
    thread::spawn(move || {
        for record in inputs {
            if !submit.submit(record) {
                break;
            }
        }
    });
    let (mut done, mut failed) = (0u64, 0u64);
    loop {
        match answers.next_within(LOOK) {
            Next::Answer(answer) => {
                let answer = answer?;
                match answer.result.errors().is_empty() {
                    true => done += 1,
                    false => failed += 1,
                }
                match write(&answer, &made_with) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Outcome::Done),
                    written => written.map_err(Stop::Output)?,
                }
            }
            Next::Waiting if nobody_reads(io::stdout()) => return Ok(Outcome::Done),
            Next::Waiting => {}
            Next::End => break,
        }
    }
    if !global.quiet {
        say(&format!("{done} done, {failed} failed"));
    }
    Ok(Outcome::Done)
}

fn write(answer: &Answer, made_with: &str) -> io::Result<()> {
    // In one piece: a reader never gets half a line, and a pipe is written once.
    let mut line = Vec::new();
    write_line(&mut line, &answer.result, made_with, answer.mark.as_ref())?;
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// Whether the other end of a pipe or socket is closed.
fn nobody_reads(output: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&output, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_read_until_its_reader_is_gone() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!nobody_reads(&writer));
        drop(reader);
        assert!(nobody_reads(&writer));
    }
}

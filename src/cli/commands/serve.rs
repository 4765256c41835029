//! `serve`: offers the models to other programs over the network.

use crate::cli::args::{Global, Serve};
use crate::cli::notify::Notify;
use crate::cli::{Outcome, Stop, say};
use crate::serve::{Server, StartError};

use super::start::device;

impl From<StartError> for Stop {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Usage(problem) => Stop::Usage(problem),
            StartError::Library(error) => Stop::Error(error),
        }
    }
}

/// Serves until SIGTERM or SIGINT.
pub(in crate::cli) fn serve(global: &Global, args: &Serve) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let server = Server::start(device(global, &[])?, args.insecure)?;
    let notify = Notify::new();
    let report = |line: &str| {
        if !global.quiet || line.starts_with("error") {
            say(line);
        }
    };
    server.summary().iter().for_each(|line| report(line));
    notify.ready();
    server.run(&mut || notify.alive(), &report)?;
    Ok(Outcome::Done)
}

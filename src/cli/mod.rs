//! The command line: arguments in, output lines and an exit code out.

mod args;
mod commands;
mod logging;
mod notify;
mod printer;
mod progress;
mod terminate;
mod transcript_files;
mod watched;

use std::io;
use std::process::ExitCode;

pub use args::Args;
use args::Command;
use logging::say;

/// Outcome of a command, apart from errors that stop it.
enum Outcome {
    /// All done.
    Done,
    /// Some inputs failed; each was reported.
    SomeFailed,
    /// `doctor` found something that cannot work.
    Unfit,
    /// A child process exited with this code, and reported the reason.
    Ended(u8),
}

/// An error that stops a command.
#[derive(Debug)]
enum Stop {
    /// An error of the library.
    Error(edgefuse::error::Error),
    /// Wrong usage that the argument parser cannot detect.
    Usage(String),
    /// Standard output cannot be written.
    Output(io::Error),
}

impl From<edgefuse::OutputError> for Stop {
    fn from(error: edgefuse::OutputError) -> Self {
        Stop::Error(error.into())
    }
}

impl From<edgefuse::error::Error> for Stop {
    fn from(error: edgefuse::error::Error) -> Self {
        Stop::Error(error)
    }
}

/// Runs a command. Exit codes: 0 all done; 1 some inputs failed; 2 wrong usage or configuration; 3 the library or a
/// model cannot be loaded.
pub fn run(args: Args) -> ExitCode {
    logging::start(&args.global);
    let outcome = match &args.command {
        Command::Run(run) => commands::run(&args.global, run),
        Command::Caption(caption) => commands::caption(&args.global, caption),
        Command::Ask(ask) => commands::ask(&args.global, ask),
        Command::Chat(chat) => commands::chat(&args.global, chat),
        Command::Classify(classify) => commands::classify(&args.global, classify),
        Command::Match(compare) => commands::compare(&args.global, compare),
        Command::Transcribe(transcribe) => commands::transcribe(&args.global, transcribe),
        Command::Fuse(fuse) => commands::fuse(&args.global, fuse),
        Command::Index(index) => commands::index(&args.global, index),
        Command::Search(search) => commands::search(&args.global, search),
        Command::Align(align) => commands::align(&args.global, align),
        Command::Check(check) => commands::check(&args.global, check),
        Command::Doctor => commands::doctor(&args.global),
        Command::Bench(bench) => commands::bench(&args.global, bench),
        Command::Bundle(bundle) => commands::bundle(&args.global, bundle),
        Command::Watch(watch) => commands::watch(&args.global, watch),
        #[cfg(feature = "serve")]
        Command::Serve(serve) => commands::serve(&args.global, serve),
        Command::BenchProcess(process) => commands::bench_process(&args.global, process),
        Command::Prepare => commands::prepare(&args.global),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        Ok(Outcome::Unfit) => ExitCode::from(3),
        Ok(Outcome::Ended(code)) => ExitCode::from(code),
        Err(Stop::Error(error)) => {
            say(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
        Err(Stop::Usage(problem)) => {
            say(&format!("error: {problem}"));
            ExitCode::from(2)
        }
        // The reader of our output, such as `head`, has closed it.
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stop::Output(error)) => {
            say(&format!("error: standard output: cannot write: {error}"));
            ExitCode::from(2)
        }
    }
}

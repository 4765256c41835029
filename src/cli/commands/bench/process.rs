//! The child processes of `bench`: this program again, so that measurements do not influence each other.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::{Inputs, Task, measure_ceiling, measure_clients, measure_cold, measure_warm, run_once};
use edgefuse::error::Error;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::given;
use crate::cli::args::{BenchProcess, Global, Measurement};
use crate::cli::commands::start::device;
use crate::cli::{Outcome, Stop};

/// Starts child processes with the options of this one.
pub(super) struct Child<'a> {
    pub global: &'a Global,
    pub inputs: &'a Inputs,
}

/// Why a process did not produce figures.
pub(super) enum Ended {
    /// It reported the reason itself, and exited with this code.
    Code(u8),
    /// It could not be started, or its output could not be parsed.
    Stop(Stop),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Ended::Stop(error.into())
    }
}

impl Child<'_> {
    /// The measurement of a process.
    pub fn measure<T: DeserializeOwned>(
        &self,
        what: Measurement,
        task: Task,
        counts: &[(&str, u32)],
    ) -> Result<T, Ended> {
        self.timed(what, task, counts).map(|(measured, _)| measured)
    }

    /// The measurement of a process, and its lifetime.
    pub fn timed<T: DeserializeOwned>(
        &self,
        what: Measurement,
        task: Task,
        counts: &[(&str, u32)],
    ) -> Result<(T, Duration), Ended> {
        let mut command = self.command(what, task)?;
        for (option, count) in counts {
            command.arg(option).arg(count.to_string());
        }
        let (output, lasting) = run(&mut command)?;
        let measured = serde_json::from_slice(&output);
        Ok((measured.map_err(|error| Ended::Stop(Stop::Output(error.into())))?, lasting))
    }

    /// Makes a process write the profiles of its sessions into `folder`; returns its lifetime.
    pub fn profile(&self, task: Task, folder: &Path) -> Result<Duration, Ended> {
        run(self.command(Measurement::Profile, task)?.arg("--profiles").arg(folder)).map(|(_, lasting)| lasting)
    }

    fn command(&self, what: Measurement, task: Task) -> Result<Command, Ended> {
        let program = env::current_exe()
            .map_err(|source| Error::Read { path: env::args_os().next().unwrap_or_default().into(), source })?;
        let mut command = Command::new(program);
        if let Some(config) = &self.global.config {
            command.arg("--config").arg(config);
        }
        if let Some(model) = &self.global.model {
            command.arg("--model").arg(model);
        }
        let what = match what {
            Measurement::Ceiling => "ceiling",
            Measurement::Clients => "clients",
            Measurement::Cold => "cold",
            Measurement::Warm => "warm",
            Measurement::Profile => "profile",
        };
        command.args(self.global.quiet.then_some("--quiet")).args(self.global.verbose.then_some("--verbose"));
        command.args(["bench-process", what, task.name()]);
        command.arg("--image").arg(&self.inputs.image).arg("--audio").arg(&self.inputs.audio);
        command.arg("--text").arg(&self.inputs.text);
        Ok(command)
    }
}

fn run(command: &mut Command) -> Result<(Vec<u8>, Duration), Ended> {
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Error::Read { path: command.get_program().into(), source })?;
    let lasting = started.elapsed();
    match output.status.code() {
        Some(0) => Ok((output.stdout, lasting)),
        Some(code) => Err(Ended::Code(u8::try_from(code).unwrap_or(3))),
        None => Err(Ended::Stop(Stop::Usage(format!("bench: a measuring process was ended ({})", output.status)))),
    }
}

/// One measurement, as JSON on standard output.
pub(in crate::cli) fn bench_process(global: &Global, args: &BenchProcess) -> Result<Outcome, Stop> {
    let started = Instant::now();
    let device = device(global, &[])?;
    let task: Task = serde_json::from_value(Value::from(args.task.as_str()))
        .map_err(|_| Stop::Usage(format!("`{}` is not a task", args.task)))?;
    let inputs = Inputs::new(&given(&args.given))?;
    let measured = match args.what {
        Measurement::Ceiling => {
            let own = task.entry(&device).ok().map(|entry| entry.execution_providers.of(task.main_graph()));
            let providers = own.unwrap_or(&device.execution_providers);
            serde_json::to_string(&measure_ceiling(&device, providers)?)
        }
        Measurement::Clients => {
            let (clients, repeat) = (args.clients as usize, args.repeat as usize);
            serde_json::to_string(&measure_clients(&device, task, &inputs, clients, repeat)?)
        }
        Measurement::Cold => serde_json::to_string(&measure_cold(&device, task, &inputs, started)?),
        Measurement::Warm => {
            let (warm_up, repeat) = (args.warm_up as usize, args.repeat as usize);
            serde_json::to_string(&measure_warm(&device, task, &inputs, warm_up, repeat)?)
        }
        Measurement::Profile => match &args.profiles {
            Some(folder) => serde_json::to_string(&run_once(&device, task, &inputs, folder)?),
            None => return Err(Stop::Usage("profile: --profiles is missing".to_string())),
        },
    };
    let measured = measured.map_err(io::Error::from).map_err(Stop::Output)?;
    writeln!(io::stdout().lock(), "{measured}").map_err(Stop::Output)?;
    Ok(Outcome::Done)
}

//! Sources: what the device sees, hears and finds, made into records and processed by the pipeline.
//!
//! Each source has threads of its own. Frames and utterances that arrive while the models are busy do not pile up: of
//! pictures, the newest counts; of utterances, a bounded number waits.
//!
//! | module | role |
//! |---|---|
//! | `camera`, `microphone` | open devices and commands, and read them |
//! | `pictures`, `sounds`, `files` | decide what becomes a record |
//! | `layout` | what sources are for: their steps, and who uses whom |
//! | `desk` | processes records and makes events of their results |
//! | `supervise`, `child`, `guardian` | restart what fails; run commands; end them with the service |

mod camera;
mod child;
mod desk;
mod files;
mod guardian;
mod layout;
mod microphone;
mod newest;
mod pictures;
mod reporter;
mod sounds;
mod stop;
mod supervise;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::Error;
use edgefuse::config::{
    AskOptions, CaptionOptions, Device, EmbedOptions, Source, SourceKind, Step, TranscribeOptions, Trigger,
};
use edgefuse::pipeline::missing_models;
use edgefuse::request::Priority;

use super::StartError;
use super::board::Board;
use super::service::Service;
use super::sinks::{Command, Commands};

use desk::Desk;
use layout::{joined_steps, joins, makes_records, steps};
use newest::Newest;
use pictures::{OnDemand, Pictures};
use reporter::Reporter;
use sounds::{Joined, SoundUser, Sounds};
use stop::Stop;

pub use layout::outlooks;
pub use reporter::Publish;

/// Maximum number of commands that wait for one camera.
const MOST_COMMANDS: usize = 8;

/// Passes commands on to the cameras.
pub struct Switchboard {
    cameras: HashMap<String, SyncSender<Command>>,
}

impl Commands for Switchboard {
    fn run(&self, source: &str, command: Command) -> Result<(), String> {
        let Some(camera) = self.cameras.get(source) else { return Err(format!("there is no camera `{source}`")) };
        camera.try_send(command).map_err(|_| format!("camera {source}: too many commands wait"))
    }
}

/// The receiving ends of the commands, by camera.
pub type Lines = HashMap<String, Receiver<Command>>;

/// The switchboard of a device's cameras.
pub fn switchboard(device: &Device) -> (Switchboard, Lines) {
    let cameras = device.sources.iter().filter(|(_, source)| matches!(source.kind, SourceKind::Camera(_)));
    let lines = cameras.map(|(name, _)| (name.clone(), sync_channel(MOST_COMMANDS)));
    let (mut senders, mut receivers) = (HashMap::new(), HashMap::new());
    for (name, (sender, receiver)) in lines {
        senders.insert(name.clone(), sender);
        receivers.insert(name, receiver);
    }
    (Switchboard { cameras: senders }, receivers)
}

/// Running sources.
pub struct Sources {
    stop: Stop,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Sources {
    /// Checks that the models of all sources are in the device file.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn check(device: &Device) -> Result<(), StartError> {
        for (name, source) in &device.sources {
            if !makes_records(name, source, device) {
                continue;
            }
            let steps = steps(source, device);
            if steps.is_empty() {
                let file = device.path.display();
                return Err(StartError::Usage(format!(
                    "{file}: sources.{name}: no steps; give it a `pipeline`, or the device file one"
                )));
            }
            if let Some(error) = missing_models(device, steps).into_iter().next() {
                return Err(error.into());
            }
            if matches!(source.when, Some(Trigger::Change(_)))
                && let Some(error) =
                    missing_models(device, &pictures::embedding_steps(&device.options())).into_iter().next()
            {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Starts all sources of the board's device.
    ///
    /// # Errors
    /// [`StartError`]: models that the device file lacks, lists of texts that cannot be read.
    pub fn start(
        service: &Arc<Service>,
        board: &Arc<Board>,
        mut lines: Lines,
        publish: &Publish,
    ) -> Result<Self, StartError> {
        let device = board.device();
        Self::check(device)?;
        let starter = Starter { service, board, publish, stop: Stop::default() };
        let cameras = device.sources.iter().filter(|(_, source)| matches!(source.kind, SourceKind::Camera(_)));
        let newest = cameras.map(|(name, _)| {
            let joined = joins(device).any(|(.., join)| join.picture == **name);
            (name.as_str(), Arc::new(if joined { Newest::with_past() } else { Newest::default() }))
        });
        let newest: HashMap<&str, Arc<Newest>> = newest.collect();
        let mut ready: Vec<Ready> = Vec::new();
        for (name, source) in &device.sources {
            let reporter = starter.reporter(name).followed(
                joins(device).filter(|(.., join)| join.sound == *name).map(|(joint, ..)| starter.reporter(joint)),
            );
            match &source.kind {
                SourceKind::Camera(camera) => {
                    let commands = lines.remove(name).unwrap_or_else(|| sync_channel(1).1);
                    let (ask, caption) =
                        OnDemand::steps(&device.options::<AskOptions>(), &device.options::<CaptionOptions>());
                    let steps = steps(source, device);
                    let is_change = matches!(source.when, Some(Trigger::Change(_)));
                    let embeddings = pictures::embedding_steps(&device.options::<EmbedOptions>());
                    let pictures = Pictures {
                        camera: camera.clone(),
                        desk: makes_records(name, source, device)
                            .then(|| starter.desk(&reporter, source, steps))
                            .transpose()?,
                        on_demand: OnDemand {
                            commands,
                            ask: starter.desk(&reporter, source, &ask)?,
                            caption: starter.desk(&reporter, source, &caption)?,
                        },
                        newest: newest.get(name.as_str()).cloned().unwrap_or_default(),
                        least: pictures::least_size(board, &joined_steps(name, source, device))?,
                        embeddings: is_change.then(|| starter.desk(&reporter, source, &embeddings)).transpose()?,
                        stop: starter.stop.clone(),
                        source: source.clone(),
                        reporter,
                    };
                    ready.push(Box::new(|| pictures.start()));
                }
                SourceKind::Microphone(microphone) => {
                    let mut users = Vec::new();
                    if makes_records(name, source, device) {
                        users.push(starter.sound_user(&reporter, source, None)?);
                    }
                    for (joint, other, join) in joins(device).filter(|(.., join)| join.sound == *name) {
                        let joined = Joined {
                            camera: join.picture.as_str().into(),
                            newest: newest.get(join.picture.as_str()).cloned().unwrap_or_default(),
                            within: join.within,
                        };
                        let reporter = starter.reporter(joint);
                        users.push(starter.sound_user(&reporter, other, Some(joined))?);
                    }
                    let options = steps(source, device).iter().find_map(Step::as_options::<TranscribeOptions>);
                    let sounds = Sounds {
                        microphone: microphone.clone(),
                        options: options.cloned().unwrap_or_default(),
                        users,
                        board: board.clone(),
                        stop: starter.stop.clone(),
                        source: source.clone(),
                        reporter,
                    };
                    ready.push(Box::new(|| sounds.start()));
                }
                SourceKind::Folder(folder) => {
                    let (folder, stop) = (folder.clone(), starter.stop.clone());
                    let desk = starter.desk_of(&reporter, source, steps(source, device), Priority::Batch)?;
                    ready.push(Box::new(|| vec![files::folder(folder, desk, stop)]));
                }
                SourceKind::Manifest(path) => {
                    let (path, service, stop) = (path.clone(), service.clone(), starter.stop.clone());
                    let desk = starter.desk_of(&reporter, source, steps(source, device), Priority::Batch)?;
                    ready.push(Box::new(|| vec![files::manifest(path, desk, service, stop)]));
                }
                // Started with its microphone.
                _ => {}
            }
        }
        let threads = ready.into_iter().flat_map(|start| start()).collect();
        Ok(Sources { stop: starter.stop, threads })
    }

    /// Asks the sources to end, without waiting.
    pub fn stop(&self) {
        self.stop.set();
    }

    /// Waits for the sources to end, but not longer than `until`.
    pub fn join(self, until: Instant) {
        self.stop();
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Starts the threads of one source.
type Ready = Box<dyn FnOnce() -> Vec<thread::JoinHandle<()>>>;

/// What all sources are started with.
struct Starter<'a> {
    service: &'a Arc<Service>,
    board: &'a Arc<Board>,
    publish: &'a Publish,
    stop: Stop,
}

impl Starter<'_> {
    fn reporter(&self, name: &str) -> Reporter {
        Reporter::new(name, self.service.metrics.sources.of(name), self.publish.clone())
    }

    fn desk(&self, reporter: &Reporter, source: &Source, steps: &[Step]) -> Result<Desk, Error> {
        self.desk_of(reporter, source, steps, Priority::Live)
    }

    fn desk_of(&self, reporter: &Reporter, source: &Source, steps: &[Step], priority: Priority) -> Result<Desk, Error> {
        Desk::new(self.service, self.board, reporter.clone(), steps, source.sensors.clone(), priority)
    }

    fn sound_user(&self, reporter: &Reporter, source: &Source, joined: Option<Joined>) -> Result<SoundUser, Error> {
        let steps = steps(source, self.board.device());
        let partial = sounds::partial_steps(steps);
        let desk = self.desk(reporter, source, &sounds::for_utterances(steps))?;
        let partial = partial.map(|steps: Vec<Step>| self.desk(reporter, source, &steps)).transpose()?;
        Ok(SoundUser { desk, partial, joined })
    }
}

//! Records from a camera: one thread captures frames, another decides which become records.

mod change;
mod motion;

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::config::{AskOptions, Camera, CaptionOptions, EmbedOptions, FrameSize, Question, Source, Step, Trigger};
use edgefuse::media::image::RgbImage;
use edgefuse::{Error, Record};

use super::camera::{self, Wanted};
use super::desk::{Desk, Sighting};
use super::newest::{Captured, Newest};
use super::reporter::Reporter;
use super::stop::Stop;
use super::supervise::{Ended, keep_running};
use crate::serve::event::{Moment, What};
use crate::serve::sinks::Command;

use change::ChangeDetector;
use motion::MotionDetector;

/// Minimum time between two records, unless the device file says otherwise.
const EVERY: Duration = Duration::from_secs(1);

/// Interval at which a waiting thread looks for commands, and whether the service stops.
const LOOK: Duration = Duration::from_millis(100);

/// Frame rate of a camera from which only commands and joins take pictures.
const IDLE_FPS: f64 = 5.0;

/// A camera and what is needed for its records.
pub struct Pictures {
    pub camera: Camera,
    pub source: Source,
    /// Processes its records; `None` if it only delivers pictures to others.
    pub desk: Option<Desk>,
    /// Processes commands.
    pub on_demand: OnDemand,
    pub newest: Arc<Newest>,
    pub reporter: Reporter,
    pub stop: Stop,
    /// The smallest size that the models can use without enlarging.
    pub least: FrameSize,
    /// Detects change, if that is the trigger.
    pub embeddings: Option<Desk>,
}

/// Answers commands about the newest picture.
pub struct OnDemand {
    pub commands: Receiver<Command>,
    pub ask: Desk,
    pub caption: Desk,
}

impl OnDemand {
    /// The steps of commands: a question about the picture, a caption.
    pub fn steps(ask: &AskOptions, caption: &CaptionOptions) -> (Vec<Step>, Vec<Step>) {
        let ask = AskOptions { question: Question::Text, ..ask.clone() };
        (vec![ask.into()], vec![caption.clone().into()])
    }
}

/// The step that detects change.
pub fn embedding_steps(options: &EmbedOptions) -> Vec<Step> {
    vec![options.clone().into()]
}

impl Pictures {
    /// Starts the threads of the camera.
    pub fn start(self) -> Vec<thread::JoinHandle<()>> {
        let (camera, source, newest) = (self.camera.clone(), self.source.clone(), self.newest.clone());
        let (reporter, stop, wanted) = (self.reporter.clone(), self.stop.clone(), self.wanted());
        let capture = move || {
            keep_running(&reporter, &stop, |pulse| {
                let mut reader = match camera::open(&camera, &source, wanted, &stop) {
                    Ok(reader) => reader,
                    Err(problem) => return Ended::Failed(problem),
                };
                loop {
                    match reader.next_frame() {
                        Ok(Some((frame, at))) => {
                            pulse.beat();
                            reporter.counts.arrived.inc();
                            newest.put(frame, at);
                        }
                        Ok(None) => return Ended::Finished,
                        Err(problem) => return Ended::Failed(problem),
                    }
                }
            });
        };
        vec![thread::spawn(capture), thread::spawn(move || self.watch())]
    }

    fn wanted(&self) -> Wanted {
        let interval = 1.0 / self.every().as_secs_f64();
        let fps = match (&self.desk, self.source.when) {
            (None, _) => IDLE_FPS,
            (_, Some(Trigger::Motion(motion))) => motion.fps.max(interval),
            _ => interval,
        };
        Wanted { size: self.camera.size, least: self.least, fps: self.camera.fps.unwrap_or(fps) }
    }

    fn every(&self) -> Duration {
        self.source.every.unwrap_or(EVERY)
    }

    /// Decides which frames become records, until the service stops.
    fn watch(self) {
        let every = self.every();
        let (mut motion, pause) = match self.source.when {
            Some(Trigger::Motion(options)) => {
                (Some(MotionDetector::new(options)), Duration::from_secs_f64(1.0 / options.fps))
            }
            _ => (None, every),
        };
        let mut change = self.embeddings.as_ref().map(ChangeDetector::new);
        let (mut seen, mut looked, mut recorded) = (None, None::<Instant>, None::<Instant>);
        let is_due = |last: Option<Instant>, every| last.is_none_or(|last| last.elapsed() >= every);
        while !self.stop.is_set() {
            self.obey();
            let Some(desk) = self.desk.as_ref().filter(|_| is_due(looked, pause)) else {
                self.stop.sleep(LOOK.min(pause / 4));
                continue;
            };
            // The next frame, not one that has waited for this moment.
            let last = *seen.get_or_insert_with(|| self.newest.get().map_or(0, |frame| frame.number));
            let Some(frame) = self.newest.after(last, LOOK) else { continue };
            (seen, looked) = (None, Some(Instant::now()));
            if let Some(motion) = &mut motion {
                let thumbnail = match frame.thumbnail() {
                    Ok(thumbnail) => thumbnail,
                    Err(error) => {
                        log::debug!("source {}: a frame is left out: {error}", self.reporter.name);
                        continue;
                    }
                };
                if let Some(moves) = motion.push(thumbnail, frame.at) {
                    self.reporter.publish_at(frame.at, What::Motion(moves));
                }
                if !motion.is_moving() || !is_due(recorded, every) {
                    continue;
                }
            }
            let Some(picture) = self.decode(&frame) else { continue };
            if let (Some(change), Some(Trigger::Change(options))) = (&mut change, self.source.when)
                && !change.is_new(&picture, options.distance)
            {
                continue;
            }
            recorded = Some(Instant::now());
            desk.publish(Sighting::picture(picture, frame.at));
        }
    }

    /// Answers the commands that have arrived; those that cannot be answered by an error.
    fn obey(&self) {
        while let Ok(command) = self.on_demand.commands.try_recv() {
            let (desk, question) = match command {
                Command::Ask(question) => (&self.on_demand.ask, Some(question)),
                Command::Caption => (&self.on_demand.caption, None),
            };
            match (self.now(), question) {
                (Ok(sighting), None) => desk.publish(sighting),
                (Ok(mut sighting), Some(question)) => {
                    sighting.record = sighting.record.with_text(question);
                    desk.publish(sighting);
                }
                (Err(problem), _) => desk.fail(problem),
            }
        }
    }

    /// What the camera sees now.
    fn now(&self) -> Result<Sighting, String> {
        let frame = self.newest.get().ok_or("there is no picture yet")?;
        let age = Moment::now().since(frame.at);
        if age > self.source.stall {
            return Err(format!("the newest picture is {:.1} s old", age.as_secs_f64()));
        }
        let picture = frame.to_rgb().map_err(|error| format!("the newest picture cannot be decoded: {error}"))?;
        Ok(Sighting::picture(Arc::new(picture), frame.at))
    }

    fn decode(&self, frame: &Captured) -> Option<Arc<RgbImage>> {
        let decoded = frame.to_rgb();
        let decoded =
            decoded.inspect_err(|error| log::debug!("source {}: a frame is left out: {error}", self.reporter.name));
        decoded.ok().map(Arc::new)
    }
}

/// The smallest width and height that the steps' models can use without enlarging.
pub fn least_size(board: &crate::serve::board::Board, steps: &[Step]) -> Result<FrameSize, Error> {
    let pipeline = edgefuse::Pipeline::new(board.models.clone(), steps)?;
    let views = pipeline.views(&Record::default().with_image(""));
    let side = |side: fn(&edgefuse::media::image::PixelConfig) -> u32| {
        let used = views.iter().map(|view| view.split.map_or(side(view), |split| split.longest_side));
        used.max().unwrap_or(224)
    };
    Ok(FrameSize { width: side(|view| view.width), height: side(|view| view.height) })
}

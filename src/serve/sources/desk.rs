//! Where a source's records are processed, and their results become events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use edgefuse::config::{Sensor, Step};
use edgefuse::engine::EngineError;
use edgefuse::guard::guarded;
use edgefuse::media::image::RgbImage;
use edgefuse::models::fusion::SensorReadings;
use edgefuse::pipeline::Picture;
use edgefuse::request::{Priority, Request};
use edgefuse::small_file;
use edgefuse::{Error, Pipeline, Record, RecordResult};

use super::reporter::Reporter;
use crate::serve::board::Board;
use crate::serve::event::{Event, Finding, Moment, What};
use crate::serve::service::Service;

/// Maximum size of a sensor's file, in bytes.
const LARGEST_READING: u64 = 4 << 10;

/// A picture or a sound of a source, before it is a record.
pub struct Sighting {
    pub record: Record,
    pub picture: Option<Arc<RgbImage>>,
    /// When it begins.
    pub at: Moment,
    /// When it ends.
    pub until: Moment,
    /// What was left out or guessed.
    pub warnings: Vec<String>,
}

impl Sighting {
    /// A picture that was captured at `at`.
    pub fn picture(picture: Arc<RgbImage>, at: Moment) -> Self {
        let record = Record::default().with_image(Picture::Pixels(picture.clone()));
        Sighting { record, picture: Some(picture), at, until: at, warnings: Vec::new() }
    }
}

/// Processes the records of one source.
pub struct Desk {
    pub reporter: Reporter,
    service: Arc<Service>,
    pipeline: Pipeline,
    sensors: BTreeMap<String, Sensor>,
    priority: Priority,
    /// The last error that was logged: one that every record has is logged once.
    logged: Mutex<String>,
}

impl Desk {
    /// # Errors
    /// Those of [`Pipeline::new`].
    pub fn new(
        service: &Arc<Service>,
        board: &Arc<Board>,
        reporter: Reporter,
        steps: &[Step],
        sensors: BTreeMap<String, Sensor>,
        priority: Priority,
    ) -> Result<Self, Error> {
        Ok(Desk {
            reporter,
            service: service.clone(),
            pipeline: Pipeline::new(board.models.clone(), steps)?,
            sensors,
            priority,
            logged: Mutex::default(),
        })
    }

    /// The result of a sighting as an event, which is not published yet; `None` if the service stops.
    pub fn process(&self, sighting: Sighting) -> Option<Event> {
        let Sighting { mut record, picture, at, until, mut warnings } = sighting;
        if record.id.is_none() {
            record = record.with_id(format!("{}-{}", self.reporter.name, at.text()));
        }
        record = record.with_source(&*self.reporter.name, at.time);
        if !self.sensors.is_empty() {
            record = record.with_sensors(SensorReadings::Named(self.read_sensors(&mut warnings)));
        }
        let mut result = self.run(&record)?;
        warnings.append(&mut result.warnings);
        result.warnings = warnings;
        self.reporter.counts.processed.inc();
        let what = What::Result(Box::new(Finding::new(result, picture, until)));
        Some(Event { source: self.reporter.name.clone(), at, what })
    }

    /// Processes a sighting and publishes its result.
    pub fn publish(&self, sighting: Sighting) {
        if let Some(Event { at, what, .. }) = self.process(sighting) {
            self.reporter.publish_at(at, what);
        }
    }

    /// Publishes that something cannot be done, as the result of a record that failed.
    pub fn fail(&self, problem: String) {
        let now = Moment::now();
        let result = RecordResult::failed(format!("{}-{}", self.reporter.name, now.text()), problem);
        self.service.metrics.processed(&result);
        self.log(&result);
        self.reporter.publish_at(now, What::Result(Box::new(Finding::new(result, None, now))));
    }

    /// The result of a record; `None` if the service stops.
    pub fn run(&self, record: &Record) -> Option<RecordResult> {
        let request = self.service.metrics.observe(Request::new(self.priority));
        let outcome = guarded(|| self.service.here(&request, || self.pipeline.process(record, &mut |_, _| {})));
        let result = match outcome {
            Ok(Ok(result)) => result,
            Ok(Err(Error::Engine(EngineError::Stopped(_)))) => return None,
            Ok(Err(error)) => RecordResult::failed(record.name(), error.to_string()),
            Err(fault) => RecordResult::failed(record.name(), fault),
        };
        self.service.metrics.processed(&result);
        self.log(&result);
        Some(result)
    }

    fn log(&self, result: &RecordResult) {
        let errors = result.errors().join("; ");
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if !errors.is_empty() && *logged != errors {
            log::warn!("source {}: {errors}", self.reporter.name);
        }
        *logged = errors;
    }

    /// The readings of all sensors; one that cannot be read is left out, with a warning.
    fn read_sensors(&self, warnings: &mut Vec<String>) -> BTreeMap<String, f64> {
        let mut readings = BTreeMap::new();
        for (name, sensor) in &self.sensors {
            match read_sensor(sensor) {
                Ok(reading) => drop(readings.insert(name.clone(), reading)),
                Err(problem) => warnings.push(format!("sensor {name}: {}: {problem}", sensor.file.display())),
            }
        }
        readings
    }
}

fn read_sensor(sensor: &Sensor) -> Result<f64, String> {
    let text = small_file::read_text(&sensor.file, LARGEST_READING).map_err(|error| error.to_string())?;
    let number: f64 = text.trim().parse().map_err(|_| "does not contain a number".to_string())?;
    Some(number * sensor.scale + sensor.offset).filter(|it| it.is_finite()).ok_or("not a finite number".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_sensor_is_a_number_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("temp");
        let sensor = Sensor { file: file.clone(), scale: 0.001, offset: -1.0 };
        assert!(read_sensor(&sensor).unwrap_err().contains("cannot read"));
        for (text, expected) in [("48250\n", Ok(47.25)), (" 1e3 ", Ok(0.0))] {
            fs::write(&file, text).unwrap();
            assert_eq!(read_sensor(&sensor), expected);
        }
        for text in ["", "warm", "inf", "NaN", "1 2"] {
            fs::write(&file, text).unwrap();
            assert!(read_sensor(&sensor).is_err(), "{text}");
        }
        let missing_kind = Sensor { file: folder.path().to_path_buf(), scale: 1.0, offset: 0.0 };
        assert!(read_sensor(&missing_kind).unwrap_err().contains("it is a directory"));
    }
}

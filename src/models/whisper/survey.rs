//! The first pass over a recording: its length, its loudness, and the stretches of speech.

use crate::config::VadOptions;
use crate::error::Error;
use crate::media::audio::{AudioError, Excerpts, LogMel, Recording, Samples, SliceReader, Spectrogram};
use crate::models::capability::VoiceDetector;
use crate::models::vad::{SpeechDetector, Stretch};

/// A recording up to this length is kept from the first pass to the second; a longer one is read twice, so that memory
/// does not grow with it. 5 minutes are 19 MB.
const KEPT_SECONDS: usize = 5 * 60;

/// Result of the first pass.
pub(super) struct Survey<'a> {
    recording: Recording<'a>,
    sample_rate: u32,
    /// The samples, if they are few.
    kept: Option<Vec<f32>>,
    /// Total number of samples.
    pub samples: u64,
    /// The largest absolute sample.
    pub peak: f32,
    /// The loudest bin of the spectrogram, which determines the floor of every window.
    pub loudest: f32,
    /// The stretches of speech, if speech detection ran.
    pub stretches: Option<Vec<Stretch>>,
    /// Warnings about the recording.
    pub warnings: Vec<String>,
}

impl<'a> Survey<'a> {
    /// Reads `recording` to its end and, with a `vad`, detects speech in it.
    ///
    /// # Errors
    /// [`Error::Audio`], [`Error::Input`] for a recording that cannot be read; [`Error::Engine`] if the graph fails.
    pub fn new(
        recording: &Recording<'a>,
        log_mel: &LogMel,
        vad: Option<(&dyn VoiceDetector, &VadOptions)>,
    ) -> Result<Self, Error> {
        let unreadable = |source| unreadable(recording, source);
        let sample_rate = log_mel.config().sample_rate;
        let mut source = recording.open(sample_rate).map_err(unreadable)?;
        let mut detector = vad.as_ref().map(|(vad, options)| SpeechDetector::new(*vad, options)).transpose()?;
        let mut stretches = Vec::new();
        let mut stream = log_mel.stream();
        let (mut block, mut columns) = (Vec::new(), Vec::new());
        let mut kept = Some(Vec::new());
        let mut peak = 0.0_f32;
        while source.read(&mut block).map_err(unreadable)? {
            stream.push(&block, &mut columns);
            peak = block.iter().fold(peak, |peak, sample| peak.max(sample.abs()));
            columns.clear();
            if let (Some(detector), Some((vad, _))) = (&mut detector, &vad) {
                stretches.extend(detector.push(*vad, &block)?);
            }
            kept = kept.filter(|kept: &Vec<f32>| kept.len() + block.len() <= KEPT_SECONDS * sample_rate as usize);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&block);
            }
            block.clear();
        }
        if let (Some(detector), Some((vad, _))) = (detector, &vad) {
            stretches.extend(detector.finish(*vad)?);
        }
        // The padding after the end reflects the last samples.
        let extent = stream.finish(log_mel.config().n_fft, &mut columns);
        Ok(Survey {
            recording: *recording,
            sample_rate,
            kept,
            samples: extent.samples,
            peak,
            loudest: extent.loudest,
            stretches: vad.is_some().then_some(stretches),
            warnings: source.warnings().to_vec(),
        })
    }

    /// The spectrogram of the second pass: of the speech only, if speech detection ran.
    ///
    /// # Errors
    /// [`Error::Audio`], [`Error::Input`] for a recording that cannot be read a second time.
    pub fn spectrogram(&self, log_mel: &LogMel) -> Result<Spectrogram<Box<dyn Samples + '_>>, Error> {
        let source: Box<dyn Samples + '_> = match &self.kept {
            Some(samples) => Box::new(SliceReader::new(samples, self.sample_rate)),
            None => self.recording.open(self.sample_rate).map_err(|source| self.unreadable(source))?,
        };
        let source: Box<dyn Samples + '_> = match &self.stretches {
            Some(stretches) => {
                Box::new(Excerpts::new(source, stretches.iter().map(|part| part.start..part.end).collect()))
            }
            None => source,
        };
        Spectrogram::new(log_mel, source, Some(self.loudest)).map_err(|source| self.unreadable(source))
    }

    /// Error for a recording that cannot be read.
    pub fn unreadable(&self, source: AudioError) -> Error {
        unreadable(&self.recording, source)
    }

    /// Total duration in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.sample_rate)
    }
}

fn unreadable(recording: &Recording, source: AudioError) -> Error {
    match recording.path() {
        Some(path) => Error::Audio { path: path.to_path_buf(), source },
        None => Error::Input { problem: source.to_string() },
    }
}

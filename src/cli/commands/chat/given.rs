//! Picture and recording of a conversation, as text for a language model that reads only text.

use edgefuse::config::model_folder::capability;
use edgefuse::config::{CaptionOptions, Step, TranscribeOptions};
use edgefuse::error::Error;
use edgefuse::models::chat::with_media;
use edgefuse::models::{Models, choose_model};
use edgefuse::pipeline::{Pipeline, Record, Sound};

use crate::cli::args::Chat;

/// What was heard and seen.
#[derive(Default)]
pub(super) struct Given {
    transcript: Option<String>,
    captions: Vec<String>,
    /// Why something could not be read.
    pub problems: Vec<String>,
}

impl Given {
    /// Transcribes and captions what `args` name.
    ///
    /// # Errors
    /// [`Error`] if the device file has no model for it, or it cannot be loaded.
    pub fn read(models: &Models, args: &Chat) -> Result<Self, Error> {
        let device = models.device();
        let mut steps: Vec<Step> = Vec::new();
        let mut record = Record::default();
        if let Some(audio) = &args.audio {
            steps.push(device.options::<TranscribeOptions>().into());
            record.audio = Some(Sound::from(audio.clone()));
        }
        if let Some(image) = &args.image {
            let options = device.options::<CaptionOptions>();
            choose_model(device, capability::CAPTION, options.model.as_deref(), "chat --image")?;
            steps.push(options.into());
            record = record.with_image(image.clone());
        }
        if steps.is_empty() {
            return Ok(Given::default());
        }
        let result = Pipeline::new(models.clone(), &steps)?.process(&record, &mut |_, _| {})?;
        result.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        let mut given = Given {
            transcript: result.transcript().map(|it| it.value.text.trim().to_string()),
            captions: result.caption().map(|it| it.value.best.text.clone()).into_iter().collect(),
            problems: result.errors().into_iter().map(str::to_string).collect(),
        };
        if let (Some(audio), Some("")) = (&args.audio, given.transcript.as_deref()) {
            given.problems.push(format!("{}: no speech was recognised", audio.display()));
        }
        Ok(given)
    }

    /// `message` with what was heard and seen. Without a message, what was heard is the message.
    pub fn with(&self, message: &str) -> String {
        with_media(message, self.transcript.as_deref(), &self.captions)
    }
}

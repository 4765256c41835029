//! Embeddings of pictures, texts and sounds, each in the form that the student accepts as it is.

use super::Student;
use crate::config::model_folder::Modality;
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::capability::Embedder;
use crate::models::embedding::{EmbedInputs, InputEmbeddings};
use crate::models::fusion::FusionInputs;

impl Student {
    /// Embeds any of a picture, a text and a sound, with one run of the graph.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no input, the student does not embed one, the text is empty, or a text or sound is
    /// too long; [`Error::Engine`] if the graph fails.
    pub fn embed(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        inputs.check(self.name(), &self.spec.embeds())?;
        let &EmbedInputs { image, text, audio, .. } = inputs;
        let mut outputs = self.run(&FusionInputs { image, text, audio, ..FusionInputs::default() })?;
        let mut of = |present: bool, modality| present.then(|| outputs.embedding(modality)).transpose();
        Ok(InputEmbeddings {
            image: of(image.is_some(), Modality::Image)?,
            text: of(text.is_some(), Modality::Text)?,
            audio: of(audio.is_some(), Modality::Audio)?,
            text_tokens: text.map(|text| self.text(Some(text))).transpose()?.map(|ids| ids.len()),
            provider: self.provider(),
        })
    }
}

impl Embedder for Student {
    fn embeds(&self) -> Vec<Modality> {
        self.spec.embeds()
    }

    fn view(&self) -> Option<PixelConfig> {
        Student::view(self)
    }

    fn sound(&self) -> Option<(u32, u32)> {
        self.sample_rate().zip(self.longest_sound())
    }

    fn prepare_embeddings(&self) -> Result<(), Error> {
        Ok(())
    }

    fn embed(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        Student::embed(self, inputs)
    }
}

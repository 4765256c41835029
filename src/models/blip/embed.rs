//! Embeddings of pictures and texts: those of transformers' `BlipForImageTextRetrieval` with `use_itm_head=False`.

use super::Blip;
use crate::config::model_folder::Modality;
use crate::error::Error;
use crate::models::embedding::{EmbedInputs, InputEmbeddings};

/// The inputs that a model with a text encoder embeds.
pub(super) const EMBEDDED: [Modality; 2] = [Modality::Image, Modality::Text];

impl Blip {
    /// Whether the model embeds pictures and texts.
    pub fn embeds(&self) -> bool {
        self.has("text_encoder")
    }

    /// Loads the text encoder, if it is not loaded yet.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not embed; [`Error::Engine`] if the graph cannot be loaded.
    pub fn prepare_embeddings(&self) -> Result<(), Error> {
        if !self.embeds() {
            return Err(self.lacks("embed", "text_encoder"));
        }
        self.text_encoder.get_or_load(|| self.loader.graph("text_encoder"))?;
        Ok(())
    }

    /// Embeds a picture, a text, or both.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not embed; [`Error::Input`] if there is no input, the model does not embed
    /// one, or the text is empty or too long; [`Error::Engine`] if a graph fails.
    pub fn embed(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        self.prepare_embeddings()?;
        inputs.check(self.name(), &EMBEDDED)?;
        let mut found = InputEmbeddings::default();
        if let Some(text) = inputs.text {
            let texts = self.match_list(&[text.to_string()])?;
            self.embed_texts(&texts)?;
            found.text = texts.embeddings().map(|embeddings| embeddings.iter().copied().collect());
            found.text_tokens = texts.tokens.first().map(Vec::len);
            found.provider = self.text_encoder.get().map_or(self.provider(), |graph| graph.provider());
        }
        if let Some(pixels) = inputs.image {
            found.image = self.encode_pixels(pixels.clone())?.embedding().map(|embedding| embedding.to_vec());
            found.provider = self.provider();
        }
        Ok(found)
    }
}

//! Embeddings of pictures, texts and sounds: what goes in, and what comes out.

use ndarray::Array4;

use crate::config::TextRole;
use crate::config::model_folder::Modality;
use crate::error::Error;

/// Inputs of an [`Embedder`](super::capability::Embedder); each is optional, and is embedded on its own.
#[derive(Default)]
pub struct EmbedInputs<'a> {
    /// A picture, preprocessed according to [`Embedder::view`](super::capability::Embedder::view): `[1, 3, height, width]`.
    pub image: Option<&'a Array4<f32>>,
    /// A text.
    pub text: Option<&'a str>,
    /// What the text is for.
    pub text_role: TextRole,
    /// Mono samples in [-1, 1] at the rate of [`Embedder::sound`](super::capability::Embedder::sound).
    pub audio: Option<&'a [f32]>,
}

/// Embeddings of the inputs that were present, each of length 1, all in one space.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct InputEmbeddings {
    /// Embedding of the picture.
    pub image: Option<Vec<f32>>,
    /// Embedding of the text.
    pub text: Option<Vec<f32>>,
    /// Embedding of the sound.
    pub audio: Option<Vec<f32>>,
    /// Number of tokens of the text, including special ones.
    pub text_tokens: Option<usize>,
    /// The execution provider of the first graph that ran.
    pub provider: &'static str,
}

impl EmbedInputs<'_> {
    /// Whether there is no input.
    pub fn is_empty(&self) -> bool {
        self.present().is_empty()
    }

    /// Whether there is an input of this modality.
    pub fn has(&self, modality: Modality) -> bool {
        self.present().contains(&modality)
    }

    fn present(&self) -> Vec<Modality> {
        let all = [
            (self.image.is_some(), Modality::Image),
            (self.text.is_some(), Modality::Text),
            (self.audio.is_some(), Modality::Audio),
        ];
        all.into_iter().filter(|(present, _)| *present).map(|(_, modality)| modality).collect()
    }

    /// Checks that there is an input, that the model called `name` embeds every one, and that the text is not blank.
    pub(super) fn check(&self, name: &str, embeds: &[Modality]) -> Result<(), Error> {
        let present = self.present();
        if present.is_empty() {
            let problem = format!("nothing to embed; {name} embeds {}", listed(embeds));
            return Err(Error::Input { problem });
        }
        if let Some(&foreign) = present.iter().find(|modality| !embeds.contains(modality)) {
            return Err(unembedded(name, embeds, foreign));
        }
        match self.text.is_some_and(|text| text.trim().is_empty()) {
            true => Err(Error::Input { problem: "the text to embed is empty".to_string() }),
            false => Ok(()),
        }
    }
}

/// Error for an input that a model does not embed; names those that it embeds.
pub(super) fn unembedded(name: &str, embeds: &[Modality], input: Modality) -> Error {
    let problem = format!("{name} does not embed {}; it embeds {}", input.name(), listed(embeds));
    Error::Input { problem }
}

/// `image, text`
fn listed(modalities: &[Modality]) -> String {
    modalities.iter().map(|modality| modality.name()).collect::<Vec<_>>().join(", ")
}

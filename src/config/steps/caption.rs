//! The options of `caption`.

use serde::Deserialize;

use super::search::{MOST_BEAMS, SearchOptions, with_search_options};
use super::{NamedStep, StepOptions};

/// Options of `caption`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "RawCaption")]
pub struct CaptionOptions {
    /// Name of the model under `models`; the only one that captions if `None`.
    pub model: Option<String>,
    /// Text that the caption continues.
    pub prompt: Option<String>,
    /// Number of captions per picture, best first.
    pub captions: usize,
    /// Search options.
    pub search: SearchOptions,
}

impl Default for CaptionOptions {
    fn default() -> Self {
        CaptionOptions { model: None, prompt: None, captions: 1, search: SearchOptions::default() }
    }
}

with_search_options!(RawCaption { model: Option<String>, prompt: Option<String>, captions: Option<usize> });

impl From<RawCaption> for CaptionOptions {
    fn from(raw: RawCaption) -> Self {
        CaptionOptions {
            search: raw.search(),
            model: raw.model,
            captions: raw.captions.unwrap_or(1),
            prompt: raw.prompt,
        }
    }
}

impl CaptionOptions {
    /// Checks the values.
    ///
    /// # Errors
    /// The invalid option, and what it accepts.
    pub fn check(&self) -> Result<(), String> {
        let SearchOptions { beams, temperature, .. } = self.search;
        if !(1..=MOST_BEAMS).contains(&self.captions) {
            return Err(format!("captions: {} is not within 1 to {MOST_BEAMS}", self.captions));
        }
        self.search.check()?;
        if self.captions > beams && temperature == 0.0 && self.captions > 1 {
            let captions = self.captions;
            return Err(format!(
                "captions: {captions} captions need `beams` of {captions} or more, or a `temperature`"
            ));
        }
        Ok(())
    }
}

impl NamedStep for CaptionOptions {
    const NAME: &'static str = "caption";
}

impl StepOptions for CaptionOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn check(&self) -> Result<(), String> {
        Self::check(self)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CaptionOptions, String> {
        let options: CaptionOptions = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        options.check().map(|()| options)
    }

    #[test]
    fn several_captions_need_beams_or_a_temperature() {
        assert_eq!(read("{}").unwrap(), CaptionOptions::default());
        assert_eq!(read("{captions: 2, beams: 3}").unwrap().captions, 2);
        assert_eq!(read("{captions: 9, temperature: 1}").unwrap().captions, 9);
        assert!(read("{captions: 3, beams: 2}").unwrap_err().contains("need `beams` of 3 or more"));
        assert!(read("captions: 0").unwrap_err().contains("within 1 to 64"));
        assert!(read("tokens: 3").unwrap_err().contains("unknown field `tokens`, expected one of `model`"));
    }
}

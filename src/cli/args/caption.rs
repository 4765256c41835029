//! The arguments of `caption`.

use std::path::PathBuf;

use edgefuse::config::CaptionOptions;

use super::search::Search;

/// Options not set here come from the `caption` step of the device file's pipeline, or its defaults.
#[derive(Debug, clap::Args)]
pub struct Caption {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// Text that the caption continues
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Captions per picture, best first; needs at least as many --beams, or a --temperature [default: 1]
    #[arg(long, value_name = "N")]
    pub captions: Option<usize>,
    #[command(flatten)]
    pub search: Search,
}

impl Caption {
    /// The device file's options, overridden by the command line.
    pub fn options(&self, device: CaptionOptions) -> CaptionOptions {
        CaptionOptions {
            model: device.model,
            prompt: self.prompt.clone().or(device.prompt),
            captions: self.captions.unwrap_or(device.captions),
            search: self.search.options(device.search),
        }
    }
}

//! The arguments of `classify`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use edgefuse::config::ClassifyOptions;

/// Options not set here come from the `classify` step of the device file's pipeline, or its defaults.
#[derive(Debug, clap::Args)]
pub struct Classify {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// Maximum number of classes per picture, most probable first [default: 5]
    #[arg(long, value_name = "N")]
    pub top: Option<NonZeroUsize>,
}

impl Classify {
    /// The device file's options, overridden by the command line.
    pub fn options(&self, device: ClassifyOptions) -> ClassifyOptions {
        ClassifyOptions { model: device.model, top: self.top.unwrap_or(device.top) }
    }
}

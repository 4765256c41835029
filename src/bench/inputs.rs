//! The inputs of a measurement: the user's files, or a small picture and a spoken question built into the program.

use std::fs;
use std::path::{Path, PathBuf};

use super::temporary::TemporaryFolder;
use edgefuse::OutputError;
use edgefuse::error::Error;

/// 64 by 64 pixels: a blue rectangle, in the style of easy-VQA.
const PICTURE: &[u8] = include_bytes!("../../tests/data/easyvqa-23.png");

/// A question about it, in synthetic speech.
const SPEECH: &[u8] = include_bytes!("../../tests/data/question-color.wav");

/// The same question as text.
const QUESTION: &str = "what color is the shape?";

/// Inputs from the user; missing ones are replaced by built-in ones.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// A picture.
    pub image: Option<PathBuf>,
    /// A sound.
    pub audio: Option<PathBuf>,
    /// A text.
    pub text: Option<String>,
}

/// A picture, a sound and a text. The built-in files are in a temporary folder until this is dropped.
#[derive(Debug)]
pub struct Inputs {
    /// The picture.
    pub image: PathBuf,
    /// The sound.
    pub audio: PathBuf,
    /// The text.
    pub text: String,
    _folder: Option<TemporaryFolder>,
}

impl Inputs {
    /// The user's inputs, completed by built-in ones.
    ///
    /// # Errors
    /// [`Error::Read`] for a file that does not exist; [`Error::File`] if there is no room for temporary files.
    pub fn new(given: &Given) -> Result<Self, Error> {
        for path in [&given.image, &given.audio].into_iter().flatten() {
            fs::metadata(path).map_err(|source| Error::Read { path: path.clone(), source })?;
        }
        let mut inputs = Inputs {
            image: given.image.clone().unwrap_or_default(),
            audio: given.audio.clone().unwrap_or_default(),
            text: given.text.clone().unwrap_or_else(|| QUESTION.to_string()),
            _folder: None,
        };
        if given.image.is_none() || given.audio.is_none() {
            let folder = TemporaryFolder::new()?;
            let own = |given: &Option<PathBuf>, name: &str, bytes: &[u8]| match given {
                Some(path) => Ok(path.clone()),
                None => written(&folder.path().join(name), bytes),
            };
            inputs.image = own(&given.image, "picture.png", PICTURE)?;
            inputs.audio = own(&given.audio, "question.wav", SPEECH)?;
            inputs._folder = Some(folder);
        }
        Ok(inputs)
    }
}

fn written(path: &Path, bytes: &[u8]) -> Result<PathBuf, Error> {
    fs::write(path, bytes).map_err(|source| Error::File(OutputError::Write { path: path.to_path_buf(), source }))?;
    Ok(path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_inputs_vanish_and_given_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("mine.png");
        fs::write(&image, PICTURE).unwrap();
        let inputs = Inputs::new(&Given { image: Some(image.clone()), ..Given::default() }).unwrap();
        let audio = inputs.audio.clone();
        assert_eq!(inputs.image, image);
        assert_eq!(fs::read(&audio).unwrap(), SPEECH);
        drop(inputs);
        assert!(image.exists() && !audio.exists());
        let missing = Given { audio: Some(folder.path().join("none.wav")), ..Given::default() };
        assert!(matches!(Inputs::new(&missing), Err(Error::Read { .. })));
    }
}

//! Names of an encoder's classes.

use crate::config::model_folder::{EncoderSpec, ModelFolder};
use crate::config::{ConfigError, MODEL_FILE};
use crate::error::Error;
use crate::models::vocabulary::read_listed;

/// Maximum size of the file.
const LARGEST: u64 = 16 << 20;

/// The names of the classes, in the order of their probabilities; none if the model does not classify.
pub(super) fn read(folder: &ModelFolder, spec: &EncoderSpec) -> Result<Vec<String>, Error> {
    let Some(file) = &spec.classes else { return Ok(Vec::new()) };
    let wrong = |problem: String| {
        Error::Model(ConfigError::Yaml { path: folder.file(MODEL_FILE), line: 0, column: 0, problem })
    };
    let (path, bytes) =
        read_listed(folder, file, LARGEST, |path, problem| wrong(format!("classes: {}: {problem}", path.display())))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(format!("classes: {}: not UTF-8 text", path.display())))?;
    let names: Vec<String> = text.lines().map(|line| line.trim().to_string()).collect();
    let outputs = folder.common.graphs.get("picture").map(|picture| &picture.outputs);
    let count = outputs.and_then(|outputs| outputs.get("probabilities")).and_then(|tensor| tensor.fixed(1));
    match count == Some(names.len()) && names.iter().all(|name| !name.is_empty()) {
        true => Ok(names),
        false => Err(wrong(format!(
            "classes: {} has {} lines; it must have one name for each of the {} probabilities of the graph `picture`",
            path.display(),
            names.len(),
            count.unwrap_or_default()
        ))),
    }
}

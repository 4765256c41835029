//! What models behind endpoints need on the board. A bundle contains no keys.

use std::path::Path;

use super::place::place;
use edgefuse::config::Device;
use edgefuse::error::Error;

/// What the board must provide for models behind endpoints, one line each.
///
/// # Errors
/// [`Error::Bundle`] for a key or certificates whose path is not that of the board.
pub(super) fn notes(device: &Device) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for (name, endpoint) in device.models.iter().filter_map(|(name, entry)| Some((name, entry.endpoint.as_ref()?))) {
        notes.push(format!("models.{name} connects to {}", endpoint.shown()));
        let files = [("api_key_file", &endpoint.api_key_file), ("ca_file", &endpoint.ca_file)];
        for (key, file) in files.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?))) {
            notes.push(on_board(device, name, key, file)?);
        }
    }
    Ok(notes)
}

fn on_board(device: &Device, name: &str, key: &str, file: &Path) -> Result<String, Error> {
    match place(file, &device.base) {
        None => Ok(format!("models.{name}.{key}: the board needs {}, readable by user edgefuse", file.display())),
        Some(_) => Err(Error::Bundle {
            problem: format!(
                "{}: models.{name}.{key}: name an absolute path, such as /etc/edgefuse/{name}, and put the file there on \
                 the board",
                device.path.display()
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes_of(keys: &str) -> Result<Vec<String>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.yaml");
        let text = format!("device: board\nmodels: {{cloud: {{endpoint: 'http://u:p@gate/v1', model: m{keys}}}}}\n");
        std::fs::write(&path, text).unwrap();
        notes(&Device::load(&path).unwrap())
    }

    #[test]
    fn keys_stay_on_the_board() {
        assert_eq!(notes_of("").unwrap(), ["models.cloud connects to http://***@gate/v1"]);
        let notes = notes_of(", api_key_file: /etc/edgefuse/cloud").unwrap();
        assert!(notes[1].contains("needs /etc/edgefuse/cloud, readable"), "{notes:?}");
        let error = notes_of(", ca_file: ca.pem").unwrap_err().to_string();
        assert!(error.contains("models.cloud.ca_file: name an absolute path"), "{error}");
    }
}

//! Which files make a bundle.

use std::collections::BTreeMap;
use std::fs;

use super::archive::{Content, Entry};
use super::binary::Library;
use super::place::place;
use super::{Bundle, binary, board, licenses, model, service};
use edgefuse::config::MODEL_FILE;
use edgefuse::config::model_folder::ModelFolder;
use edgefuse::config::{Device, ModelEntry};
use edgefuse::error::Error;

/// Tells what the board must have of its own.
const BOARD: &str = "BOARD.txt";

/// What goes into the archive.
pub(super) struct Contents {
    pub entries: Vec<Entry>,
    pub no_library: Option<String>,
}

/// Collects and checks it all, before anything is written.
pub(super) fn contents(bundle: &Bundle, device: &Device) -> Result<Contents, Error> {
    let mut files = BTreeMap::new();
    let mut put = |name: String, content: Content, executable: bool| {
        files.insert(name.clone(), Entry { name, content, executable });
    };

    put("edgefuse".to_string(), Content::File(binary::program(bundle, &device.base)?, None), true);
    let library = binary::library(bundle, device)?;
    if let Library::Packed(path, place) = &library {
        put(place.clone(), Content::File(path.clone(), None), false);
        for (name, notice) in licenses::of_library(path) {
            put(format!("LICENSES/{name}"), Content::File(notice, None), false);
        }
    }
    let config = device.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (name, text) in device_files(device)? {
        put(format!("configs/{name}"), Content::Bytes(text.into_bytes()), false);
    }

    let mut packed = Vec::new();
    let models =
        [("whisper", &device.whisper), ("blip", &device.blip), ("student", &device.student), ("vad", &device.vad)];
    for (key, entry) in models.into_iter().filter_map(|(key, entry)| Some((key, entry.as_ref()?))) {
        let place = place(&entry.path, &device.base).ok_or_else(|| Error::Bundle {
            problem: format!(
                "{}: models.{key}.path must be relative and lie below {}, so that it is found on the board",
                device.path.display(),
                if device.base.as_os_str().is_empty() {
                    "the current folder".into()
                } else {
                    device.base.display().to_string()
                }
            ),
        })?;
        let model = model::reduced(entry, bundle.target)?;
        put(format!("{place}/{MODEL_FILE}"), Content::Bytes(model.yaml.into_bytes()), false);
        for (name, spec) in model.files {
            let path = model.folder.file(&name);
            put(format!("{place}/{name}"), Content::File(path, Some(spec)), false);
        }
        packed.push((place, entry, model.folder));
    }
    for (name, text) in licenses::texts(packed.iter().map(|(place, _, folder)| (place.as_str(), folder))) {
        put(format!("LICENSES/{name}"), Content::Bytes(text.into_bytes()), false);
    }
    put("edgefuse.service".to_string(), Content::Bytes(service::unit(device, &config).into_bytes()), false);
    let install = service::install_script(binary::architecture(bundle.target), &config);
    put("install.sh".to_string(), Content::Bytes(install.into_bytes()), true);
    let no_library = match library {
        Library::Packed(..) => None,
        Library::OfBoard(why) => {
            let models: Vec<(&ModelEntry, &ModelFolder)> =
                packed.iter().map(|(_, entry, folder)| (*entry, folder)).collect();
            let needed = board::needed(bundle, device, &models);
            let text = board::requirements(device, &config, &why, &needed);
            put(BOARD.to_string(), Content::Bytes(text.into_bytes()), false);
            Some(format!("{why}; the board needs {needed} (see {BOARD} in the bundle)"))
        }
    };
    Ok(Contents { entries: files.into_values().collect(), no_library })
}

/// A device file and those that it extends, by their names in `configs/`.
fn device_files(device: &Device) -> Result<Vec<(String, String)>, Error> {
    let mut files = Vec::new();
    for path in [&device.path].into_iter().chain(&device.extended) {
        // Elsewhere, its own relative paths would start elsewhere.
        if path.parent() != device.path.parent() {
            let problem =
                format!("{}: it extends {}, which does not lie beside it", device.path.display(), path.display());
            return Err(Error::Bundle { problem });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })?;
        files.push((name, text));
    }
    Ok(files)
}

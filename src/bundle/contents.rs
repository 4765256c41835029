//! The files of a bundle.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fs;
use std::path::{Path, PathBuf};

use super::archive::{Content, Entry};
use super::binary::Library;
use super::place::{place, safe};
use super::requirements::Requirements;
use super::{Bundle, binary, board, endpoints, licenses, model, service, sinks};
use edgefuse::config::MODEL_FILE;
use edgefuse::config::model_folder::ModelFolder;
use edgefuse::config::{Device, ModelEntry};
use edgefuse::error::Error;

/// Describes what the board must provide itself.
const BOARD: &str = "BOARD.txt";

/// Contents of the archive.
pub(super) struct Contents {
    pub entries: Vec<Entry>,
    pub no_library: Option<String>,
    pub requirements: Requirements,
    /// The packed library, as a path on this machine.
    pub library: Option<PathBuf>,
}

/// Collects and checks all files, before anything is written.
pub(super) fn contents(bundle: &Bundle, device: &Device) -> Result<Contents, Error> {
    let mut files = BTreeMap::new();
    let mut put = |name: String, content: Content, executable: bool| {
        safe(&name)?;
        match files.entry(name.clone()) {
            Slot::Vacant(slot) => {
                slot.insert(Entry { name, content, executable });
                Ok(())
            }
            Slot::Occupied(_) => {
                Err(Error::Bundle { problem: format!("two files would be named {name} in the bundle; rename one") })
            }
        }
    };

    let program = binary::program(bundle, &device.base)?;
    put("edgefuse".to_string(), Content::File(program.clone(), None), true)?;
    let library = binary::library(bundle, device)?;
    if let Library::Packed(path, place) = &library {
        put(place.clone(), Content::File(path.clone(), None), false)?;
        for (name, notice) in licenses::of_library(path) {
            put(format!("LICENSES/{name}"), Content::File(notice, None), false)?;
        }
    }
    let config = file_name(&device.path)?;
    for (name, text) in device_files(device)? {
        put(format!("configs/{name}"), Content::Bytes(text.into_bytes()), false)?;
    }
    for (name, path) in lists(device)? {
        put(name, Content::File(path.to_path_buf(), None), false)?;
    }

    let mut packed = Vec::new();
    for (key, entry) in device.models.iter().filter(|(_, entry)| entry.endpoint.is_none()) {
        let place = place(&entry.path, &device.base).ok_or_else(|| Error::Bundle {
            problem: format!(
                "{}: models.{key}.path must be relative and below {}, so that it is found on the board; it is {}",
                device.path.display(),
                if device.base.as_os_str().is_empty() {
                    "the current folder".into()
                } else {
                    device.base.display().to_string()
                },
                entry.path.display(),
            ),
        })?;
        let model = model::reduced(entry, bundle.target)?;
        put(format!("{place}/{MODEL_FILE}"), Content::Bytes(model.yaml.into_bytes()), false)?;
        for (name, spec) in model.files {
            let path = model.folder.file(&name);
            put(format!("{place}/{name}"), Content::File(path, Some(spec)), false)?;
        }
        packed.push((place, entry, model.folder));
    }
    for (name, text) in licenses::texts(packed.iter().map(|(place, _, folder)| (place.as_str(), folder))) {
        put(format!("LICENSES/{name}"), Content::Bytes(text.into_bytes()), false)?;
    }
    let models: Vec<(&ModelEntry, &ModelFolder)> = packed.iter().map(|(_, entry, folder)| (*entry, folder)).collect();
    let library_file = match &library {
        Library::Packed(path, _) => Some(path.clone()),
        Library::OfBoard(_) => None,
    };
    let mut requirements = Requirements::of(bundle.target, &program, library_file.as_deref(), &models)?;
    requirements.notes.extend(key_of_board(device)?);
    requirements.notes.extend(endpoints::notes(device)?);
    requirements.notes.extend(sinks::notes(device)?);
    put("edgefuse.service".to_string(), Content::Bytes(service::unit(device, &config).into_bytes()), false)?;
    let install = service::install_script(bundle.target, &config, requirements.glibc);
    put("install.sh".to_string(), Content::Bytes(install.into_bytes()), true)?;
    let no_library = match library {
        Library::Packed(..) => None,
        Library::OfBoard(why) => {
            let needed = board::needed(bundle, device, &models);
            let text = board::requirements(device, &config, &why, &needed);
            put(BOARD.to_string(), Content::Bytes(text.into_bytes()), false)?;
            Some(format!("{why}; the board needs {needed} (see {BOARD} in the bundle)"))
        }
    };
    Ok(Contents { entries: files.into_values().collect(), no_library, requirements, library: library_file })
}

/// What the board needs for the key of `server`, which is not packed.
fn key_of_board(device: &Device) -> Result<Option<String>, Error> {
    let Some(http) = &device.server.http else { return Ok(None) };
    let refused = |problem: &str| Err(Error::Bundle { problem: format!("{}: {problem}", device.path.display()) });
    match &http.api_key_file {
        None if http.listen.ip().is_loopback() => Ok(None),
        None => refused("server.http.listen can be reached from other machines, so it needs `api_key_file`"),
        Some(key) if place(key, &device.base).is_some() => refused(
            "server.http.api_key_file: a bundle contains no keys; name an absolute path, such as /etc/edgefuse/key, and \
             put the key there on the board",
        ),
        Some(key) => Ok(Some(format!("the board needs a key in {}, readable by user edgefuse", key.display()))),
    }
}

/// A device file and those that it extends, by their names in `configs/`.
fn device_files(device: &Device) -> Result<Vec<(String, String)>, Error> {
    let mut files = Vec::new();
    for path in [&device.path].into_iter().chain(&device.extended) {
        // Its relative paths start from its own folder.
        if path.parent() != device.path.parent() {
            let problem =
                format!("{}: it extends {}, which is not in the same folder", device.path.display(), path.display());
            return Err(Error::Bundle { problem });
        }
        let name = file_name(path)?;
        let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })?;
        files.push((name, text));
    }
    Ok(files)
}

/// The files that the steps read, with their paths in the bundle.
fn lists(device: &Device) -> Result<BTreeMap<String, &Path>, Error> {
    let files = device
        .pipeline
        .iter()
        .flat_map(|step| step.options().files().into_iter().map(|(key, path)| (step.name(), key, path)));
    let placed = files.map(|(step, key, path)| match place(path, &device.base) {
        Some(place) => Ok((place, path)),
        None => Err(Error::Bundle {
            problem: format!(
                "{}: pipeline: `{step}`: {key}: {} must be relative and below the folder that relative paths start from, so that \
                 it is found on the board",
                device.path.display(),
                path.display()
            ),
        }),
    });
    placed.collect()
}

/// The last part of a path, which must be UTF-8 to be written into a unit and a script.
fn file_name(path: &Path) -> Result<String, Error> {
    let name = path.file_name().unwrap_or_default();
    let name = name
        .to_str()
        .ok_or_else(|| Error::Bundle { problem: format!("{name:?} is not a valid name in a bundle: not UTF-8") })?;
    Ok(name.to_string())
}

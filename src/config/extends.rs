//! Device files that inherit from others: `extends: base.yaml`.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::error::ConfigError;
use super::locate::locate;
use super::provider::Provider;
use super::raw::RawDevice;
use super::yaml;

/// Maximum length of a chain of files that extend one another.
const LONGEST_CHAIN: usize = 32;

/// One device file as written, without the values of the files it extends.
pub(super) struct Layer {
    pub path: PathBuf,
    text: String,
    pub raw: RawDevice,
    /// Base folder of its relative paths.
    pub base: PathBuf,
}

impl Layer {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = yaml::read(path)?;
        let raw = yaml::parse(path, &text)?;
        Ok(Layer { path: path.to_path_buf(), text, raw, base: base_folder(path) })
    }

    /// Error for the value at `keys`, with its position.
    pub fn wrong(&self, keys: &[&str], problem: String) -> ConfigError {
        // The nearest key above one that is missing.
        let places = (1..=keys.len()).rev().map(|length| locate(&self.text, &keys[..length]));
        let (line, column) = places.into_iter().find(|place| *place != (0, 0)).unwrap_or_default();
        ConfigError::Yaml { path: self.path.clone(), line, column, problem }
    }

    /// A list of providers with its paths resolved.
    pub fn rooted(&self, list: &[Provider]) -> Vec<Provider> {
        list.iter().map(|provider| provider.clone().relative_to(&self.base)).collect()
    }

    /// `FILE:LINE:COLUMN` of the value at `keys`.
    pub fn place(&self, keys: &[&str]) -> String {
        let (line, column) = locate(&self.text, keys);
        format!("{}:{line}:{column}", self.path.display())
    }
}

/// Reads `path` and every file that it extends, nearest first.
pub(super) fn read(path: &Path) -> Result<Vec<Layer>, ConfigError> {
    let mut layers = vec![Layer::read(path)?];
    let mut seen = vec![fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())];
    while let Some(layer) = layers.last() {
        let Some(base) = &layer.raw.extends else { break };
        // Relative to the file itself, like an include, unlike its other paths.
        let base = without_detours(layer.path.parent().unwrap_or(Path::new("")).join(base));
        let same = match fs::canonicalize(&base) {
            Ok(same) => same,
            Err(error) => {
                let problem = format!("extends: {}: cannot read: {error}", base.display());
                return Err(layer.wrong(&["extends"], problem));
            }
        };
        if seen.contains(&same) {
            let chain: Vec<_> = layers.iter().map(|layer| layer.path.display().to_string()).collect();
            let problem = format!("extends: circular: {} -> {}", chain.join(" -> "), base.display());
            return Err(layer.wrong(&["extends"], problem));
        }
        seen.push(same);
        if layers.len() == LONGEST_CHAIN {
            return Err(layer.wrong(&["extends"], format!("extends: more than {LONGEST_CHAIN} files in a row")));
        }
        let next = Layer::read(&base).map_err(|error| match error {
            // The error concerns the whole file, so point to the line that names it.
            ConfigError::Read { .. } | ConfigError::Yaml { line: 0, .. } => {
                layer.wrong(&["extends"], format!("extends: {error}"))
            }
            error => error,
        })?;
        layers.push(next);
    }
    Ok(layers)
}

/// The path without `FOLDER/..`, unless a link makes that another file.
fn without_detours(path: PathBuf) -> PathBuf {
    let mut short = PathBuf::new();
    for component in path.components() {
        match (component, short.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(short.pop()),
            _ => short.push(component),
        }
    }
    let is_same = fs::canonicalize(&path).ok() == fs::canonicalize(&short).ok();
    if is_same { short } else { path }
}

/// The file's own folder, or the parent of a folder called `configs` that contains it or its folder.
fn base_folder(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    let configs = folder.ancestors().take(2).find(|folder| folder.file_name().is_some_and(|name| name == "configs"));
    configs.and_then(Path::parent).unwrap_or(folder).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_above_a_configs_folder() {
        assert_eq!(base_folder(Path::new("/opt/e/configs/cpu.yaml")), Path::new("/opt/e"));
        assert_eq!(base_folder(Path::new("configs/cpu.yaml")), Path::new(""));
        assert_eq!(base_folder(Path::new("/opt/e/configs/examples/door.yaml")), Path::new("/opt/e"));
        assert_eq!(base_folder(Path::new("configs/examples/meeting.yaml")), Path::new(""));
        assert_eq!(base_folder(Path::new("configs/a/b/c.yaml")), Path::new("configs/a/b"));
        assert_eq!(base_folder(Path::new("/etc/edgefuse/board.yaml")), Path::new("/etc/edgefuse"));
    }

    #[test]
    fn a_file_that_extends_itself_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, extends: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("device: x\nextends: {extends}\n")).unwrap();
            path
        };
        let error = |path: &Path| read(path).err().unwrap().to_string();
        let own = error(&file("a.yaml", "a.yaml"));
        assert!(own.contains("a.yaml:2:10: extends: circular"), "{own}");
        let (b, _) = (file("b.yaml", "c.yaml"), file("c.yaml", "./b.yaml"));
        let circle = error(&b);
        assert!(circle.contains("c.yaml:2:10: ") && circle.contains("b.yaml -> "), "{circle}");
        let missing = error(&file("d.yaml", "none.yaml"));
        assert!(missing.contains("d.yaml:2:10: extends: ") && missing.contains("none.yaml: cannot read"), "{missing}");
    }
}

//! A folder of pictures with a bound: the oldest are deleted.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use edgefuse::whole_file::WholeFile;

/// Folders below the album's own: source and date.
const DEPTH: usize = 2;

pub struct Album {
    folder: PathBuf,
    limit: u64,
    /// Files with their sizes, oldest first.
    files: VecDeque<(PathBuf, u64)>,
    bytes: u64,
}

impl Album {
    /// The pictures of earlier runs, as far as they are within the limit. Unfinished files are removed.
    pub fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        let mut found = Vec::new();
        search(folder, DEPTH, &mut found)?;
        found.sort_unstable();
        let files: VecDeque<_> = found.into_iter().map(|(_, path, size)| (path, size)).collect();
        let bytes = files.iter().map(|(_, size)| size).sum();
        let mut album = Album { folder: folder.to_path_buf(), limit, files, bytes };
        album.make_room(0)?;
        Ok(album)
    }

    /// Adds a file under its path in the album.
    ///
    /// # Errors
    /// The problem, in one line.
    pub fn add(&mut self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let size = bytes.len() as u64;
        if size > self.limit {
            return Err("a picture is larger than the limit of all".to_string());
        }
        let path = self.folder.join(path);
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        self.make_room(size).map_err(failed)?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        WholeFile::write(&path, bytes).map_err(|error| error.to_string())?;
        // The same record may be seen twice.
        if let Some(before) = self.files.iter().rposition(|(known, _)| *known == path) {
            self.bytes -= self.files.remove(before).map_or(0, |(_, size)| size);
        }
        self.files.push_back((path, size));
        self.bytes += size;
        Ok(())
    }

    /// Deletes the oldest until there is room, and the folders that become empty.
    fn make_room(&mut self, size: u64) -> io::Result<()> {
        while self.bytes + size > self.limit
            && let Some((path, freed)) = self.files.pop_front()
        {
            self.bytes -= freed;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // Succeeds for empty folders only.
            let folders = path.ancestors().skip(1).take(DEPTH).take_while(|it| **it != *self.folder);
            let _ = folders.map(fs::remove_dir).take_while(Result::is_ok).count();
        }
        Ok(())
    }
}

/// Finds pictures with their times and sizes.
fn search(folder: &Path, depth: usize, found: &mut Vec<(SystemTime, PathBuf, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && depth > 0 {
            search(&path, depth - 1, found)?;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension.filter(|_| kind.is_file() && depth == 0) {
            Some("jpg") => {
                let metadata = entry.metadata()?;
                found.push((metadata.modified()?, path, metadata.len()));
            }
            Some("partial") => fs::remove_file(&path)?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        search(folder, DEPTH, &mut found).unwrap();
        let mut names: Vec<_> =
            found.iter().map(|it| it.1.strip_prefix(folder).unwrap().display().to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_pictures_give_way_and_their_folders_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut album = Album::open(folder.path(), 1000).unwrap();
        for name in ["a/1/x.jpg", "b/2/y.jpg", "b/2/z.jpg"] {
            album.add(Path::new(name), &[0; 400]).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(names(folder.path()), ["b/2/y.jpg", "b/2/z.jpg"]);
        assert!(!folder.path().join("a").exists());
        // What others keep there is left alone; what a killed run left unfinished is not.
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        fs::write(folder.path().join("b/2/w.jpg.partial"), "x").unwrap();
        let mut album = Album::open(folder.path(), 600).unwrap();
        assert_eq!(names(folder.path()), ["b/2/z.jpg"]);
        album.add(Path::new("b/2/z.jpg"), &[0; 100]).unwrap();
        assert_eq!((album.bytes, album.files.len()), (100, 1));
        assert!(album.add(Path::new("b/2/huge.jpg"), &[0; 700]).is_err());
        assert!(folder.path().join("notes.txt").exists() && !folder.path().join("b/2/w.jpg.partial").exists());
    }
}

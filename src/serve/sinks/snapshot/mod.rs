//! The sink `snapshot`: the pictures that results are about, as files within a bound.

mod album;

use std::path::Path;

use edgefuse::config::{SnapshotOptions, Store};
use edgefuse::file_lock::FileLock;
use edgefuse::media::image::to_jpeg;

use super::Sink;
use super::counts::Counts;
use super::names;
use super::outage::Outage;
use super::queue::Queue;
use crate::serve::event::{Event, Moment};
use album::Album;

pub struct Snapshot {
    /// None where nothing is stored.
    album: Option<(Album, FileLock)>,
    outage: Outage,
    counts: Counts,
}

impl Snapshot {
    /// Opens the folder, if pictures are stored at all.
    ///
    /// # Errors
    /// The problem, in one line.
    pub fn open(options: &SnapshotOptions, name: &str, counts: &Counts) -> Result<Self, String> {
        let album = match options.store {
            Store::Never => {
                log::info!("sink {name}: `store` is `never`, so no picture is stored");
                None
            }
            Store::All => {
                let path = &options.path;
                let failed = |error: std::io::Error| format!("{}: cannot write: {error}", path.display());
                std::fs::create_dir_all(path).map_err(failed)?;
                let lock = FileLock::acquire(&path.join(".lock"), path).map_err(|error| error.to_string())?;
                Some((Album::open(path, options.limit.bytes()).map_err(failed)?, lock))
            }
        };
        Ok(Snapshot { album, outage: Outage::none(name), counts: counts.clone() })
    }

    fn store(&mut self, event: &Event) {
        let Some((album, _)) = &mut self.album else { return };
        let Some(finding) = event.finding() else { return };
        let Some(picture) = &finding.picture else { return };
        let stored = to_jpeg(picture)
            .and_then(|bytes| album.add(Path::new(&file(&event.source, event.at, &finding.result.id)), &bytes));
        match stored {
            Ok(()) => {
                self.counts.delivered.inc();
                self.outage.ends("pictures are stored again", None);
            }
            Err(problem) => {
                self.counts.dropped.inc();
                self.outage.begins(problem, "pictures are dropped until it works");
                self.outage.dropped(1);
            }
        }
    }
}

/// `SOURCE/DATE/TIME-ID.jpg`, in UTC.
fn file(source: &str, at: Moment, id: &str) -> String {
    let text = at.text();
    let (date, time) = text.split_once('T').unwrap_or(("", &text));
    let time = time.trim_end_matches('Z').replace(':', "-");
    format!("{}/{date}/{time}-{}.jpg", names::escaped(source), names::escaped(id))
}

impl Sink for Snapshot {
    async fn run(mut self, queue: &Queue) {
        while let Some(event) = queue.next().await {
            self.store(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use edgefuse::media::image::RgbImage;

    use super::*;
    use crate::serve::sinks::made::{captioned, pictured};

    fn seen(id: &str) -> Arc<Event> {
        let picture = RgbImage::from_fn(32, 16, |x, _| image::Rgb([x as u8 * 8, 0, 0]));
        Arc::new(pictured("front/door", id, picture))
    }

    fn stored(folder: &Path, options: &str) -> Counts {
        let options: SnapshotOptions =
            serde_yaml::from_str(&format!("{{path: {}{options}}}", folder.display())).unwrap();
        let counts = Counts::default();
        let snapshot = Snapshot::open(&options, "snapshot", &counts).unwrap();
        let queue = Queue::new("snapshot", counts.clone());
        queue.push(seen("../a b"));
        queue.push(captioned("mic", 1));
        queue.end(std::time::Instant::now());
        crate::serve::sinks::runs(snapshot)(&queue);
        counts
    }

    #[test]
    fn nothing_is_stored_unless_the_device_file_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pictures");
        assert_eq!(stored(&path, "").delivered.get(), 0);
        assert!(!path.exists());
    }

    #[test]
    fn a_picture_is_a_file_named_by_source_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let counts = stored(folder.path(), ", store: all");
        assert_eq!((counts.delivered.get(), counts.dropped.get()), (1, 0));
        let file = folder.path().join("front%2Fdoor/2026-11-30/12-00-00.000-%2E.%2Fa%20b.jpg");
        let picture = image::open(&file).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (32, 16));
        assert!(picture.get_pixel(31, 0)[0] > 200 && picture.get_pixel(0, 0)[0] < 60);
    }
}

//! Vectors of your own in an index: reads them from a file, and answers the queries of another.
//!
//! ```text
//! cargo run --release --example search -- FOLDER DIMENSIONS VECTORS.f32 QUERIES.f32 [THREADS]
//! ```
//!
//! Both files are little-endian `f32`, row after row. Prints one JSON object: seconds for indexing, and for each query its
//! milliseconds and the rows that it found. scripts/bench.py compares it with other programs. Without arguments, a small
//! index is made and searched.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;
use std::time::Instant;

use edgefuse::index::{Entry, Index, IndexFiles, ItemKind, MadeBy, NewItem, Query, Shelf, Vector, Writer};

/// Vectors that are committed together.
const BATCH: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => small(),
        [folder, dimensions, vectors, queries, threads @ ..] => {
            let threads = threads.first().map_or(Ok(2), |threads| threads.parse())?;
            measure(Path::new(folder), dimensions.parse()?, vectors, queries, threads)
        }
        _ => Err("usage: search FOLDER DIMENSIONS VECTORS.f32 QUERIES.f32 [THREADS]".into()),
    }
}

fn model() -> MadeBy {
    MadeBy { name: "my-model".to_string(), digest: "1".to_string() }
}

/// A picture with its vector and a caption.
fn picture(key: String, numbers: Vec<f32>, caption: Option<&str>) -> Entry {
    let mut item = NewItem::new(ItemKind::Picture);
    item.vectors = vec![Vector { shelf: Shelf::Picture, made_by: model(), numbers }];
    item.text = caption.map(str::to_string);
    Entry { key, version: "1".to_string(), source: "example".to_string(), path: None, items: vec![item] }
}

fn by_vector(numbers: Vec<f32>) -> Query {
    let vectors = vec![Vector { shelf: Shelf::Picture, made_by: model(), numbers }];
    Query { vectors, top: 10, ..Query::default() }
}

fn small() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("edgefuse-search-{}", std::process::id()));
    let mut writer = Writer::open(&folder)?;
    writer.put(picture("bird.jpg".to_string(), vec![0.9, 0.1, 0.0], Some("a red bird on a branch")))?;
    writer.put(picture("dog.jpg".to_string(), vec![0.1, 0.9, 0.2], Some("two dogs in the grass")))?;
    writer.commit()?;
    let query = Query { words: Some("dogs".to_string()), ..by_vector(vec![0.2, 0.8, 0.1]) };
    for hit in Index::open(&folder)?.search(&query)? {
        println!("{} {:?}", hit.item.id, hit.similarity);
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn measure(
    folder: &Path,
    dimensions: usize,
    vectors: &str,
    queries: &str,
    threads: usize,
) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let mut writer = Writer::open(folder)?;
    let mut rows = Rows::open(vectors, dimensions)?;
    let mut number = 0u32;
    while let Some(row) = rows.next_row()? {
        writer.put(picture(number.to_string(), row, None))?;
        number += 1;
        if writer.waiting() == BATCH {
            writer.commit()?;
        }
    }
    writer.commit()?;
    drop(writer);
    let indexed = started.elapsed().as_secs_f64();
    // As a service does: the index is opened for every search, its files stay mapped.
    let files = IndexFiles::default();
    let mut rows = Rows::open(queries, dimensions)?;
    let mut answers = Vec::new();
    while let Some(row) = rows.next_row()? {
        let query = by_vector(row);
        let started = Instant::now();
        let hits = Index::open_with(folder, &files)?.with_threads(threads).search(&query)?;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        let found = hits.iter().map(|hit| hit.item.id.parse::<u32>()).collect::<Result<Vec<_>, _>>()?;
        answers.push(serde_json::json!({"ms": milliseconds, "found": found}));
    }
    println!("{}", serde_json::json!({"index_seconds": indexed, "queries": answers}));
    Ok(())
}

/// Rows of `f32`.
struct Rows {
    file: BufReader<File>,
    row: Vec<u8>,
}

impl Rows {
    fn open(path: &str, dimensions: usize) -> Result<Self, Box<dyn Error>> {
        let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
        Ok(Rows { file: BufReader::with_capacity(1 << 20, file), row: vec![0; 4 * dimensions] })
    }

    fn next_row(&mut self) -> Result<Option<Vec<f32>>, Box<dyn Error>> {
        match self.file.read_exact(&mut self.row) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            read => {
                read?;
                let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                Ok(Some(self.row.chunks_exact(4).map(number).collect()))
            }
        }
    }
}

//! Division of records among jobs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// One of several shards of the records: `2/8` is the third of eight.
///
/// A record's id alone decides which shard it belongs to: the first 8 bytes of its SHA-256, as a big-endian number,
/// modulo the number of shards. So every record is in exactly one shard, stays there when others are added or removed,
/// and two with the same id are in the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// Whether the record called `id` belongs to it.
    pub fn has(self, id: &str) -> bool {
        let hash = Sha256::digest(id);
        let number = hash[..8].iter().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
        number % u64::from(self.of) == u64::from(self.index)
    }

    /// The shard's own output: `results.2-of-8.jsonl` for `results.jsonl`.
    pub fn output(self, path: &Path) -> PathBuf {
        let mut name = path.file_stem().unwrap_or_default().to_os_string();
        name.push(format!(".{}-of-{}", self.index, self.of));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        path.with_file_name(name)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((index, of)) if index < of => Ok(Shard { index, of }),
            Some((index, of)) => Err(format!("there is no shard {index} of {of}; the first is 0/{of}")),
            None => Err("must be I/N, such as 0/8 for the first of eight shards".to_string()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_in_one_shard_and_stays_there() {
        let shards: Vec<Shard> = (0..3).map(|index| format!("{index}/3").parse().unwrap()).collect();
        let mut counts = [0; 3];
        for id in 0..300 {
            let holds: Vec<bool> = shards.iter().map(|shard| shard.has(&id.to_string())).collect();
            assert_eq!(holds.iter().filter(|has| **has).count(), 1, "{id}");
            counts[holds.iter().position(|has| *has).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (70..130).contains(count)), "{counts:?}");
        // Python: int.from_bytes(hashlib.sha256(b"a").digest()[:8], "big") % 3
        assert!("1/3".parse::<Shard>().unwrap().has("a"));
    }

    #[test]
    fn reads_what_is_written_and_refuses_what_does_not_exist() {
        let shard: Shard = "2/8".parse().unwrap();
        assert_eq!(shard.to_string(), "2/8");
        assert_eq!(shard.output(Path::new("out/r.jsonl")), Path::new("out/r.2-of-8.jsonl"));
        assert_eq!(shard.output(Path::new("r")), Path::new("r.2-of-8"));
        for (text, expected) in
            [("8/8", "the first is 0/8"), ("0/0", "no shard 0 of 0"), ("3", "must be I/N"), ("-1/2", "must be I/N")]
        {
            let problem = text.parse::<Shard>().unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}

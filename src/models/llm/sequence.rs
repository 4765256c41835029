//! The tokens that a model has read so far, with its cache.

use std::sync::{Arc, Mutex, PoisonError};

use super::decoder::LlmDecoder;
use super::inserts::Fed;
use super::rows::{Row, Rows, Written};
use crate::engine::{CacheBuffer, EngineError, Graph, Positions};
use crate::models::generation::{Decoding, Source};

/// Tokens per run while a prompt is read. A prefix is reused in whole runs, so an answer does not depend on what was
/// read before: the numbers are those of the same runs.
pub(super) const CHUNK: usize = 128;

/// Positions that are kept for later prompts.
const MOST_KEPT: usize = 1024;

/// A sequence in progress.
pub(super) struct Sequence<'a> {
    state: State<'a>,
    _written: Written<'a>,
}

enum State<'a> {
    /// The cache is a buffer.
    Buffer { graph: &'a Graph, rows: &'a Rows, cache: Box<CacheBuffer> },
    /// The cache is a row of a buffer that several sequences share.
    Row(Row<'a>),
    /// The cache is copied at each step.
    Copies(Box<Decoding<'a>>),
}

/// The beginnings of the last prompts, with their positions in the cache; most recent first.
#[derive(Default)]
pub(super) struct Prefixes(Mutex<Vec<Arc<Prefix>>>);

struct Prefix {
    /// What identifies each position: the token, or the part of a picture.
    keys: Vec<i64>,
    positions: Positions,
}

impl Prefixes {
    /// The entry that shares the longest beginning with `keys`, and the length of it in whole runs.
    fn longest(&self, keys: &[i64]) -> Option<(Arc<Prefix>, usize)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = kept.iter().map(|prefix| (prefix.clone(), prefix.shared(keys)));
        shared.max_by_key(|(_, length)| *length).filter(|(_, length)| *length > 0)
    }

    /// Keeps `prefix` instead of its own beginnings; the oldest entries make room for it.
    fn keep(&self, prefix: Prefix) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other| !prefix.keys.starts_with(&other.keys));
        kept.insert(0, Arc::new(prefix));
        let mut total = 0;
        kept.retain(|prefix| {
            total += prefix.keys.len();
            total <= MOST_KEPT
        });
    }
}

impl Prefix {
    /// Number of positions, in whole runs, that `keys` shares with this beginning. The last one of `keys` is not among
    /// them, because its logits are needed.
    fn shared(&self, keys: &[i64]) -> usize {
        let most = keys.len().saturating_sub(1);
        let same = self.keys.iter().zip(&keys[..most]).take_while(|(ours, theirs)| ours == theirs).count();
        same / CHUNK * CHUNK
    }
}

impl<'a> Sequence<'a> {
    /// Reads a prompt of at least one token, with room for `room` more. Returns the sequence, the logits after the last
    /// token, and how many positions were taken over from an earlier prompt.
    ///
    /// # Errors
    /// [`EngineError`] if the graph fails.
    pub fn read(
        decoder: &'a LlmDecoder,
        (prefixes, rows): (&Prefixes, &'a Rows),
        fed: &'a Fed,
        room: usize,
    ) -> Result<(Self, Vec<f32>, usize), EngineError> {
        let Fed { ids, keys, rows: pictures } = fed;
        let graph = decoder.decoder.graph();
        if !decoder.buffered {
            let source = pictures.as_ref().map_or(Source::Alone, Source::Rows);
            let mut decoding = Box::new(decoder.decoder.start(source)?);
            let logits = feed_in_runs(ids, |run| Ok(decoding.feed(run)?.row(0).to_vec()))?;
            let state = State::Copies(decoding);
            return Ok((Sequence { state, _written: rows.count() }, logits, 0));
        }
        let mut cache = Box::new(graph.cache_buffer(ids.len() + room)?);
        let referred;
        let ids = match pictures {
            None => ids,
            Some(pictures) => {
                graph.feed_beside(&mut cache, "image_rows", &pictures.rows)?;
                referred = pictures.referred(ids, decoder.decoder.vocabulary(), &mut 0);
                &referred
            }
        };
        let mut reused = 0;
        if let Some((prefix, length)) = prefixes.longest(keys) {
            cache.restore(&prefix.positions, length)?;
            reused = length;
        }
        let logits = feed_in_runs(&ids[reused..], |run| Ok(graph.extend(&mut cache, run)?.to_vec()))?;
        let whole = (ids.len() / CHUNK * CHUNK).min(MOST_KEPT);
        if whole > reused {
            prefixes.keep(Prefix { keys: keys[..whole].to_vec(), positions: cache.copy(whole)? });
        }
        let state = State::Buffer { graph, rows, cache };
        Ok((Sequence { state, _written: rows.count() }, logits, reused))
    }

    /// Reads one more token; returns the logits after it.
    ///
    /// # Errors
    /// [`EngineError`] if the graph fails, or there is no room.
    pub fn step(&mut self, id: i64, logits: &mut Vec<f32>) -> Result<(), EngineError> {
        logits.clear();
        if let State::Buffer { graph, rows, cache } = &self.state
            && let Some(row) = rows.join(graph, cache)?
        {
            self.state = State::Row(row);
        }
        match &mut self.state {
            State::Buffer { graph, cache, .. } => logits.extend_from_slice(graph.extend(cache, &[id])?),
            State::Row(row) => *logits = row.step(id)?,
            State::Copies(decoding) => logits.extend_from_slice(decoding.step(&[id])?.row(0)),
        }
        Ok(())
    }
}

/// Feeds `ids` run by run; returns the logits after the last.
fn feed_in_runs(
    ids: &[i64],
    mut feed: impl FnMut(&[i64]) -> Result<Vec<f32>, EngineError>,
) -> Result<Vec<f32>, EngineError> {
    let mut logits = Vec::new();
    for run in ids.chunks(CHUNK) {
        logits = feed(run)?;
    }
    Ok(logits)
}

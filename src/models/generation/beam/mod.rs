//! Beam search: several hypotheses in parallel, keeping the best continuations of all of them.
//!
//! Implementations differ in what the rules change, when a finished hypothesis counts, and when to stop. Those
//! differences are a [`BeamPolicy`]; the search itself is shared.

mod openai;
mod transformers;

use super::decoder::Decoding;
use super::logits::{Logits, largest_first, log_softmax};
use super::rules::LogitsRule;
use super::search::{Generated, Search};
use crate::engine::EngineError;

pub use openai::OpenAiBeams;
pub use transformers::{EarlyStopping, TransformersBeams};

/// What differs between implementations of beam search.
pub trait BeamPolicy {
    /// Beam width.
    fn beams(&self) -> usize;

    /// Turns the logits of a text's next token into the amount that each token adds to the text's score.
    fn scores(&self, logits: &mut [f32], rules: &[&dyn LogitsRule], generated: &[i64]);

    /// Moves texts that ended at this step into `finished`. `ranked` are all continuations of the window's texts, best
    /// first; `text` makes one of them a text.
    fn finish(
        &self,
        finished: &mut Vec<Generated>,
        ranked: &[Candidate],
        text: &dyn Fn(&Candidate) -> Generated,
        progress: Progress,
    );

    /// Whether a window cannot improve any more; `running` is the score of its best unfinished text.
    fn is_done(&self, finished: &[Generated], running: f32, progress: Progress) -> bool;

    /// Completes a window's `finished` with the texts that were unfinished when the search stopped.
    fn complete(&self, finished: &mut Vec<Generated>, running: Vec<Generated>);
}

/// Progress of a search.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Length of the texts in tokens, this step's included.
    pub written: usize,
    /// Maximum number of tokens in a text.
    pub limit: usize,
}

/// A continuation of a text by one token.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The row that it continues.
    row: usize,
    token: i64,
    /// What texts are compared by: the sum of the results of [`BeamPolicy::scores`].
    pub score: f32,
    log_probability: f32,
    /// Whether the token is the end.
    pub ends: bool,
}

/// An unfinished text.
#[derive(Clone)]
struct Beam {
    tokens: Vec<i64>,
    score: f32,
    log_probability: f32,
    log_probabilities: Vec<f32>,
}

/// The texts of one window.
struct WindowSearch {
    running: Vec<Beam>,
    finished: Vec<Generated>,
    done: bool,
}

/// Beam search for each window of `decoding`, which must have one row per window. Returns, for each window, at least as
/// many texts as the policy's beam width.
///
/// # Errors
/// [`EngineError`] if the graph fails.
pub fn beam_search(
    decoding: &mut Decoding,
    mut logits: Logits,
    search: &Search,
    policy: &dyn BeamPolicy,
) -> Result<Vec<Vec<Generated>>, EngineError> {
    let beams = policy.beams();
    let start = || WindowSearch {
        running: vec![Beam { tokens: Vec::new(), score: 0.0, log_probability: 0.0, log_probabilities: Vec::new() }],
        finished: Vec::new(),
        done: false,
    };
    let mut windows: Vec<WindowSearch> = (0..decoding.rows()).map(|_| start()).collect();
    for written in 1..=search.limit {
        let progress = Progress { written, limit: search.limit };
        let (mut rows, mut tokens) = (Vec::new(), Vec::new());
        let mut first = 0;
        for window in &mut windows {
            let ranked = candidates(&window.running, first, &mut logits, search, policy);
            let running = &window.running;
            if !window.done {
                let text = |candidate: &Candidate| running[candidate.row - first].ended_with(candidate);
                policy.finish(&mut window.finished, &ranked, &text, progress);
            }
            let kept: Vec<&Candidate> = ranked.iter().filter(|candidate| !candidate.ends).take(beams).collect();
            let best = kept.first().map_or(f32::NEG_INFINITY, |candidate| candidate.score);
            window.done = window.done || policy.is_done(&window.finished, best, progress);
            let next = kept.iter().map(|candidate| running[candidate.row - first].longer(candidate)).collect();
            first += running.len();
            rows.extend(kept.iter().map(|candidate| candidate.row));
            tokens.extend(kept.iter().map(|candidate| candidate.token));
            window.running = next;
        }
        if written == search.limit || windows.iter().all(|window| window.done) {
            break;
        }
        decoding.select(&rows)?;
        logits = decoding.step(&tokens)?;
    }
    let texts = windows.into_iter().map(|mut window| {
        let running = window.running.into_iter().map(Beam::unfinished).collect();
        policy.complete(&mut window.finished, running);
        window.finished
    });
    Ok(texts.collect())
}

impl Beam {
    fn longer(&self, candidate: &Candidate) -> Self {
        let mut tokens = self.tokens.clone();
        tokens.push(candidate.token);
        let mut log_probabilities = self.log_probabilities.clone();
        log_probabilities.push(candidate.log_probability - self.log_probability);
        Beam { tokens, score: candidate.score, log_probability: candidate.log_probability, log_probabilities }
    }

    /// This text continued by `candidate`, without the end token.
    fn ended_with(&self, candidate: &Candidate) -> Generated {
        match candidate.ends {
            true => Generated {
                tokens: self.tokens.clone(),
                log_probability: candidate.log_probability,
                log_probabilities: self.log_probabilities.clone(),
                score: None,
                ended: true,
            },
            false => self.longer(candidate).unfinished(),
        }
    }

    fn unfinished(self) -> Generated {
        let Beam { tokens, log_probability, log_probabilities, .. } = self;
        Generated { tokens, log_probability, log_probabilities, score: None, ended: false }
    }
}

/// Continuations of a window's texts, whose rows begin with `first`, best first: of each text as many as there are beams
/// and end tokens, so that enough are left if some end the text.
fn candidates(
    running: &[Beam],
    first: usize,
    logits: &mut Logits,
    search: &Search,
    policy: &dyn BeamPolicy,
) -> Vec<Candidate> {
    let count = policy.beams() + search.ends.len();
    let mut candidates = Vec::with_capacity(running.len() * count);
    for (row, beam) in (first..).zip(running) {
        let logits = logits.row_mut(row);
        let of_model = search.wants_unchanged().then(|| {
            let mut unchanged = logits.to_vec();
            log_softmax(&mut unchanged);
            unchanged
        });
        policy.scores(logits, search.rules, &beam.tokens);
        candidates.extend(largest_first(logits, count).into_iter().map(|(token, score)| Candidate {
            row,
            token: token as i64,
            score: beam.score + score,
            log_probability: beam.log_probability + of_model.as_ref().map_or(score, |of_model| of_model[token]),
            ends: search.ends.contains(&(token as i64)),
        }));
    }
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    candidates
}

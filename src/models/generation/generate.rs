//! transformers' `generate`: the search that the options select, with its rules in its order.

use super::beam::{EarlyStopping, TransformersBeams, beam_search};
use super::decoder::Decoder;
use super::rules::{LogitsRule, MinTokens, NoRepeatNgram, RepetitionPenalty, Temperature, TopK, TopP};
use super::sampling::{greedy, sample};
use super::search::{Generated, Probability, Search};
use super::source::Source;
use crate::config::{SearchOptions, StopEarly};
use crate::engine::EngineError;

/// Arguments of [`generate`] apart from the options.
pub struct TextRequest<'a> {
    /// Tokens fed first, including the start token; at least one.
    pub prompt: &'a [i64],
    /// The tokens that end a text; at least one.
    pub ends: &'a [i64],
    /// Maximum number of generated tokens, at least 1.
    pub limit: usize,
    /// Number of texts to return: at least 1 and, without sampling, at most the number of beams.
    pub count: usize,
}

/// Generates texts for the single window of `source`, best first. [`Generated::score`] of each is the log-probability,
/// in beam search after the rules, over `length ^ length_penalty`.
///
/// # Errors
/// [`EngineError`] if the graph fails.
pub fn generate<'a>(
    decoder: &'a Decoder,
    source: impl Into<Source<'a>>,
    request: &TextRequest,
    options: &SearchOptions,
) -> Result<Vec<Generated>, EngineError> {
    let rules = rules(request, options);
    let rules: Vec<&dyn LogitsRule> = rules.iter().map(Box::as_ref).collect();
    let search = Search { rules: &rules, ends: request.ends, limit: request.limit, probability: Probability::OfModel };
    let mut decoding = decoder.start(source)?;
    let logits = decoding.feed(request.prompt)?;
    let mut texts = if options.temperature > 0.0 {
        let mut random = fastrand::Rng::with_seed(options.seed);
        // The temperature is one of the rules: it comes before those that leave out improbable tokens.
        sample(&mut decoding, logits, &search, 1.0, request.count, &mut random)?
    } else if options.beams > 1 {
        let policy = TransformersBeams {
            beams: options.beams,
            length_penalty: options.length_penalty,
            early_stopping: match options.early_stopping {
                StopEarly::No => EarlyStopping::Heuristic,
                StopEarly::Yes => EarlyStopping::Full,
                StopEarly::Never => EarlyStopping::Never,
            },
        };
        beam_search(&mut decoding, logits, &search, &policy)?.into_iter().flatten().collect()
    } else {
        greedy(&mut decoding, logits, &search)?
    };
    for text in &mut texts {
        text.score = text.score.or_else(|| Some(text.length_normalised(options.length_penalty)));
    }
    texts.sort_by(|a, b| b.score.unwrap_or(f32::NAN).total_cmp(&a.score.unwrap_or(f32::NAN)));
    texts.truncate(request.count);
    Ok(texts)
}

/// The rules that have an effect, in the order of `_get_logits_processor` in transformers' `generation/utils.py`.
fn rules(request: &TextRequest, options: &SearchOptions) -> Vec<Box<dyn LogitsRule>> {
    let mut rules: Vec<Box<dyn LogitsRule>> = Vec::new();
    let prompt = || request.prompt.to_vec();
    if options.repetition_penalty != 1.0 {
        rules.push(Box::new(RepetitionPenalty { penalty: options.repetition_penalty, prompt: prompt() }));
    }
    if options.no_repeat_ngram_size > 0 {
        rules.push(Box::new(NoRepeatNgram { size: options.no_repeat_ngram_size, prompt: prompt() }));
    }
    if options.min_tokens > 0 {
        rules.push(Box::new(MinTokens { count: options.min_tokens, ends: request.ends.to_vec() }));
    }
    if options.temperature > 0.0 {
        if options.temperature != 1.0 {
            rules.push(Box::new(Temperature(options.temperature)));
        }
        if options.top_k > 0 {
            rules.push(Box::new(TopK(options.top_k)));
        }
        if options.top_p < 1.0 {
            rules.push(Box::new(TopP(options.top_p)));
        }
    }
    rules
}

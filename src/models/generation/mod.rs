//! Generates text with a decoder graph, token by token. Whisper's transcripts and BLIP's captions and answers all come
//! from this implementation.
//!
//! | module | role |
//! |---|---|
//! | `decoder` | the graph and its caches |
//! | `source` | what it attends to, and what it reads apart from tokens |
//! | `logits` | softmax |
//! | `rules` | rules that change logits before a token is chosen |
//! | `search` | requests and results of a search, and the choice of the best text |
//! | `sampling` | greedy decoding and sampling |
//! | `beam` | beam search, with the rules of openai-whisper or of transformers |
//! | `generate` | transformers' `generate`: the search that its options select |
//! | `rank` | log-probabilities of given texts |

mod beam;
mod decoder;
mod generate;
mod logits;
mod rank;
mod rules;
mod sampling;
mod search;
mod source;

pub use beam::{BeamPolicy, EarlyStopping, OpenAiBeams, TransformersBeams, beam_search};
pub use decoder::{Decoder, Decoding, Kept};
pub use generate::{TextRequest, generate};
pub use logits::{Logits, softmax};
pub(crate) use logits::{argmax, largest, largest_first, log_probability, log_sum_exp, max_and_log_sum};
pub use rank::log_probabilities;
pub use rules::{
    LogitsRule, MinP, MinTokens, NoRepeatNgram, RepetitionPenalty, Suppress, SuppressFirst, Temperature, TopK, TopP,
};
pub(crate) use sampling::draw;
pub use sampling::{greedy, sample};
pub use search::{Generated, Probability, Search, best};
pub use source::{CrossAttention, ImageRows, Source};

//! Text out of a decoder graph, one token after the other. Whisper's transcripts and BLIP's captions and answers all
//! come out of this one piece of code.
//!
//! | module | what it does |
//! |---|---|
//! | `decoder` | the graph, its caches, and what it attends to |
//! | `logits` | softmax |
//! | `rules` | what changes logits before a token is chosen |
//! | `search` | what a search is asked, what it wrote, and which of several texts is the best |
//! | `sampling` | rows that go on by themselves: the most probable token, or one drawn at a temperature |
//! | `beam` | beam search, with the rules of openai-whisper or of transformers |
//! | `generate` | transformers' `generate`: a search as its options say |
//! | `rank` | log-probabilities of given texts |

mod beam;
mod decoder;
mod generate;
mod logits;
mod rank;
mod rules;
mod sampling;
mod search;

pub use beam::{BeamPolicy, EarlyStopping, OpenAiBeams, TransformersBeams, beam_search};
pub use decoder::{CrossAttention, Decoder, Decoding, Kept, Source};
pub use generate::{Request, generate};
pub use logits::{Logits, softmax};
pub(crate) use logits::{argmax, largest, log_sum_exp};
pub use rank::log_probabilities;
pub use rules::{
    LogitsRule, MinTokens, NoRepeatNgram, RepetitionPenalty, Suppress, SuppressFirst, Temperature, TopK, TopP,
};
pub use sampling::{greedy, sample};
pub use search::{Generated, Probability, Search, best};

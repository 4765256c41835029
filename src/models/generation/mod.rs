//! Text out of a decoder graph, one token after the other. Whisper's transcripts and BLIP's captions and answers all
//! come out of this one piece of code.
//!
//! | module | what it does |
//! |---|---|
//! | `decoder` | the graph, its caches, and what it attends to |
//! | `logits` | rules on logits, softmax |
//! | `search` | what a search is asked, what it wrote, and which of several texts is the best |
//! | `sampling` | rows that go on by themselves: the most probable token, or one drawn at a temperature |
//! | `beam` | beam search |

mod beam;
mod decoder;
mod logits;
mod sampling;
mod search;

pub use beam::beam_search;
pub use decoder::{CrossAttention, Decoder, Decoding};
pub use logits::{Logits, LogitsRule, Suppress, SuppressFirst, softmax};
pub(crate) use logits::{argmax, largest, log_sum_exp};
pub use sampling::{greedy, sample};
pub use search::{Generated, Search, best};

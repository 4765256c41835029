//! Text out of a decoder graph, one token after the other. Whisper's transcripts and BLIP's captions and answers all
//! come out of this one piece of code.

mod decoder;
mod greedy;
mod logits;

pub use decoder::{CrossAttention, Decoder, Decoding};
pub use greedy::{Generated, greedy};
pub use logits::{LogitsRule, Suppress, SuppressFirst, softmax};
pub(crate) use logits::{argmax, log_sum_exp};

//! Chats and completions by a language model.

mod asked;
mod run;
mod shape;

pub use asked::Sampling;
pub use run::{Asked, Given, answer};
pub use shape::{Kind, Shape};

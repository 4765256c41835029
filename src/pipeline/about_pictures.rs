//! Results of the steps `caption`, `ask` and `match`.

use serde::{Deserialize, Serialize};

/// A caption, and the others where several were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaptionText {
    /// The best caption.
    #[serde(flatten)]
    pub best: CaptionScore,
    /// All captions, the best first, where more than one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captions: Option<Vec<CaptionScore>>,
}

/// A caption with how good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaptionScore {
    /// The caption.
    pub text: String,
    /// Its log-probability (natural logarithm), the end token counted.
    pub log_probability: f32,
    /// The log-probability, as penalties left it in beam search, over `length ^ length_penalty`.
    pub score: f32,
}

/// An answer, and the ranking of a list of answers where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnswerText {
    /// The question that was asked.
    pub question: String,
    /// The answer.
    pub text: String,
    /// Probability of exactly this answer, in [0, 1]: the exponential of `log_probability`.
    pub confidence: f32,
    /// Log-probability (natural logarithm) of exactly this answer, the end token counted.
    pub log_probability: f32,
    /// The answers of the list, the most probable first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<AnswerScore>>,
}

/// An answer of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnswerScore {
    /// The answer.
    pub text: String,
    /// Log-probability (natural logarithm) of exactly this answer, the end token counted.
    pub log_probability: f32,
    /// Probability among the answers of the list, in [0, 1].
    pub probability: f32,
}

/// How well texts fit a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatchedTexts {
    /// The texts, in the order they were given.
    pub texts: Vec<MatchedText>,
    /// The embeddings that `similarity` compares, where they are asked for and the model has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<MatchEmbeddings>,
}

/// Embeddings of a picture and texts, each of length 1, all in one space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatchEmbeddings {
    /// Of the picture.
    pub image: Vec<f32>,
    /// Of each text, in the order they were given.
    pub texts: Vec<Vec<f32>>,
}

/// How well one text fits a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatchedText {
    /// The text.
    pub text: String,
    /// Probability in [0, 1] that text and picture belong together, where the model has a matching head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// Cosine of the angle between the embeddings of picture and text, in [-1, 1], where the model has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
}

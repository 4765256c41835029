//! Results of the steps `caption`, `ask`, `classify` and `match`.

use serde::{Deserialize, Serialize};

/// A caption, and alternatives if several were requested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaptionText {
    /// The best caption.
    #[serde(flatten)]
    pub best: CaptionScore,
    /// All captions, best first, if more than one was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captions: Option<Vec<CaptionScore>>,
}

/// A caption with its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaptionScore {
    /// The caption.
    pub text: String,
    /// Its log-probability (natural logarithm), including the end token; none from an endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_probability: Option<f32>,
    /// The log-probability, after penalties in beam search, over `length ^ length_penalty`; none from an endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// Number of its tokens, the prompt's included; 0 in a result that was read back from JSON.
    #[serde(skip)]
    pub tokens: usize,
}

/// An answer, and the ranking of the candidate answers if there are any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnswerText {
    /// The question.
    pub question: String,
    /// The answer.
    pub text: String,
    /// Probability of exactly this answer, in [0, 1]: the exponential of `log_probability`. None from an endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Log-probability (natural logarithm) of exactly this answer, including the end token; none from an endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_probability: Option<f32>,
    /// Number of its tokens; 0 for a candidate answer, and in a result that was read back from JSON.
    #[serde(skip)]
    pub tokens: usize,
    /// The candidate answers, most probable first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<AnswerScore>>,
}

/// A candidate answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnswerScore {
    /// The answer.
    pub text: String,
    /// Log-probability (natural logarithm) of exactly this answer, including the end token.
    pub log_probability: f32,
    /// Probability among the candidates, in [0, 1].
    pub probability: f32,
}

/// What a picture shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PictureClasses {
    /// The most probable class.
    pub label: String,
    /// Its probability among all classes of the model, in [0, 1].
    pub probability: f32,
    /// The most probable classes, as many as were requested, most probable first.
    pub classes: Vec<ClassScore>,
}

/// A class and its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassScore {
    /// Name of the class.
    pub label: String,
    /// Its probability among all classes of the model, in [0, 1].
    pub probability: f32,
}

/// How well texts fit a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatchedTexts {
    /// The texts, in the order of the input.
    pub texts: Vec<MatchedText>,
    /// The embeddings that `similarity` compares, if they were requested and the model has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<MatchEmbeddings>,
}

/// Embeddings of a picture and texts, each of length 1, all in one space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatchEmbeddings {
    /// Embedding of the picture.
    pub image: Vec<f32>,
    /// Embedding of each text, in the order of the input.
    pub texts: Vec<Vec<f32>>,
}

/// How well one text fits a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatchedText {
    /// The text.
    pub text: String,
    /// Probability in [0, 1] that text and picture belong together, if the model has a matching head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// Cosine similarity of the embeddings of picture and text, in [-1, 1], if the model has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
}

//! What the steps of a result said, and how sure they are of it.

use edgefuse::pipeline::step_keys;
use serde_json::{Map, Value};

/// A step of a result.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// The key of the step's result.
    pub key: &'static str,
    /// The step's result.
    pub value: &'a Value,
}

/// The steps of a result's line that have a result or an error.
pub fn steps(line: &Map<String, Value>) -> impl Iterator<Item = Said<'_>> {
    step_keys().filter_map(|key| Some(Said { key, value: line.get(key)? }))
}

impl<'a> Said<'a> {
    /// The step's text: a transcript, a caption or an answer; the label of a decision; the text that fits a picture best; an
    /// error. Embeddings have none.
    pub fn text(self) -> Option<&'a str> {
        let own = ["text", "label", "error"].into_iter().find_map(|key| self.value.get(key)?.as_str());
        own.or_else(|| self.best()?.get("text")?.as_str())
    }

    /// The step's confidence, in [0, 1]. Of an answer, a decision, a class and the best text for a picture, their probability; of a
    /// caption, the exponential of `score`; of a transcript or a reply, that of its tokens' mean log-probability.
    pub fn confidence(self) -> Option<f64> {
        if let Some(confidence) = self.value.get("confidence") {
            return confidence.as_f64();
        }
        if let Some(score) = self.value.get("score") {
            return score.as_f64().map(|score| score.exp().min(1.0));
        }
        if let (Some(sum), Some(tokens)) = (self.value.get("log_probability"), self.value.get("tokens")) {
            let mean = sum.as_f64()? / tokens.as_f64()?;
            return mean.is_finite().then(|| mean.exp().min(1.0));
        }
        if let Some(segments) = self.value.get("segments") {
            return mean_log_probability(segments.as_array()?).map(f64::exp);
        }
        // Of a class, its own.
        self.value.get("probability").or_else(|| self.best()?.get("probability"))?.as_f64()
    }

    /// The text that fits the picture best.
    fn best(self) -> Option<&'a Value> {
        let fit = |text: &Value| text.get("probability").or_else(|| text.get("similarity")).and_then(Value::as_f64);
        let texts = self.value.get("texts")?.as_array()?.iter();
        texts.max_by(|a, b| fit(a).unwrap_or(f64::MIN).total_cmp(&fit(b).unwrap_or(f64::MIN)))
    }
}

/// Mean over the tokens of all segments.
fn mean_log_probability(segments: &[Value]) -> Option<f64> {
    let mut sum = (0.0, 0.0);
    for segment in segments {
        let tokens = segment.get("tokens").and_then(Value::as_array).map_or(1, Vec::len).max(1) as f64;
        sum = (sum.0 + segment.get("avg_logprob")?.as_f64()? * tokens, sum.1 + tokens);
    }
    (sum.1 > 0.0).then(|| sum.0 / sum.1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(line: &Value) -> Vec<(&'static str, Option<String>, Option<f64>)> {
        let of = |said: Said| (said.key, said.text().map(str::to_string), said.confidence());
        steps(line.as_object().unwrap()).map(of).collect()
    }

    #[test]
    fn every_step_has_its_text_and_confidence() {
        let line = json!({
            "id": "a", "text": "given", "precision": {"blip/vision": "int8"},
            "transcript": {"text": "hello there", "segments": [
                {"avg_logprob": -1.0, "tokens": [1, 2, 3]}, {"avg_logprob": 0.0, "tokens": [4]}]},
            "caption": {"text": "a dog", "score": -0.5, "log_probability": -2.0},
            "answer": {"text": "yes", "confidence": 0.25},
            "reply": {"text": "no", "tokens": 4, "log_probability": -2.0},
            "match": {"texts": [{"text": "a", "probability": 0.2}, {"text": "b", "probability": 0.7}]},
            "classes": {"label": "cat", "probability": 0.75, "classes": [{"label": "cat", "probability": 0.75}]},
            "fusion": {"label": "red", "confidence": 0.5},
            "embed": {"image": [0.0]},
        });
        let text = |text: &str| Some(text.to_string());
        let expected = [
            ("transcript", text("hello there"), Some((-0.75f64).exp())),
            ("caption", text("a dog"), Some((-0.5f64).exp())),
            ("answer", text("yes"), Some(0.25)),
            ("classes", text("cat"), Some(0.75)),
            ("match", text("b"), Some(0.7)),
            ("fusion", text("red"), Some(0.5)),
            ("embed", None, None),
            ("reply", text("no"), Some((-0.5f64).exp())),
        ];
        assert_eq!(said(&line), expected);
    }

    #[test]
    fn a_failed_step_has_its_error_and_no_confidence() {
        let line = json!({"caption": {"error": "no"}, "transcript": {"text": "", "segments": []}});
        assert_eq!(said(&line), [("transcript", Some(String::new()), None), ("caption", Some("no".to_string()), None)]);
    }
}

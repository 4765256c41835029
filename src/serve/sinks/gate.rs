//! Which events a sink gets.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use edgefuse::config::{Filter, MinConfidence};
use serde_json::{Map, Value};

use super::said;
use crate::serve::event::{Event, What};

/// A sink's filter, with the last result of each source that passed it.
pub struct Gate {
    filter: Filter,
    last: Mutex<HashMap<Arc<str>, BTreeMap<&'static str, String>>>,
}

impl Gate {
    pub fn new(filter: Filter) -> Self {
        Gate { filter, last: Mutex::default() }
    }

    /// Whether the sink gets the event. Conditions on texts and confidence concern results; preliminary texts, which have
    /// no confidence, are left out where there are such conditions, and other events pass.
    pub fn passes(&self, event: &Event) -> bool {
        if self.filter.sources.as_ref().is_some_and(|sources| !sources.iter().any(|it| **it == *event.source)) {
            return false;
        }
        match (event.line(), &event.what) {
            (Some(line), _) => self.matches(line) && self.sure(line) && self.new_texts(event, line),
            (None, What::Partial(_)) => self.filter.only.is_empty() && self.filter.min_confidence.is_none(),
            (None, _) => true,
        }
    }

    fn matches(&self, line: &Map<String, Value>) -> bool {
        let text = |key: &str| said::steps(line).find(|said| said.key == key)?.text();
        self.filter.only.iter().all(|(key, pattern)| text(key).is_some_and(|text| pattern.0.is_match(text)))
    }

    fn sure(&self, line: &Map<String, Value>) -> bool {
        let mut confidences = said::steps(line).filter_map(|said| Some((said.key, said.confidence()?)));
        match &self.filter.min_confidence {
            None => true,
            Some(MinConfidence::OfAll(least)) => {
                confidences.map(|(_, confidence)| confidence).reduce(f64::min).is_some_and(|it| it >= *least)
            }
            Some(MinConfidence::Of(steps)) => {
                let confidences: BTreeMap<_, _> = confidences.by_ref().collect();
                steps.iter().all(|(key, least)| confidences.get(key.as_str()).is_some_and(|it| it >= least))
            }
        }
    }

    fn new_texts(&self, event: &Event, line: &Map<String, Value>) -> bool {
        if !self.filter.changed {
            return true;
        }
        let texts = said::steps(line).filter_map(|said| Some((said.key, said.text()?.to_string())));
        let mut texts: BTreeMap<&'static str, String> = texts.collect();
        if let Some(error) = line.get("error").and_then(Value::as_str) {
            texts.insert("error", error.to_string());
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(event.source.clone(), texts.clone()) != Some(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::sinks::made::{event, result};

    fn gate(yaml: &str) -> Gate {
        let sinks: Vec<edgefuse::config::Sink> =
            serde_yaml::from_str(&format!("- jsonl: {{path: a}}\n{yaml}")).unwrap();
        Gate::new(sinks[0].filter.clone())
    }

    fn caption(source: &str, text: &str, score: f32) -> Event {
        result(
            source,
            &format!(r#""caption":{{"text":"{text}","log_probability":-3,"score":{score},"ms":1,"provider":"cpu"}}"#),
        )
    }

    #[test]
    fn sources_hold_for_every_event() {
        let gate = gate("  sources: [door]");
        assert!(gate.passes(&caption("door", "a", 0.0)) && gate.passes(&event("door", What::Up)));
        assert!(!gate.passes(&caption("yard", "a", 0.0)) && !gate.passes(&event("yard", What::Up)));
    }

    #[test]
    fn texts_and_confidence_hold_for_results() {
        let dogs = gate("  only: {caption: '(?i)dog'}");
        assert!(dogs.passes(&caption("door", "A Dog", 0.0)) && !dogs.passes(&caption("door", "a cat", 0.0)));
        assert!(!dogs.passes(&result("door", "")), "a result without a caption has no dog in it");
        assert!(
            !dogs.passes(&event("door", What::Partial("dog".into())))
                && dogs.passes(&event("door", What::Motion(true)))
        );
        let sure = gate("  min_confidence: 0.5");
        assert!(sure.passes(&caption("door", "a", -0.5)) && !sure.passes(&caption("door", "a", -0.8)));
        assert!(!sure.passes(&result("door", "")), "nothing is sure in a result without steps");
        let answers = gate("  min_confidence: {answer: 0.5}");
        assert!(!answers.passes(&caption("door", "a", 0.0)), "there is no answer");
    }

    #[test]
    fn a_text_passes_when_it_changes_by_source() {
        let gate = gate("  changed: true");
        let passed = ["a", "a", "b", "a"].map(|text| gate.passes(&caption("door", text, 0.0)));
        assert_eq!(passed, [true, false, true, true]);
        assert!(gate.passes(&caption("yard", "a", 0.0)) && !gate.passes(&caption("door", "a", -0.1)));
    }
}

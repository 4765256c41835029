//! Utterances as items of a conversation: from events of the transcription to those of OpenAI's API.

use edgefuse::models::transcript::LiveEvent;
use serde_json::{Value, json};

use super::agreement::Agreement;
use super::server_events::{Names, event, id, transcription};
use crate::serve::http::failure::Failure;

/// The utterances of a session.
pub struct Turns {
    names: Names,
    /// The item being heard.
    item: Option<Item>,
    /// The id of the last item.
    previous: Option<String>,
    /// Length of the sound before the transcription that runs, in seconds.
    base: f64,
}

struct Item {
    id: String,
    start: f64,
    agreement: Agreement,
    texts: Vec<String>,
}

fn ms(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

impl Turns {
    pub fn new(names: Names) -> Self {
        Turns { names, item: None, previous: None, base: 0.0 }
    }

    /// A transcription starts after `base` seconds of sound. An item that was not finished is dropped.
    pub fn start(&mut self, base: f64) {
        (self.base, self.item) = (base, None);
    }

    /// The events for an event of the transcription.
    pub fn take(&mut self, heard: LiveEvent) -> Vec<Value> {
        match heard {
            LiveEvent::SpeechStarted { start } => {
                let start = self.base + start;
                let item = Item::new(start);
                let fields = json!({"audio_start_ms": ms(start), "item_id": item.id});
                self.item = Some(item);
                vec![event("input_audio_buffer.speech_started", fields)]
            }
            LiveEvent::Partial { text, .. } => {
                let Some(item) = &mut self.item else { return Vec::new() };
                let delta = item.agreement.push(&text);
                delta.map(|delta| item.delta(&delta)).into_iter().collect()
            }
            LiveEvent::Final(segment) => {
                self.item.iter_mut().for_each(|item| item.texts.push(segment.text.trim().to_string()));
                Vec::new()
            }
            LiveEvent::SpeechEnded { end } => {
                let Some(item) = self.item.take() else { return Vec::new() };
                let end = self.base + end;
                let fields = json!({"audio_end_ms": ms(end), "item_id": item.id});
                let mut events = vec![event("input_audio_buffer.speech_stopped", fields)];
                events.extend(self.committed(&item.id));
                let (seconds, text) = (end - item.start, item.texts.join(" "));
                events.extend(item.complete(&text, seconds));
                events
            }
            _ => Vec::new(),
        }
    }

    /// The events for an utterance that the client committed; its text follows.
    pub fn commit(&mut self) -> Vec<Value> {
        let item = Item::new(self.base);
        let events = self.committed(&item.id);
        self.item = Some(item);
        events
    }

    /// The next text of a committed utterance.
    pub fn text(&mut self, text: &str) -> Option<Value> {
        let item = self.item.as_mut()?;
        item.texts.push(text.trim().to_string());
        let delta = item.agreement.settle(&item.texts.join(" "));
        delta.map(|delta| item.delta(&delta))
    }

    /// The whole text of a committed utterance of this many seconds.
    pub fn complete(&mut self, text: &str, seconds: f64) -> Vec<Value> {
        self.item.take().map_or(Vec::new(), |item| item.complete(text, seconds))
    }

    /// The events for a transcription that failed.
    pub fn fail(&mut self, failure: &Failure) -> Option<Value> {
        let item = self.item.take()?;
        Some(transcription("failed", &item.id, json!({"error": failure.json()["error"]})))
    }

    fn committed(&mut self, id: &str) -> Vec<Value> {
        let previous = self.previous.replace(id.to_string());
        let fields = json!({"item_id": id, "previous_item_id": previous});
        let mut events = vec![event("input_audio_buffer.committed", fields)];
        events.extend(self.names.item(id, previous.as_deref()));
        events
    }
}

impl Item {
    fn new(start: f64) -> Self {
        Item { id: id("item"), start, agreement: Agreement::default(), texts: Vec::new() }
    }

    fn delta(&self, delta: &str) -> Value {
        transcription("delta", &self.id, json!({"delta": delta}))
    }

    /// The rest of the text, and the whole.
    fn complete(mut self, text: &str, seconds: f64) -> Vec<Value> {
        let text = text.trim();
        let rest = self.agreement.settle(text).map(|rest| self.delta(&rest));
        let usage = json!({"type": "duration", "seconds": seconds.max(0.0)});
        let whole = transcription("completed", &self.id, json!({"transcript": text, "usage": usage}));
        rest.into_iter().chain([whole]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(events: &[Value]) -> Vec<&str> {
        let kind = |event: &'_ Value| event["type"].as_str().unwrap().rsplit('.').next().unwrap().to_string();
        events.iter().map(|event| kind(event).leak() as &str).collect()
    }

    #[test]
    fn speech_becomes_an_item_that_follows_the_one_before() {
        let mut turns = Turns::new(Names::Current);
        turns.start(2.0);
        let mut said = |text: &str| {
            let mut events = turns.take(LiveEvent::SpeechStarted { start: 0.5 });
            for _ in 0..2 {
                events.extend(turns.take(LiveEvent::Partial { start: 0.5, end: 2.0, text: text.to_string() }));
            }
            events.extend(turns.take(LiveEvent::SpeechEnded { end: 1.5 }));
            events
        };
        let first = said("one");
        assert_eq!(
            kinds(&first),
            ["speech_started", "delta", "speech_stopped", "committed", "added", "done", "completed"]
        );
        assert_eq!((&first[0]["audio_start_ms"], &first[2]["audio_end_ms"]), (&2500.into(), &3500.into()));
        assert_eq!(first[1]["delta"], "one");
        let second = said("two");
        assert_eq!(second[3]["previous_item_id"], first[3]["item_id"]);
    }

    #[test]
    fn a_committed_utterance_is_sent_text_by_text() {
        let mut turns = Turns::new(Names::Beta);
        let events = turns.commit();
        assert_eq!(kinds(&events), ["committed", "created"]);
        assert_eq!(turns.text(" One.").unwrap()["delta"], "One.");
        assert_eq!(turns.text(" Two.").unwrap()["delta"], " Two.");
        let end = turns.complete("One. Two.", 3.0);
        assert_eq!((kinds(&end), &end[0]["transcript"]), (vec!["completed"], &"One. Two.".into()));
        assert!(turns.fail(&Failure::invalid("x")).is_none());
    }
}

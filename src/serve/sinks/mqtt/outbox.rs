//! What events become: results to keep until they are delivered, states that are repeated on each connection, messages that
//! are of no use later, and descriptions of entities.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use edgefuse::config::MqttOptions;
use edgefuse::media::image::to_jpeg;
use serde_json::{Value, json};

use super::discovery::{Discovery, Entity};
use super::message::Message;
use super::payload::{shared, step};
use super::topics::{AVAILABILITY, ERROR, IMAGE, MOTION, PARTIAL, SPEECH, Topics};
use crate::serve::event::{Event, What};
use crate::serve::outlook::Outlook;
use crate::serve::sinks::said;

/// The least time between two pictures of a source.
const BETWEEN_IMAGES: Duration = Duration::from_secs(1);

/// What is to be published.
pub struct Outbox {
    pub topics: Topics,
    retain: bool,
    images: bool,
    discovery: Option<Discovery>,
    /// The latest states by topic, retained by the broker.
    states: BTreeMap<String, Vec<u8>>,
    /// When each source's picture was last published.
    pictured: HashMap<Arc<str>, Instant>,
}

/// What an event becomes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Kept until they are delivered.
    pub results: Vec<Message>,
    /// Sent if there is a connection.
    pub passing: Vec<Message>,
}

impl Outbox {
    pub fn new(options: &MqttOptions, device: &str) -> Self {
        let home_assistant = |_| Discovery::new(&options.discovery_prefix, device);
        Outbox {
            topics: Topics::new(&options.prefix, device),
            retain: options.retain,
            images: options.images,
            discovery: options.discovery.map(home_assistant),
            states: BTreeMap::new(),
            pictured: HashMap::new(),
        }
    }

    /// Prepares for what a source may report: its entities are described, and nothing moves or speaks yet. The broker may
    /// still have the states of an earlier run.
    pub fn expect(&mut self, source: &str, outlook: &Outlook) {
        // There is no connection yet; all of this is sent at the first.
        let mut messages = Messages::default();
        for key in &outlook.texts {
            self.describe(source, Entity::Step(key), &mut messages);
        }
        if outlook.pictures && self.images {
            self.describe(source, Entity::Image, &mut messages);
        }
        if outlook.motion {
            self.motion(source, false, &mut messages);
        }
        if outlook.speech {
            self.speech(source, false, &mut messages);
        }
    }

    /// Leaves out what would be repeated on this topic.
    pub fn forget(&mut self, topic: &str) {
        self.states.remove(topic);
    }

    /// The topic on which Home Assistant reports that it has started, if it is to know of entities.
    pub fn status(&self) -> Option<String> {
        self.discovery.as_ref().map(Discovery::status)
    }

    /// All states and descriptions.
    pub fn states(&self) -> Vec<Message> {
        let message = |(topic, payload): (&String, &Vec<u8>)| state(topic.clone(), payload.clone());
        self.states.iter().map(message).collect()
    }

    /// The sources' availability once the device ends.
    pub fn offline(&self) -> Message {
        state(self.topics.availability(), b"offline".to_vec())
    }

    /// The device's availability while it is connected.
    pub fn online(&self) -> Message {
        state(self.topics.availability(), b"online".to_vec())
    }

    /// What an event becomes.
    pub fn messages(&mut self, event: &Event) -> Messages {
        let mut messages = Messages::default();
        let source = &*event.source;
        // A source that reports something works, even if it never said so. Entities without availability are of no use.
        let availability = self.topics.of(source, AVAILABILITY);
        if !matches!(event.what, What::Up | What::Down(_)) && !self.states.contains_key(&availability) {
            self.set(availability, b"online", &mut messages);
        }
        match &event.what {
            What::Result(finding) => {
                self.results(event, &mut messages);
                if let Some(picture) = finding.picture.as_ref().filter(|_| self.images) {
                    self.picture(&event.source, picture, &mut messages);
                }
            }
            What::Partial(text) => {
                let payload = json!({"source": source, "time": event.at.text(), "text": text}).to_string().into_bytes();
                messages.passing.push(Message { topic: self.topics.of(source, PARTIAL), retain: false, payload });
            }
            What::Speech(on) => self.speech(source, *on, &mut messages),
            What::Motion(on) => self.motion(source, *on, &mut messages),
            What::Up => self.set(self.topics.of(source, AVAILABILITY), b"online", &mut messages),
            What::Down(why) => {
                self.set(self.topics.of(source, AVAILABILITY), b"offline", &mut messages);
                let payload = json!({"source": source, "time": event.at.text(), "error": why}).to_string().into_bytes();
                messages.passing.push(Message { topic: self.topics.of(source, ERROR), retain: false, payload });
            }
        }
        messages
    }

    fn results(&mut self, event: &Event, messages: &mut Messages) {
        let Some(line) = event.line() else { return };
        for said in said::steps(line) {
            if said.text().is_some() {
                self.describe(&event.source, Entity::Step(said.key), messages);
            }
            let payload = Value::Object(step(line, said)).to_string().into_bytes();
            let topic = self.topics.of(&event.source, said.key);
            messages.results.push(Message { topic, retain: self.retain, payload });
        }
        if let Some(error) = line.get("error") {
            let mut payload = shared(line);
            payload.insert("error".to_string(), error.clone());
            let payload = Value::Object(payload).to_string().into_bytes();
            let topic = self.topics.of(&event.source, ERROR);
            messages.results.push(Message { topic, retain: false, payload });
        }
    }

    fn picture(&mut self, source: &Arc<str>, picture: &edgefuse::media::image::RgbImage, messages: &mut Messages) {
        if self.pictured.get(source).is_some_and(|last| last.elapsed() < BETWEEN_IMAGES) {
            return;
        }
        self.pictured.insert(source.clone(), Instant::now());
        match to_jpeg(picture) {
            Ok(bytes) => {
                self.describe(source, Entity::Image, messages);
                self.set(self.topics.of(source, IMAGE), &bytes, messages);
            }
            Err(error) => log::warn!("{source}: a picture cannot be published: {error}"),
        }
    }

    fn speech(&mut self, source: &str, on: bool, messages: &mut Messages) {
        self.binary(source, SPEECH, "sound", on, messages);
    }

    fn motion(&mut self, source: &str, on: bool, messages: &mut Messages) {
        self.binary(source, MOTION, "motion", on, messages);
    }

    fn binary(&mut self, source: &str, what: &'static str, class: &'static str, on: bool, messages: &mut Messages) {
        self.describe(source, Entity::State { what, class }, messages);
        self.set(self.topics.of(source, what), if on { b"ON" } else { b"OFF" }, messages);
    }

    fn set(&mut self, topic: String, payload: &[u8], messages: &mut Messages) {
        self.states.insert(topic.clone(), payload.to_vec());
        messages.passing.push(state(topic, payload.to_vec()));
    }

    /// Describes an entity, once.
    fn describe(&mut self, source: &str, entity: Entity, messages: &mut Messages) {
        let Some(discovery) = &self.discovery else { return };
        let (topic, payload) = discovery.entity(&self.topics, source, entity);
        if !self.states.contains_key(&topic) {
            self.set(topic, payload.to_string().as_bytes(), messages);
        }
    }
}

fn state(topic: String, payload: Vec<u8>) -> Message {
    Message { topic, retain: true, payload }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::sinks::made::{captioned, event, pictured, result};

    fn outbox(options: &str) -> Outbox {
        let options: MqttOptions = serde_yaml::from_str(&format!("{{broker: 'mqtt://h'{options}}}")).unwrap();
        Outbox::new(&options, "board")
    }

    fn text(message: &Message) -> &str {
        std::str::from_utf8(&message.payload).unwrap()
    }

    #[test]
    fn each_step_of_a_result_is_a_message() {
        let messages = outbox("").messages(&captioned("door", 7));
        let [message] = &messages.results[..] else { panic!("{messages:?}") };
        assert_eq!((message.topic.as_str(), message.retain), ("edgefuse/board/door/caption", true));
        let payload: Value = serde_json::from_str(text(message)).unwrap();
        assert_eq!((&payload["id"], &payload["said"]), (&"door-7".into(), &"view 7".into()));
        assert_eq!((&payload["source"], &payload["time"]), (&"door".into(), &"2026-11-30T12:00:00.000Z".into()));
        assert_eq!(payload["confidence"].as_f64().map(|it| (it * 1000.0).round()), Some(819.0));
        // No discovery unless it is asked for.
        let passing: Vec<_> = messages.passing.iter().map(|it| (it.topic.as_str(), text(it))).collect();
        assert_eq!(passing, [("edgefuse/board/door/availability", "online")]);
    }

    #[test]
    fn a_record_that_failed_is_a_message_that_is_not_retained() {
        let messages = outbox("").messages(&result("door", r#""error":"no frame""#));
        let [message] = &messages.results[..] else { panic!("{messages:?}") };
        assert_eq!((message.topic.as_str(), message.retain), ("edgefuse/board/door/error", false));
        assert!(text(message).contains(r#""error":"no frame""#));
    }

    #[test]
    fn states_are_repeated_and_partial_texts_are_not() {
        let mut outbox = outbox("");
        let sent = |outbox: &mut Outbox, what| {
            let messages = outbox.messages(&event("mic", what));
            assert!(messages.results.is_empty());
            messages.passing.iter().map(|it| (it.topic.clone(), it.retain, text(it).to_string())).collect::<Vec<_>>()
        };
        let mic = |what: &str| format!("edgefuse/board/mic/{what}");
        let online = (mic("availability"), true, "online".to_string());
        assert_eq!(sent(&mut outbox, What::Speech(true)), [online.clone(), (mic("speech"), true, "ON".to_string())]);
        assert_eq!(sent(&mut outbox, What::Up), [online]);
        let down = sent(&mut outbox, What::Down("no device".into()));
        assert_eq!(down[0], (mic("availability"), true, "offline".to_string()));
        assert!(down[1].0 == mic("error") && down[1].2.contains("no device"), "{down:?}");
        let partial = sent(&mut outbox, What::Partial("hel".into()));
        assert_eq!((partial[0].0.clone(), partial[0].1), (mic("partial"), false));
        let states: Vec<_> = outbox.states().iter().map(|it| (it.topic.clone(), text(it).to_string())).collect();
        assert_eq!(states, [(mic("availability"), "offline".to_string()), (mic("speech"), "ON".to_string())]);
    }

    #[test]
    fn entities_are_described_once() {
        let mut outbox = outbox(", discovery: homeassistant");
        let described = |messages: Messages| messages.passing.iter().filter(|it| it.topic.ends_with("/config")).count();
        assert_eq!(described(outbox.messages(&captioned("door", 1))), 1);
        assert_eq!(described(outbox.messages(&captioned("door", 2))), 0);
        assert_eq!(described(outbox.messages(&event("door", What::Motion(true)))), 1);
        assert_eq!(outbox.states().iter().filter(|it| it.topic.ends_with("/config")).count(), 2);
        assert_eq!(outbox.status().as_deref(), Some("homeassistant/status"));
    }

    #[test]
    fn what_a_source_may_report_is_known_from_the_start() {
        let mut outbox = outbox(", images: true, discovery: homeassistant");
        let camera = Outlook { motion: true, speech: false, texts: vec!["caption", "answer"], pictures: true };
        outbox.expect("door", &camera);
        outbox.expect("mic", &Outlook { speech: true, texts: vec!["transcript"], ..Outlook::default() });
        outbox.expect("inbox", &Outlook { pictures: false, ..camera.clone() });
        let states = outbox.states();
        assert!(states.iter().all(|it| it.retain));
        let states: BTreeMap<&str, &str> = states.iter().map(|it| (it.topic.as_str(), text(it))).collect();
        let off: Vec<&str> = states.iter().filter(|(_, payload)| **payload == "OFF").map(|(topic, _)| *topic).collect();
        assert_eq!(off, ["edgefuse/board/door/motion", "edgefuse/board/inbox/motion", "edgefuse/board/mic/speech"]);
        let described: Vec<&str> = states.keys().filter_map(|it| it.strip_prefix("homeassistant/")).collect();
        let entity = |kind: &str, object: &str| format!("{kind}/edgefuse_board/{object}/config");
        let expected = [
            ("binary_sensor", "door_motion"),
            ("binary_sensor", "inbox_motion"),
            ("binary_sensor", "mic_speech"),
            ("image", "door_image"),
            ("sensor", "door_answer"),
            ("sensor", "door_caption"),
            ("sensor", "inbox_answer"),
            ("sensor", "inbox_caption"),
            ("sensor", "mic_transcript"),
        ];
        assert_eq!(described, expected.map(|(kind, object)| entity(kind, object)));
        // What happens replaces what was assumed, and nothing is described twice.
        let messages = outbox.messages(&event("door", What::Motion(true)));
        let topics: Vec<&str> = messages.passing.iter().map(|it| it.topic.as_str()).collect();
        assert_eq!(topics, ["edgefuse/board/door/availability", "edgefuse/board/door/motion"]);
    }

    #[test]
    fn pictures_are_published_only_if_the_device_file_says_so() {
        let seen = || pictured("door", "a", edgefuse::media::image::RgbImage::new(8, 8));
        let without = outbox("").messages(&seen());
        assert!(without.passing.iter().all(|it| !it.topic.ends_with("/image")), "{without:?}");
        let mut outbox = outbox(", images: true, discovery: homeassistant");
        let messages = outbox.messages(&seen());
        let topics: Vec<&str> = messages.passing[1..].iter().map(|it| it.topic.as_str()).collect();
        assert_eq!(topics, ["homeassistant/image/edgefuse_board/door_image/config", "edgefuse/board/door/image"]);
        assert!(messages.passing[2].payload.starts_with(&[0xFF, 0xD8, 0xFF]));
        assert!(outbox.messages(&seen()).passing.is_empty(), "at most one a second");
    }
}

//! Home Assistant's MQTT discovery: for each entity, a retained message that describes it.

use serde_json::{Map, Value, json};

use super::topics::{AVAILABILITY, IMAGE, Topics};
use crate::serve::sinks::names::id;

const PAGE: &str = "https://github.com/edgefuse/edgefuse";

/// A state is at most 255 characters long, so the whole text is an attribute.
const STATE: &str = "{{ (value_json.said | default('', true))[:255] }}";
const ATTRIBUTES: &str = "{{ {'said': value_json.said | default(none), 'confidence': value_json.confidence | default(none), \
                          'id': value_json.id, 'time': value_json.time, \
                          'latency_ms': value_json.latency_ms | default(none)} | tojson }}";

/// An entity of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// What a step says.
    Step(&'static str),
    /// Whether something is going on: the topic, and Home Assistant's class of it.
    State { what: &'static str, class: &'static str },
    /// The last picture.
    Image,
}

/// Describes the entities of a device.
pub struct Discovery {
    prefix: String,
    device: String,
}

impl Discovery {
    pub fn new(prefix: &str, device: &str) -> Self {
        Discovery { prefix: prefix.to_string(), device: device.to_string() }
    }

    /// The topic on which Home Assistant reports that it has started.
    pub fn status(&self) -> String {
        format!("{}/status", self.prefix)
    }

    /// Topic and payload of an entity's description.
    pub fn entity(&self, topics: &Topics, source: &str, entity: Entity) -> (String, Value) {
        let (component, what, own) = match entity {
            Entity::Step(key) => {
                let topic = topics.of(source, key);
                let own = json!({
                    "state_topic": topic,
                    "value_template": STATE,
                    "json_attributes_topic": topic,
                    "json_attributes_template": ATTRIBUTES,
                });
                ("sensor", key, own)
            }
            Entity::State { what, class } => {
                let own = json!({
                    "state_topic": topics.of(source, what),
                    "device_class": class,
                    "payload_on": "ON",
                    "payload_off": "OFF",
                });
                ("binary_sensor", what, own)
            }
            Entity::Image => {
                let own = json!({"image_topic": topics.of(source, IMAGE), "content_type": "image/jpeg"});
                ("image", IMAGE, own)
            }
        };
        let (node, object) = (format!("edgefuse_{}", id(&self.device)), format!("{}_{what}", id(source)));
        let mut payload = json!({
            "name": format!("{source} {what}"),
            "unique_id": format!("{node}_{object}"),
            "availability": [{"topic": topics.availability()}, {"topic": topics.of(source, AVAILABILITY)}],
            "availability_mode": "all",
            "device": {
                "identifiers": [node],
                "name": self.device,
                "manufacturer": "edgefuse",
                "model": "edgefuse",
                "sw_version": env!("CARGO_PKG_VERSION"),
            },
            "origin": {"name": "edgefuse", "sw_version": env!("CARGO_PKG_VERSION"), "support_url": PAGE},
        });
        if let (Some(all), Value::Object(own)) = (payload.as_object_mut(), own) {
            all.extend::<Map<String, Value>>(own);
        }
        (format!("{}/{component}/{node}/{object}/config", self.prefix), payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(entity: Entity) -> (String, Value) {
        Discovery::new("homeassistant", "Front Door").entity(&Topics::new("edgefuse", "Front Door"), "cam/1", entity)
    }

    /// What the documentation of the integration requires of every entity.
    fn check(topic: &str, payload: &Value, component: &str) {
        let levels: Vec<&str> = topic.split('/').collect();
        let [prefix, kind, node, object, "config"] = levels[..] else { panic!("{topic}") };
        assert_eq!((prefix, kind), ("homeassistant", component));
        let allowed = |text: &str| text.chars().all(|char| char.is_ascii_alphanumeric() || "_-".contains(char));
        assert!(allowed(node) && allowed(object), "{topic}");
        assert_eq!(payload["unique_id"], format!("{node}_{object}"));
        assert_eq!(payload["device"]["identifiers"], json!([node]));
        assert_eq!(
            (&payload["device"]["name"], &payload["origin"]["name"]),
            (&"Front Door".into(), &"edgefuse".into())
        );
        assert_eq!(payload["availability_mode"], "all");
        let topics: Vec<&Value> = payload["availability"].as_array().unwrap().iter().map(|it| &it["topic"]).collect();
        assert_eq!(topics, ["edgefuse/Front%20Door/availability", "edgefuse/Front%20Door/cam%2F1/availability"]);
    }

    #[test]
    fn a_step_is_a_sensor_with_attributes() {
        let (topic, payload) = described(Entity::Step("caption"));
        check(&topic, &payload, "sensor");
        assert_eq!(payload["state_topic"], "edgefuse/Front%20Door/cam%2F1/caption");
        assert_eq!(payload["json_attributes_topic"], payload["state_topic"]);
        assert!(payload["value_template"].as_str().unwrap().contains("[:255]"));
        assert_eq!(payload["name"], "cam/1 caption");
    }

    #[test]
    fn speech_and_motion_are_binary_sensors() {
        let (topic, payload) = described(Entity::State { what: "speech", class: "sound" });
        check(&topic, &payload, "binary_sensor");
        assert_eq!(payload["state_topic"], "edgefuse/Front%20Door/cam%2F1/speech");
        assert_eq!((&payload["payload_on"], &payload["payload_off"]), (&"ON".into(), &"OFF".into()));
        assert_eq!(payload["device_class"], "sound");
    }

    #[test]
    fn a_picture_is_an_image() {
        let (topic, payload) = described(Entity::Image);
        check(&topic, &payload, "image");
        assert_eq!(payload["image_topic"], "edgefuse/Front%20Door/cam%2F1/image");
        assert_eq!(payload["content_type"], "image/jpeg");
        assert!(payload.get("state_topic").is_none());
    }
}

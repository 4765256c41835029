//! A message, and its form in the spool.

/// A message to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    /// Whether the broker keeps it for new subscribers.
    pub retain: bool,
    pub payload: Vec<u8>,
}

impl Message {
    /// Size of its packet in bytes, by which brokers limit messages: topic and payload with their lengths.
    pub fn size(&self) -> usize {
        4 + self.topic.len() + self.payload.len()
    }

    /// `retain`, the length of the topic, the topic, the payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(3 + self.topic.len() + self.payload.len());
        bytes.push(u8::from(self.retain));
        bytes.extend((self.topic.len() as u16).to_le_bytes());
        bytes.extend(self.topic.as_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// `None` for bytes that are no message.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(3)?;
        let [retain, low, high] = head else { return None };
        let (topic, payload) = rest.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))?;
        let topic = std::str::from_utf8(topic).ok()?.to_string();
        Some(Message { topic, retain: *retain == 1, payload: payload.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn is_read_back() {
        let message = Message { topic: "a/ü".to_string(), retain: true, payload: vec![0, 255] };
        assert_eq!(Message::decode(&message.encode()), Some(message.clone()));
        for cut in 0..6 {
            assert_eq!(Message::decode(&message.encode()[..cut]), None);
        }
    }
}

//! Messages between the client and the broker's acknowledgement.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::message::Message;

/// A message on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    pub what: What,
    /// As [`Message::size`].
    pub size: usize,
}

/// What a message is, whichever connection carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A result: its number in the spool, and a hash of it, which stays the same when it is sent again.
    Result { number: u64, hash: u64 },
    /// Another message, by its topic.
    Other(String),
}

impl Load {
    /// A result with this number in the spool.
    pub fn result(message: &Message, number: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        (&message.topic, &message.payload).hash(&mut hasher);
        Load { what: What::Result { number, hash: hasher.finish() }, size: message.size() }
    }

    pub fn other(message: &Message) -> Self {
        Load { what: What::Other(message.topic.clone()), size: message.size() }
    }

    /// Whether both are the same message: the number of a result changes when it is sent again.
    pub fn is_again(&self, before: &Load) -> bool {
        match (&self.what, &before.what) {
            (What::Result { hash, .. }, What::Result { hash: before, .. }) => hash == before,
            (now, before) => now == before,
        }
    }
}

/// The messages of one connection that were not acknowledged.
#[derive(Default)]
pub struct UnderWay {
    /// Given to the client, in this order.
    given: VecDeque<Load>,
    /// Sent, by their packets.
    sent: BTreeMap<u16, Load>,
}

impl UnderWay {
    pub fn give(&mut self, load: Load) {
        self.given.push_back(load);
    }

    /// The next of those that were given to the client was sent in this packet.
    pub fn sent(&mut self, packet: u16) {
        if let Some(load) = self.given.pop_front() {
            self.sent.insert(packet, load);
        }
    }

    /// The broker acknowledged a packet; returns what was in it.
    pub fn acknowledged(&mut self, packet: u16) -> Option<Load> {
        self.sent.remove(&packet)
    }

    pub fn is_empty(&self) -> bool {
        self.given.is_empty() && self.sent.is_empty()
    }

    /// Those that the broker may have seen.
    pub fn loads(&self) -> impl Iterator<Item = &Load> {
        self.sent.values()
    }
}

//! Topics: `PREFIX/DEVICE/SOURCE/WHAT`.

use crate::serve::sinks::names::escaped;

/// What follows the source in topics other than those of steps.
pub const PARTIAL: &str = "partial";
pub const SPEECH: &str = "speech";
pub const MOTION: &str = "motion";
pub const IMAGE: &str = "image";
pub const AVAILABILITY: &str = "availability";
pub const ERROR: &str = "error";

/// Commands: a question as payload, and a caption of the newest picture. A topic of their own, since `caption` is that of
/// results.
pub const ASK: &str = "ask";
pub const CAPTION: &str = "caption/get";

/// The topics of a device.
pub struct Topics {
    /// `PREFIX/DEVICE`.
    base: String,
}

impl Topics {
    pub fn new(prefix: &str, device: &str) -> Self {
        Topics { base: format!("{prefix}/{}", escaped(device)) }
    }

    /// Whether the device is connected.
    pub fn availability(&self) -> String {
        format!("{}/{AVAILABILITY}", self.base)
    }

    /// A topic of a source.
    pub fn of(&self, source: &str, what: &str) -> String {
        format!("{}/{}/{what}", self.base, escaped(source))
    }

    /// What to subscribe to for a command.
    pub fn commands(&self, what: &str) -> String {
        format!("{}/+/{what}", self.base)
    }

    /// The source, as it is written in topics, and the command of a topic.
    pub fn command<'a>(&self, topic: &'a str) -> Option<(&'a str, &'a str)> {
        topic.strip_prefix(self.base.as_str())?.strip_prefix('/')?.split_once('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_topics() {
        let topics = Topics::new("home/edge", "a/b#");
        assert_eq!(topics.availability(), "home/edge/a%2Fb%23/availability");
        assert_eq!(topics.of("x+y", "caption"), "home/edge/a%2Fb%23/x%2By/caption");
        assert_eq!(topics.commands(ASK), "home/edge/a%2Fb%23/+/ask");
    }

    #[test]
    fn commands_are_read_back() {
        let topics = Topics::new("edgefuse", "board");
        assert_eq!(topics.command("edgefuse/board/door/ask"), Some(("door", ASK)));
        assert_eq!(topics.command("edgefuse/board/door/caption/get"), Some(("door", CAPTION)));
        for other in ["edgefuse/board/ask", "edgefuse/board2/door/ask", "edgefuse/board", ""] {
            assert_eq!(topics.command(other), None, "{other}");
        }
    }
}

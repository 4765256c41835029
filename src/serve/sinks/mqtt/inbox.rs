//! Messages from the broker: commands to sources.

use std::sync::Arc;

use serde_json::json;

use super::message::Message;
use super::topics::{ASK, CAPTION, ERROR, Topics};
use crate::serve::sinks::commands::{Command, Commands};
use crate::serve::sinks::names::escaped;

/// The longest question, in bytes.
const LONGEST_QUESTION: usize = 2000;

/// Runs the commands of others.
pub struct Inbox {
    commands: Arc<dyn Commands>,
    /// The sources that may be commanded.
    sources: Vec<String>,
}

impl Inbox {
    pub fn new(commands: Arc<dyn Commands>, sources: Vec<String>) -> Self {
        Inbox { commands, sources }
    }

    /// Runs the command in a message; returns what to answer if it cannot be run. A retained message is an old command, which
    /// the broker sends at each connection, and is left alone.
    pub fn receive(&self, topics: &Topics, topic: &str, retained: bool, payload: &[u8]) -> Option<Message> {
        let (level, what) = topics.command(topic).filter(|_| !retained)?;
        let source = self.sources.iter().find(|source| escaped(source) == level);
        let outcome = match source {
            None => Err("no source has this name".to_string()),
            Some(source) => command(what, payload).and_then(|command| self.commands.run(source, command)),
        };
        let problem = outcome.err()?;
        log::debug!("{topic}: {problem}");
        let payload = json!({"command": what, "error": problem}).to_string().into_bytes();
        Some(Message { topic: topics.of(source?, ERROR), retain: false, payload })
    }
}

fn command(what: &str, payload: &[u8]) -> Result<Command, String> {
    match what {
        ASK => {
            let text = std::str::from_utf8(payload).map_err(|_| "the question is not UTF-8 text".to_string())?;
            let text = text.trim();
            match text.len() {
                0 => Err("the question is empty".to_string()),
                length if length > LONGEST_QUESTION => {
                    Err(format!("the question is longer than {LONGEST_QUESTION} bytes"))
                }
                _ => Ok(Command::Ask(text.to_string())),
            }
        }
        CAPTION => Ok(Command::Caption),
        _ => Err("unknown command".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Asked(Mutex<Vec<(String, Command)>>);

    impl Commands for Asked {
        fn run(&self, source: &str, command: Command) -> Result<(), String> {
            self.0.lock().unwrap().push((source.to_string(), command));
            if source == "mic" { Err("mic has no picture".to_string()) } else { Ok(()) }
        }
    }

    #[test]
    fn commands_reach_their_source_and_problems_are_answered() {
        let (asked, topics) = (Arc::new(Asked::default()), Topics::new("edgefuse", "board"));
        let inbox = Inbox::new(asked.clone(), vec!["a/b".to_string(), "mic".to_string()]);
        let receive = |topic: &str, retained, payload: &[u8]| {
            let answer = inbox.receive(&topics, &format!("edgefuse/board/{topic}"), retained, payload)?;
            Some((answer.topic, String::from_utf8(answer.payload).unwrap()))
        };
        assert_eq!(receive("a%2Fb/ask", false, b" who is it? \n"), None);
        assert_eq!(receive("a%2Fb/caption/get", false, b""), None);
        assert_eq!(receive("a%2Fb/ask", true, b"old"), None);
        assert_eq!(receive("nobody/ask", false, b"x"), None);
        let expected = [("a/b", Command::Ask("who is it?".to_string())), ("a/b", Command::Caption)];
        assert_eq!(*asked.0.lock().unwrap(), expected.map(|(source, command)| (source.to_string(), command)));
        let long = "x".repeat(2001);
        for (payload, problem) in
            [(&b"\xff"[..], "not UTF-8"), (b" ", "empty"), (long.as_bytes(), "longer than 2000 bytes")]
        {
            let (topic, answer) = receive("a%2Fb/ask", false, payload).unwrap();
            assert!(topic == "edgefuse/board/a%2Fb/error" && answer.contains(problem), "{answer}");
        }
        assert!(receive("mic/caption/get", false, b"").unwrap().1.contains("mic has no picture"));
    }
}

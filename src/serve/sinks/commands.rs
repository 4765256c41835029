//! What a sink can ask a source to do, on behalf of somebody far away.

/// Something for a source to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Answers this question about the source's newest picture.
    Ask(String),
    /// Captions the source's newest picture.
    Caption,
}

/// Runs commands. The answer is an event of the source, like any other result.
pub trait Commands: Send + Sync {
    /// Starts `command`; returns at once.
    ///
    /// # Errors
    /// Why the source cannot do it, in one line.
    fn run(&self, source: &str, command: Command) -> Result<(), String>;
}

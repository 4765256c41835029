//! Forwards ONNX Runtime's messages to the program's log.

use ort::logging::LogLevel;

/// Passes a message on.
pub(super) fn forward(level: LogLevel, category: &str, _id: &str, _location: &str, message: &str) {
    let level = match level {
        LogLevel::Verbose => log::Level::Trace,
        LogLevel::Info => log::Level::Debug,
        LogLevel::Warning => log::Level::Info,
        LogLevel::Error | LogLevel::Fatal => log::Level::Warn,
    };
    log::log!(target: "onnxruntime", level, "{category}: {}", message.trim());
}

//! The log and the messages of commands, on standard error: lines of text, or JSON objects with `--log-format json`.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};
use serde_json::{Map, Value as Json};

use super::args::{Global, LogFormat};

/// Whether lines are JSON objects.
static AS_JSON: AtomicBool = AtomicBool::new(false);

/// Starts the log: errors with `--quiet`, all our messages with `--verbose`, warnings otherwise. Other crates are left
/// out, because our errors include what they report about a damaged file. RUST_LOG overrides all of this.
pub(super) fn start(global: &Global) {
    AS_JSON.store(global.log_format == LogFormat::Json, Ordering::Relaxed);
    let level = match (global.quiet, global.verbose) {
        (true, _) => "edgefuse=error",
        (_, true) => "edgefuse=debug,onnxruntime=warn",
        _ => "edgefuse=warn",
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level))
        .format(|out, record| {
            #[cfg(feature = "serve")]
            if record.level() <= Level::Warn {
                crate::serve::recent::note(record.args().to_string());
            }
            writeln!(out, "{}", entry(record))
        })
        .init();
}

/// Writes a line to standard error, ignoring errors. Line breaks and terminal escapes, which file names may contain,
/// are removed.
pub(super) fn say(line: &str) {
    let line: String = line.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    let _ = match AS_JSON.load(Ordering::Relaxed) {
        false => writeln!(io::stderr(), "{line}"),
        true => {
            let levels = [("error: ", Level::Error), ("warning: ", Level::Warn)];
            let found = levels.iter().find_map(|(prefix, level)| Some((line.strip_prefix(prefix)?, *level)));
            let (message, level) = found.unwrap_or((&line, Level::Info));
            writeln!(io::stderr(), "{}", Json::Object(object(level, message)))
        }
    };
}

/// An entry of the log.
fn entry(record: &Record) -> String {
    let message = record.args().to_string();
    if AS_JSON.load(Ordering::Relaxed) {
        let mut object = object(record.level(), &message);
        let _ = record.key_values().visit(&mut Fields(&mut object));
        return Json::Object(object).to_string();
    }
    let mut text = format!("{}: {message}", record.level().as_str().to_lowercase());
    let mut fields = Map::new();
    let _ = record.key_values().visit(&mut Fields(&mut fields));
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        text += &format!(" {name}={value}");
    }
    text
}

/// `ts` is Unix time in seconds.
fn object(level: Level, message: &str) -> Map<String, Json> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| (now.as_secs_f64() * 1e3).round() / 1e3);
    let fields =
        [("ts", Json::from(now)), ("level", level.as_str().to_lowercase().into()), ("message", message.into())];
    fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// Collects the fields of an entry.
struct Fields<'a>(&'a mut Map<String, Json>);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let number = value.to_u64().map(Json::from).or_else(|| value.to_f64().map(Json::from));
        self.0.insert(key.to_string(), number.unwrap_or_else(|| value.to_string().into()));
        Ok(())
    }
}

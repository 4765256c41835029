//! Where a device's results go: `sinks:` of a device file.

mod endpoint;
mod filter;
mod jsonl;
mod mqtt;
mod snapshot;
mod spool;
mod tls;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use endpoint::Endpoint;
pub use filter::{Filter, MinConfidence, Pattern};
pub use jsonl::{Fsync, JsonlOptions};
pub use mqtt::{Discovery, MqttOptions};
pub use snapshot::{SnapshotOptions, Store};
pub use spool::SpoolOptions;
pub use tls::TlsFiles;
pub use webhook::WebhookOptions;

/// A place that results go to, and which of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawSink")]
pub struct Sink {
    /// The place.
    pub target: Target,
    /// Which events it gets.
    pub filter: Filter,
}

/// A place that results go to.
#[derive(Debug, Clone)]
pub enum Target {
    /// Lines of a file.
    Jsonl(JsonlOptions),
    /// An MQTT broker.
    Mqtt(Box<MqttOptions>),
    /// An HTTP server.
    Webhook(Box<WebhookOptions>),
    /// Pictures in a folder.
    Snapshot(SnapshotOptions),
}

impl Target {
    /// The kind and the place, without credentials, for messages.
    pub fn name(&self) -> String {
        match self {
            Target::Jsonl(options) => format!("jsonl {}", options.file().display()),
            Target::Mqtt(options) => format!("mqtt {}", options.broker),
            Target::Webhook(options) => format!("webhook {}", options.url),
            Target::Snapshot(options) => format!("snapshot {}", options.path.display()),
        }
    }

    /// The broker or receiver that it connects to.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Target::Mqtt(options) => Some(&options.broker),
            Target::Webhook(options) => Some(&options.url),
            Target::Jsonl(_) | Target::Snapshot(_) => None,
        }
    }

    /// Files with credentials and certificates, with their keys.
    pub fn secret_files(&self) -> Vec<(&'static str, &Path)> {
        let (keys, secret, tls) = match self {
            Target::Mqtt(options) => (
                ["mqtt.password_file", "mqtt.tls.ca_file", "mqtt.tls.cert_file", "mqtt.tls.key_file"],
                &options.password_file,
                &options.tls,
            ),
            Target::Webhook(options) => (
                ["webhook.secret_file", "webhook.tls.ca_file", "webhook.tls.cert_file", "webhook.tls.key_file"],
                &options.secret_file,
                &options.tls,
            ),
            Target::Jsonl(_) | Target::Snapshot(_) => return Vec::new(),
        };
        let files = std::iter::once(secret.as_deref()).chain(tls.files());
        keys.into_iter().zip(files).filter_map(|(key, file)| Some((key, file?))).collect()
    }

    /// The files and folders that it writes, with their keys.
    pub fn written(&self) -> Vec<(&'static str, PathBuf)> {
        let spool = |key, spool: &Option<SpoolOptions>| spool.iter().map(|spool| (key, spool.path.clone())).collect();
        match self {
            Target::Jsonl(options) => vec![("jsonl.path", options.file())],
            Target::Mqtt(options) => spool("mqtt.spool.path", &options.spool),
            Target::Webhook(options) => spool("webhook.spool.path", &options.spool),
            Target::Snapshot(options) => vec![("snapshot.path", options.path.clone())],
        }
    }

    /// The key in a device file.
    fn key(&self) -> &'static str {
        match self {
            Target::Jsonl(_) => "jsonl",
            Target::Mqtt(_) => "mqtt",
            Target::Webhook(_) => "webhook",
            Target::Snapshot(_) => "snapshot",
        }
    }

    fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        match self {
            Target::Jsonl(options) => options.check(),
            Target::Mqtt(options) => options.check(),
            Target::Webhook(options) => options.check(),
            Target::Snapshot(options) => options.check(),
        }
    }

    fn root(&mut self, base: &Path) {
        match self {
            Target::Jsonl(options) => options.root(base),
            Target::Mqtt(options) => options.root(base),
            Target::Webhook(options) => options.root(base),
            Target::Snapshot(options) => options.root(base),
        }
    }

    /// What no second sink may have: the file or folder that it writes, or the broker with its topics.
    fn claims(&self) -> Vec<String> {
        let written = self.written().into_iter().map(|(_, path)| path.display().to_string());
        let topics = match self {
            Target::Mqtt(options) => Some(format!("{}/{}", options.broker, options.prefix)),
            _ => None,
        };
        written.chain(topics).collect()
    }
}

/// An entry as written.
#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a sink must be a mapping such as `{jsonl: {path: /var/lib/edgefuse/results}}`"
)]
struct RawSink {
    jsonl: Option<JsonlOptions>,
    mqtt: Option<Box<MqttOptions>>,
    webhook: Option<Box<WebhookOptions>>,
    snapshot: Option<SnapshotOptions>,
    sources: Option<Vec<String>>,
    only: BTreeMap<String, Pattern>,
    min_confidence: Option<MinConfidence>,
    changed: bool,
}

impl TryFrom<RawSink> for Sink {
    type Error = String;

    fn try_from(raw: RawSink) -> Result<Self, String> {
        let RawSink { jsonl, mqtt, webhook, snapshot, sources, only, min_confidence, changed } = raw;
        let given = [
            jsonl.map(Target::Jsonl),
            mqtt.map(Target::Mqtt),
            webhook.map(Target::Webhook),
            snapshot.map(Target::Snapshot),
        ];
        let mut given = given.into_iter().flatten();
        let Some(target) = given.next() else {
            return Err("a sink needs one of jsonl, mqtt, webhook and snapshot".to_string());
        };
        if let Some(second) = given.next() {
            return Err(format!(
                "`{}` is in the same entry as `{}`; start each sink on a line of its own with `- `",
                second.key(),
                target.key()
            ));
        }
        Ok(Sink { target, filter: Filter { sources, only, min_confidence, changed } })
    }
}

/// Checks the sinks together. The error has the keys of the value that is wrong, below `sinks`.
pub(super) fn check(sinks: &[Sink]) -> Result<(), (Vec<String>, String)> {
    let mut claimed: Vec<String> = Vec::new();
    for (index, sink) in sinks.iter().enumerate() {
        let at =
            |keys: &[&str]| std::iter::once(index.to_string()).chain(keys.iter().map(|it| it.to_string())).collect();
        if let Err((keys, problem)) = sink.target.check() {
            let keys: Vec<&str> = std::iter::once(sink.target.key()).chain(keys).collect();
            return Err((at(&keys), problem));
        }
        if sink.filter.sources.as_ref().is_some_and(Vec::is_empty) {
            return Err((at(&["sources"]), "no source; leave it out for all of them".to_string()));
        }
        for claim in sink.target.claims() {
            if claimed.contains(&claim) {
                return Err((at(&[sink.target.key()]), format!("an earlier sink already writes to {claim}")));
            }
            claimed.push(claim);
        }
    }
    Ok(())
}

/// The sinks, with their paths resolved.
pub(super) fn rooted(sinks: &[Sink], base: &Path) -> Vec<Sink> {
    let mut sinks = sinks.to_vec();
    sinks.iter_mut().for_each(|sink| sink.target.root(base));
    sinks
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<Vec<Sink>, String> {
        let sinks: Vec<Sink> = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        check(&sinks).map(|()| sinks).map_err(|(keys, problem)| format!("{}: {problem}", keys.join(".")))
    }

    #[test]
    fn reads_every_kind_with_its_defaults_and_filters() {
        let sinks = read(
            "- jsonl: {path: out, fsync: always}\n  sources: [door]\n  only: {caption: 'dog|cat'}\n  changed: true\n\
             - mqtt: {broker: 'mqtt://u:p@host', discovery: homeassistant, spool: {path: away}}\n\
             - webhook: {url: 'http://host/hook', timeout: 2s}\n  min_confidence: 0.5\n\
             - snapshot: {path: pictures}\n  min_confidence: {answer: 1}\n",
        )
        .unwrap();
        let names: Vec<String> = sinks.iter().map(|sink| sink.target.name()).collect();
        let expected =
            ["jsonl out/results.jsonl", "mqtt mqtt://host:1883", "webhook http://host:80", "snapshot pictures"];
        assert_eq!(names, expected);
        assert!(sinks[0].filter.only["caption"].0.is_match("a dog") && sinks[0].filter.changed);
        assert_eq!(sinks[2].filter.min_confidence, Some(MinConfidence::OfAll(0.5)));
        assert_eq!(sinks[3].filter.steps().collect::<Vec<_>>(), ["answer"]);
        let Target::Mqtt(mqtt) = &sinks[1].target else { panic!("{:?}", sinks[1]) };
        assert!(mqtt.retain && !mqtt.images && mqtt.prefix == "edgefuse");
        assert_eq!(mqtt.spool.as_ref().unwrap().limit.bytes(), 64 << 20);
        let Target::Snapshot(snapshot) = &sinks[3].target else { panic!("{:?}", sinks[3]) };
        assert_eq!(snapshot.store, Store::Never);
        let Target::Webhook(webhook) = &sinks[2].target else { panic!("{:?}", sinks[2]) };
        assert_eq!((webhook.timeout, webhook.retries), (Duration::from_secs(2), 10));
    }

    #[test]
    fn paths_start_from_the_base() {
        let sinks = read("- jsonl: {path: a.jsonl}\n- mqtt: {broker: 'mqtt://h', spool: {path: /var/s}}").unwrap();
        let sinks = rooted(&sinks, Path::new("/base"));
        assert_eq!(sinks[0].target.name(), "jsonl /base/a.jsonl");
        let Target::Mqtt(mqtt) = &sinks[1].target else { panic!("{:?}", sinks[1]) };
        assert_eq!(mqtt.spool.as_ref().unwrap().path, Path::new("/var/s"));
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, expected) in [
            ("- {}", "a sink needs one of jsonl, mqtt, webhook and snapshot"),
            ("- jsonl", "a sink must be a mapping such as"),
            ("- changed: true", "a sink needs one of"),
            ("- jsonl: {path: a}\n  mqtt: {broker: 'mqtt://h'}", "`mqtt` is in the same entry as `jsonl`"),
            ("- kafka: {}", "unknown field `kafka`"),
            ("- jsonl: {}", "missing field `path`"),
            ("- jsonl: {path: a, rotate: 64}", "size with its unit"),
            ("- jsonl: {path: a, fsync: sometimes}", "write `never`, `always` or a duration"),
            ("- jsonl: {path: a, keep: 20000}", "0.jsonl.keep: must be at most 10000"),
            ("- jsonl: {path: a}\n  only: {caption: '('}", "`(` is not a regular expression: unclosed group"),
            ("- jsonl: {path: a}\n  only: {caption: '(a{1000}){1000}'}", "is not a regular expression: "),
            ("- jsonl: {path: a}\n  min_confidence: 50", "50 is not a probability, from 0 to 1"),
            ("- jsonl: {path: a}\n  min_confidence: high", "a probability from 0 to 1"),
            ("- jsonl: {path: a}\n  sources: []", "0.sources: no source"),
            ("- jsonl: {path: a}\n- jsonl: {path: a}", "1.jsonl: an earlier sink already writes to a/results.jsonl"),
            ("- mqtt: {broker: 'mqtt://h'}\n- mqtt: {broker: 'mqtt://h:1883'}", "1.mqtt: an earlier sink"),
            ("- mqtt: {broker: 'mqtt://h', tls: {ca_file: a}}", "0.mqtt.tls: mqtt://h:1883 is not encrypted"),
            (
                "- mqtt: {broker: 'mqtts://h', tls: {cert_file: a}}",
                "0.mqtt.tls.cert_file: a certificate needs its `key_",
            ),
            ("- mqtt: {broker: 'mqtts://h', tls: {ca: a}}", "unknown field `ca`"),
            ("- mqtt: {broker: 'mqtt://h/topic'}", "a broker's address has no path"),
            ("- mqtt: {broker: 'mqtt://h', prefix: 'a/#'}", "0.mqtt.prefix: `a/#` cannot start a topic"),
            ("- mqtt: {broker: 'mqtt://h', prefix: 'a//b'}", "0.mqtt.prefix: `a//b` cannot start a topic"),
            ("- mqtt: {broker: 'mqtt://u@h', user: v}", "0.mqtt.user: the broker's address already has a user"),
            ("- mqtt: {broker: 'mqtt://h', password_file: p}", "0.mqtt.password_file: a password needs a `user`"),
            ("- mqtt: {broker: 'mqtt://h', discovery: openhab}", "unknown variant `openhab`"),
            ("- mqtt: {broker: 'mqtt://h', spool: {path: a, limit: 1KiB}}", "0.mqtt.spool.limit: must be at least"),
            (
                "- webhook: {url: 'https://h', tls: {key_file: a}}",
                "0.webhook.tls.key_file: a key needs its `cert_file`",
            ),
            ("- webhook: {url: 'http://h', headers: {Host: a}}", "`Host` is set by edgefuse"),
            ("- webhook: {url: 'http://h', headers: {'a b': c}}", "`a b` is not a header"),
            ("- webhook: {url: 'http://h', headers: {a: \"b\\r\\nc: d\"}}", "`a` is not a header"),
            ("- snapshot: {path: a, store: sometimes}", "unknown variant `sometimes`"),
            ("- snapshot: {path: a, limit: 1KiB}", "0.snapshot.limit: must be at least 1MiB"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
        }
    }
}

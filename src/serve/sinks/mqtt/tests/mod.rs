//! The sink as a whole, against a broker that fails on demand.

mod broker;

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use edgefuse::config::{Device, Target};

use super::*;
use crate::serve::event::What;
use crate::serve::sinks::commands::{Command, Commands};
use crate::serve::sinks::made::{captioned, event};
use broker::{Broker, Rules, Sent};

#[derive(Default)]
struct Asked(Mutex<Vec<Command>>);

impl Commands for Asked {
    fn run(&self, _: &str, command: Command) -> Result<(), String> {
        self.0.lock().unwrap().push(command);
        Ok(())
    }
}

/// A sink that runs.
struct Running {
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
    asked: Arc<Asked>,
}

fn start(port: u16, options: &str) -> Running {
    let yaml = format!("- mqtt: {{broker: 'mqtt://127.0.0.1:{port}', {options}}}");
    let sinks: Vec<edgefuse::config::Sink> = serde_yaml::from_str(&yaml).unwrap();
    let Target::Mqtt(options) = &sinks[0].target else { panic!("{sinks:?}") };
    let asked = Arc::new(Asked::default());
    let device = Device::new("board");
    let context = Context { device: &device, commands: asked.clone(), sources: vec!["door".to_string()] };
    let counts = Counts::default();
    let mqtt = Mqtt::open(options, "mqtt", &counts, &context).unwrap();
    let queue = Arc::new(Queue::new("mqtt", counts));
    let run = crate::serve::sinks::runs(mqtt);
    let taker = queue.clone();
    Running { queue, thread: thread::spawn(move || run(&taker)), asked }
}

impl Running {
    fn caption(&self, numbers: std::ops::Range<u64>) {
        numbers.for_each(|number| self.queue.push(captioned("door", number)));
    }

    fn stop(self) -> Counts {
        self.queue.end(Instant::now() + Duration::from_secs(20));
        self.thread.join().unwrap();
        self.queue.counts.clone()
    }
}

/// The captions among what was published.
fn captions(published: &[(String, String)]) -> Vec<u64> {
    let of = |(topic, payload): &(String, String)| {
        let payload: serde_json::Value = serde_json::from_str(payload).ok().filter(|_| topic.ends_with("/caption"))?;
        payload["id"].as_str()?.strip_prefix("door-")?.parse().ok()
    };
    published.iter().filter_map(of).collect()
}

fn until(last: u64) -> impl FnMut(&str, &str) -> bool {
    move |topic, payload| topic.ends_with("/caption") && payload.contains(&format!("\"door-{last}\""))
}

fn spool(folder: &Path) -> String {
    format!("spool: {{path: {}}}", folder.display())
}

#[test]
fn a_connection_has_a_will_and_ends_in_order() {
    let broker = Broker::start(vec![Rules::default()]);
    let running = start(broker.port, "user: me");
    running.caption(0..3);
    let connect = ["edgefuse-board", "edgefuse/board/availability", "offline", "me"];
    assert_eq!(broker.next(), Sent::Connect(connect.map(str::to_string).to_vec()));
    let published = broker.published(until(2));
    assert_eq!(published[0], ("edgefuse/board/availability".to_string(), "online".to_string()));
    assert_eq!(captions(&published), [0, 1, 2]);
    let counts = running.stop();
    assert_eq!((counts.delivered.get(), counts.waiting.get(), counts.dropped.get()), (3, 0, 0));
    let farewell = Sent::Publish {
        topic: "edgefuse/board/availability".to_string(),
        retain: true,
        payload: "offline".to_string(),
    };
    assert_eq!((broker.next(), broker.next()), (farewell, Sent::Disconnect));
}

#[test]
fn what_was_kept_while_the_broker_was_away_is_sent_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Nobody listens: results are kept, and remain after a kill, of which a thread that is left alone is the picture.
    drop(listener);
    let running = start(port, &spool(folder.path()));
    running.caption(0..40);
    while running.queue.counts.waiting.get() < 40 {
        thread::sleep(Duration::from_millis(10));
    }
    let broker = Broker::on(TcpListener::bind(("127.0.0.1", port)).unwrap(), vec![Rules::default()]);
    running.caption(40..45);
    assert_eq!(captions(&broker.published(until(44))), (0..45).collect::<Vec<_>>());
    assert_eq!(running.stop().delivered.get(), 45);
    let left = Spool::open(
        Some(&serde_yaml::from_str(&format!("{{path: {}}}", folder.path().display())).unwrap()),
        "",
        &Counts::default(),
    );
    assert_eq!(left.unwrap().waiting(), 0);
}

#[test]
fn a_broken_connection_loses_nothing_and_repeats_only_what_was_not_acknowledged() {
    let breaks = Rules { break_after: Some(5), ..Rules::default() };
    let broker = Broker::start(vec![breaks, Rules::default()]);
    let running = start(broker.port, "");
    running.caption(0..30);
    let published = captions(&broker.published(until(29)));
    assert_eq!(published[..5], [0, 1, 2, 3, 4]);
    // The fifth was not acknowledged.
    assert_eq!(published[5..], (4..30).collect::<Vec<_>>());
    assert_eq!(running.stop().delivered.get(), 30);
}

#[test]
fn states_and_entities_are_repeated_at_each_connection_and_when_home_assistant_starts() {
    let breaks = Rules { break_after: Some(1), ..Rules::default() };
    let says = Rules { say: vec![("homeassistant/status".into(), b"online".to_vec())], ..Rules::default() };
    let broker = Broker::start(vec![breaks, says]);
    let running = start(broker.port, "discovery: homeassistant");
    running.queue.push(Arc::new(event("door", What::Up)));
    running.queue.push(Arc::new(event("door", What::Motion(true))));
    running.caption(0..1);
    let times = |published: &[(String, String)], topic: &str| published.iter().filter(|it| it.0 == topic).count();
    // Once as it happens or at the first connection, once at the second, once for Home Assistant.
    let mut seen = 0;
    let published = broker.published(|topic, _| {
        seen += usize::from(topic == "homeassistant/sensor/edgefuse_board/door_caption/config");
        seen == 3
    });
    assert!(times(&published, "edgefuse/board/door/motion") >= 2, "{published:?}");
    assert!(times(&published, "edgefuse/board/door/availability") >= 2, "{published:?}");
    assert!(times(&published, "homeassistant/binary_sensor/edgefuse_board/door_motion/config") >= 2, "{published:?}");
    running.stop();
}

#[test]
fn commands_arrive() {
    let say = |topic: &str, payload: &[u8]| (format!("edgefuse/board/{topic}"), payload.to_vec());
    let rules = Rules {
        say: vec![say("door/ask", b"what is it?"), say("door/caption/get", b""), say("door/ask", &[0xFF])],
        ..Rules::default()
    };
    let broker = Broker::start(vec![rules]);
    let running = start(broker.port, "");
    let answers = broker.published(|topic, _| topic == "edgefuse/board/door/error");
    assert!(answers.last().unwrap().1.contains("not UTF-8"), "{answers:?}");
    assert_eq!(*running.asked.0.lock().unwrap(), [Command::Ask("what is it?".to_string()), Command::Caption]);
    running.stop();
}

#[test]
fn a_broker_that_refuses_or_talks_nonsense_is_tried_again() {
    let refuses = Rules { refuse: 5, ..Rules::default() };
    let nonsense = |bytes: &[u8]| Rules { garbage: Some(bytes.to_vec()), ..Rules::default() };
    let broker = Broker::start(vec![
        refuses,
        nonsense(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        nonsense(&[0x20, 2, 0, 0, 0x40, 2, 0, 99]),
        Rules::default(),
    ]);
    let running = start(broker.port, "");
    running.caption(0..2);
    assert_eq!(captions(&broker.published(until(1))), [0, 1]);
    assert_eq!(running.stop().delivered.get(), 2);
}

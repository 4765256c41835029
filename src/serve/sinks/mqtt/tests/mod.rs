//! The sink as a whole, against a broker that fails on demand.

mod broker;

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use edgefuse::config::{Device, Target};

use super::*;
use crate::serve::event::What as Happens;
use crate::serve::outlook::{Outlook, Outlooks};
use crate::serve::sinks::commands::{Command, Commands};
use crate::serve::sinks::made::{captioned, event, numbered, pictured};
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
    start_with(port, options, |_| {})
}

fn start_with(port: u16, options: &str, prepare: impl FnOnce(&mut Mqtt)) -> Running {
    let yaml = format!("- mqtt: {{broker: 'mqtt://127.0.0.1:{port}', {options}}}");
    let sinks: Vec<edgefuse::config::Sink> = serde_yaml::from_str(&yaml).unwrap();
    let Target::Mqtt(options) = &sinks[0].target else { panic!("{sinks:?}") };
    let asked = Arc::new(Asked::default());
    let device = Device::new("board");
    let door = Outlook { motion: true, ..Outlook::default() };
    let outlooks = Outlooks::from([("door".to_string(), door)]);
    let sources = vec!["door".to_string()];
    let context = Context { device: &device, commands: asked.clone(), outlooks: &outlooks, sources };
    let counts = Counts::default();
    let mut mqtt = Mqtt::open(options, "mqtt", &counts, &context).unwrap();
    prepare(&mut mqtt);
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
    running.queue.push(Arc::new(event("door", Happens::Up)));
    running.queue.push(Arc::new(event("door", Happens::Motion(true))));
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

#[test]
fn motion_of_an_earlier_run_is_over_and_known_from_the_start() {
    let broker = Broker::start(vec![Rules::default()]);
    let running = start(broker.port, "discovery: homeassistant");
    let entity = "homeassistant/binary_sensor/edgefuse_board/door_motion/config";
    let published = broker.published(|topic, _| topic == entity);
    assert!(published.contains(&("edgefuse/board/door/motion".to_string(), "OFF".to_string())), "{published:?}");
    running.stop();
}

/// A sink that does not wait between connections.
fn start_fast(port: u16, options: &str) -> Running {
    start_with(port, options, |mqtt| mqtt.pause = Backoff::from(Duration::from_millis(1)))
}

/// A result with a caption of this many bytes.
fn long(number: u64, bytes: usize) -> Arc<Event> {
    let text = "x".repeat(bytes);
    let step = format!(r#""caption":{{"text":"{text}","log_probability":-1,"score":-0.2,"ms":1,"provider":"cpu"}}"#);
    Arc::new(numbered("door", number, &step))
}

#[test]
fn a_result_that_is_too_large_for_the_broker_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(vec![Rules { largest: Some(2_000), ..Rules::default() }]);
    let running = start_fast(broker.port, &spool(folder.path()));
    running.caption(0..1);
    running.queue.push(long(1, 5_000));
    running.caption(2..4);
    assert_eq!(captions(&broker.published(until(3))), [0, 2, 3]);
    let counts = running.stop();
    assert_eq!((counts.delivered.get(), counts.dropped.get(), counts.waiting.get()), (3, 1, 0));
}

#[test]
fn a_picture_that_is_too_large_for_the_broker_is_left_out() {
    let broker = Broker::start(vec![Rules { largest: Some(2_000), ..Rules::default() }]);
    let running = start_fast(broker.port, "images: true");
    let noise = edgefuse::media::image::RgbImage::from_fn(64, 64, |x, y| {
        let value = (x * 7919 + y * 104_729) as u8;
        [value, value.wrapping_mul(31), value.wrapping_mul(17)].into()
    });
    running.queue.push(Arc::new(pictured("door", "a", noise)));
    running.caption(0..2);
    assert_eq!(captions(&broker.published(until(1))), [0, 1]);
    let counts = running.stop();
    assert_eq!((counts.delivered.get(), counts.dropped.get() >= 1), (2, true));
}

#[test]
fn messages_above_the_limit_of_the_device_file_are_dropped_without_being_sent() {
    let broker = Broker::start(vec![Rules::default()]);
    let running = start(broker.port, "max_message: 2KiB");
    running.queue.push(long(0, 5_000));
    running.caption(1..2);
    assert_eq!(captions(&broker.published(until(1))), [1]);
    let counts = running.stop();
    assert_eq!((counts.delivered.get(), counts.dropped.get()), (1, 1));
}

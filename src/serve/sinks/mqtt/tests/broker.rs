//! A broker for tests: it accepts one client at a time, keeps what is published, and fails on demand.
//! scripts/test_live.sh has a real one.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Something that a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// Client id, will's topic and payload, user, password.
    Connect(Vec<String>),
    Subscribe(Vec<String>),
    Publish {
        topic: String,
        retain: bool,
        payload: String,
    },
    Disconnect,
    /// The connection ended.
    End,
}

pub struct Broker {
    pub port: u16,
    sent: Receiver<Sent>,
}

/// What the broker does with connections, one after another; the last rule holds for all that follow.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The return code of the answer to CONNECT.
    pub refuse: u8,
    /// After this many results, the connection ends without an acknowledgement of the last one.
    pub break_after: Option<usize>,
    /// What is published to the client after its first subscription: topic, payload.
    pub say: Vec<(String, Vec<u8>)>,
    /// The size of a packet above which the connection ends, without a word.
    pub largest: Option<usize>,
    /// Bytes that are sent instead of any MQTT.
    pub garbage: Option<Vec<u8>>,
}

impl Broker {
    pub fn start(rules: Vec<Rules>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), rules)
    }

    pub fn on(listener: TcpListener, rules: Vec<Rules>) -> Self {
        let port = listener.local_addr().unwrap().port();
        let (send, sent) = channel();
        thread::spawn(move || {
            let mut rules = rules.into_iter().peekable();
            let mut rule = Rules::default();
            for stream in listener.incoming() {
                rule = rules.next().unwrap_or(rule);
                let _ = serve(&mut stream.unwrap(), &rule, &mut |it| drop(send.send(it)));
                let _ = send.send(Sent::End);
            }
        });
        Broker { port, sent }
    }

    /// The next thing that a client sends.
    pub fn next(&self) -> Sent {
        self.sent.recv_timeout(Duration::from_secs(30)).expect("a client sends something")
    }

    /// All that is published, until `enough`.
    pub fn published(&self, mut enough: impl FnMut(&str, &str) -> bool) -> Vec<(String, String)> {
        let mut all = Vec::new();
        loop {
            if let Sent::Publish { topic, payload, .. } = self.next() {
                let over = enough(&topic, &payload);
                all.push((topic, payload));
                if over {
                    return all;
                }
            }
        }
    }
}

fn serve(stream: &mut TcpStream, rules: &Rules, send: &mut dyn FnMut(Sent)) -> io::Result<()> {
    let (mut results, mut said) = (0, false);
    loop {
        let (head, body) = packet(stream)?;
        if rules.largest.is_some_and(|largest| body.len() > largest) {
            return Ok(());
        }
        let mut body = &body[..];
        match head >> 4 {
            1 => {
                // Protocol name, level, flags, keep alive; then the fields that the flags name.
                body = &body[10..];
                let mut fields = Vec::new();
                while !body.is_empty() {
                    fields.push(text(&mut body));
                }
                send(Sent::Connect(fields));
                if let Some(garbage) = &rules.garbage {
                    stream.write_all(garbage)?;
                    return Ok(());
                }
                stream.write_all(&[0x20, 2, 0, rules.refuse])?;
            }
            3 => {
                let topic = text(&mut body);
                let packet: Vec<u8> = if head & 6 == 0 { Vec::new() } else { body.drain(2) };
                if topic.ends_with("/caption") {
                    results += 1;
                }
                let payload = String::from_utf8_lossy(body).into_owned();
                send(Sent::Publish { topic, retain: head & 1 == 1, payload });
                if rules.break_after.is_some_and(|most| results >= most) {
                    return Ok(());
                }
                if !packet.is_empty() {
                    stream.write_all(&[0x40, 2, packet[0], packet[1]])?;
                }
            }
            8 => {
                let packet = body.drain(2);
                let topic = text(&mut body);
                send(Sent::Subscribe(vec![topic]));
                stream.write_all(&[0x90, 3, packet[0], packet[1], 1])?;
                for (topic, payload) in rules.say.iter().filter(|_| !said) {
                    let length = 2 + topic.len() + payload.len();
                    let mut publish = vec![0x30, (length % 128) as u8 | 0x80, (length / 128) as u8];
                    publish.extend((topic.len() as u16).to_be_bytes());
                    publish.extend(topic.as_bytes());
                    publish.extend(payload);
                    stream.write_all(&publish)?;
                }
                said = true;
            }
            12 => stream.write_all(&[0xD0, 0])?,
            14 => send(Sent::Disconnect),
            _ => {}
        }
    }
}

fn packet(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let head = byte[0];
    let (mut length, mut shift) = (0usize, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((head, body))
}

fn text(body: &mut &[u8]) -> String {
    let length = body.drain(2);
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    String::from_utf8(body.drain(length)).unwrap()
}

trait Drain {
    fn drain(&mut self, count: usize) -> Vec<u8>;
}

impl Drain for &[u8] {
    fn drain(&mut self, count: usize) -> Vec<u8> {
        let (head, rest) = self.split_at(count);
        *self = rest;
        head.to_vec()
    }
}

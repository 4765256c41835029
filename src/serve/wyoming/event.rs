//! Events on the wire: a line of JSON, then `data_length` bytes of JSON, then `payload_length` bytes.

use std::io;

use edgefuse::wording::in_plain_words;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_buf, sink};

/// Maximum size in bytes of an event's line, and of its data.
const LONGEST_LINE: u64 = 64 << 10;
const LARGEST_DATA: usize = 256 << 10;

/// Maximum size of a payload in bytes: many times a client's usual chunk of sound.
const LARGEST_PAYLOAD: usize = 1 << 20;
const PAYLOAD_LENGTH: &str = "payload_length";

/// The kind of events whose payload is kept: sound.
pub const CHUNK: &str = "audio-chunk";

/// An event.
#[derive(Debug)]
pub struct Event {
    pub kind: String,
    pub data: Map<String, Value>,
    /// The payload of a [`CHUNK`]; empty for others, whose payload means nothing here.
    pub payload: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    data_length: Option<usize>,
    #[serde(default)]
    payload_length: Option<usize>,
}

impl Event {
    /// A value of the data, if it is a number that fits.
    pub fn number(&self, key: &str) -> Option<u32> {
        self.data.get(key)?.as_u64()?.try_into().ok()
    }

    /// A value of the data, if it is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key)?.as_str()
    }
}

/// Reads the next event; `None` at the end of the stream.
pub async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Event>> {
    let mut line = Vec::new();
    let count = (&mut *stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
    if count == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(wrong("an event's line is too long, or the stream ended within it"));
    }
    let header: Header = serde_json::from_slice(&line).map_err(|error| wrong(&format!("an event's line: {error}")))?;
    let mut data = header.data.unwrap_or_default();
    let more = bytes(stream, header.data_length, LARGEST_DATA, "data_length").await?;
    if !more.is_empty() {
        let more: Map<String, Value> =
            serde_json::from_slice(&more).map_err(|error| wrong(&format!("an event's data: {error}")))?;
        data.extend(more);
    }
    let payload = match header.kind.as_str() {
        CHUNK => bytes(stream, header.payload_length, LARGEST_PAYLOAD, PAYLOAD_LENGTH).await?,
        _ => skip(stream, header.payload_length).await.map(|()| Vec::new())?,
    };
    Ok(Some(Event { kind: header.kind, data, payload }))
}

/// A length within its limit; 0 if there is none.
fn length(length: Option<usize>, most: usize, name: &str) -> io::Result<usize> {
    match length.unwrap_or(0) {
        length if length > most => Err(wrong(&format!("{name}: {length} is more than {most}"))),
        length => Ok(length),
    }
}

async fn bytes(
    stream: &mut (impl AsyncBufRead + Unpin),
    given: Option<usize>,
    most: usize,
    name: &str,
) -> io::Result<Vec<u8>> {
    let length = length(given, most, name)?;
    let mut bytes = Vec::new();
    let read = (&mut *stream).take(length as u64).read_to_end(&mut bytes).await?;
    match read == length {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads a payload without keeping it.
async fn skip(stream: &mut (impl AsyncBufRead + Unpin), given: Option<usize>) -> io::Result<()> {
    let length = length(given, LARGEST_PAYLOAD, PAYLOAD_LENGTH)? as u64;
    match copy_buf(&mut (&mut *stream).take(length), &mut sink()).await? == length {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes an event without a payload.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), kind: &str, data: &Value) -> io::Result<()> {
    let mut text = json!({"type": kind, "data": data}).to_string();
    text.push('\n');
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

fn wrong(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, in_plain_words(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(mut bytes: &[u8]) -> (Vec<Event>, Option<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut events = Vec::new();
            loop {
                match read(&mut bytes).await {
                    Ok(Some(event)) => events.push(event),
                    Ok(None) => return (events, None),
                    Err(error) => return (events, Some(error.to_string())),
                }
            }
        })
    }

    #[test]
    fn data_is_inline_or_behind_the_line() {
        let (events, error) = read_all(
            b"{\"type\":\"a\",\"data\":{\"x\":1}}\n{\"type\":\"b\",\"data_length\":7,\"payload_length\":3}\n{\"x\":2}abc{\"type\":\"c\"}\n",
        );
        assert_eq!((events.len(), error), (3, None));
        assert_eq!((events[0].number("x"), events[1].number("x")), (Some(1), Some(2)));
    }

    #[test]
    fn only_sound_is_kept() {
        let (events, error) = read_all(
            b"{\"type\":\"audio-chunk\",\"payload_length\":3}\nabc{\"type\":\"x\",\"payload_length\":3}\ndef{\"type\":\"y\"}\n",
        );
        assert_eq!(error, None);
        let payloads: Vec<&[u8]> = events.iter().map(|event| event.payload.as_slice()).collect();
        assert_eq!(payloads, [&b"abc"[..], b"", b""]);
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        for (bytes, expected) in [
            (&b"{}\n"[..], "missing field `type`"),
            (b"nonsense\n", "an event's line"),
            (b"{\"type\":\"a\"}", "ended within it"),
            (b"{\"type\":\"a\",\"payload_length\":9999999999}\n", "payload_length: 9999999999 is more than"),
            (b"{\"type\":\"a\",\"data_length\":-1}\n", "expected a whole number, 0 or more"),
            (b"{\"type\":\"a\",\"data_length\":2}\n[]", "an event's data"),
            (b"{\"type\":\"a\",\"payload_length\":4}\nabc", "unexpected end of file"),
            (b"{\"type\":\"audio-chunk\",\"payload_length\":4}\nabc", "unexpected end of file"),
        ] {
            let (_, error) = read_all(bytes);
            assert!(error.as_ref().is_some_and(|error| error.contains(expected)), "{expected}: {error:?}");
        }
        let (_, error) = read_all(&vec![b'x'; 1 << 20]);
        assert!(error.unwrap().contains("too long"));
    }
}

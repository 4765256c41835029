//! Reads what must be known about a graph file before ONNX Runtime opens it: the files that its tensors refer to, and
//! its number of nodes.
//!
//! The file is walked field by field (Protocol Buffers' encoding, field numbers of `onnx.proto`) and payloads are
//! skipped, so neither time nor memory depends on the lengths that the file claims. A parser that builds messages would
//! hold a second copy of weights inside the graph, which can be gigabytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::support::shown::shown;

/// Maximum nesting of messages: the limit of Protocol Buffers' own parsers, which ONNX Runtime uses.
const DEEPEST: usize = 100;

/// Maximum length of a file name, a node type, or a number in digits.
const LONGEST_TEXT: u64 = 4_096;

/// Maximum number of tensors with external data; far more than a graph of 256 layers has.
const MOST_TENSORS: usize = 1 << 20;

/// Summary of a graph file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnnxFile {
    /// Number of nodes of the main graph, without constants, which become weights when the graph is loaded. Nodes in
    /// the branches of an `If` or the body of a loop are not counted.
    pub nodes: usize,
    /// Locations of tensors outside the file: initializers, attributes, sparse tensors, those of subgraphs, functions
    /// and training graphs.
    pub external: Vec<ExternalData>,
}

/// Location of a tensor's data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExternalData {
    /// Name of the tensor, for messages.
    pub tensor: String,
    /// Name of the file, as stated in the graph.
    pub location: String,
    /// Offset of the first byte in that file.
    pub offset: u64,
    /// Length in bytes; `None` for as many as the tensor's shape needs.
    pub length: Option<u64>,
}

/// The messages that can contain a tensor, and those on the path to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    MainGraph,
    Graph,
    MainNode,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    Training,
    Function,
    ExternalEntry,
}

impl Message {
    /// The type of the message in a field of this one.
    fn inner(self, field: u64) -> Option<Message> {
        use Message::*;
        Some(match (self, field) {
            (Model, 7) => MainGraph,
            (Model, 20) => Training,
            (Model, 25) => Function,
            (Training, 1 | 2) => Graph,
            (MainGraph, 1) => MainNode,
            (Graph, 1) | (Function, 7) => Node,
            (MainGraph | Graph, 5) => Tensor,
            (MainGraph | Graph, 15) => SparseTensor,
            (MainNode | Node, 5) | (Function, 11) => Attribute,
            (Attribute, 5 | 10) => Tensor,
            (Attribute, 6 | 11) => Graph,
            (Attribute, 22 | 23) => SparseTensor,
            (SparseTensor, 1 | 2) => Tensor,
            (Tensor, 13) => ExternalEntry,
            _ => return None,
        })
    }
}

/// Reads the graph file at `path`.
///
/// # Errors
/// [`io::Error`] for a file that cannot be read or is not an ONNX graph: [`io::ErrorKind::InvalidData`] with the
/// problem.
pub fn read_onnx(path: &Path) -> io::Result<OnnxFile> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    parse_onnx(file, length)
}

/// [`read_onnx`] for `length` bytes of any reader.
///
/// # Errors
/// As [`read_onnx`].
pub fn parse_onnx<R: Read + Seek>(source: R, length: u64) -> io::Result<OnnxFile> {
    let mut walk = Walk { source: BufReader::new(source), place: 0, found: OnnxFile::default() };
    walk.message(Message::Model, length, 0)?;
    Ok(walk.found)
}

struct Walk<R> {
    source: BufReader<R>,
    /// Bytes read or skipped so far.
    place: u64,
    found: OnnxFile,
}

impl<R: Read + Seek> Walk<R> {
    /// Reads the message that ends at position `end`.
    fn message(&mut self, message: Message, end: u64, depth: usize) -> io::Result<()> {
        if depth > DEEPEST {
            return Err(invalid(format!("messages nested more than {DEEPEST} deep")));
        }
        let mut tensor = ExternalData::default();
        let mut external = false;
        let mut constant = false;
        while self.place < end {
            let tag = self.varint(end)?;
            let length = match tag & 7 {
                0 => {
                    self.varint(end)?;
                    continue;
                }
                1 => {
                    self.skip(8, end)?;
                    continue;
                }
                5 => {
                    self.skip(4, end)?;
                    continue;
                }
                2 => self.varint(end)?,
                kind => return Err(invalid(format!("a field of unknown wire type {kind}"))),
            };
            if length > end - self.place {
                return Err(invalid("a field is longer than the enclosing message"));
            }
            let field = tag >> 3;
            match (message, field) {
                // NodeProto.op_type
                (Message::MainNode, 4) => constant = self.text(length)? == "Constant",
                // TensorProto.name
                (Message::Tensor, 8) if length <= LONGEST_TEXT => tensor.tensor = self.text(length)?,
                (Message::Tensor, 13) => {
                    let end = self.place + length;
                    self.entry(&mut tensor, end)?;
                    external = true;
                }
                _ => match message.inner(field) {
                    Some(inner) => self.message(inner, self.place + length, depth + 1)?,
                    None => self.skip(length, end)?,
                },
            }
        }
        if message == Message::MainNode && !constant {
            self.found.nodes += 1;
        }
        if external {
            if self.found.external.len() == MOST_TENSORS {
                return Err(invalid(format!("more than {MOST_TENSORS} tensors with external data")));
            }
            self.found.external.push(tensor);
        }
        Ok(())
    }

    /// Reads a `StringStringEntryProto` of a tensor's `external_data`.
    fn entry(&mut self, tensor: &mut ExternalData, end: u64) -> io::Result<()> {
        let (mut key, mut value) = (String::new(), String::new());
        while self.place < end {
            let tag = self.varint(end)?;
            let length = match tag & 7 {
                2 => self.varint(end)?,
                kind => return Err(invalid(format!("external data has a field of wire type {kind}"))),
            };
            if length > end - self.place {
                return Err(invalid("a field is longer than the enclosing message"));
            }
            match tag >> 3 {
                1 => key = self.text(length)?,
                2 => value = self.text(length)?,
                _ => self.skip(length, end)?,
            }
        }
        let number = || {
            value.parse::<u64>().map_err(|_| invalid(format!("external data has the {key} `{}`", shown(&value, 40))))
        };
        match key.as_str() {
            // Readers differ in whether the second of two locations wins.
            "location" if !tensor.location.is_empty() && tensor.location != value => {
                return Err(invalid("a tensor has two locations"));
            }
            "location" => tensor.location = value,
            "offset" => tensor.offset = number()?,
            "length" => tensor.length = Some(number()?),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, length: u64) -> io::Result<String> {
        if length > LONGEST_TEXT {
            return Err(invalid("a name is too long"));
        }
        let mut bytes = vec![0; length as usize];
        self.source.read_exact(&mut bytes)?;
        self.place += length;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Skips bytes of a message that ends at `end`, within the buffer if possible.
    fn skip(&mut self, bytes: u64, end: u64) -> io::Result<()> {
        if bytes > end.saturating_sub(self.place) {
            return Err(invalid("a field is longer than the enclosing message"));
        }
        match i64::try_from(bytes) {
            Ok(offset) => self.source.seek_relative(offset)?,
            Err(_) => drop(self.source.seek(SeekFrom::End(0))?),
        }
        self.place += bytes;
        Ok(())
    }

    fn varint(&mut self, end: u64) -> io::Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            if self.place >= end {
                return Err(invalid("a number extends beyond the enclosing message"));
            }
            let mut byte = [0];
            self.source.read_exact(&mut byte)?;
            self.place += 1;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(invalid("a number has more than 64 bits"))
    }
}

fn invalid(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a complete ONNX graph: {}", problem.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A field of bytes.
    fn field(number: u64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for mut value in [number << 3 | 2, payload.len() as u64] {
            while value >= 0x80 {
                bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
        }
        [bytes.as_slice(), payload].concat()
    }

    fn parsed(bytes: &[u8]) -> Result<OnnxFile, String> {
        parse_onnx(Cursor::new(bytes), bytes.len() as u64).map_err(|error| error.to_string())
    }

    fn external(location: &str) -> Vec<u8> {
        let entry =
            |key: &str, value: &str| field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat());
        [field(8, b"w"), entry("location", location), entry("offset", "64"), entry("length", "16")].concat()
    }

    #[test]
    fn counts_nodes_but_constants() {
        let node = |op: &[u8]| field(1, &[field(1, b"x"), field(4, op), field(2, b"y")].concat());
        let nodes = [node(b"MatMul"), field(5, b""), node(b"Constant"), node(b"LayerNor"), node(b"Add")];
        // ir_version 8, then the graph, then an opset.
        let model = [&[8, 8][..], &field(7, &nodes.concat()), &field(8, b"")].concat();
        assert_eq!(parsed(&model).unwrap().nodes, 3);
        assert_eq!(parsed(b"").unwrap(), OnnxFile::default());
    }

    #[test]
    fn finds_tensors_wherever_they_lie() {
        let tensor = external("w.bin");
        let sparse = field(1, &tensor);
        let attribute = field(5, &tensor);
        let inner_graph = field(5, &tensor);
        let node = |attribute: &[u8]| field(5, attribute);
        for (place, model) in [
            ("initializer", field(7, &field(5, &tensor))),
            ("sparse values", field(7, &field(15, &sparse))),
            ("sparse indices", field(7, &field(15, &field(2, &tensor)))),
            ("attribute", field(7, &field(1, &node(&attribute)))),
            ("attribute's list", field(7, &field(1, &node(&field(10, &tensor))))),
            ("subgraph", field(7, &field(1, &node(&field(6, &inner_graph))))),
            ("subgraphs", field(7, &field(1, &node(&field(11, &field(1, &node(&attribute))))))),
            ("sparse attribute", field(7, &field(1, &node(&field(22, &sparse))))),
            ("sparse attributes", field(7, &field(1, &node(&field(23, &sparse))))),
            ("function", field(25, &field(7, &node(&attribute)))),
            ("function's default", field(25, &field(11, &attribute))),
            ("training", field(20, &field(1, &inner_graph))),
            ("training's algorithm", field(20, &field(2, &inner_graph))),
        ] {
            let found = parsed(&model).unwrap().external;
            let expected = ExternalData { tensor: "w".into(), location: "w.bin".into(), offset: 64, length: Some(16) };
            assert_eq!(found, [expected], "{place}");
        }
    }

    #[test]
    fn a_file_that_is_not_a_graph_is_an_error() {
        let deep = (0..200).fold(Vec::new(), |inner, _| field(6, &field(1, &field(5, &inner))));
        let twice = [external("a"), external("b")].concat();
        for (bytes, expected) in [
            (b"\x3a\x7f\x0a".to_vec(), "longer than the enclosing message"),
            ([0xff; 11].to_vec(), "more than 64 bits"),
            (b"\x3b".to_vec(), "unknown wire type 3"),
            (b"\x3a".to_vec(), "extends beyond"),
            (b"\x3a\x02\x0a\x7f".to_vec(), "longer than the enclosing message"),
            (b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(), "longer than the enclosing message"),
            (b"\x39\x01".to_vec(), "longer than the enclosing message"),
            (field(7, &field(1, &field(5, &deep))), "nested more than 100 deep"),
            (field(7, &field(5, &twice)), "two locations"),
            (field(7, &field(5, &external(&"x".repeat(5_000)))), "name is too long"),
        ] {
            let error = parsed(&bytes).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}

//! How many nodes a graph file has, without a parser of the format: only lengths are read, and payloads skipped.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// `ModelProto.graph`, `GraphProto.node` and `NodeProto.op_type` in onnx.proto.
const GRAPH: u64 = 7;
const NODE: u64 = 1;
const OP_TYPE: u64 = 4;

/// Nodes of the main graph, constants apart: those become weights when the graph is loaded. Nodes within the branches
/// of an `If` or the body of a loop are not counted.
pub(super) fn count(path: &Path) -> io::Result<usize> {
    let length = path.metadata()?.len();
    let mut file = BufReader::new(File::open(path)?);
    let mut nodes = 0;
    each_field(&mut file, length, &mut |file, field, length| {
        if field != GRAPH {
            return Ok(false);
        }
        let end = file.stream_position()?.saturating_add(length);
        each_field(file, end, &mut |file, field, length| {
            if field != NODE {
                return Ok(false);
            }
            nodes += 1;
            let end = file.stream_position()?.saturating_add(length);
            each_field(file, end, &mut |file, field, length| {
                if field != OP_TYPE || length != b"Constant".len() as u64 {
                    return Ok(false);
                }
                let mut name = [0; 8];
                file.read_exact(&mut name)?;
                nodes -= usize::from(&name == b"Constant");
                Ok(true)
            })?;
            Ok(true)
        })?;
        Ok(true)
    })?;
    Ok(nodes)
}

/// Reads a field's payload and says whether it did; where it did not, the payload is skipped.
type Visit<'a> = &'a mut dyn FnMut(&mut BufReader<File>, u64, u64) -> io::Result<bool>;

/// Calls `visit` with number and length of each field of bytes up to the place `end`.
fn each_field(file: &mut BufReader<File>, end: u64, visit: Visit) -> io::Result<()> {
    while file.stream_position()? < end {
        let tag = varint(file)?;
        match tag & 7 {
            0 => {
                varint(file)?;
            }
            1 => skip(file, 8)?,
            2 => {
                let length = varint(file)?;
                if length > end.saturating_sub(file.stream_position()?) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                if !visit(file, tag >> 3, length)? {
                    skip(file, length)?;
                }
            }
            5 => skip(file, 4)?,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(())
}

/// Stays within the buffer where it can.
fn skip(file: &mut BufReader<File>, bytes: u64) -> io::Result<()> {
    match i64::try_from(bytes) {
        Ok(bytes) => file.seek_relative(bytes),
        Err(_) => file.seek(SeekFrom::End(0)).map(|_| ()),
    }
}

fn varint(file: &mut BufReader<File>) -> io::Result<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of bytes.
    fn field(number: u8, payload: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, payload.len() as u8], payload].concat()
    }

    fn counted(bytes: &[u8]) -> io::Result<usize> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        count(file.path())
    }

    #[test]
    fn counts_nodes_but_constants() {
        let node = |op: &[u8]| field(1, &[field(1, b"x"), field(4, op), field(2, b"y")].concat());
        let nodes = [node(b"MatMul"), field(5, b"weights"), node(b"Constant"), node(b"LayerNor"), node(b"Add")];
        // ir_version 8, then the graph, then an opset.
        let model = [&[8, 8][..], &field(7, &nodes.concat()), &field(8, b"opset")].concat();
        assert_eq!(counted(&model).unwrap(), 3);
        assert_eq!(counted(b"").unwrap(), 0);
    }

    #[test]
    fn what_is_no_graph_is_an_error() {
        for bytes in [&b"\x3a\x7f\x0a"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x3b", b"\x3a"] {
            assert!(counted(bytes).is_err(), "{bytes:?}");
        }
    }
}

//! AWS binary event stream ("application/vnd.amazon.eventstream"): finds whole messages without copying them.
//!
//! A message is, all numbers big-endian: its length, the length of its headers, the CRC-32 of those eight bytes, the
//! headers, the payload, and the CRC-32 of all that stands before (Smithy specification, "Amazon Event Stream").

use std::fmt;

use bytes::{Bytes, BytesMut};

pub use super::sse::Batch;

/// Longest message that is accepted, in bytes; AWS itself stops at 24 MiB.
pub const MAX_MESSAGE: usize = 32 * 1024 * 1024;
/// Longest headers of a message, in bytes, as AWS limits them.
pub const MAX_HEADERS: usize = 128 * 1024;

/// The two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const TRAILER: usize = 4;
/// The header type "text with a 16-bit length"; the only one this stream writes.
const TEXT: u8 = 7;

/// Why the bytes are not an event stream; nothing behind the place can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The two lengths contradict each other.
    Lengths,
    /// A message is longer than [`MAX_MESSAGE`], or its headers than [`MAX_HEADERS`].
    TooLong,
    /// A checksum does not fit.
    Checksum,
    /// The stream ended inside a message.
    Ends,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lengths => "the lengths of an event stream message contradict each other",
            Self::TooLong => "an event stream message is too long",
            Self::Checksum => "the checksum of an event stream message does not fit",
            Self::Ends => "the event stream ends inside a message",
        })
    }
}

impl std::error::Error for Broken {}

/// Cuts a byte stream into whole messages whose checksums fit; what is not whole yet waits for the next chunk.
///
/// However the bytes are cut, the same messages come out before the same [`Broken`]: where good messages stand in front
/// of a broken one, they come first and the break is told with the next call.
#[derive(Debug, Default)]
pub struct Framer {
    pending: BytesMut,
    broken: Option<Broken>,
}

impl Framer {
    /// Takes the next bytes of the stream and returns the messages that are whole now. When none was waiting, the batch
    /// is a view of `chunk`.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Batch, Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let mut ends = Vec::new();
        let bytes = if self.pending.is_empty() {
            self.broken = find_ends(chunk, &mut ends).err();
            let whole = ends.last().copied().unwrap_or(0);
            self.pending.extend_from_slice(&chunk[whole..]);
            chunk.slice(..whole)
        } else {
            self.pending.extend_from_slice(chunk);
            self.broken = find_ends(&self.pending, &mut ends).err();
            self.pending.split_to(ends.last().copied().unwrap_or(0)).freeze()
        };
        match self.broken {
            Some(broken) if ends.is_empty() => Err(broken),
            _ => Ok(Batch { bytes, ends }),
        }
    }

    /// Takes the end of the stream, which has to stand between two messages.
    pub fn finish(&mut self) -> Result<(), Broken> {
        let rest = std::mem::take(&mut self.pending);
        match self.broken {
            Some(broken) => Err(broken),
            None if rest.is_empty() => Ok(()),
            None => Err(Broken::Ends),
        }
    }
}

/// Notes the end of each whole message in `data`.
fn find_ends(data: &[u8], ends: &mut Vec<usize>) -> Result<(), Broken> {
    let mut start = 0;
    while let Some(length) = length(&data[start..])? {
        let Some(message) = data[start..].get(..length) else { break };
        let (body, checksum) = message.split_at(length - TRAILER);
        if crc32fast::hash(body) != number(checksum) {
            return Err(Broken::Checksum);
        }
        start += length;
        ends.push(start);
    }
    Ok(())
}

/// The length of the message that `data` begins with, once its prelude is there. The prelude has its own checksum, so
/// that a damaged length is noticed before anything waits for that many bytes.
fn length(data: &[u8]) -> Result<Option<usize>, Broken> {
    let Some(prelude) = data.get(..PRELUDE) else { return Ok(None) };
    if crc32fast::hash(&prelude[..8]) != number(&prelude[8..]) {
        return Err(Broken::Checksum);
    }
    let (total, headers) = (size(&prelude[..4]), size(&prelude[4..8]));
    if total > MAX_MESSAGE || headers > MAX_HEADERS {
        return Err(Broken::TooLong);
    }
    if total < PRELUDE + headers + TRAILER { Err(Broken::Lengths) } else { Ok(Some(total)) }
}

/// The big-endian number of up to four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn size(bytes: &[u8]) -> usize {
    usize::try_from(number(bytes)).unwrap_or(usize::MAX)
}

/// One message, seen in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    headers: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Finds the parts of one message as [`Framer`] cut it, which has checked its sums; `None` if it is not one.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let inner = raw.get(PRELUDE..raw.len().checked_sub(TRAILER)?)?;
        let length = size(raw.get(4..8)?);
        if size(&raw[..4]) != raw.len() || length > inner.len() {
            return None;
        }
        let (headers, payload) = inner.split_at(length);
        Some(Self { headers, payload })
    }

    /// The text of the header `name`; headers that are not text are passed over.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.headers;
        while let Some((header, behind)) = Header::split(rest) {
            if header.name == name.as_bytes() && header.kind == TEXT {
                return std::str::from_utf8(header.value).ok();
            }
            rest = behind;
        }
        None
    }
}

/// One header, seen in place.
struct Header<'a> {
    name: &'a [u8],
    kind: u8,
    value: &'a [u8],
}

impl<'a> Header<'a> {
    /// The first header of `data`, and what stands behind it.
    fn split(data: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (length, data) = data.split_first()?;
        let (name, data) = data.split_at_checked(usize::from(*length))?;
        let (kind, data) = data.split_first()?;
        let (length, data) = match kind {
            0 | 1 => (0, data),
            2 => (1, data),
            3 => (2, data),
            4 => (4, data),
            5 | 8 => (8, data),
            9 => (16, data),
            6 | 7 => {
                let (length, data) = data.split_at_checked(2)?;
                (size(length), data)
            }
            _ => return None,
        };
        let (value, behind) = data.split_at_checked(length)?;
        Some((Self { name, kind: *kind, value }, behind))
    }
}

/// Appends one message to `out`: headers of text, and the payload that `payload` appends. Names are cut at 255 bytes and
/// values at 65,535, which none of the fixed ones comes near.
pub fn write(headers: &[(&str, &str)], out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; PRELUDE]);
    for (name, value) in headers {
        let name = &name.as_bytes()[..name.len().min(u8::MAX.into())];
        let value = &value.as_bytes()[..value.len().min(u16::MAX.into())];
        out.extend_from_slice(&big(name.len())[3..]);
        out.extend_from_slice(name);
        out.push(TEXT);
        out.extend_from_slice(&big(value.len())[2..]);
        out.extend_from_slice(value);
    }
    let headers = out.len() - start - PRELUDE;
    payload(out);
    let total = out.len() - start + TRAILER;
    out[start..start + 4].copy_from_slice(&big(total));
    out[start + 4..start + 8].copy_from_slice(&big(headers));
    let prelude = crc32fast::hash(&out[start..start + 8]);
    out[start + 8..start + PRELUDE].copy_from_slice(&prelude.to_be_bytes());
    let all = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&all.to_be_bytes());
}

fn big(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: &str, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&[(":event-type", kind), (":message-type", "event")], &mut out, |out| {
            out.extend_from_slice(payload);
        });
        out
    }

    /// The messages of a stream, and how it ends.
    type Read = (Vec<(String, Vec<u8>)>, Result<(), Broken>);

    /// What comes out of `pieces`.
    fn read(pieces: &[&[u8]]) -> Read {
        let mut framer = Framer::default();
        let mut messages = Vec::new();
        for piece in pieces {
            let Ok(batch) = framer.push(&Bytes::copy_from_slice(piece)) else { break };
            for raw in batch.events() {
                let message = Message::parse(raw).unwrap();
                let kind = message.header(":event-type").unwrap().to_owned();
                messages.push((kind, message.payload.to_vec()));
            }
        }
        (messages, framer.finish())
    }

    #[track_caller]
    fn check(stream: &[u8], kinds: &[&str], ending: Result<(), Broken>) {
        let whole = read(&[stream]);
        assert_eq!(whole.0.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), kinds);
        assert_eq!(whole.1, ending);
        for at in 0..=stream.len() {
            let (left, right) = stream.split_at(at);
            assert_eq!(read(&[left, right]), whole, "cut at byte {at}");
        }
        assert_eq!(read(&stream.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    }

    #[test]
    fn every_cut_gives_the_same_messages() {
        let stream =
            [message("a", b"{\"x\":\"\xc3\xa9\"}"), message("b", b""), message("c", &[7; 300])].concat();
        check(&stream, &["a", "b", "c"], Ok(()));
        check(&stream[..stream.len() - 1], &["a", "b"], Err(Broken::Ends));
    }

    #[test]
    fn damage_is_noticed_and_what_stood_before_it_is_kept() {
        let good = message("a", b"{}");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            check(&[good.clone(), bad, good.clone()].concat(), &["a"], Err(Broken::Checksum));
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let prelude = |total: u32, headers: u32| {
            let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
            Framer::default().push(&bytes.into()).err()
        };
        assert_eq!(prelude(u32::MAX, 0), Some(Broken::TooLong));
        assert_eq!(prelude(300_000, 200_000), Some(Broken::TooLong));
        assert_eq!(prelude(15, 0), Some(Broken::Lengths));
        assert_eq!(prelude(20, 5), Some(Broken::Lengths));
        assert_eq!(prelude(16, 0), None);
    }

    #[test]
    fn a_known_message() {
        // From the Smithy specification's test vectors: one text header and a JSON payload.
        let expect: &[u8] = b"\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10application/json{'foo':'bar'}\x8d\x9c\x08\xb1";
        let mut out = Vec::new();
        write(&[("content-type", "application/json")], &mut out, |out| {
            out.extend_from_slice(b"{'foo':'bar'}")
        });
        assert_eq!(out, expect);
        let message = Message::parse(expect).unwrap();
        assert_eq!(message.header("content-type"), Some("application/json"));
        assert_eq!((message.header("content"), message.payload), (None, b"{'foo':'bar'}".as_slice()));
    }

    #[test]
    fn headers_of_every_type_are_passed_over() {
        let mut headers = Vec::new();
        for (kind, value) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
            headers.extend_from_slice(&[1, b'x', kind]);
            headers.extend(std::iter::repeat_n(0, value));
        }
        headers.extend_from_slice(b"\x01x\x06\x00\x02ab\x01y\x07\x00\x02ok");
        assert_eq!(Message { headers: &headers, payload: b"" }.header("y"), Some("ok"));
        assert_eq!(Message { headers: &headers, payload: b"" }.header("x"), None);
    }

    #[test]
    fn whole_messages_are_views_of_the_chunk() {
        let chunk = Bytes::from([message("a", b"1"), message("b", b"2")].concat());
        let batch = Framer::default().push(&chunk).unwrap();
        assert_eq!((batch.bytes.as_ptr(), batch.ends.len()), (chunk.as_ptr(), 2));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(raw in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut framer = Framer::default();
            let _ = framer.push(&Bytes::copy_from_slice(&raw));
            if let Some(message) = Message::parse(&raw) {
                message.header(":event-type");
            }
            Message { headers: &raw, payload: b"" }.header("x");
        }
    }
}

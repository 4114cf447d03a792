//! What spoils the wire form of a good answer: its media type, its coding, its length.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::{
    Fault,
    reply::{Frame, Payload, Reply, Role},
};

/// A gzip header without name or time (RFC 1952, 2.3).
const GZIP_HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The reply as a fault leaves its body.
pub(crate) fn body(reply: Reply, fault: &Fault) -> Reply {
    let payload = match (reply.payload, fault) {
        (Payload::Whole(body), Fault::Gzip { .. }) => Payload::Whole(gzip(&body)),
        (Payload::Frames(frames), Fault::Gzip { .. }) => Payload::Frames(Box::new(Gzip::new(frames))),
        // A length is only known of what is there.
        (payload, Fault::Length { off }) => {
            let mut body = match payload {
                Payload::Whole(body) => body,
                Payload::Frames(frames) => {
                    frames.map(|frame| frame.bytes).collect::<Vec<_>>().concat().into()
                }
            };
            // Nobody reads what is behind the announced length.
            let missing = usize::try_from(off.min(&0).unsigned_abs()).unwrap_or(usize::MAX);
            body.truncate(body.len().saturating_sub(missing));
            Payload::Whole(body)
        }
        (payload, _) => payload,
    };
    Reply { payload, ..reply }
}

/// The headers that a fault gives an answer; `length` is what the body really has, where the header is to say another.
pub(crate) fn headers(headers: &mut HeaderMap, fault: &Fault, length: Option<usize>) {
    match fault {
        Fault::ContentType { media_type } => {
            if let Ok(media_type) = HeaderValue::from_str(media_type) {
                headers.insert(header::CONTENT_TYPE, media_type);
            }
        }
        Fault::Gzip { named: true } | Fault::GzipClaimed => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Fault::Length { off } => {
            if let Some(length) = length {
                headers.insert(header::CONTENT_LENGTH, (length as u64).saturating_add_signed(*off).into());
            }
        }
        _ => {}
    }
}

/// A body in gzip's form.
fn gzip(body: &Bytes) -> Bytes {
    let frame = Frame { bytes: body.clone(), role: Role::Terminator };
    let pieces: Vec<_> = Gzip::new(std::iter::once(frame)).map(|frame| frame.bytes).collect();
    pieces.concat().into()
}

/// A stream in gzip's form, flushed behind each event, so that what has come can be read. It is coded, which makes it
/// unreadable as it is, and no shorter.
struct Gzip<I> {
    frames: I,
    sum: crc32fast::Hasher,
    length: u32,
    begun: bool,
    over: bool,
}

impl<I: Iterator<Item = Frame>> Gzip<I> {
    fn new(frames: I) -> Self {
        Self { frames, sum: crc32fast::Hasher::new(), length: 0, begun: false, over: false }
    }
}

impl<I: Iterator<Item = Frame>> Iterator for Gzip<I> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let frame = self.frames.next();
        let mut bits = Bits::default();
        if !std::mem::replace(&mut self.begun, true) {
            bits.bytes.extend_from_slice(GZIP_HEAD);
        }
        match frame {
            Some(frame) => {
                self.sum.update(&frame.bytes);
                self.length = self.length.wrapping_add(frame.bytes.len() as u32);
                bits.block(&frame.bytes);
                bits.flush(false);
                Some(Frame { bytes: bits.bytes.into(), role: frame.role })
            }
            None if std::mem::replace(&mut self.over, true) => None,
            None => {
                bits.flush(true);
                bits.bytes.extend_from_slice(&self.sum.clone().finalize().to_le_bytes());
                bits.bytes.extend_from_slice(&self.length.to_le_bytes());
                Some(Frame { bytes: bits.bytes.into(), role: Role::Lifecycle })
            }
        }
    }
}

/// DEFLATE's bits, the least significant of each byte first (RFC 1951, 3.1.1).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits that do not fill a byte yet.
    rest: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, bits: u32, count: u32) {
        self.rest |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.rest as u8);
            self.rest >>= 8;
            self.count -= 8;
        }
    }

    /// Codes stand with their most significant bit first.
    fn code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }

    /// Bytes in the code that needs no table (RFC 1951, 3.2.6), without a reference to earlier ones.
    fn block(&mut self, bytes: &[u8]) {
        self.push(0b010, 3);
        for byte in bytes {
            match u32::from(*byte) {
                low @ 0..=143 => self.code(0x30 + low, 8),
                high => self.code(0x190 + high - 144, 9),
            }
        }
        self.code(0, 7);
    }

    /// An empty block that is not coded, which ends at a byte.
    fn flush(&mut self, is_last: bool) {
        self.push(u32::from(is_last), 3);
        let open = (8 - self.count) % 8;
        self.push(0, open);
        self.bytes.extend_from_slice(&[0, 0, 0xff, 0xff]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it was, read bit by bit after RFC 1951.
    fn inflate(zipped: &[u8]) -> Vec<u8> {
        let body = zipped.strip_prefix(GZIP_HEAD).unwrap();
        let mut place = 0;
        let mut bits = |count: usize| {
            place += count;
            (place - count..place).map(|at| u32::from(body[at / 8] >> (at % 8) & 1)).collect::<Vec<_>>()
        };
        let number = |bits: &[u32]| bits.iter().fold(0, |number, bit| number << 1 | bit);
        let (mut plain, mut read) = (Vec::new(), 0);
        loop {
            let head = bits(3);
            read += 3;
            if head[1..] == [1, 0] {
                loop {
                    let mut code = bits(7);
                    if number(&code) != 0 {
                        code.extend(bits(1));
                    }
                    if number(&code) >= 0xc8 {
                        code.extend(bits(1));
                    }
                    read += code.len();
                    plain.push(match (code.len(), number(&code)) {
                        (7, _) => break,
                        (8, code) => u8::try_from(code - 0x30).unwrap(),
                        (_, code) => u8::try_from(code - 0x190 + 144).unwrap(),
                    });
                }
            } else {
                let filled = (8 - read % 8) % 8 + 32;
                bits(filled);
                read += filled;
            }
            if head[0] == 1 {
                return plain;
            }
        }
    }

    #[test]
    fn gzip_can_be_undone() {
        for text in ["", "ahoi", "Zürich \u{1f6a2}", "data: {\"x\":1}\n\n"] {
            let zipped = gzip(&Bytes::from(text));
            assert_eq!(inflate(&zipped), text.as_bytes());
            assert_eq!(zipped[zipped.len() - 8..][..4], crc32fast::hash(text.as_bytes()).to_le_bytes());
            assert_eq!(zipped[zipped.len() - 4..], (text.len() as u32).to_le_bytes());
        }
    }
}

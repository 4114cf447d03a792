//! What spoils the wire form of a good answer: its media type, its coding, its length.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::{
    Fault,
    reply::{Frame, Payload, Reply, Role},
};

/// Most bytes in one block of DEFLATE that is not compressed (RFC 1951, 3.2.4).
const BLOCK: usize = 0xffff;
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

/// A body in gzip's form, without any compression.
fn gzip(body: &Bytes) -> Bytes {
    let frame = Frame { bytes: body.clone(), role: Role::Terminator };
    let pieces: Vec<_> = Gzip::new(Box::new(std::iter::once(frame))).map(|frame| frame.bytes).collect();
    pieces.concat().into()
}

/// A stream in gzip's form, each event in blocks of its own, so that what has come can be read.
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
        let mut bytes = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            bytes.extend_from_slice(GZIP_HEAD);
        }
        match frame {
            Some(frame) => {
                self.sum.update(&frame.bytes);
                self.length = self.length.wrapping_add(frame.bytes.len() as u32);
                for block in frame.bytes.chunks(BLOCK) {
                    push_block(&mut bytes, block, false);
                }
                Some(Frame { bytes: bytes.into(), role: frame.role })
            }
            None if std::mem::replace(&mut self.over, true) => None,
            None => {
                push_block(&mut bytes, &[], true);
                bytes.extend_from_slice(&self.sum.clone().finalize().to_le_bytes());
                bytes.extend_from_slice(&self.length.to_le_bytes());
                Some(Frame { bytes: bytes.into(), role: Role::Lifecycle })
            }
        }
    }
}

/// A block that is stored as it is; no longer than [`BLOCK`].
fn push_block(bytes: &mut Vec<u8>, block: &[u8], is_last: bool) {
    let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
    bytes.push(u8::from(is_last));
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&(!length).to_le_bytes());
    bytes.extend_from_slice(block);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1952, 2.2 and RFC 1951, 3.2.4.
    #[test]
    fn gzip_is_framed_as_its_rfc_says() {
        let zipped = gzip(&Bytes::from_static(b"ahoi"));
        let (head, rest) = zipped.split_at(10);
        assert_eq!(head, GZIP_HEAD);
        assert_eq!(&rest[..9], &[0, 4, 0, 0xfb, 0xff, b'a', b'h', b'o', b'i']);
        assert_eq!(&rest[9..14], &[1, 0, 0, 0xff, 0xff]);
        assert_eq!(rest[14..18], crc32fast::hash(b"ahoi").to_le_bytes());
        assert_eq!(rest[18..], 4u32.to_le_bytes());
    }

    #[test]
    fn a_long_body_takes_several_blocks() {
        let zipped = gzip(&vec![7; BLOCK + 1].into());
        assert_eq!(zipped.len(), 10 + 5 + BLOCK + 5 + 1 + 5 + 8);
    }
}

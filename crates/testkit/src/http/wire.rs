//! HTTP/1.1 answers as bytes: head, content-length, chunked. Pure, so that any loop of reads can drive it.

use std::fmt;

/// The most bytes an answer's head may have.
const HEAD_LIMIT: usize = 64 * 1024;

/// Status line and headers of an answer, kept as the text that came.
#[derive(Clone, Debug)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    text: String,
}

/// Why bytes are not an HTTP/1.1 answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed http answer: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl Head {
    /// All headers in the order they came, names as they were spelled.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.text.split("\r\n").skip(1);
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
    }

    /// The first header of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether the server says it will close the connection after this answer.
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Parses the head at the start of `bytes`: the head and its length, or `None` while it is incomplete.
///
/// # Errors
/// When the bytes are no HTTP/1 status line and headers, or the head passes 64 KiB.
pub fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, Malformed> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() > HEAD_LIMIT { Err(Malformed("head over 64 KiB")) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Malformed("head is not text"))?;
    let status = text
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.trim_end().get(..3)?.parse().ok())
        .ok_or(Malformed("no status line"))?;
    Ok(Some((Head { status, text: text.to_owned() }, end + 4)))
}

/// The state of decoding one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes are still to come.
    Length(u64),
    /// The next thing on the wire is a chunk's size line.
    ChunkSize,
    /// So many bytes of the current chunk, and its line end, are still to come.
    Chunk(u64),
    /// The last chunk was seen, trailers up to an empty line remain.
    Trailers,
    /// All until the connection closes.
    UntilClose,
    /// The body is complete.
    Complete,
}

/// One step of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Bytes of the input that are used up.
    pub used: usize,
    /// Body bytes among them; may be empty when only framing was read.
    pub data: &'a [u8],
}

impl Body {
    /// The framing that the head announces.
    ///
    /// # Errors
    /// When `content-length` is not a number.
    pub fn of(head: &Head) -> Result<Self, Malformed> {
        if head.status == 204 || head.status == 304 || head.status < 200 {
            return Ok(Self::Complete);
        }
        if head
            .header("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().ends_with("chunked"))
        {
            return Ok(Self::ChunkSize);
        }
        match head.header("content-length") {
            Some("0") => Ok(Self::Complete),
            Some(length) => {
                length.parse().map(Self::Length).map_err(|_| Malformed("content-length is not a number"))
            }
            None => Ok(Self::UntilClose),
        }
    }

    /// Takes one step into `input`; `used` 0 means that more input is needed.
    ///
    /// # Errors
    /// When chunked framing is broken.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<Decoded<'a>, Malformed> {
        match *self {
            Self::Complete => Ok(Decoded { used: 0, data: &[] }),
            Self::UntilClose => Ok(Decoded { used: input.len(), data: input }),
            Self::Length(left) => {
                let data = prefix(input, left);
                let left = left - data.len() as u64;
                *self = if left == 0 { Self::Complete } else { Self::Length(left) };
                Ok(Decoded { used: data.len(), data })
            }
            Self::ChunkSize => {
                let Some(line) = line(input)? else { return Ok(Decoded { used: 0, data: &[] }) };
                let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
                let size = std::str::from_utf8(size).ok().map(str::trim);
                let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
                let size = size.ok_or(Malformed("chunk size is not a hexadecimal number"))?;
                *self = if size == 0 { Self::Trailers } else { Self::Chunk(size) };
                Ok(Decoded { used: line.len() + 2, data: &[] })
            }
            Self::Chunk(0) => {
                if input.len() < 2 {
                    return Ok(Decoded { used: 0, data: &[] });
                }
                if !input.starts_with(b"\r\n") {
                    return Err(Malformed("chunk is longer than its size"));
                }
                *self = Self::ChunkSize;
                Ok(Decoded { used: 2, data: &[] })
            }
            Self::Chunk(left) => {
                let data = prefix(input, left);
                *self = Self::Chunk(left - data.len() as u64);
                Ok(Decoded { used: data.len(), data })
            }
            Self::Trailers => {
                let Some(line) = line(input)? else { return Ok(Decoded { used: 0, data: &[] }) };
                if line.is_empty() {
                    *self = Self::Complete;
                }
                Ok(Decoded { used: line.len() + 2, data: &[] })
            }
        }
    }
}

fn prefix(input: &[u8], most: u64) -> &[u8] {
    let length = usize::try_from(most).map_or(input.len(), |most| most.min(input.len()));
    &input[..length]
}

/// The line at the start of `input` without its end, `None` while it is incomplete.
fn line(input: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    match input.windows(2).position(|window| window == b"\r\n") {
        Some(end) => Ok(Some(&input[..end])),
        None if input.len() > HEAD_LIMIT => Err(Malformed("line over 64 KiB")),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split;

    /// Feeds `pieces` as a network would and returns status, body and whether the body was complete.
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<(u16, String, bool), Malformed> {
        let (mut buffer, mut state, mut body) = (Vec::new(), None, Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            if state.is_none() {
                let Some((head, used)) = parse_head(&buffer)? else { continue };
                buffer.drain(..used);
                state = Some((Body::of(&head)?, head.status));
            }
            let Some((decoder, _)) = &mut state else { continue };
            loop {
                let Decoded { used, data } = decoder.decode(&buffer)?;
                body.extend_from_slice(data);
                buffer.drain(..used);
                if used == 0 || buffer.is_empty() {
                    break;
                }
            }
        }
        let (decoder, status) = state.ok_or(Malformed("no head"))?;
        Ok((status, String::from_utf8(body).unwrap(), decoder == Body::Complete))
    }

    #[track_caller]
    fn check(wire: &str, status: u16, body: &str, complete: bool) {
        for pieces in split::every_cut(wire.as_bytes()) {
            assert_eq!(read(pieces.into_iter()), Ok((status, body.to_owned(), complete)), "{pieces:?}");
        }
        assert_eq!(read(split::pieces(wire.as_bytes(), 1)), Ok((status, body.to_owned(), complete)));
    }

    #[test]
    fn bodies_are_the_same_however_they_are_cut() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true);
        check("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", 200, "hello", false);
        check("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true);
        check("HTTP/1.0 404 Not Found\r\n\r\nall", 404, "all", false);
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(&format!("{chunked}3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n"), 200, "abc0123456789", true);
        check(&format!("{chunked}3\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n"), 200, "abc", true);
        check(&format!("{chunked}3\r\nabc\r\n"), 200, "abc", false);
    }

    #[test]
    fn broken_framing_is_named() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (wire, problem) in [
            ("SSH-2.0-x\r\n\r\n".to_owned(), "no status line"),
            (format!("{chunked}zz\r\n"), "chunk size is not a hexadecimal number"),
            (format!("{chunked}1\r\nab\r\n"), "chunk is longer than its size"),
            ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n".to_owned(), "content-length is not a number"),
        ] {
            assert_eq!(read([wire.as_bytes()].into_iter()), Err(Malformed(problem)), "{wire:?}");
        }
    }

    #[test]
    fn headers_are_found_without_case() {
        let (head, used) =
            parse_head(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nConnection: Close\r\n\r\nrest")
                .unwrap()
                .unwrap();
        assert_eq!((head.header("x-a"), head.header("x-b"), head.closes()), (Some("1"), None, true));
        assert_eq!(head.headers().count(), 3);
        assert_eq!(used, 54);
    }
}

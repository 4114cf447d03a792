//! The blocking client: one kept-alive connection, whole answers or pieces with the time they came.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::wire::{Body, Decoded, Head, parse_head};
use crate::clock;

/// How long a connect, a read or a write may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a body that [`Reader::rest`] collects.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// A request to send.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Headers beside `host` and `content-length`, which are added.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body; empty for none.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A `GET` without headers of its own.
    pub fn get(path: &'a str) -> Self {
        Self { method: "GET", path, headers: &[], body: &[] }
    }

    /// A `POST` of a JSON body.
    pub fn post_json(path: &'a str, body: &'a [u8]) -> Self {
        Self { method: "POST", path, headers: &[("content-type", "application/json")], body }
    }

    /// The request as it goes over the wire.
    pub fn encode(&self, host: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.path);
        for (name, value) in self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body);
        bytes
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status and headers.
    pub head: Head,
    /// Decoded body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text, with replacement characters where it is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn json(&self) -> io::Result<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// Body bytes that came with one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Time since the request was sent.
    pub after: Duration,
    /// Decoded body bytes, never empty.
    pub bytes: Vec<u8>,
}

/// A client of one server, holding at most one idle connection.
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    idle: Option<TcpStream>,
    patience: Duration,
}

/// Sends one `GET` on a connection of its own.
///
/// # Errors
/// When the server cannot be reached or does not answer in HTTP within ten seconds.
pub fn get(server: SocketAddr, path: &str) -> io::Result<Answer> {
    Client::new(server).send(&Request::get(path))
}

impl Client {
    /// A client that connects at its first request and waits ten seconds for any one read.
    pub fn new(server: SocketAddr) -> Self {
        Self { server, idle: None, patience: PATIENCE }
    }

    /// The same with another limit for a connect, a read or a write.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends a request and collects the whole answer; the connection is kept for the next one where both sides allow.
    ///
    /// # Errors
    /// As [`Client::open`] and [`Reader::rest`].
    pub fn send(&mut self, request: &Request<'_>) -> io::Result<Answer> {
        let mut reader = self.open(request)?;
        let body = reader.rest()?;
        let Reader { head, stream, .. } = reader;
        self.idle = (!head.closes()).then_some(stream);
        Ok(Answer { head, body })
    }

    /// Sends a request and returns at the end of the answer's head. Dropping the reader closes the connection.
    ///
    /// # Errors
    /// When the server cannot be reached, closes early, is silent past the limit, or answers in something else.
    pub fn open(&mut self, request: &Request<'_>) -> io::Result<Reader> {
        let mut stream = match self.idle.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        stream.write_all(&request.encode(self.server))?;
        let sent = clock::now();
        let mut buffer = Vec::new();
        let (head, used) = loop {
            if let Some(found) = parse_head(&buffer).map_err(io::Error::other)? {
                break found;
            }
            if fill(&mut stream, &mut buffer)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "connection closed before an answer",
                ));
            }
        };
        buffer.drain(..used);
        let body = Body::of(&head).map_err(io::Error::other)?;
        Ok(Reader { head, stream, sent, buffer, body })
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.server, self.patience)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// An answer whose body is read piece by piece.
#[derive(Debug)]
pub struct Reader {
    /// Status and headers.
    pub head: Head,
    stream: TcpStream,
    sent: Instant,
    buffer: Vec<u8>,
    body: Body,
}

impl Reader {
    /// The next piece of the body, as the network delivered it; `None` at its proper end.
    ///
    /// # Errors
    /// When the connection closes before the announced end, is silent past the limit, or the framing is broken.
    pub fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        loop {
            let mut bytes = Vec::new();
            let mut start = 0;
            while start < self.buffer.len() && self.body != Body::Complete {
                let Decoded { used, data } =
                    self.body.decode(&self.buffer[start..]).map_err(io::Error::other)?;
                if used == 0 {
                    break;
                }
                bytes.extend_from_slice(data);
                start += used;
            }
            self.buffer.drain(..start);
            if !bytes.is_empty() {
                return Ok(Some(Piece { after: clock::now().duration_since(self.sent), bytes }));
            }
            if self.body == Body::Complete {
                return Ok(None);
            }
            if fill(&mut self.stream, &mut self.buffer)? == 0 {
                return match self.body {
                    Body::UntilClose => Ok(None),
                    _ => {
                        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed inside the body"))
                    }
                };
            }
        }
    }

    /// All that is left of the body.
    ///
    /// # Errors
    /// As [`Reader::next_piece`], and when the body passes 256 MiB.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(piece) = self.next_piece()? {
            body.extend_from_slice(&piece.bytes);
            if body.len() > BODY_LIMIT {
                return Err(io::Error::other("body over 256 MiB"));
            }
        }
        Ok(body)
    }
}

fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut room = [0; 16 * 1024];
    let count = stream.read(&mut room)?;
    buffer.extend_from_slice(&room[..count]);
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Serves the scripted answers, one per request, on one connection, then closes it; returns what was asked.
    fn server(answers: Vec<&'static [u8]>) -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let handle = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            for answer in answers {
                fill(&mut stream, &mut asked).unwrap();
                stream.write_all(answer).unwrap();
            }
            asked
        });
        (address, handle)
    }

    #[test]
    fn two_requests_share_a_connection() {
        let (address, server) = server(vec![
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            b"HTTP/1.1 429 Slow Down\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        ]);
        let mut client = Client::new(address);
        let first = client.send(&Request::post_json("/a", b"[1]")).unwrap();
        let second = client.send(&Request::get("/b")).unwrap();
        let asked = String::from_utf8(server.join().unwrap()).unwrap();

        assert_eq!((first.head.status, first.json().unwrap()), (200, serde_json::json!({})));
        assert_eq!((second.head.status, second.text().as_str()), (429, "x"));
        assert!(asked.starts_with("POST /a HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("content-length: 3\r\n\r\n[1]GET /b HTTP/1.1\r\n"), "{asked}");
    }

    #[test]
    fn a_body_cut_short_is_an_error_after_what_came() {
        let (address, _server) = server(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"]);
        let mut reader = Client::new(address).open(&Request::get("/")).unwrap();
        assert_eq!(reader.next_piece().unwrap().unwrap().bytes, b"half");
        assert_eq!(reader.next_piece().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_silent_server_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let error =
            Client::new(address).patience(Duration::from_millis(20)).send(&Request::get("/")).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
    }
}

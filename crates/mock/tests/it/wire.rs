//! A client that sees what is on the wire.

use std::time::Duration;

use lockgate_mock::{Behaviour, Ended, Mock, Settings, start};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// Nothing in these tests takes this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A mock that answers with words of one event each.
pub(crate) async fn mock(behaviour: Behaviour) -> Mock {
    let settings = Settings { behaviour, keep_bodies: true, ..Settings::default() };
    start("127.0.0.1:0".parse().unwrap(), settings).await.unwrap()
}

/// Answers of ten words without pauses.
pub(crate) fn ten_words() -> Behaviour {
    Behaviour { words: Some(10), ..Behaviour::default() }
}

/// A chat request on a connection that closes after the answer.
pub(crate) fn chat(stream: bool) -> String {
    let body =
        format!(r#"{{"model":"mock-1","stream":{stream},"messages":[{{"role":"user","content":"Hello"}}]}}"#);
    request("POST", "/v1/chat/completions", &body)
}

/// Any JSON request on a connection that closes after the answer.
pub(crate) fn request(method: &str, path: &str, body: &str) -> String {
    request_with(method, path, "authorization: Bearer sk-1", body)
}

/// The same with headers of its own in place of the key.
pub(crate) fn request_with(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: mock\r\n{headers}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What came back, and how it ended.
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
    /// From the request to the head, and to the end.
    pub(crate) head_after: Duration,
    pub(crate) end_after: Duration,
}

/// Whether the body kept what its head promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Whole,
    Short,
    /// Not even a head: closed, or reset.
    Closed,
    Reset,
}

/// Sends a request and reads all there is to read.
pub(crate) async fn send(mock: &Mock, request: &str) -> Seen {
    timeout(PATIENCE, send_at_leisure(mock, request)).await.expect("an answer in time")
}

async fn send_at_leisure(mock: &Mock, request: &str) -> Seen {
    let began = Instant::now();
    let mut socket = TcpStream::connect(mock.addr()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let (mut bytes, mut head_after, mut reset) = (Vec::new(), None, false);
    loop {
        match socket.read_buf(&mut bytes).await {
            Ok(0) => break,
            Ok(_) if head_after.is_none() && split(&bytes).is_some() => head_after = Some(began.elapsed()),
            Ok(_) => {}
            Err(error) => {
                reset = error.kind() == std::io::ErrorKind::ConnectionReset;
                break;
            }
        }
    }
    let end_after = began.elapsed();
    let Some((head, raw)) = split(&bytes) else {
        let framing = if reset { Framing::Reset } else { Framing::Closed };
        return Seen {
            status: 0,
            head: String::new(),
            body: bytes,
            framing,
            head_after: end_after,
            end_after,
        };
    };
    let status = head[9..12].parse().unwrap();
    let (body, whole) = match head.contains("transfer-encoding: chunked") {
        true => dechunk(raw),
        false => {
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            (raw.to_vec(), length.is_some_and(|length| length.parse() == Ok(raw.len())))
        }
    };
    let framing = if whole { Framing::Whole } else { Framing::Short };
    let head_after = head_after.unwrap_or(end_after);
    Seen { status, head, body, framing, head_after, end_after }
}

fn split(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((String::from_utf8(bytes[..end].to_vec()).unwrap(), &bytes[end + 4..]))
}

/// The content of chunks, and whether the last one came.
fn dechunk(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = raw.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let chunk = &raw[line + 2..];
        if chunk.len() < size + 2 {
            body.extend_from_slice(&chunk[..chunk.len().min(size)]);
            return (body, false);
        }
        body.extend_from_slice(&chunk[..size]);
        raw = &chunk[size + 2..];
    }
}

impl Seen {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The data of each event.
    pub(crate) fn events(&self) -> Vec<&str> {
        self.text().split("\n\n").filter_map(|event| event.split("data: ").nth(1)).collect()
    }

    /// How many events carry text.
    pub(crate) fn outputs(&self) -> usize {
        self.events()
            .iter()
            .filter(|event| event.contains(r#""delta":{"content":""#) && !event.contains(r#""role""#))
            .count()
    }
}

/// Waits until the only call has ended, and says how and how long that took.
pub(crate) async fn ended(mock: &Mock) -> (Ended, Duration) {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match mock.ledger().last().map(|entry| entry.ended) {
            None | Some(Ended::InFlight) => sleep(Duration::from_millis(1)).await,
            Some(ended) => return (ended, began.elapsed()),
        }
    }
    panic!("the call never ended");
}

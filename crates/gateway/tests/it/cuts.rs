//! Recorded streams whose connection is severed: through real sockets, a cut answer never looks whole.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use lockgate_protocol::{
    codec::Codec,
    dialects,
    fold::{Folded, fold},
};
use lockgate_store::Ended;
use lockgate_testkit::fixtures::{self, Answer, Kind};

use crate::{
    house::House,
    matrix::{self, CLIENTS, Client},
    raw::Raw,
};

/// A recorded stream of each dialect, in the order of the clients: folder, name, media type.
const STREAMS: &[(&str, &str, &str)] = &[
    ("openai-chat", "usage-final-empty-choices", "text/event-stream"),
    ("openai-responses", "tool-call", "text/event-stream"),
    ("anthropic-messages", "tool-no-args", "text/event-stream"),
    ("gemini", "tool-call-signature", "text/event-stream"),
    ("ollama", "chat-stream-doc", "application/x-ndjson"),
    ("bedrock-converse", "tool-call", "application/vnd.amazon.eventstream"),
];

/// How a connection ends early.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Between two chunks, without the last one.
    BetweenChunks,
    /// Inside a chunk.
    InsideChunk,
    /// Before the length that was announced.
    BeforeLength,
    /// As HTTP says it should: only the dialect can tell.
    Clean,
}

const CUTS: [Cut; 4] = [Cut::BetweenChunks, Cut::InsideChunk, Cut::BeforeLength, Cut::Clean];

impl Cut {
    /// An answer that is severed behind these bytes.
    fn answer(self, media_type: &str, bytes: &[u8]) -> Vec<u8> {
        let length = bytes.len();
        let (header, front, back) = match self {
            Self::BetweenChunks if length == 0 => {
                ("transfer-encoding: chunked".to_owned(), String::new(), "")
            }
            Self::BetweenChunks => {
                ("transfer-encoding: chunked".to_owned(), format!("{length:x}\r\n"), "\r\n")
            }
            Self::InsideChunk => {
                ("transfer-encoding: chunked".to_owned(), format!("{:x}\r\n", length + 9), "")
            }
            Self::BeforeLength => (format!("content-length: {}", length + 1), String::new(), ""),
            Self::Clean => (format!("content-length: {length}"), String::new(), ""),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\n{header}\r\nconnection: close\r\n\r\n{front}"
        );
        [head.as_bytes(), bytes, back.as_bytes()].concat()
    }
}

/// What a client gets, by an HTTP client that reads no body that is not framed as it should be.
async fn asked(house: &House, client: &Client, upstream: &str) -> (StatusCode, Bytes) {
    let model = format!("on-{upstream}");
    let request = Request::post(house.url(&client.stream_path.replace("{model}", &model)))
        .header("content-type", "application/json")
        .body(Full::from(client.stream_body.replace("{model}", &model)));
    let (head, body) = house.send(request.unwrap()).await.into_parts();
    (head.status, body.collect().await.unwrap().to_bytes())
}

fn codec(dialect: &str) -> &'static dyn Codec {
    dialects::find(dialect).unwrap().codec()
}

/// Cuts the stream at each of some places in each way, for this client.
async fn check(raw: &Raw, stream: &Client, (folder, name, media_type): (&str, &str, &str), client: &Client) {
    let Some(fixtures) = fixtures::open() else { return };
    let case = fixtures.case(folder, Kind::Stream, name).unwrap();
    let Answer::Stream(_, bytes) = case.answer else { panic!("{name} has no bytes") };
    let house = matrix::house(raw.address).await;
    let is_whole = |bytes: &[u8]| {
        let bytes = Bytes::copy_from_slice(bytes);
        matches!(fold(stream.dialect, codec(stream.dialect), &bytes, None), Folded::Whole(_))
    };
    let whole = (0..=bytes.len()).find(|place| is_whole(&bytes[..*place])).unwrap();
    let places: BTreeSet<usize> = (0..=bytes.len())
        .step_by(1 + bytes.len() / 23)
        .chain(whole.saturating_sub(2)..=(whole + 3).min(bytes.len()))
        .collect();
    let mut asked_for = 0;
    for place in places {
        for cut in CUTS {
            raw.set(cut.answer(media_type, &bytes[..place]));
            let (status, got) = asked(&house, client, stream.dialect).await;
            asked_for += 1;
            let text = String::from_utf8_lossy(&got);
            let what = || {
                format!("{folder}/{name} for {}, {cut:?} at byte {place}: {status} {text}", client.dialect)
            };
            let record = house.records(asked_for).await.pop().unwrap();
            let is_refused = (status, record.ended) == (StatusCode::BAD_GATEWAY, Ended::Refused);
            // A connection that breaks before anything of the answer has left is another deployment's chance.
            let may_be_refused = !matches!(cut, Cut::Clean);
            if place >= whole && !(is_refused && may_be_refused) {
                assert_eq!((status, record.ended), (StatusCode::OK, Ended::Answered), "{}", what());
                let read = fold(client.dialect, codec(client.dialect), &got, None);
                assert!(matches!(read, Folded::Whole(_)), "{}", what());
            } else if status == StatusCode::OK {
                assert_eq!(record.ended, Ended::Broken, "{}", what());
                let read = fold(client.dialect, codec(client.dialect), &got, None);
                assert!(matches!(read, Folded::Failed(_)), "{}", what());
            } else {
                assert!(is_refused, "{}", what());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_severed_stream_is_an_error_in_its_own_dialect() {
    let raw = Raw::start("").await;
    for (client, stream) in CLIENTS.iter().zip(STREAMS) {
        check(&raw, client, *stream, client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_severed_stream_is_an_error_in_another_dialect() {
    let raw = Raw::start("").await;
    let others = CLIENTS.iter().cycle().skip(1);
    for ((stream, recorded), client) in CLIENTS.iter().zip(STREAMS).zip(others) {
        check(&raw, stream, *recorded, client).await;
    }
}

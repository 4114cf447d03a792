//! Calls to make lines of: every recorded one, and those that were written by hand for the repository itself.

use std::path::Path;

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Reply, RequestHead, Step, Target},
    dialect::{Dialect, Operation},
    dialects::{self, DIALECTS},
    translate::Pair,
};
use lockgate_testkit::fixtures::{self, Answer, Case, Kind};
use lockgate_training::Call;

/// A call with its bodies: what the client sent and what it received.
pub(crate) struct Exchange {
    pub(crate) id: String,
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) path: String,
    pub(crate) model: String,
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Bytes,
}

impl Exchange {
    pub(crate) fn call(&self) -> Call<'_> {
        Call {
            dialect: self.dialect,
            operation: Operation::Generate,
            path: &self.path,
            model: &self.model,
            id: &self.id,
            started_ms: 1_800_000_000_000,
            micros: 1_234_567,
        }
    }
}

/// The folders of recordings with the dialect that they are in.
const FOLDERS: &[(&str, &str)] = &[
    ("openai-chat", "openai-chat"),
    ("openai-responses", "openai-responses"),
    ("anthropic-messages", "anthropic"),
    ("gemini", "gemini"),
    ("ollama", "ollama"),
    ("bedrock-converse", "bedrock"),
];

/// A path of each dialect for calls whose own is not on record.
const PATHS: &[(&str, &str)] = &[
    ("openai-chat", "/v1/chat/completions"),
    ("openai-responses", "/v1/responses"),
    ("anthropic", "/v1/messages"),
    ("gemini", "/v1beta/models/m:streamGenerateContent?alt=sse"),
    ("ollama", "/api/chat"),
    ("bedrock", "/model/m/converse-stream"),
];

/// The path of calls in this dialect.
pub(crate) fn path(dialect: &dyn Dialect) -> &'static str {
    PATHS.iter().find(|row| row.0 == dialect.name()).map(|row| row.1).expect("every dialect has a row")
}

/// Those that the protocol's own tests have: one of each dialect, with everything that its requests can say.
pub(crate) fn own() -> Vec<Exchange> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/fixtures");
    let read = |dialect: &dyn Dialect, what: &str| {
        let path = folder.join(format!("{}.{what}.json", dialect.name()));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let exchange = |dialect: &&'static dyn Dialect| Exchange {
        id: format!("own/{}", dialect.name()),
        dialect: *dialect,
        path: path(*dialect).to_owned(),
        model: "fast".to_owned(),
        request: read(*dialect, "request"),
        answer: read(*dialect, "response").into(),
    };
    DIALECTS.iter().map(exchange).collect()
}

/// The recorded calls, if they are there, whatever their end was.
pub(crate) fn recorded() -> Option<Vec<Exchange>> {
    let fixtures = fixtures::open()?;
    let cases = fixtures.all().map(|case| case.expect("a recording can be read"));
    Some(cases.filter_map(exchange).collect())
}

fn exchange(case: Case) -> Option<Exchange> {
    let dialect = FOLDERS.iter().find(|row| row.0 == case.protocol).and_then(|row| dialects::find(row.1))?;
    let url = case.url.as_deref().unwrap_or(path(dialect));
    let path = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    Some(Exchange {
        id: format!(
            "{}/{}{}",
            case.protocol,
            if case.kind == Kind::Stream { "stream-" } else { "" },
            case.name
        ),
        dialect,
        path: path.to_owned(),
        model: "fast".to_owned(),
        request: case.request.unwrap_or_default(),
        answer: match case.answer {
            Answer::Whole(body) | Answer::Stream(_, body) => body.into(),
            Answer::Events(events) => framed(dialect, &events),
        },
    })
}

/// Payloads whose frames the recorder did not keep, in frames.
fn framed(dialect: &dyn Dialect, payloads: &[String]) -> Bytes {
    let mut out = String::new();
    for payload in payloads {
        let value: serde_json::Value = serde_json::from_str(payload).expect("a payload is JSON");
        if let Some(kind) = value["type"].as_str() {
            out.push_str(&format!("event: {kind}\n"));
        }
        out.push_str(&format!("data: {payload}\n\n"));
    }
    if dialect.name() == "openai-chat" {
        out.push_str("data: [DONE]\n\n");
    }
    out.into()
}

/// The talk of `tests/fixtures` as a client of `dialect` has it, who streams.
pub(crate) fn talk(dialect: &'static dyn Dialect) -> Exchange {
    let home = dialects::find("anthropic").expect("the talk can be said");
    let request = include_bytes!("../fixtures/talk.request.json");
    let head = RequestHead { model: None, stream: None, path: path(home) };
    let asked = home.codec().decode_request(head, request).expect("the talk can be said");
    let pair = Pair::new(home.codec(), dialect.codec());
    let target = Target { model: &asked.model, max_output: Some(64_000), version: None };
    let encoded = pair.request(&asked, target).expect("the talk can be said");
    let path = path(dialect);
    let head = RequestHead { model: Some(&asked.model), stream: dialect.path_streams(path), path };
    let own = dialect.codec().decode_request(head, &encoded.body).expect("the talk can be said");
    let reply = Reply { request: &own, seed: "seed", now: 1_800_000_000, path };
    let mut stream = Pair::new(dialect.codec(), home.codec()).stream(reply, None);
    let mut answer = Vec::new();
    let bytes = Bytes::from_static(include_bytes!("../fixtures/talk.stream.sse"));
    assert_eq!(stream.push(&bytes, &mut |_| {}, &mut answer), Step::End);
    Exchange {
        id: format!("talk/{}", dialect.name()),
        dialect,
        path: path.to_owned(),
        model: "fast".to_owned(),
        request: if dialect.name() == home.name() { request.to_vec() } else { encoded.body },
        answer: answer.into(),
    }
}

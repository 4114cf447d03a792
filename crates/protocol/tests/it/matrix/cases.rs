//! What is translated: every recorded exchange, and those that were written by hand for the repository itself.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Reply, RequestHead, StreamDecoder, Target},
    dialect::Dialect,
    dialects::{self, DIALECTS, invoke},
    framing::{Framer, Framing},
    ir::Request,
};
use lockgate_testkit::fixtures::{self, Answer, Case, Framing as Recorded, Kind};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// One exchange.
pub(super) struct Source {
    /// The dialect that its bodies are in.
    pub(super) dialect: &'static dyn Dialect,
    /// How a failing test calls it.
    pub(super) id: String,
    pub(super) status: u16,
    /// The model and the path that were called.
    pub(super) model: String,
    pub(super) path: String,
    pub(super) request: Option<Vec<u8>>,
    pub(super) answer: Said,
}

/// What was answered.
pub(super) enum Said {
    Whole(Vec<u8>),
    /// The events as the framing cuts them; true if each is wrapped by InvokeModel.
    Stream(Vec<Vec<u8>>, bool),
}

/// How a folder of recordings and a dialect belong together; how this table and that of the dialects differ is checked.
const FOLDERS: &[(&str, &str)] = &[
    ("openai-chat", "openai-chat"),
    ("openai-responses", "openai-responses"),
    ("anthropic-messages", "anthropic"),
    ("gemini", "gemini"),
    ("ollama", "ollama"),
    ("bedrock-converse", "bedrock"),
    // Only the bodies of Anthropic: other makers' are no dialect of ours.
    ("bedrock-invoke", "anthropic"),
];

/// A model that a provider of the dialect has, and the path of its streams, for clients and providers of that dialect.
const PLACES: &[(&str, &str, &str)] = &[
    ("openai-chat", "gpt-5.1", "/v1/chat/completions"),
    ("openai-responses", "gpt-5.1", "/v1/responses"),
    ("anthropic", "claude-sonnet-4-5", "/v1/messages"),
    ("gemini", "gemini-2.5-flash", "/v1beta/models/m:streamGenerateContent?alt=sse"),
    ("ollama", "llama3.2", "/api/chat"),
    ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "/model/m/converse-stream"),
];

fn place(dialect: &dyn Dialect) -> (&'static str, &'static str) {
    let row = PLACES.iter().find(|row| row.0 == dialect.name());
    let (_, model, path) = row.unwrap_or_else(|| panic!("no place for the dialect {}", dialect.name()));
    (model, path)
}

/// The provider that a request is written for.
pub(super) fn target(dialect: &dyn Dialect) -> Target<'static> {
    Target { model: place(dialect).0, max_output: Some(64_000), version: None }
}

/// How a request that was written for [`target`] arrives there.
pub(super) fn arrival(dialect: &dyn Dialect, stream: bool) -> RequestHead<'static> {
    let (model, path) = place(dialect);
    let stream = dialect.path_streams(path).map(|_| stream);
    RequestHead { model: Some(model), stream, path }
}

/// The client that an answer is written for.
pub(super) fn reply<'a>(dialect: &dyn Dialect, request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "seed", now: 1_800_000_000, path: place(dialect).1 }
}

impl Source {
    pub(super) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            model: Some(&self.model),
            stream: self.dialect.path_streams(&self.path),
            path: &self.path,
        }
    }

    pub(super) fn decoder(&self) -> Box<dyn StreamDecoder> {
        let decoder = self.dialect.codec().decoder();
        match &self.answer {
            Said::Stream(_, true) => Box::new(invoke::Unwrap::new(decoder)),
            _ => decoder,
        }
    }
}

/// Every exchange there is; those of the repository first.
pub(super) fn all() -> Vec<Source> {
    let mut sources = own();
    let Some(fixtures) = fixtures::open() else { return sources };
    for case in fixtures.all() {
        let case = case.unwrap();
        let row = FOLDERS.iter().find(|row| row.0 == case.protocol);
        let (folder, name) =
            row.unwrap_or_else(|| panic!("no dialect for the recordings in {}", case.protocol));
        let is_wrapped = *folder == "bedrock-invoke";
        if is_wrapped && !case.name.starts_with("anthropic") {
            continue;
        }
        sources.push(source(case, dialects::find(name).unwrap(), is_wrapped));
    }
    for dialect in DIALECTS {
        let count = sources.iter().filter(|source| source.dialect.name() == dialect.name()).count();
        assert!(count > 15, "only {count} exchanges of {}", dialect.name());
    }
    sources
}

/// The folder of what was written by hand: `<dialect>.request.json`, `<dialect>.response.json`.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Those that were written by hand, one of each dialect.
pub(super) fn own() -> Vec<Source> {
    let read = |dialect: &dyn Dialect, what: &str| {
        let path = folder().join(format!("{}.{what}.json", dialect.name()));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let source = |dialect: &&'static dyn Dialect| Source {
        dialect: *dialect,
        id: format!("own/{}", dialect.name()),
        status: 200,
        model: place(*dialect).0.to_owned(),
        path: place(*dialect).1.to_owned(),
        request: Some(read(*dialect, "request")),
        answer: Said::Whole(read(*dialect, "response")),
    };
    DIALECTS.iter().map(source).collect()
}

fn source(case: Case, dialect: &'static dyn Dialect, is_wrapped: bool) -> Source {
    let url = case.url.as_deref().unwrap_or(place(dialect).1);
    let path = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let path = path.split('?').next().unwrap_or(path);
    let answer = match &case.answer {
        Answer::Whole(body) => Said::Whole(body.clone()),
        Answer::Stream(Recorded::JsonArray, bytes) => {
            let items: Vec<Value> = serde_json::from_slice(bytes).unwrap();
            Said::Stream(
                items.iter().map(|item| format!("data: {item}\r\n\r\n").into_bytes()).collect(),
                false,
            )
        }
        Answer::Stream(_, bytes) => {
            let framing = if is_wrapped { Framing::EventStream } else { dialect.codec().framing() };
            Said::Stream(cut(framing, bytes), is_wrapped)
        }
        Answer::Events(events) => Said::Stream(framed(dialect, events), false),
    };
    Source {
        dialect,
        id: format!(
            "{}/{}{}",
            case.protocol,
            if case.kind == Kind::Stream { "stream-" } else { "" },
            case.name
        ),
        status: case.status,
        model: model(path).unwrap_or_else(|| place(dialect).0.to_owned()),
        path: path.to_owned(),
        request: case.request,
        answer,
    }
}

/// The model in a path, where one is.
fn model(path: &str) -> Option<String> {
    let name = match path.split_once("/models/") {
        Some((_, rest)) => rest.rsplit_once(':')?.0,
        None => path.split_once("/model/")?.1.split('/').next()?,
    };
    Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
}

/// The events of a stream, the last without its end if that is missing.
pub(super) fn cut(framing: Framing, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut framer = Framer::new(framing);
    let batch = framer.push(&Bytes::copy_from_slice(bytes)).unwrap();
    let mut events: Vec<Vec<u8>> = batch.events().map(<[u8]>::to_vec).collect();
    events.extend(framer.finish().map(|last| last.to_vec()));
    events
}

/// Payloads whose frames the recorder did not keep, in frames.
fn framed(dialect: &dyn Dialect, payloads: &[String]) -> Vec<Vec<u8>> {
    let frame = |payload: &String| {
        if dialect.codec().framing() == Framing::Ndjson {
            return format!("{payload}\n").into_bytes();
        }
        let value: Value = serde_json::from_str(payload).unwrap();
        let kind = value["type"].as_str().map_or_else(String::new, |kind| format!("event: {kind}\n"));
        format!("{kind}data: {payload}\n\n").into_bytes()
    };
    let mut events: Vec<Vec<u8>> = payloads.iter().map(frame).collect();
    if dialect.name() == "openai-chat" {
        events.push(b"data: [DONE]\n\n".to_vec());
    }
    events
}

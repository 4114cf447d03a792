//! What a client of each dialect is told of every recorded failure: the provider's words, as the gateway understands them.
//!
//! Goldens hold names and numbers of the dialects, never recorded words.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_protocol::{
    codec::{Reply as Client, Step},
    dialect::Dialect,
    dialects::{self, DIALECTS},
    framing::{Framer, Framing},
    ir::{Fault, Request},
};
use lockgate_provider::{PROVIDERS, Reply};
use lockgate_testkit::fixtures::{self, Answer, Case};
use serde_json::Value;

/// How a folder of recordings and a dialect belong together. What comes through InvokeModel fails as Converse does.
const FOLDERS: &[(&str, &str)] = &[
    ("openai-chat", "openai-chat"),
    ("openai-responses", "openai-responses"),
    ("anthropic-messages", "anthropic"),
    ("gemini", "gemini"),
    ("ollama", "ollama"),
    ("bedrock-converse", "bedrock"),
];

/// The fault that the gateway makes of an error body of a provider of `dialect`, for clients of others.
fn classify(dialect: &dyn Dialect, status: u16, headers: &[(String, String)], body: &[u8]) -> Fault {
    let header = |(name, value): &(String, String)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    let headers: HeaderMap = headers.iter().filter_map(header).collect();
    let body = Bytes::copy_from_slice(body);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let own = PROVIDERS.iter().find(|provider| provider.speaks().contains(&dialect.name()));
    let provider = own.or(PROVIDERS.first()).expect("a provider");
    let fault = provider.classify(&Reply { status, headers: &headers, body: &body, now });
    Fault { body: None, ..fault }
}

/// The events of a recorded stream, in the framing of its dialect.
fn events(framing: Framing, answer: &Answer) -> Vec<Vec<u8>> {
    let bytes = match answer {
        Answer::Stream(_, bytes) => bytes.clone(),
        Answer::Events(payloads) if framing == Framing::Sse => {
            payloads.iter().flat_map(|payload| format!("data: {payload}\n\n").into_bytes()).collect()
        }
        Answer::Events(payloads) => payloads.join("\n").into_bytes(),
        Answer::Whole(_) => return Vec::new(),
    };
    let mut framer = Framer::new(framing);
    let Ok(batch) = framer.push(&bytes.into()) else { return Vec::new() };
    let mut events: Vec<Vec<u8>> = batch.events().map(<[u8]>::to_vec).collect();
    events.extend(framer.finish().map(|last| last.to_vec()));
    events
}

/// The error body in a recorded stream, if it has one.
fn failure(dialect: &dyn Dialect, answer: &Answer) -> Option<Bytes> {
    let codec = dialect.codec();
    let mut decoder = codec.decoder();
    events(codec.framing(), answer).iter().find_map(|event| match decoder.event(event, &mut |_| {}) {
        Step::Failed(body) => Some(body),
        _ => None,
    })
}

/// The last event of a stream that fails for a client of `dialect`.
fn streamed(dialect: &dyn Dialect, fault: &Fault) -> Value {
    let request = Request { origin: dialect.name(), stream: true, ..Request::default() };
    let path =
        if dialect.name() == "gemini" { "/v1beta/models/m:streamGenerateContent?alt=sse" } else { "/" };
    let client = Client { request: &request, seed: "seed", now: 1_800_000_000, path };
    let codec = dialect.codec();
    let mut bytes = Vec::new();
    codec.encoder(client).fail(fault, &mut bytes);
    let mut framer = Framer::new(codec.framing());
    let batch = framer.push(&bytes.into()).expect("events of its own framing");
    let last = batch.events().last().expect("an error is an event");
    let mut value: Value = serde_json::from_slice(&codec.framing().payload(last)).expect("an error is JSON");
    // Of an answer that repeats its request only what is said of the failure.
    if let Some(response) = value.get_mut("response").and_then(Value::as_object_mut) {
        response.retain(|name, _| matches!(name.as_str(), "status" | "error" | "output"));
    }
    value
}

/// Every member: names and numbers of the dialect as they are, words by their size.
fn anatomy(value: &Value) -> String {
    let is_name = |text: &str| {
        let is_plain =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/');
        text.len() <= 64 && text.chars().all(is_plain)
    };
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name}:{}", anatomy(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(" "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(anatomy).collect::<Vec<_>>().join(" ")),
        Value::String(text) if !is_name(text) => format!("text({})", text.len()),
        other => other.to_string(),
    }
}

/// Appends what each client is told, whole and in a stream that failed.
fn tell(golden: &mut String, case: &Case, dialect: &dyn Dialect) {
    let fault = match (&case.answer, case.status) {
        (Answer::Whole(_), 200..=299) => return,
        (Answer::Whole(body), status) => classify(dialect, status, &case.headers, body),
        (answer, _) => match failure(dialect, answer) {
            Some(body) => classify(dialect, 200, &[], &body),
            None => return,
        },
    };
    let _ = writeln!(golden, "{}: {}, {}, {:?}", case.id(), fault.kind.name(), fault.status, fault.scope);
    for client in DIALECTS.iter().filter(|client| client.name() != dialect.name()) {
        let whole: Value =
            serde_json::from_slice(&client.codec().encode_error(&fault)).expect("an error is JSON");
        let _ = writeln!(golden, "  {}: {}", client.name(), anatomy(&whole));
        let _ = writeln!(golden, "    in a stream: {}", anatomy(&streamed(*client, &fault)));
    }
}

#[test]
fn what_clients_are_told_of_recorded_failures() {
    let Some(recordings) = fixtures::open() else { return };
    let mut golden = String::new();
    for case in recordings.all() {
        let case = case.expect("a readable recording");
        let Some((_, name)) = FOLDERS.iter().find(|(folder, _)| *folder == case.protocol) else { continue };
        tell(&mut golden, &case, dialects::find(name).expect("a dialect"));
    }
    assert!(golden.contains("in a stream"), "no failures were recorded");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("told", golden);
    });
}

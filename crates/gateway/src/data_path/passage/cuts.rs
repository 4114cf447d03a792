//! Recorded streams, cut at every byte: what is not whole is never shown as whole, in no pair of dialects.
//!
//! When a stream is whole is worked out here from its bytes alone, by what its dialect requires:
//!
//! - openai-chat: each choice that was seen has its `finish_reason`. `[DONE]` adds nothing, and some servers have none.
//! - openai-responses: `response.completed` or `response.incomplete`.
//! - anthropic: `message_stop`, not the stop reason before it.
//! - gemini: each candidate that was seen has its `finishReason`; nothing else marks the end.
//! - ollama: a line that is `done`.
//! - bedrock: `messageStop`. The metadata behind it is not required.
//!
//! The event that says so counts once its JSON is whole, even if the line's end is cut off. What is whole has to be
//! shown as whole, and everything shorter as an error of the client's dialect, whether the bytes end well or break off.
//!
//! Without `LOCKGATE_CUTS=all` only some of the places are tried: those around the ends of events, and some of
//! the others.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::Write as _,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use lockgate_protocol::{
    codec::{Reply, RequestHead},
    dialect::{Dialect, Operation},
    dialects::{self, DIALECTS},
    fold::{Folded, fold},
    forms::{FORMS, Form},
    framing::{Framing, event_stream::Message},
    ir::{Fault, FaultKind, Request},
    translate::Pair,
};
use lockgate_testkit::fixtures::{self, Answer, Kind};
use serde_json::Value;

use super::{Dressed, Passage, Progress, Translated, Watched};
use crate::proofs::{OwnProofs, Proofs};

/// How a client of each dialect asks, and what only a whole stream for it has.
const CLIENTS: &[(&str, &str, &str, &[&str])] = &[
    (
        "openai-chat",
        "/v1/chat/completions",
        r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}"#,
        &["[DONE]"],
    ),
    (
        "openai-responses",
        "/v1/responses",
        r#"{"model":"m","stream":true,"input":"x"}"#,
        &["response.completed", "response.incomplete"],
    ),
    (
        "anthropic",
        "/v1/messages",
        r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
        &["message_stop"],
    ),
    (
        "gemini",
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#,
        &["\"finishReason\""],
    ),
    (
        "ollama",
        "/api/chat",
        r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#,
        &["\"done\":true", "\"done\": true"],
    ),
    (
        "bedrock",
        "/model/m/converse-stream",
        r#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#,
        &["messageStop"],
    ),
];

/// One recorded stream and how it is read.
struct Recorded {
    id: String,
    dialect: &'static dyn Dialect,
    framing: Framing,
    form: Option<&'static dyn Form>,
    bytes: Bytes,
    /// Where its events end.
    ends: Vec<usize>,
    /// How many of its bytes make it whole.
    whole: usize,
}

/// How the bytes stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Ends,
    Breaks,
}

/// What a client was sent.
struct Sent {
    bytes: Vec<u8>,
    /// Whether it saw any of it: before the first output a failure is an error with a status.
    is_seen: bool,
    is_complete: bool,
}

/// The payloads of events and where each ends, as far as the framing alone tells.
fn payloads(framing: Framing, bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut found = Vec::new();
    let mut start = 0;
    match framing {
        Framing::Sse | Framing::Ndjson => {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                let text = line.trim_ascii_end();
                let data = if framing == Framing::Sse { text.strip_prefix(b"data:") } else { Some(text) };
                if let Some(data) = data.filter(|data| !data.is_empty()) {
                    found.push((start + text.len(), data.trim_ascii_start().to_vec()));
                }
                start += line.len();
            }
        }
        Framing::EventStream => {
            while let Some(length) = bytes.get(start..start + 4) {
                let end = start + u32::from_be_bytes(length.try_into().unwrap()) as usize;
                let message = Message::parse(&bytes[start..end]).unwrap();
                let kind = message.header(":event-type").unwrap_or_default();
                found.push((
                    end,
                    format!(
                        "{{\"kind\":\"{kind}\",\"payload\":{}}}",
                        String::from_utf8_lossy(message.payload)
                    )
                    .into(),
                ));
                start = end;
            }
        }
        Framing::JsonArray => {
            let (mut depth, mut is_text, mut is_escaped) = (0, false, false);
            for (at, byte) in bytes.iter().enumerate() {
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' if is_text => is_escaped = true,
                    b'"' => is_text = !is_text,
                    _ if is_text => {}
                    b'{' | b'[' => {
                        depth += 1;
                        start = if depth == 2 { at } else { start };
                    }
                    b'}' | b']' => {
                        depth -= 1;
                        found.extend((depth == 1).then(|| (at + 1, bytes[start..=at].to_vec())));
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

/// Whether the answer is whole with this event; `seen` has what was finished of what was seen.
fn is_whole(dialect: &str, event: &Value, seen: &mut BTreeMap<u64, bool>) -> bool {
    let kind = event["type"].as_str().unwrap_or_default();
    let (list, reason) = match dialect {
        "openai-chat" => ("choices", "finish_reason"),
        "gemini" => ("candidates", "finishReason"),
        "openai-responses" => return ["response.completed", "response.incomplete"].contains(&kind),
        "anthropic" => {
            let wrapped = event["payload"]["bytes"].as_str().map(|text| STANDARD.decode(text).unwrap());
            let inner = wrapped.map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap());
            return inner.as_ref().unwrap_or(event)["type"] == "message_stop";
        }
        "ollama" => return event["done"] == true,
        "bedrock" => return event["kind"] == "messageStop",
        other => panic!("no rule for {other}"),
    };
    for choice in event[list].as_array().into_iter().flatten() {
        *seen.entry(choice["index"].as_u64().unwrap_or(0)).or_default() |= !choice[reason].is_null();
    }
    !seen.is_empty() && seen.values().all(|is_finished| *is_finished)
}

/// The recordings of one folder, but for those that are errors from the beginning or become one.
fn recorded(folder: &str, dialect: &str) -> Vec<Recorded> {
    let Some(fixtures) = fixtures::open() else { return Vec::new() };
    let dialect = dialects::find(dialect).unwrap();
    let mut found = Vec::new();
    for case in fixtures.cases(folder, Kind::Stream) {
        let case = case.unwrap();
        let Answer::Stream(framing, bytes) = case.answer else { continue };
        let is_wrapped = folder == "bedrock-invoke";
        if is_wrapped && !case.name.starts_with("anthropic") {
            continue;
        }
        let framing = match framing {
            fixtures::Framing::Sse => Framing::Sse,
            fixtures::Framing::Ndjson => Framing::Ndjson,
            fixtures::Framing::JsonArray => Framing::JsonArray,
            fixtures::Framing::EventStream => Framing::EventStream,
        };
        let (mut seen, mut whole) = (BTreeMap::new(), None);
        let (mut ends, mut failed) = (Vec::new(), false);
        for (end, payload) in payloads(framing, &bytes) {
            ends.push(end);
            let Ok(event) = serde_json::from_slice::<Value>(&payload) else { continue };
            failed |= !event["error"].is_null();
            if whole.is_none() && is_whole(dialect.name(), &event, &mut seen) {
                whole = Some(end);
            }
        }
        let form = FORMS.iter().copied().find(|form| is_wrapped && form.name() == "invoke-model");
        if let Some(whole) = whole.filter(|_| !failed) {
            let id = format!("{folder}/{}", case.name);
            found.push(Recorded { id, dialect, framing, form, bytes: bytes.into(), ends, whole });
        }
    }
    found
}

impl Recorded {
    /// The passage to a client, as a call sets it up; `None` where there is none.
    fn passage(
        &self,
        client: &'static dyn Dialect,
        request: &Request<'_>,
        path: &str,
    ) -> Option<Box<dyn Passage>> {
        let is_same = client.name() == self.dialect.name();
        let passage: Box<dyn Passage> = match (is_same, self.framing) {
            (true, Framing::JsonArray) => Box::new(Watched::new(self.framing, client.watch_array()?)),
            // A list for clients of other dialects is read whole.
            (false, Framing::JsonArray) => return None,
            (true, _) => {
                let framing = client.codec().framing();
                Box::new(Watched::new(framing, client.watch(Operation::Generate, false)))
            }
            (false, _) => {
                let reply = Reply { request, seed: "seed", now: 1_800_000_000, path };
                let stream = Pair::new(client.codec(), self.dialect.codec()).stream(reply, None);
                let proofs = Arc::new(Proofs::new()).of(None);
                Box::new(Translated::new(stream, OwnProofs::collector(client.codec(), request), proofs))
            }
        };
        Some(match self.form.and_then(Form::stream) {
            undress @ Some(_) => Box::new(Dressed::new(undress, passage)),
            None => passage,
        })
    }

    /// The places to cut at.
    fn places(&self) -> BTreeSet<usize> {
        let length = self.bytes.len();
        if std::env::var("LOCKGATE_CUTS").is_ok_and(|which| which == "all") {
            return (0..=length).collect();
        }
        let around = |end: &usize| end.saturating_sub(2)..=(end + 4).min(length);
        // Of a stream with many events, the last ones and the one that makes it whole are all there is to confuse.
        let last = self.ends.iter().rev().take(4).chain([&self.whole]);
        let step = 1 + length / 29;
        last.flat_map(around).chain((0..=length).step_by(step)).collect()
    }
}

/// Lets the first `place` bytes pass.
fn pass(mut passage: Box<dyn Passage>, bytes: &Bytes, stop: Stop) -> Sent {
    let mut out = VecDeque::new();
    let mut progress = match bytes.is_empty() {
        true => Progress::Open,
        false => passage.chunk(bytes, &mut out),
    };
    if progress == Progress::Open {
        progress = match stop {
            Stop::Ends => passage.end(&mut out),
            Stop::Breaks => passage.broken(&mut out),
        };
    }
    let is_complete = progress == Progress::Complete;
    let is_seen = is_complete || passage.has_output();
    if !is_complete {
        out.push_back(passage.fail(&Fault::new(FaultKind::Cut, "the provider's answer broke off")));
    }
    Sent { bytes: out.iter().flatten().copied().collect(), is_seen, is_complete }
}

/// What a client of the dialect makes of what it was sent.
fn read(client: &'static dyn Dialect, framing: Framing, bytes: &[u8]) -> Result<bool, String> {
    if framing == Framing::JsonArray {
        let items: Vec<Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        return Ok(items.last().is_some_and(|item| item["error"].is_null()));
    }
    match fold(client.name(), client.codec(), &Bytes::copy_from_slice(bytes), None) {
        Folded::Whole(_) => Ok(true),
        Folded::Failed(_) => Ok(false),
        Folded::Garbled(why) => Err(why),
    }
}

/// Cuts one stream on its way to one client everywhere; how often.
fn check(stream: &Recorded, row: &(&str, &str, &str, &[&str])) -> usize {
    let (name, path, body, marks) = row;
    let client = dialects::find(name).unwrap();
    let head = RequestHead { model: Some("m"), stream: client.path_streams(path), path };
    let request = client.codec().decode_request(head, body.as_bytes()).unwrap();
    let framing =
        if stream.framing == Framing::JsonArray { stream.framing } else { client.codec().framing() };
    let mut count = 0;
    for place in stream.places() {
        for stop in [Stop::Ends, Stop::Breaks] {
            let Some(passage) = stream.passage(client, &request, path) else { return 0 };
            let sent = pass(passage, &stream.bytes.slice(..place), stop);
            let text = String::from_utf8_lossy(&sent.bytes);
            let what = || format!("{} for {name}, cut at byte {place}, {stop:?}:\n{text}", stream.id);
            assert_eq!(sent.is_complete, place >= stream.whole, "whole from {}: {}", stream.whole, what());
            if sent.is_seen {
                let is_whole =
                    read(client, framing, &sent.bytes).unwrap_or_else(|why| panic!("{why}: {}", what()));
                assert_eq!(is_whole, sent.is_complete, "{}", what());
            }
            if !sent.is_complete {
                assert!(!marks.iter().any(|mark| text.contains(mark)), "{}", what());
            }
            count += 1;
        }
    }
    count
}

/// Checks all streams of a folder for all clients; says how many places there were.
fn check_all(folder: &str, dialect: &str, least: usize) {
    let streams = recorded(folder, dialect);
    let Some(first) = streams.first() else { return };
    assert!(streams.len() >= least, "only {} whole streams in {folder}, such as {}", streams.len(), first.id);
    assert_eq!(CLIENTS.len(), DIALECTS.len());
    let start = crate::clock::now();
    let count: usize =
        streams.iter().flat_map(|stream| CLIENTS.iter().map(move |row| check(stream, row))).sum();
    let _ = writeln!(
        std::io::stderr(),
        "{folder}: {} streams for {} clients, {count} cuts, 0 shown as whole, {:.1} s",
        streams.len(),
        CLIENTS.len(),
        start.elapsed().as_secs_f64()
    );
}

#[test]
fn openai_chat() {
    check_all("openai-chat", "openai-chat", 8);
}

#[test]
fn openai_responses() {
    check_all("openai-responses", "openai-responses", 8);
}

#[test]
fn anthropic() {
    check_all("anthropic-messages", "anthropic", 12);
}

#[test]
fn gemini() {
    check_all("gemini", "gemini", 8);
}

#[test]
fn ollama() {
    check_all("ollama", "ollama", 2);
}

#[test]
fn bedrock() {
    check_all("bedrock-converse", "bedrock", 8);
}

#[test]
fn anthropic_in_the_form_of_bedrock() {
    check_all("bedrock-invoke", "anthropic", 1);
}

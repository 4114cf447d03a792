//! The Ollama dialect: round trips over recorded traffic, goldens, and what must never panic.

mod foreign;
mod home;
mod robust;

use std::borrow::Cow;

use lockgate_protocol::{
    codec::{Codec, Framing, Reply, RequestHead, Step, Target},
    dialects,
    framing::ndjson::{self, Framer},
    ir::{
        Block, BlockKind, Choice, Content, Delta, Event, Request, Response, Stop, Text, Thinking, ToolUse,
        raw,
    },
};
use lockgate_testkit::fixtures::{self, Case, Kind};
use serde_json::Value;

fn codec() -> &'static dyn Codec {
    dialects::find("ollama").unwrap().codec()
}

fn head(path: &str) -> RequestHead<'_> {
    RequestHead { path, ..RequestHead::default() }
}

fn target<'a>(request: &'a Request<'_>) -> Target<'a> {
    Target { model: &request.model, max_output: None, version: None }
}

fn reply<'a>(request: &'a Request<'a>, path: &'a str) -> Reply<'a> {
    Reply { request, seed: "seed", now: 1_795_219_200, path }
}

/// Recorded cases of this dialect; none where there are no recordings.
fn cases(kind: Kind) -> Vec<Case> {
    let Some(fixtures) = fixtures::open() else { return Vec::new() };
    let cases: Vec<Case> = fixtures.cases("ollama", kind).map(Result::unwrap).collect();
    assert!(!cases.is_empty());
    cases
}

/// The path of a case; documentation examples have no URL, but their name says it.
fn path(case: &Case) -> &'static str {
    let called = case.url.as_deref().unwrap_or(&case.name);
    if called.contains("generate") { "/api/generate" } else { "/api/chat" }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// Folds a stream into the answer it amounts to, as text per block. `pieces` are the bytes as they come.
fn fold(pieces: &[&[u8]]) -> Result<Response<'static>, String> {
    assert_eq!(codec().framing(), Framing::Ndjson);
    let mut decoder = codec().decoder();
    let mut framer = Framer::default();
    let mut folded = Folded::default();
    let mut last = Step::Go;
    for piece in pieces {
        let batch = framer.push(&bytes::Bytes::copy_from_slice(piece)).unwrap();
        for line in batch.events() {
            match decoder.event(line, &mut |event| folded.event(&event)) {
                Step::Go => {}
                step => last = step,
            }
        }
    }
    if let Some(rest) = framer.finish() {
        last = decoder.event(&rest, &mut |event| folded.event(&event));
    }
    match (last, decoder.finish(&mut |event| folded.event(&event))) {
        (Step::Failed(body), _) => Err(String::from_utf8_lossy(&body).into_owned()),
        (Step::Garbled(what), _) | (_, Step::Garbled(what)) => Err(what),
        (_, end) => {
            assert_eq!(end, Step::End);
            assert!(folded.has_ended);
            Ok(folded.response)
        }
    }
}

/// Puts events together, and checks the promises of `Event` on the way.
#[derive(Default)]
struct Folded {
    response: Response<'static>,
    has_started: bool,
    has_ended: bool,
    open: Option<u64>,
}

impl Folded {
    fn choice(&mut self) -> &mut Choice<'static> {
        assert!(self.has_started && !self.has_ended);
        &mut self.response.choices[0]
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { model, created, .. } => {
                assert!(!std::mem::replace(&mut self.has_started, true), "started twice");
                self.response.origin = "ollama";
                self.response.model = model.clone().map(Text::into_owned);
                self.response.created = *created;
                self.response.choices.push(Choice::default());
            }
            Event::BlockStart { choice, block, kind } => {
                assert_eq!((*choice, *block), (0, self.choice().blocks.len() as u64));
                assert_eq!(self.open.replace(*block), None, "blocks overlap");
                let content = match kind {
                    BlockKind::Text => Content::text(""),
                    BlockKind::Thinking { .. } => Content::Thinking(Thinking::default()),
                    BlockKind::ToolUse { id, name, kind, .. } => Content::ToolUse(ToolUse {
                        id: id.clone().into_owned(),
                        name: name.clone().into_owned(),
                        input: "".into(),
                        kind: *kind,
                        signature: None,
                        item: None,
                    }),
                    other => panic!("no such block here: {other:?}"),
                };
                self.choice().blocks.push(Block::from(content));
            }
            Event::Delta { block, delta, .. } => {
                assert_eq!(self.open, Some(*block));
                let content = &mut self.choice().blocks.last_mut().unwrap().content;
                let (text, more) = match (content, delta) {
                    (Content::Text { text, .. }, Delta::Text(more)) => (text, more),
                    (Content::Thinking(thinking), Delta::Text(more)) => (&mut thinking.text, more),
                    (Content::ToolUse(call), Delta::Input(more)) => (&mut call.input, more),
                    (content, delta) => panic!("{delta:?} in {content:?}"),
                };
                *text = format!("{text}{more}").into();
            }
            Event::BlockStop { block, .. } => assert_eq!(self.open.take(), Some(*block)),
            Event::Logprobs { raw: shape, .. } => {
                let mut all =
                    self.choice().logprobs.take().map_or_else(Vec::new, |all| content_of(all.get()));
                all.extend(content_of(shape.get()));
                self.choice().logprobs = Some(raw(&serde_json::json!({ "content": all })));
            }
            Event::Stop { stop, .. } => {
                assert_eq!(self.open, None);
                let word = stop.word.clone().map(Text::into_owned);
                let stop = Stop { word, ..Stop::new(stop.reason) };
                assert!(self.choice().stop.replace(stop).is_none(), "stopped twice");
            }
            Event::Usage(usage) => self.response.usage = Some(*usage),
            Event::ServiceTier(_) | Event::Member { .. } | Event::Ping => {}
            Event::End => {
                assert!(self.choice().stop.is_some(), "an end without a stop");
                self.has_ended = true;
            }
        }
    }
}

fn content_of(shape: &str) -> Vec<Value> {
    json(shape.as_bytes())["content"].as_array().cloned().unwrap()
}

/// A stream for a client, as the codec writes this whole answer's events.
fn replay(response: &Response<'_>, reply: Reply<'_>) -> Vec<u8> {
    let mut encoder = codec().encoder(reply);
    let mut out = Vec::new();
    let mut put = |event: Event<'_>| encoder.event(&event, &mut out);
    put(Event::Start { id: None, model: response.model.clone(), created: response.created });
    let choice = &response.choices[0];
    for (block, content) in (0..).zip(&choice.blocks) {
        let (kind, delta) = match &content.content {
            Content::Text { text, .. } => (BlockKind::Text, Delta::Text(text.clone())),
            Content::Thinking(thinking) => (
                BlockKind::Thinking { is_summary: false, is_redacted: false, item: None },
                Delta::Text(thinking.text.clone()),
            ),
            Content::ToolUse(call) => {
                let (id, name, kind) = (call.id.clone(), call.name.clone(), call.kind);
                let kind = BlockKind::ToolUse { id, name, kind, signature: None, item: None };
                (kind, Delta::Input(call.input.clone()))
            }
            other => panic!("no such block here: {other:?}"),
        };
        put(Event::BlockStart { choice: 0, block, kind });
        put(Event::Delta { choice: 0, block, delta });
        put(Event::BlockStop { choice: 0, block });
    }
    if let Some(shape) = &choice.logprobs {
        put(Event::Logprobs { choice: 0, raw: Cow::Borrowed(shape) });
    }
    if let Some(usage) = response.usage {
        put(Event::Usage(usage));
    }
    put(Event::Stop { choice: 0, stop: choice.stop.clone().unwrap() });
    put(Event::End);
    assert!(out.ends_with(b"\n"));
    assert!(
        out.split(|byte| *byte == b'\n')
            .all(|line| ndjson::value(line).is_none_or(|line| json(line).is_object()))
    );
    out
}

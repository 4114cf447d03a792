//! The answer to a chat request as a stream of chunks, choices interleaved as the real ones are.

use std::{iter, ops::Range, sync::Arc};

use serde::Serialize;
use serde_json::Value;

use super::{
    Facts, Object,
    completion::{Called, FINGERPRINT, Logprobs, WireCall, WireUsage, kind, logprobs},
};
use crate::{
    answer::{Answer, Content},
    reply::{Frame, Frames, Reply, Role},
    text,
};

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'a str,
    created: u64,
    model: &'a str,
    service_tier: &'a str,
    system_fingerprint: &'a str,
    choices: &'a [ChunkChoice<'a>],
    /// Absent, `null` or given: three things.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<WireUsage>>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u64,
    delta: Delta<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: Option<&'a str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    /// `null` at the start of a message that is all tool calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[WireCall<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Option<&'a str>>,
}

struct Stream {
    facts: Facts,
    content: Content,
    pieces: Vec<Piece>,
    include_usage: bool,
}

/// One output.
enum Piece {
    Thought(Range<usize>),
    Text(Range<usize>),
    /// A call begins.
    Call(usize),
    Arguments(usize, Range<usize>),
}

/// The stream.
pub(super) fn reply(facts: Facts, answer: Answer, body: &Object) -> Reply {
    let options = body.get("stream_options");
    let include_usage =
        options.and_then(|options| options.get("include_usage")).and_then(Value::as_bool).unwrap_or(false);
    let thoughts = ranges(facts.thoughts.as_deref().unwrap_or_default()).map(Piece::Thought);
    let pieces = thoughts.chain(pieces(&answer.content)).collect();
    let stream = Arc::new(Stream { facts, content: answer.content, pieces, include_usage });
    Reply::frames("text/event-stream; charset=utf-8", frames(&stream))
}

fn frames(stream: &Arc<Stream>) -> Frames {
    let choices = stream.facts.choices;
    let (begin, middle, end, usage) =
        (Arc::clone(stream), Arc::clone(stream), Arc::clone(stream), Arc::clone(stream));
    let frames = (0..choices)
        .map(move |choice| begin.begin(choice))
        .chain((0..stream.pieces.len() as u64 * choices).map(move |number| {
            middle.output(number % choices, usize::try_from(number / choices).unwrap_or_default())
        }))
        .chain((0..choices).map(move |choice| end.end(choice)))
        .chain(iter::once_with(move || usage.usage()).flatten())
        .chain(iter::once_with(Frame::done));
    Box::new(frames)
}

fn pieces(content: &Content) -> Vec<Piece> {
    match content {
        Content::Text(text) => ranges(text).map(Piece::Text).collect(),
        Content::Calls(calls) => calls
            .iter()
            .enumerate()
            .flat_map(|(index, call)| {
                let arguments = ranges(&call.arguments).map(move |range| Piece::Arguments(index, range));
                iter::once(Piece::Call(index)).chain(arguments)
            })
            .collect(),
    }
}

fn ranges(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text::piece_ends(text).into_iter().map(move |end| std::mem::replace(&mut start, end)..end)
}

impl Stream {
    fn begin(&self, choice: u64) -> Frame {
        let content = Some(super::words_of(&self.content).map(|_| ""));
        let delta = Delta { role: Some("assistant"), content, refusal: Some(None), ..Delta::default() };
        self.chunk(
            Role::Lifecycle,
            &[ChunkChoice { index: choice, delta, logprobs: None, finish_reason: None }],
        )
    }

    fn output(&self, choice: u64, number: usize) -> Frame {
        let mut delta = Delta::default();
        let mut probabilities = None;
        match (&self.content, &self.pieces[number]) {
            (_, Piece::Thought(range)) => {
                delta.reasoning_content = self.facts.thoughts.as_deref().map(|text| &text[range.clone()]);
            }
            (Content::Text(text), Piece::Text(range)) => {
                delta.content = Some(Some(&text[range.clone()]));
                probabilities = logprobs(&text[range.clone()], self.facts.top_logprobs);
            }
            (Content::Calls(calls), Piece::Call(index)) => {
                let call = &calls[*index];
                delta.tool_calls = Some([WireCall {
                    index: Some(*index),
                    id: Some(self.facts.call_id(choice, *index)),
                    r#type: Some(kind(call)),
                    called: Called::new(call, Some(&call.name), ""),
                }]);
            }
            (Content::Calls(calls), Piece::Arguments(index, range)) => {
                let call = &calls[*index];
                delta.tool_calls = Some([WireCall {
                    index: Some(*index),
                    id: None,
                    r#type: None,
                    called: Called::new(call, None, &call.arguments[range.clone()]),
                }]);
            }
            // Pieces are made from this content.
            _ => {}
        }
        let choice = ChunkChoice { index: choice, delta, logprobs: probabilities, finish_reason: None };
        self.chunk(Role::Output, &[choice])
    }

    fn end(&self, choice: u64) -> Frame {
        let finish_reason = Some(self.facts.finish_reason);
        let choice = ChunkChoice { index: choice, delta: Delta::default(), logprobs: None, finish_reason };
        self.chunk(Role::Lifecycle, &[choice])
    }

    fn usage(&self) -> Option<Frame> {
        let usage = self.include_usage.then(|| Some(self.facts.usage.into()));
        usage.is_some().then(|| self.write(Role::Lifecycle, &[], usage))
    }

    fn chunk(&self, role: Role, choices: &[ChunkChoice<'_>]) -> Frame {
        self.write(role, choices, self.include_usage.then_some(None))
    }

    fn write(&self, role: Role, choices: &[ChunkChoice<'_>], usage: Option<Option<WireUsage>>) -> Frame {
        let chunk = Chunk {
            id: &self.facts.id,
            object: "chat.completion.chunk",
            created: self.facts.created,
            model: &self.facts.model,
            service_tier: "default",
            system_fingerprint: FINGERPRINT,
            choices,
            usage,
        };
        Frame::data(role, &chunk)
    }
}

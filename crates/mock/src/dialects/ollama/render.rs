//! Answers, whole and line by line.

use std::{ops::Range, sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    Usage,
    answer::{Answer, Content, End, ToolCall},
    reply::{Frame, Reply, Role, json_bytes},
    text,
};

/// The server's content type of whole answers.
pub(super) const JSON: &str = "application/json; charset=utf-8";
const NDJSON: &str = "application/x-ndjson";
/// What one token takes, in nanoseconds.
const PER_TOKEN: u64 = 10_000_000;

/// Which endpoint answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Chat,
    Generate,
}

/// What an answer needs to know of its request.
pub(super) struct Facts {
    pub(super) model: String,
    pub(super) serial: u64,
    pub(super) form: Form,
    pub(super) is_streamed: bool,
    /// Log probabilities, with this many alternatives.
    pub(super) logprobs: Option<u64>,
    /// Whether the answer ends with the tokens of the conversation.
    pub(super) has_context: bool,
}

/// A time that counts calls instead of seconds.
pub(super) fn time(serial: u64) -> String {
    let since = Duration::from_secs(text::created(serial)) + Duration::from_micros(335_586);
    humantime::format_rfc3339_micros(std::time::UNIX_EPOCH + since).to_string()
}

#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    created_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    done_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    context: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logprobs: Vec<Logprob<'a>>,
    #[serde(flatten)]
    metrics: Option<Metrics>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: String,
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    index: usize,
    name: &'a str,
    arguments: &'a RawValue,
}

#[derive(Serialize)]
struct Logprob<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_logprobs: Vec<Self>,
}

#[derive(Serialize)]
struct Metrics {
    total_duration: u64,
    load_duration: u64,
    prompt_eval_count: u64,
    prompt_eval_duration: u64,
    eval_count: u64,
    eval_duration: u64,
}

impl Metrics {
    fn of(usage: &Usage) -> Self {
        let (prompt, eval, load) = (usage.input * PER_TOKEN / 10, usage.output * PER_TOKEN, 5_025_959);
        Self {
            total_duration: prompt + eval + load,
            load_duration: load,
            prompt_eval_count: usage.input,
            prompt_eval_duration: prompt,
            eval_count: usage.output,
            eval_duration: eval,
        }
    }
}

/// An answer on its way: all of it, to be said at once or piece by piece.
struct Told {
    facts: Facts,
    created_at: String,
    thinking: String,
    content: String,
    calls: Vec<(String, String, Box<RawValue>)>,
    end: End,
    usage: Usage,
}

/// One line of a stream.
enum Piece {
    Thinking(Range<usize>),
    Text(Range<usize>),
    Call(usize),
}

/// An answer of a model that was only to be loaded or unloaded, which is never streamed.
pub(super) fn nothing(facts: &Facts, reason: &str) -> Reply {
    let created_at = time(facts.serial);
    let line = Line { done: true, done_reason: Some(reason), ..blank(facts, &created_at) };
    Reply::whole(200, JSON, json_bytes(&line)).noting(&facts.model, None)
}

/// The answer.
pub(super) fn reply(facts: Facts, answer: Answer) -> Reply {
    let model = facts.model.clone();
    let usage = answer.usage;
    let (content, calls) = match answer.content {
        Content::Text(text) => (text, Vec::new()),
        Content::Calls(calls) => (String::new(), calls),
    };
    let id = |index: usize| {
        let number = text::id("", facts.serial.wrapping_mul(64).wrapping_add(index as u64));
        format!("call_{}", text::shortened(&number, 8))
    };
    let raw = |call: ToolCall| {
        // The sampler gives an object; a tool that takes text does not exist here.
        RawValue::from_string(call.arguments).unwrap_or_default()
    };
    let calls = calls.into_iter().enumerate().map(|(index, call)| (id(index), call.name.clone(), raw(call)));
    let told = Told {
        created_at: time(facts.serial),
        thinking: text::words(usize::try_from(usage.reasoning).unwrap_or(0)),
        content,
        calls: calls.collect(),
        end: answer.end,
        usage,
        facts,
    };
    let reply = if told.facts.is_streamed { stream(told) } else { Reply::whole(200, JSON, told.whole()) };
    reply.noting(&model, Some(usage))
}

/// A line that says nothing yet.
fn blank<'a>(facts: &'a Facts, created_at: &'a str) -> Line<'a> {
    let is_chat = facts.form == Form::Chat;
    let message = Message { role: "assistant", content: "", thinking: "", tool_calls: Vec::new() };
    Line {
        model: &facts.model,
        created_at,
        message: is_chat.then_some(message),
        response: (!is_chat).then_some(""),
        thinking: "",
        done: false,
        done_reason: None,
        context: Vec::new(),
        logprobs: Vec::new(),
        metrics: None,
    }
}

fn stream(told: Told) -> Reply {
    let ranges = |text: &str| {
        let mut start = 0;
        text::piece_ends(text).into_iter().map(move |end| std::mem::replace(&mut start, end)..end)
    };
    let pieces: Vec<Piece> = ranges(&told.thinking)
        .map(Piece::Thinking)
        .chain(ranges(&told.content).map(Piece::Text))
        .chain((0..told.calls.len()).map(Piece::Call))
        .collect();
    let (told, last) = {
        let told = Arc::new(told);
        (Arc::clone(&told), told)
    };
    let lines = pieces.into_iter().map(move |piece| frame(Role::Output, &told.line(&piece)));
    let end = std::iter::once_with(move || frame(Role::Terminator, &last.end()));
    Reply::frames(NDJSON, Box::new(lines.chain(end)))
}

fn frame(role: Role, line: &Line<'_>) -> Frame {
    let mut bytes = json_bytes(line);
    bytes.push(b'\n');
    Frame { bytes: bytes.into(), role }
}

impl Told {
    fn line(&self, piece: &Piece) -> Line<'_> {
        let line = blank(&self.facts, &self.created_at);
        match piece {
            Piece::Thinking(range) => self.saying(line, "", &self.thinking[range.clone()], 0..0),
            Piece::Text(range) => self.saying(line, &self.content[range.clone()], "", 0..0),
            Piece::Call(index) => self.saying(line, "", "", *index..index + 1),
        }
    }

    fn whole(&self) -> Vec<u8> {
        json_bytes(&self.saying(self.end(), &self.content, &self.thinking, 0..self.calls.len()))
    }

    /// The line that completes the answer.
    fn end(&self) -> Line<'_> {
        let reason = if self.end == End::Length { "length" } else { "stop" };
        let tokens = if self.facts.has_context { self.usage.input + self.usage.output } else { 0 };
        Line {
            done: true,
            done_reason: Some(reason),
            context: (0..tokens.min(64)).map(|token| 128_000 + token).collect(),
            metrics: Some(Metrics::of(&self.usage)),
            ..blank(&self.facts, &self.created_at)
        }
    }

    fn saying<'a>(
        &'a self,
        line: Line<'a>,
        content: &'a str,
        thinking: &'a str,
        calls: Range<usize>,
    ) -> Line<'a> {
        let calls = calls.filter_map(|index| Some((index, self.calls.get(index)?)));
        let tool_calls = calls.map(|(index, (id, name, arguments))| WireCall {
            id: id.clone(),
            function: Called { index, name, arguments },
        });
        let logprobs = self.logprobs(content);
        match self.facts.form {
            Form::Chat => Line {
                message: Some(Message {
                    role: "assistant",
                    content,
                    thinking,
                    tool_calls: tool_calls.collect(),
                }),
                logprobs,
                ..line
            },
            Form::Generate => Line { response: Some(content), thinking, logprobs, ..line },
        }
    }

    fn logprobs<'a>(&self, content: &'a str) -> Vec<Logprob<'a>> {
        let Some(alternatives) = self.facts.logprobs else { return Vec::new() };
        let mut start = 0;
        let one = |token: &'a str, rank: u64, top_logprobs| Logprob {
            token,
            logprob: -0.25 - rank as f64,
            bytes: token.as_bytes(),
            top_logprobs,
        };
        let tokens = text::piece_ends(content).into_iter().map(|end| {
            let token = &content[std::mem::replace(&mut start, end)..end];
            one(token, 0, (0..alternatives).map(|rank| one(token, rank, Vec::new())).collect())
        });
        tokens.collect()
    }
}

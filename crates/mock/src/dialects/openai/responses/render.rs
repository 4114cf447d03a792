//! The answer to a Responses request: the response object, and the events that lead up to it.

use serde_json::{Value, json};

use super::super::Object;
use crate::{
    answer::{Answer, Content, End, ToolCall},
    reply::{Frame, Reply, Role, json_bytes},
    text,
};

/// Parameters the response repeats, and what it says when they were not given.
const ECHOED: &[(&str, &str)] = &[
    ("background", "false"),
    ("frequency_penalty", "0.0"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("moderation", "null"),
    ("parallel_tool_calls", "true"),
    ("presence_penalty", "0.0"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("prompt_cache_retention", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("store", "true"),
    ("temperature", "1.0"),
    ("text", r#"{"format":{"type":"text"},"verbosity":"medium"}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1.0"),
    ("truncation", r#""disabled""#),
    ("user", "null"),
];

/// The answer, ready to be written either way.
pub(super) struct Rendered {
    /// The response as it stands before there is any output.
    begun: Value,
    items: Vec<Item>,
    answer: Answer,
    created: u64,
}

/// One output item.
enum Item {
    Reasoning { id: String },
    Message { id: String, text: String },
    Call { id: String, call_id: String, call: ToolCall },
}

/// Numbers the events.
struct Events {
    frames: Vec<Frame>,
    sequence: u64,
}

impl Rendered {
    pub(super) fn new(serial: u64, model: &str, body: &Object, mut answer: Answer) -> Self {
        let created = text::created(serial);
        let mut begun = json!({
            "id": text::id("resp_", serial),
            "object": "response",
            "created_at": created,
            "status": "in_progress",
            "completed_at": null,
            "error": null,
            "incomplete_details": null,
            "model": model,
            "output": [],
            "service_tier": "auto",
            "usage": null,
        });
        for (name, default) in ECHOED {
            begun[*name] = match body.get(*name) {
                Some(given) if !given.is_null() => given.clone(),
                _ => serde_json::from_str(default).unwrap_or_default(),
            };
        }
        let content = std::mem::replace(&mut answer.content, Content::Calls(Vec::new()));
        let items = items(serial, content, answer.usage.reasoning > 0);
        Self { begun, items, answer, created }
    }

    /// The response.
    pub(super) fn whole(&self) -> Reply {
        Reply::json(200, json_bytes(&self.finished()))
    }

    /// The events, the last of which has the whole response in it.
    pub(super) fn stream(&self) -> Reply {
        let mut events = Events { frames: Vec::new(), sequence: 0 };
        for name in ["response.created", "response.in_progress"] {
            events.push(Role::Lifecycle, name, json!({ "response": self.begun }));
        }
        for (index, item) in self.items.iter().enumerate() {
            let begun = json!({ "output_index": index, "item": item.begun() });
            events.push(Role::Lifecycle, "response.output_item.added", begun);
            match item {
                Item::Reasoning { .. } => {}
                Item::Message { id, text } => events.message(index, id, text),
                Item::Call { id, call, .. } => events.call(index, id, call),
            }
            let done = json!({ "output_index": index, "item": item.finished(self.answer.end) });
            events.push(Role::Lifecycle, "response.output_item.done", done);
        }
        let last = if self.answer.end == End::Length { "response.incomplete" } else { "response.completed" };
        events.push(Role::Terminator, last, json!({ "response": self.finished() }));
        Reply::frames("text/event-stream; charset=utf-8", Box::new(events.frames.into_iter()))
    }

    fn finished(&self) -> Value {
        let mut response = self.begun.clone();
        let usage = self.answer.usage;
        response["output"] = self.items.iter().map(|item| item.finished(self.answer.end)).collect();
        response["service_tier"] = json!("default");
        response["usage"] = json!({
            "input_tokens": usage.input,
            "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
            "output_tokens": usage.output,
            "output_tokens_details": { "reasoning_tokens": usage.reasoning },
            "total_tokens": usage.input + usage.output,
        });
        if self.answer.end == End::Length {
            response["status"] = json!("incomplete");
            response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
        } else {
            response["status"] = json!("completed");
            response["completed_at"] = json!(self.created);
        }
        response
    }
}

/// A model that thought says so; one that spent all it had on thinking says nothing else.
fn items(serial: u64, content: Content, reasoned: bool) -> Vec<Item> {
    let id = |prefix, number: u64| text::id(prefix, serial.wrapping_mul(1 << 10).wrapping_add(number));
    let mut items = Vec::new();
    if reasoned {
        items.push(Item::Reasoning { id: id("rs_", 0) });
    }
    match content {
        Content::Text(text) if text.is_empty() && reasoned => {}
        Content::Text(text) => items.push(Item::Message { id: id("msg_", 1), text }),
        Content::Calls(calls) => items.extend((2..).zip(calls).map(|(number, call)| Item::Call {
            id: id("fc_", number),
            call_id: id("call_", number)[..29].to_owned(),
            call,
        })),
    }
    items
}

impl Item {
    fn begun(&self) -> Value {
        match self {
            Self::Reasoning { id } => json!({ "id": id, "type": "reasoning", "summary": [] }),
            Self::Message { id, .. } => json!({
                "id": id, "type": "message", "status": "in_progress", "content": [], "role": "assistant",
            }),
            Self::Call { id, call_id, call } => wire_call(id, call_id, call, "in_progress", ""),
        }
    }

    fn finished(&self, end: End) -> Value {
        let status = if end == End::Length { "incomplete" } else { "completed" };
        match self {
            Self::Reasoning { .. } => self.begun(),
            Self::Message { id, text } => json!({
                "id": id, "type": "message", "status": status, "content": [part(text)], "role": "assistant",
            }),
            Self::Call { id, call_id, call } => wire_call(id, call_id, call, "completed", &call.arguments),
        }
    }
}

fn wire_call(id: &str, call_id: &str, call: &ToolCall, status: &str, arguments: &str) -> Value {
    let (kind, field) =
        if call.takes_text { ("custom_tool_call", "input") } else { ("function_call", "arguments") };
    json!({ "id": id, "type": kind, "status": status, "call_id": call_id, "name": call.name, field: arguments })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text })
}

impl Events {
    fn push(&mut self, role: Role, name: &str, mut event: Value) {
        event["type"] = json!(name);
        event["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        self.frames.push(Frame::named(role, name, &event));
    }

    fn message(&mut self, index: usize, id: &str, text: &str) {
        let at = |mut event: Value| {
            event["item_id"] = json!(id);
            event["output_index"] = json!(index);
            event["content_index"] = json!(0);
            event
        };
        self.push(Role::Lifecycle, "response.content_part.added", at(json!({ "part": part("") })));
        for delta in deltas(text) {
            let event = at(json!({ "delta": delta, "logprobs": [] }));
            self.push(Role::Output, "response.output_text.delta", event);
        }
        let event = at(json!({ "text": text, "logprobs": [] }));
        self.push(Role::Lifecycle, "response.output_text.done", event);
        self.push(Role::Lifecycle, "response.content_part.done", at(json!({ "part": part(text) })));
    }

    fn call(&mut self, index: usize, id: &str, call: &ToolCall) {
        let (stem, field) = match call.takes_text {
            true => ("response.custom_tool_call_input", "input"),
            false => ("response.function_call_arguments", "arguments"),
        };
        for delta in deltas(&call.arguments) {
            let event = json!({ "item_id": id, "output_index": index, "delta": delta });
            self.push(Role::Output, &format!("{stem}.delta"), event);
        }
        let event = json!({ "item_id": id, "output_index": index, field: call.arguments });
        self.push(Role::Lifecycle, &format!("{stem}.done"), event);
    }
}

fn deltas(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    text::piece_ends(text).into_iter().map(move |end| &text[std::mem::replace(&mut start, end)..end])
}

//! The answer: its blocks, why it ended, what it cost. Members are in the order of the alphabet, as on the wire.

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    Call, Object, at, items,
    models::{Maker, Model},
    prompt, reasoning,
};
use crate::{
    Usage,
    answer::{Answer, Content, End, Prompt},
    reply::{Reply, json_bytes},
    text,
};

/// Anthropic's own words for trying out a refusal, which Converse calls a filter.
const REFUSE: &str =
    "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_1FAEFB6177B4672DEE07F9D3AFC62588CCD2631EDCF22E8CCC1FB35B501C9C86";
/// Anthropic's own words for trying out reasoning that may not be read: fixture
/// bedrock-converse/non-stream/redacted-content.
const REDACT: &str = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB";
/// With a guardrail this word in what the user says makes it step in.
const GUARDED: &str = "guardrail";
/// What a guardrail says unless its owner wrote something else.
const BLOCKED: &str = "Sorry, the model cannot answer this question.";
/// How long the answer took, in milliseconds, by its own account.
const LATENCY: u64 = 250;

/// A message.
pub(super) struct Message {
    pub(super) blocks: Vec<Block>,
    pub(super) stop_reason: &'static str,
    pub(super) usage: Usage,
    /// Members of the model's own answer that the client asked to see.
    additional: Option<Value>,
    service_tier: Option<Value>,
    trace: Option<Value>,
    cache: Option<Cache>,
    /// Padding follows from it.
    pub(super) serial: u64,
}

/// One block of the content.
pub(super) enum Block {
    Text(String),
    Reasoning { text: String, signature: Option<String> },
    Redacted(String),
    ToolUse { id: String, name: String, input: String },
}

/// The part of the prompt that is written to the cache or read from it, in tokens.
#[derive(Clone, Copy)]
struct Cache {
    written: u64,
    read: u64,
}

impl Message {
    /// The message for a prompt.
    pub(super) fn new(call: &Call<'_>, model: &Model, body: &Object, prompt: &Prompt<'_>) -> Self {
        let answer = prompt.answer(call.behaviour);
        let stop_reason = match (answer.end, &answer.stopped_by) {
            (End::Tools, _) => "tool_use",
            (End::Length, _) => "max_tokens",
            (End::Stop, Some(_)) => "stop_sequence",
            (End::Stop, None) => "end_turn",
        };
        let cost = prompt::cost(body);
        let cache = if cost.answered {
            Cache { written: 0, read: cost.cached }
        } else {
            Cache { written: cost.cached, read: 0 }
        };
        let tier = body.get("serviceTier").filter(|tier| !tier.is_null());
        let mut message = Self {
            blocks: thoughts(body, prompt, &answer).into_iter().collect(),
            stop_reason,
            usage: answer.usage,
            additional: additional(body, answer.stopped_by.as_deref()),
            service_tier: tier.cloned(),
            trace: None,
            // Only models that have a cache count what is in it.
            cache: matches!(model.maker, Maker::Anthropic | Maker::Anyone).then_some(cache),
            serial: call.serial,
        };
        if prompt.user_text.contains(REFUSE) {
            return message.stopped("content_filtered", "");
        }
        if body.get("guardrailConfig").is_some_and(Value::is_object) && prompt.user_text.contains(GUARDED) {
            if matches!(
                at(body, "guardrailConfig", "/trace").and_then(Value::as_str),
                Some("enabled" | "enabled_full")
            ) {
                message.trace = Some(json!({ "guardrail": { "actionReason": "Guardrail blocked." } }));
            }
            return message.stopped("guardrail_intervened", BLOCKED);
        }
        match answer.content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => message.blocks.push(Block::Text(text)),
            Content::Calls(calls) => {
                let calls = calls.into_iter().enumerate().map(|(index, called)| Block::ToolUse {
                    id: tool_use_id(call.serial.wrapping_mul(1 << 10).wrapping_add(index as u64)),
                    name: called.name,
                    input: called.arguments,
                });
                message.blocks.extend(calls);
            }
        }
        message
    }

    /// The same without an answer.
    fn stopped(self, stop_reason: &'static str, said: &str) -> Self {
        let blocks = if said.is_empty() { Vec::new() } else { vec![Block::Text(said.to_owned())] };
        let usage = Usage { output: text::token_count(said), reasoning: 0, ..self.usage };
        Self { blocks, stop_reason, usage, additional: None, ..self }
    }

    /// The whole message.
    pub(super) fn reply(&self) -> Reply {
        let content = self.blocks.iter().map(Block::wire).collect();
        let wire = Wire {
            additional_model_response_fields: self.additional.as_ref(),
            metrics: Metrics { latency_ms: LATENCY },
            output: Output { message: WireMessage { content, role: "assistant" } },
            service_tier: self.service_tier.as_ref(),
            stop_reason: self.stop_reason,
            trace: self.trace.as_ref(),
            usage: self.wire_usage(),
        };
        Reply::json(200, json_bytes(&wire))
    }

    /// Why it ended, as a stream says it.
    pub(super) fn ending<'a>(&'a self, p: &'a str) -> impl Serialize + 'a {
        Ending {
            additional_model_response_fields: self.additional.as_ref(),
            p,
            stop_reason: self.stop_reason,
        }
    }

    /// What it cost, as a stream says it.
    pub(super) fn metadata<'a>(&'a self, p: &'a str) -> impl Serialize + 'a {
        Metadata {
            metrics: Metrics { latency_ms: LATENCY },
            p,
            service_tier: self.service_tier.as_ref(),
            trace: self.trace.as_ref(),
            usage: self.wire_usage(),
        }
    }

    /// What was read from the cache or written to it is not counted as input again, but is part of the total: fixture
    /// bedrock-converse/non-stream/cache-read.
    fn wire_usage(&self) -> WireUsage {
        let cached = self.cache.map_or(0, |cache| cache.read + cache.written);
        WireUsage {
            cache: self.cache.map(|Cache { written, read }| CacheUsage {
                cache_read_input_token_count: read,
                cache_read_input_tokens: read,
                cache_write_input_token_count: written,
                cache_write_input_tokens: written,
            }),
            input_tokens: self.usage.input.saturating_sub(cached),
            output_tokens: self.usage.output,
            server_tool_usage: Empty {},
            total_tokens: self.usage.input + self.usage.output,
        }
    }
}

/// Such as `tooluse_q8A6U9X7S4apz8TPXNx4Kq`.
fn tool_use_id(serial: u64) -> String {
    let mut id = text::id("tooluse_", serial);
    id.truncate(30);
    id
}

/// The reasoning before an answer that cost some.
fn thoughts(body: &Object, prompt: &Prompt<'_>, answer: &Answer) -> Option<Block> {
    let asked = reasoning::asked(body).filter(|_| answer.usage.reasoning > 0)?;
    if asked.signed && prompt.user_text.contains(REDACT) {
        return Some(Block::Redacted(text::base64(reasoning::sign("redacted").as_bytes())));
    }
    let length = prompt.user_text.chars().count();
    let text = format!("The user wrote {length} characters. {} can answer that.", prompt.model);
    let signature = asked.signed.then(|| reasoning::sign(&text));
    Some(Block::Reasoning { text, signature })
}

/// Of the model's own answer the mock knows the stop sequence.
fn additional(body: &Object, stopped_by: Option<&str>) -> Option<Value> {
    let asked =
        items(body.get("additionalModelResponseFieldPaths")).iter().any(|path| path == "/stop_sequence");
    asked.then(|| json!({ "stop_sequence": stopped_by }))
}

impl Block {
    fn wire(&self) -> WireBlock<'_> {
        match self {
            Self::Text(text) => WireBlock::Text(text),
            Self::Reasoning { text, signature } => {
                WireBlock::ReasoningContent(WireReasoning::ReasoningText {
                    signature: signature.as_deref(),
                    text,
                })
            }
            Self::Redacted(data) => WireBlock::ReasoningContent(WireReasoning::RedactedContent(data)),
            Self::ToolUse { id, name, input } => WireBlock::ToolUse {
                // The arguments of a call are always JSON.
                input: serde_json::from_str(input).unwrap_or(RawValue::NULL),
                name,
                tool_use_id: id,
                r#type: "tool_use",
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: Option<&'a Value>,
    metrics: Metrics,
    output: Output<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a Value>,
    stop_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Value>,
    usage: WireUsage,
}

#[derive(Serialize)]
struct Output<'a> {
    message: WireMessage<'a>,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    content: Vec<WireBlock<'a>>,
    role: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum WireBlock<'a> {
    Text(&'a str),
    ReasoningContent(WireReasoning<'a>),
    ToolUse { input: &'a RawValue, name: &'a str, tool_use_id: &'a str, r#type: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum WireReasoning<'a> {
    ReasoningText {
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<&'a str>,
        text: &'a str,
    },
    RedactedContent(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ending<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: Option<&'a Value>,
    p: &'a str,
    stop_reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    metrics: Metrics,
    p: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Value>,
    usage: WireUsage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    latency_ms: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireUsage {
    #[serde(flatten)]
    cache: Option<CacheUsage>,
    input_tokens: u64,
    output_tokens: u64,
    server_tool_usage: Empty,
    total_tokens: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CacheUsage {
    cache_read_input_token_count: u64,
    cache_read_input_tokens: u64,
    cache_write_input_token_count: u64,
    cache_write_input_tokens: u64,
}

#[derive(Serialize)]
struct Empty {}

//! The answer as a message: its blocks, why it ended, what it cost.

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{Ask, Object, long_id, models::Model, prompt, signature, text_in};
use crate::{
    Usage,
    answer::{Answer, Content, End, Prompt},
    reply::{Reply, json_bytes},
};

/// The provider's own words for trying out a refusal.
const REFUSE: &str =
    "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_1FAEFB6177B4672DEE07F9D3AFC62588CCD2631EDCF22E8CCC1FB35B501C9C86";
/// The provider's own words for trying out thinking that may not be read: fixtures
/// anthropic-messages/non-stream/redacted-thinking.
const REDACT: &str = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB";

/// A message.
pub(super) struct Message {
    id: String,
    pub(super) model: String,
    pub(super) blocks: Vec<Block>,
    stop_reason: &'static str,
    stop_sequence: Option<String>,
    stop_details: Option<Value>,
    pub(super) usage: Usage,
    cache: Cache,
    /// Padding follows from it.
    pub(super) serial: u64,
}

/// One block of the content.
pub(super) enum Block {
    Text(String),
    Thinking { text: String, signature: String },
    Redacted(String),
    ToolUse { id: String, name: String, input: String },
}

/// The part of the prompt that is written to the cache or read from it.
#[derive(Clone, Copy, Default)]
struct Cache {
    written: u64,
    read: u64,
}

impl Message {
    /// The message for a prompt.
    pub(super) fn new(ask: &Ask<'_>, model: &Model, body: &Object, prompt: &Prompt<'_>) -> Self {
        let serial = ask.call.serial;
        let answer = prompt.answer(ask.call.behaviour);
        let cost = prompt::cost(body);
        let cache = match cost.answered {
            false => Cache { written: cost.cached, read: 0 },
            true => Cache { written: 0, read: cost.cached },
        };
        let (stop_reason, stop_sequence) = match (answer.end, &answer.stopped_by) {
            (End::Tools, _) => ("tool_use", None),
            (End::Length, _) => ("max_tokens", None),
            (End::Stop, Some(stop)) => ("stop_sequence", Some(stop.clone())),
            (End::Stop, None) => ("end_turn", None),
        };
        let mut message = Self {
            id: long_id("msg_01", 28, serial),
            model: model.answers_as(prompt.model).to_owned(),
            blocks: thinking(body, prompt, &answer).into_iter().collect(),
            stop_reason,
            stop_sequence,
            stop_details: None,
            usage: answer.usage,
            cache,
            serial,
        };
        if prompt.user_text.contains(REFUSE) {
            return message.refused();
        }
        match answer.content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => message.blocks.push(Block::Text(text)),
            Content::Calls(calls) => {
                let calls = calls.into_iter().enumerate().map(|(index, call)| Block::ToolUse {
                    id: long_id("toolu_01", 30, serial.wrapping_mul(1 << 10).wrapping_add(index as u64)),
                    name: call.name,
                    input: call.arguments,
                });
                message.blocks.extend(calls);
            }
        }
        message
    }

    /// A refusal is a 200 without content: fixtures anthropic-messages/non-stream/refusal.
    fn refused(self) -> Self {
        let stop_details = json!({
            "type": "refusal",
            "category": "cyber",
            "explanation": "This request triggered restrictions on violative cyber content and was blocked under \
                            Anthropic's Usage Policy.",
        });
        let usage = Usage { output: 5, reasoning: 0, ..self.usage };
        Self {
            blocks: Vec::new(),
            stop_reason: "refusal",
            stop_sequence: None,
            stop_details: Some(stop_details),
            usage,
            ..self
        }
    }

    /// The whole message.
    pub(super) fn reply(&self) -> Reply {
        let blocks = self.blocks.iter().map(|block| block.wire(Filled::Whole)).collect();
        let end = Some((self.stop_reason, self.stop_sequence.as_deref()));
        Reply::json(200, json_bytes(&self.wire(blocks, end, self.usage.output)))
    }

    /// The message as it is before its first block: usage is a guess.
    pub(super) fn beginning(&self) -> impl Serialize + '_ {
        self.wire(Vec::new(), None, 1)
    }

    fn wire<'a>(
        &'a self,
        content: Vec<WireBlock<'a>>,
        end: Option<(&'a str, Option<&'a str>)>,
        output: u64,
    ) -> Wire<'a> {
        Wire {
            model: &self.model,
            id: &self.id,
            r#type: "message",
            role: "assistant",
            content,
            stop_reason: end.map(|(reason, _)| reason),
            stop_sequence: end.and_then(|(_, sequence)| sequence),
            stop_details: self.stop_details.as_ref().filter(|_| end.is_some()),
            usage: WireUsage {
                input: self.input(),
                cache_creation: CacheCreation {
                    ephemeral_5m_input_tokens: self.cache.written,
                    ephemeral_1h_input_tokens: 0,
                },
                output_tokens: output,
                output_tokens_details: end.and_then(|_| self.details()),
                service_tier: "standard",
                inference_geo: "global",
            },
        }
    }

    /// Why it ended and what it cost, as the end of a stream says it.
    pub(super) fn ending(&self) -> (impl Serialize + '_, impl Serialize + '_) {
        let delta = Ending {
            stop_reason: self.stop_reason,
            stop_sequence: self.stop_sequence.as_deref(),
            stop_details: self.stop_details.as_ref(),
        };
        let usage = EndUsage {
            input: self.input(),
            output_tokens: self.usage.output,
            output_tokens_details: self.details(),
        };
        (delta, usage)
    }

    /// What was read from the cache or written to it is not counted as input again.
    fn input(&self) -> Input {
        let Cache { written, read } = self.cache;
        Input {
            input_tokens: self.usage.input.saturating_sub(written + read),
            cache_creation_input_tokens: written,
            cache_read_input_tokens: read,
        }
    }

    fn details(&self) -> Option<OutputDetails> {
        let thinking_tokens = self.usage.reasoning;
        (thinking_tokens > 0).then_some(OutputDetails { thinking_tokens })
    }
}

/// The thinking before an answer that cost some.
fn thinking(body: &Object, prompt: &Prompt<'_>, answer: &Answer) -> Option<Block> {
    if answer.usage.reasoning == 0 {
        return None;
    }
    if prompt.user_text.contains(REDACT) {
        return Some(Block::Redacted(signature::sign("redacted")));
    }
    let hidden = body.get("thinking").is_some_and(|thinking| text_in(thinking, "display") == "omitted");
    let text = match hidden {
        true => String::new(),
        false => format!(
            "The user wrote {} characters. {} can answer that.",
            prompt.user_text.chars().count(),
            prompt.model
        ),
    };
    let signature = signature::sign(&text);
    Some(Block::Thinking { text, signature })
}

/// How much of a block is written: all of it, or what its start in a stream says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    Whole,
    Empty,
}

impl Block {
    pub(super) fn wire(&self, filled: Filled) -> WireBlock<'_> {
        let fill = |text| if filled == Filled::Whole { text } else { "" };
        match self {
            Self::Text(text) => WireBlock::Text { text: fill(text) },
            Self::Thinking { text, signature } => {
                WireBlock::Thinking { thinking: fill(text), signature: fill(signature) }
            }
            // Nothing of it is streamed.
            Self::Redacted(data) => WireBlock::RedactedThinking { data },
            Self::ToolUse { id, name, input } => {
                let input = if filled == Filled::Whole { input } else { "{}" };
                WireBlock::ToolUse { id, name, input: raw(input), caller: Caller { r#type: "direct" } }
            }
        }
    }
}

/// JSON as it is; the arguments of a call are always JSON.
fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap_or(RawValue::NULL)
}

#[derive(Serialize)]
struct Wire<'a> {
    model: &'a str,
    id: &'a str,
    r#type: &'a str,
    role: &'a str,
    content: Vec<WireBlock<'a>>,
    stop_reason: Option<&'a str>,
    stop_sequence: Option<&'a str>,
    stop_details: Option<&'a Value>,
    usage: WireUsage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WireBlock<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
    RedactedThinking { data: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: &'a RawValue, caller: Caller },
}

#[derive(Serialize)]
pub(super) struct Caller {
    r#type: &'static str,
}

#[derive(Serialize)]
struct WireUsage {
    #[serde(flatten)]
    input: Input,
    cache_creation: CacheCreation,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    service_tier: &'static str,
    inference_geo: &'static str,
}

#[derive(Serialize)]
struct Input {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
}

#[derive(Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    thinking_tokens: u64,
}

#[derive(Serialize)]
struct Ending<'a> {
    stop_reason: &'a str,
    stop_sequence: Option<&'a str>,
    stop_details: Option<&'a Value>,
}

#[derive(Serialize)]
struct EndUsage {
    #[serde(flatten)]
    input: Input,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
}

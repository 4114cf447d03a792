//! The answer to a chat request, whole, and the parts it shares with a stream's chunks.

use serde::Serialize;

use super::Facts;
use crate::{
    Usage,
    answer::{Answer, Content, ToolCall},
    reply::{Reply, json_bytes},
    text,
};

/// The configuration the answer is said to come from.
pub(in super::super) const FINGERPRINT: &str = "fp_a4b3c2d1e0";

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'a str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    usage: WireUsage,
    service_tier: &'a str,
    system_fingerprint: &'a str,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u64,
    message: Message<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: &'a str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    refusal: Option<&'a str>,
    annotations: [(); 0],
}

/// A tool call; `index` only in a stream, `id` and `type` only in its first piece there.
#[derive(Serialize)]
pub(super) struct WireCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#type: Option<&'a str>,
    #[serde(flatten)]
    pub(super) called: Called<'a>,
}

/// What is called.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Called<'a> {
    Function {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        arguments: &'a str,
    },
    Custom {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        input: &'a str,
    },
}

#[derive(Serialize)]
pub(super) struct Logprobs<'a> {
    content: Vec<Logprob<'a>>,
    refusal: Option<()>,
}

#[derive(Serialize)]
struct Logprob<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
    top_logprobs: Vec<TopLogprob<'a>>,
}

#[derive(Serialize)]
struct TopLogprob<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
}

/// Usage as chat and completions spell it.
#[derive(Serialize)]
pub(in super::super) struct WireUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

impl From<Usage> for WireUsage {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.input + usage.output,
            prompt_tokens_details: PromptDetails { cached_tokens: 0, audio_tokens: 0 },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning,
                audio_tokens: 0,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
        }
    }
}

/// The whole answer.
pub(super) fn reply(facts: &Facts, answer: &Answer) -> Reply {
    let choice = |index| Choice {
        index,
        message: Message {
            role: "assistant",
            content: super::words_of(&answer.content),
            reasoning_content: facts.thoughts.as_deref(),
            tool_calls: calls(facts, &answer.content, index),
            refusal: None,
            annotations: [],
        },
        logprobs: super::words_of(&answer.content).and_then(|text| logprobs(text, facts.top_logprobs)),
        finish_reason: facts.finish_reason,
    };
    let completion = Completion {
        id: &facts.id,
        object: "chat.completion",
        created: facts.created,
        model: &facts.model,
        choices: (0..facts.choices).map(choice).collect(),
        usage: facts.usage.into(),
        service_tier: "default",
        system_fingerprint: FINGERPRINT,
    };
    Reply::json(200, json_bytes(&completion))
}

fn calls<'a>(facts: &Facts, content: &'a Content, choice: u64) -> Vec<WireCall<'a>> {
    let Content::Calls(calls) = content else { return Vec::new() };
    let wire = |(index, call): (usize, &'a ToolCall)| WireCall {
        index: None,
        id: Some(facts.call_id(choice, index)),
        r#type: Some(kind(call)),
        called: Called::new(call, Some(&call.name), &call.arguments),
    };
    calls.iter().enumerate().map(wire).collect()
}

/// How the API calls that sort of tool.
pub(super) fn kind(call: &ToolCall) -> &'static str {
    if call.takes_text { "custom" } else { "function" }
}

impl<'a> Called<'a> {
    /// `arguments` may be a part of the call's arguments.
    pub(super) fn new(call: &ToolCall, name: Option<&'a str>, arguments: &'a str) -> Self {
        if call.takes_text {
            Self::Custom { name, input: arguments }
        } else {
            Self::Function { name, arguments }
        }
    }
}

/// A made-up log probability for each token, the same for the same token; absent when not asked for.
pub(super) fn logprobs(text: &str, top: Option<u64>) -> Option<Logprobs<'_>> {
    let top = top?;
    let mut start = 0;
    let content = text::piece_ends(text)
        .into_iter()
        .map(|end| {
            let token = &text[std::mem::replace(&mut start, end)..end];
            let logprob = -((text::hash(token.as_bytes()) % 1000) as f64) / 1000.0;
            let alternative =
                |rank: u64| TopLogprob { token, logprob: logprob - rank as f64, bytes: token.as_bytes() };
            Logprob {
                token,
                logprob,
                bytes: token.as_bytes(),
                top_logprobs: (0..top).map(alternative).collect(),
            }
        })
        .collect();
    Some(Logprobs { content, refusal: None })
}

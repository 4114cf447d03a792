//! `:generateContent`, `:streamGenerateContent` and `:countTokens`: the candidate, whole or in parts.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Answered, ApiError, Ask, Call, Refusal, content, error, framing, items, prompt, signature, tables, verb,
};
use crate::{
    Usage,
    answer::{Content, End},
    reply::Reply,
    text,
};

/// `:generateContent` and `:streamGenerateContent`.
pub(super) fn generate(ask: &Ask<'_>, is_stream: bool) -> Answered {
    let body = ask.json(&tables::GENERATE)?;
    if ask.call.strict {
        content::check(ask, &body)?;
    } else if items(body.get("contents")).is_empty() {
        return Err(ApiError::faults(&["contents: contents is not specified".to_owned()]));
    }
    if prompt::of(ask.named, ask.model, &body).is_refused(ask.call.behaviour) {
        return Err(ApiError::of(Refusal::Prefill, ask.call, ask.named));
    }
    let candidate = Candidate::new(ask, &body);
    let usage = Some(candidate.usage);
    let reply = match is_stream {
        true => super::stream::reply(ask.framing, candidate),
        false => error::ok(&candidate.whole()),
    };
    Ok(reply.noting(ask.named, usage))
}

/// `:countTokens`, of contents or of a whole request.
pub(super) fn count(ask: &Ask<'_>) -> Answered {
    let body = ask.json(&tables::COUNT_TOKENS)?;
    let whole = body.get("generateContentRequest");
    if ask.call.strict {
        content::check(ask, whole.unwrap_or(&body))?;
    }
    let tokens = prompt::cost(whole.unwrap_or(&body));
    let counted = json!({
        "totalTokens": tokens,
        "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": tokens }],
    });
    Ok(error::ok(&counted).noting(ask.named, None))
}

/// A prompt that is not answered: no candidate, and why.
pub(super) fn blocked(call: &Call<'_>, model: &str) -> Reply {
    let body = json!({
        "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" },
        "usageMetadata": {
            "promptTokenCount": 1,
            "totalTokenCount": 1,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 1 }],
        },
        "modelVersion": model,
        "responseId": response_id(call.serial),
    });
    match super::tail(call.path).and_then(verb) {
        Some((_, super::Verb::Stream)) => framing(call).alone(&body),
        _ => error::ok(&body),
    }
}

/// An answer.
pub(super) struct Candidate {
    model: String,
    id: String,
    pub(super) parts: Vec<Part>,
    finish: &'static str,
    finish_message: Option<&'static str>,
    /// Of the signature that comes with the last, empty, part of a stream.
    pub(super) last_signature: Option<String>,
    cached: u64,
    pub(super) usage: Usage,
}

/// A part of the answer.
pub(super) enum Part {
    Thought(String),
    Text(String),
    Call { id: Option<String>, name: String, args: Value, signature: Option<String> },
}

impl Candidate {
    fn new(ask: &Ask<'_>, body: &Value) -> Self {
        let (serial, model) = (ask.call.serial, ask.model);
        let prompt = prompt::of(ask.named, model, body);
        let answer = prompt.answer(ask.call.behaviour);
        let thought = answer.usage.reasoning > 0;
        let thinking = body.pointer("/generationConfig/thinkingConfig/includeThoughts");
        let mut parts = Vec::new();
        if thought && thinking == Some(&Value::Bool(true)) {
            let characters = prompt.user_text.chars().count();
            parts.push(Part::Thought(format!(
                "**Answering**\n\nThe user wrote {characters} characters. Easy.\n\n\n"
            )));
        }
        let mut last_signature = None;
        match answer.content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => {
                last_signature = (thought && model.signs_text()).then(|| signature::sign(&text));
                parts.push(Part::Text(text));
            }
            Content::Calls(calls) => parts.extend(calls.into_iter().enumerate().map(|(index, call)| {
                let number = text::mix(serial.wrapping_mul(1 << 10).wrapping_add(index as u64));
                Part::Call {
                    id: model.has_call_ids().then(|| format!("{number:016x}")[..8].to_owned()),
                    // Of several calls only the first is signed.
                    signature: (thought && index == 0).then(|| signature::sign(&call.name)),
                    name: call.name,
                    args: serde_json::from_str(&call.arguments).unwrap_or_default(),
                }
            })),
        }
        Self {
            model: ask.named.to_owned(),
            id: response_id(serial),
            parts,
            // There is no reason of its own for calls, nor for stop sequences.
            finish: if answer.end == End::Length { "MAX_TOKENS" } else { "STOP" },
            finish_message: (answer.end == End::Tools).then_some("Model generated function call(s)."),
            last_signature,
            cached: prompt::cached(body),
            usage: answer.usage,
        }
    }

    /// The answer in one piece.
    fn whole(&self) -> Wire<'_> {
        let mut parts: Vec<_> = self.parts.iter().map(Part::wire).collect();
        if let Some(WirePart { signature, .. }) = parts.last_mut()
            && self.last_signature.is_some()
        {
            *signature = self.last_signature.as_deref();
        }
        self.wire(parts, true, self.visible())
    }

    /// Tokens of the answer but for the thoughts, which are counted beside it.
    pub(super) fn visible(&self) -> u64 {
        self.usage.output - self.usage.reasoning
    }

    /// These parts of the answer, after which it has cost `visible` tokens.
    pub(super) fn wire<'a>(&'a self, parts: Vec<WirePart<'a>>, is_last: bool, visible: u64) -> Wire<'a> {
        let Usage { input, reasoning, .. } = self.usage;
        let text = |token_count| [ModalityCount { modality: "TEXT", token_count }];
        Wire {
            candidates: [WireCandidate {
                content: WireContent { parts, role: "model" },
                finish_reason: is_last.then_some(self.finish),
                index: 0,
                finish_message: self.finish_message.filter(|_| is_last),
            }],
            usage_metadata: WireUsage {
                prompt_token_count: input,
                cached_content_token_count: self.cached,
                candidates_token_count: visible,
                total_token_count: input + visible + reasoning,
                prompt_tokens_details: text(input),
                cache_tokens_details: (self.cached > 0).then(|| text(self.cached)),
                thoughts_token_count: reasoning,
                service_tier: "standard",
            },
            model_version: &self.model,
            response_id: &self.id,
        }
    }
}

impl Part {
    pub(super) fn wire(&self) -> WirePart<'_> {
        match self {
            Self::Thought(text) => WirePart { thought: Some(true), ..WirePart::text(text) },
            Self::Text(text) => WirePart::text(text),
            Self::Call { id, name, args, signature } => WirePart {
                function_call: Some(WireCall { name, args, id: id.as_deref() }),
                signature: signature.as_deref(),
                ..WirePart::default()
            },
        }
    }
}

/// An id of the length the recorded ones have.
fn response_id(serial: u64) -> String {
    let mut id = text::id("", serial);
    id.truncate(23);
    id
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wire<'a> {
    candidates: [WireCandidate<'a>; 1],
    usage_metadata: WireUsage,
    model_version: &'a str,
    response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireCandidate<'a> {
    content: WireContent<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_message: Option<&'a str>,
}

#[derive(Serialize)]
struct WireContent<'a> {
    /// Absent in an answer that was all thinking: fixtures gemini/non-stream/max-tokens-no-parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<WirePart<'a>>,
    role: &'a str,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought: Option<bool>,
    #[serde(rename = "thoughtSignature", skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
}

impl<'a> WirePart<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    pub(super) fn signed(self, signature: Option<&'a str>) -> Self {
        Self { signature, ..self }
    }
}

#[derive(Serialize)]
struct WireCall<'a> {
    name: &'a str,
    args: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

/// Counts that are zero are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireUsage {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_content_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    candidates_token_count: u64,
    total_token_count: u64,
    prompt_tokens_details: [ModalityCount; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_tokens_details: Option<[ModalityCount; 1]>,
    #[serde(skip_serializing_if = "is_zero")]
    thoughts_token_count: u64,
    service_tier: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModalityCount {
    modality: &'static str,
    token_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

//! Reads a provider's whole answer.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::{
    HERE,
    echo::DETAILS,
    error,
    items::{output_item, take_logprobs},
    openai_chat::{WireUsage, usage_rest},
    wire::{Answer, reason},
};
use crate::ir::{Block, Choice, Content, Fault, FaultKind, Members, Response, Stop, StopReason, Text};

/// Members of an answer that are not kept: those that repeat the request are written from the request that is
/// answered; the others are the provider's own book-keeping.
const NOT_KEPT: &[&str] = &[
    "background",
    "billing",
    "completed_at",
    "content_filters",
    "context_management",
    "conversation",
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "output_text",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tool_usage",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Reads an answer.
pub(super) fn decode(body: &[u8]) -> Result<Response<'_>, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| garbled(reason(&error)))?;
    if answer.error.is_some() || answer.status.as_deref() == Some("failed") {
        return Err(failed(body));
    }
    let output = answer.output.ok_or_else(|| garbled("it has no `output`"))?;
    let mut blocks = Vec::new();
    for (at, raw) in output.into_iter().enumerate() {
        let item = output_item(raw).map_err(|error| garbled(format!("`output[{at}]`: {error}")))?;
        blocks.extend(item);
    }
    let mut extra = kept(answer.extra);
    extra.extend(answer.usage.into_iter().flat_map(|raw| usage_rest(raw, DETAILS)));
    let logprobs = take_logprobs(&mut blocks);
    let stop = Ended { status: answer.status, details: answer.incomplete_details }.stop(Said::of(&blocks));
    Ok(Response {
        origin: HERE,
        id: answer.id,
        model: answer.model,
        created: answer.created_at.map(seconds),
        choices: vec![Choice { index: 0, blocks, stop, logprobs, extra: Vec::new() }],
        usage: answer.usage.and_then(|raw| WireUsage::read(raw.get().as_bytes())),
        service_tier: answer.service_tier,
        extra,
    })
}

/// The members of an answer that say something of it.
pub(super) fn kept(mut extra: Members<'_>) -> Members<'_> {
    extra.retain(|(key, _)| !NOT_KEPT.contains(&&**key));
    extra
}

fn garbled(detail: impl std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Garbled, "the provider's answer cannot be read").with_detail(detail)
}

fn failed(body: &[u8]) -> Fault {
    let mut fault = Fault::new(FaultKind::UpstreamFailed, "the provider failed to answer");
    fault.complaint = error::decode(body).map(Box::new);
    fault
}

/// A time that may have been written as a decimal number; what no clock says becomes the nearest it can.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is wanted"
)]
pub(super) fn seconds(time: f64) -> u64 {
    time as u64
}

/// What the blocks of an answer say about why it ended.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    /// Tools of the client were called.
    pub(super) calls: bool,
    /// The model declined.
    pub(super) refusal: bool,
}

impl Said {
    fn of(blocks: &[Block<'_>]) -> Self {
        let any = |is: fn(&Content<'_>) -> bool| blocks.iter().any(|block| is(&block.content));
        Self {
            calls: any(|content| matches!(content, Content::ToolUse(_))),
            refusal: any(|content| matches!(content, Content::Refusal(_))),
        }
    }
}

/// How an answer ended, in the dialect's own members.
pub(super) struct Ended<'a> {
    pub(super) status: Option<Text<'a>>,
    pub(super) details: Option<&'a RawValue>,
}

impl<'a> Ended<'a> {
    /// Why the answer ended. The dialect has no word for tool use or refusal: the content says it.
    pub(super) fn stop(self, said: Said) -> Option<Stop<'a>> {
        let members: BTreeMap<Text<'a>, &'a RawValue> =
            self.details.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let word: Option<Text<'a>> =
            members.get(&Text::from("reason")).and_then(|raw| serde_json::from_str(raw.get()).ok());
        let (reason, word) = match (self.status.as_deref(), word) {
            (Some("incomplete"), word) => match word.as_deref() {
                Some("max_output_tokens") => (StopReason::MaxTokens, word),
                Some("content_filter") => (StopReason::ContentFilter, word),
                _ => (StopReason::Other, word.or(self.status)),
            },
            // A background answer: there is nothing yet, and the client has to ask again.
            (Some("queued" | "in_progress" | "cancelled"), _) => (StopReason::Other, self.status),
            _ if said.calls => (StopReason::ToolUse, self.status),
            _ if said.refusal => (StopReason::Refusal, self.status),
            _ => (StopReason::End, self.status),
        };
        // A reason that is known says all that its own member does.
        let is_said =
            members.len() == 1 && matches!(reason, StopReason::MaxTokens | StopReason::ContentFilter);
        let details = self.details.filter(|_| !is_said).map(Cow::Borrowed);
        Some(Stop { reason, sequence: None, word, details })
    }
}

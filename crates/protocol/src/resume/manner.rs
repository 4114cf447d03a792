//! How a provider is asked to go on with an answer that has begun.

use serde::Deserialize;

use super::Said;
use crate::{codec::Codec, ir::Request};

/// How a provider is told that the last message of a conversation is the beginning of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prefill {
    /// By its being the assistant's.
    Plain,
    /// By `prefix: true` in it, as Mistral's and DeepSeek's API references have it.
    Prefix,
    /// By `partial: true` in it, as Moonshot's and Alibaba's guides to partial mode have it.
    Partial,
    /// By `continue_final_message: true` and `add_generation_prompt: false` beside the messages, as the references of vLLM
    /// and SGLang have it.
    Continue,
}

/// How a provider is asked to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// By the client's own request: nothing was sent that could be continued.
    Afresh,
    /// By the beginning of its answer.
    Prefill(Prefill),
    /// By a message that says where the answer broke off.
    Instruction,
}

impl Manner {
    /// How `model` of a provider that speaks `upstream` is asked to go on with what was said in answer to `request`.
    /// `known` is what the provider itself is known for: not all that speak a dialect take the same.
    pub fn of(
        said: &Said,
        request: &Request<'_>,
        upstream: &dyn Codec,
        model: &str,
        known: Option<Prefill>,
    ) -> Self {
        if said.text().trim().is_empty() {
            return Self::Afresh;
        }
        upstream.prefill(request, model, known).map_or(Self::Instruction, Self::Prefill)
    }

    /// How to ask once more when the provider refused the request as malformed: not every model takes a prefill, and no
    /// list of them is whole. `None` if there is no other way.
    pub fn after_refusal(self) -> Option<Self> {
        match self {
            Self::Prefill(_) => Some(Self::Instruction),
            Self::Afresh | Self::Instruction => None,
        }
    }
}

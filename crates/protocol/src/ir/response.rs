//! What a call answers, whole.

use super::{Block, Members, Raw, Text, Usage};

/// One whole answer.
#[derive(Debug, Clone, Default)]
pub struct Response<'a> {
    /// The dialect it was decoded from.
    pub origin: &'static str,
    /// The provider's id of the answer, if it gave one.
    pub id: Option<Text<'a>>,
    /// The model that answered, as the provider names it.
    pub model: Option<Text<'a>>,
    /// When, in seconds since 1970, if the provider said so.
    pub created: Option<u64>,
    /// The answers; empty if the provider refused to give any (a blocked prompt: then `stop` says so).
    pub choices: Vec<Choice<'a>>,
    /// What it cost, if the provider said so.
    pub usage: Option<Usage>,
    /// The class of service that was used.
    pub service_tier: Option<Text<'a>>,
    /// Members that only the origin dialect knows.
    pub extra: Members<'a>,
}

/// One answer of several.
#[derive(Debug, Clone, Default)]
pub struct Choice<'a> {
    /// Its number.
    pub index: u64,
    /// What it consists of.
    pub blocks: Vec<Block<'a>>,
    /// Why it ended; absent if the provider did not say.
    pub stop: Option<Stop<'a>>,
    /// Log probabilities in OpenAI's shape (`{"content":[...],"refusal":...}`), which the others are brought into.
    pub logprobs: Option<Raw<'a>>,
    /// Members that only the origin dialect knows.
    pub extra: Members<'a>,
}

/// Why an answer ended.
#[derive(Debug, Clone)]
pub struct Stop<'a> {
    /// The reason. "Tool use" is derived from the content where the dialect has no such reason.
    pub reason: StopReason,
    /// The stop sequence that was met.
    pub sequence: Option<Text<'a>>,
    /// The reason in the origin's own word, for the origin's encoder and for records.
    pub word: Option<Text<'a>>,
    /// More about it, in the origin's own form (`stop_details`, `incomplete_details`, safety ratings).
    pub details: Option<Raw<'a>>,
}

/// The reasons there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The model had said what it had to say.
    End,
    /// The limit of tokens was reached.
    MaxTokens,
    /// A stop sequence was met.
    StopSequence,
    /// Tools of the client are to be run.
    ToolUse,
    /// A filter of the provider stepped in.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// The provider paused a long turn, to be continued.
    Pause,
    /// The model's context was full.
    ContextFull,
    /// The model called a tool in a way nobody can read.
    Malformed,
    /// Something else; see the word.
    Other,
}

impl Stop<'_> {
    /// An end for this reason, with nothing more to say.
    pub fn new(reason: StopReason) -> Self {
        Self { reason, sequence: None, word: None, details: None }
    }
}

//! What a call answers, bit by bit.

use super::{Citation, Raw, Signature, Stop, Text, ToolKind, Usage};

/// One step of a streamed answer. What decoders promise and encoders may rely on:
///
/// - `Start` comes first and once, but for a `Ping`, which may come at any time; `End` comes last and once, and only if
///   the provider completed the answer.
/// - Within a choice blocks do not overlap: `BlockStart`, its deltas, `BlockStop`, then the next. A decoder whose dialect
///   interleaves them holds back what is not yet due. Block numbers count up from 0 within a choice.
/// - `Stop` comes once for each choice, after its last block.
/// - `Usage` may come at any time and again: the latest counts, nothing is added up.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// The answer begins.
    Start {
        /// The provider's id of the answer.
        id: Option<Text<'a>>,
        /// The model that answers.
        model: Option<Text<'a>>,
        /// When, in seconds since 1970.
        created: Option<u64>,
    },
    /// A block begins.
    BlockStart {
        /// The choice it belongs to.
        choice: u64,
        /// Its number within the choice.
        block: u64,
        /// What it is.
        kind: BlockKind<'a>,
    },
    /// A block goes on.
    Delta {
        /// The choice it belongs to.
        choice: u64,
        /// Its number within the choice.
        block: u64,
        /// What is added.
        delta: Delta<'a>,
    },
    /// A block ends.
    BlockStop {
        /// The choice it belongs to.
        choice: u64,
        /// Its number within the choice.
        block: u64,
    },
    /// Log probabilities of the text that came last, in OpenAI's shape.
    Logprobs {
        /// The choice they belong to.
        choice: u64,
        /// The value of OpenAI's `logprobs`.
        raw: Raw<'a>,
    },
    /// A choice ends.
    Stop {
        /// The choice.
        choice: u64,
        /// Why.
        stop: Stop<'a>,
    },
    /// What it has cost so far.
    Usage(Usage),
    /// A sign of life.
    Ping,
    /// The answer is complete.
    End,
}

/// What a block of a stream is.
#[derive(Debug, Clone)]
pub enum BlockKind<'a> {
    /// Text.
    Text,
    /// Reasoning.
    Thinking {
        /// True if what follows is a summary.
        is_summary: bool,
        /// True if nothing readable follows, only a signature.
        is_redacted: bool,
        /// The item's id (Responses).
        item: Option<Text<'a>>,
    },
    /// A call of a client's tool.
    ToolUse {
        /// Ties the result to the call; never empty.
        id: Text<'a>,
        /// The tool.
        name: Text<'a>,
        /// Whether JSON or plain text follows.
        kind: ToolKind,
        /// A signature that has to stand at this very call (Gemini).
        signature: Option<Signature<'a>>,
        /// The item's id (Responses).
        item: Option<Text<'a>>,
    },
    /// The model declines.
    Refusal,
    /// Sound.
    Audio {
        /// The provider's id of it.
        id: Option<Text<'a>>,
    },
    /// What only one dialect has, whole: no deltas follow.
    Foreign {
        /// The dialect it comes from.
        origin: &'static str,
        /// Its type there.
        kind: Text<'a>,
        /// All of it.
        raw: Raw<'a>,
    },
}

/// What is added to a block.
#[derive(Debug, Clone)]
pub enum Delta<'a> {
    /// Text, of a text, thinking or refusal block.
    Text(Text<'a>),
    /// A part of the arguments' JSON text, or of a custom tool's plain text. All parts of JSON together are never empty:
    /// a call without arguments gives `{}`. Plain text may be.
    Input(Text<'a>),
    /// The proof of a thinking block, or of a text block (Gemini); whole, not in parts.
    Signature(Signature<'a>),
    /// What backs the text so far.
    Citation(Citation<'a>),
    /// A part of the sound in base64.
    Audio(Text<'a>),
    /// A part of what the sound says.
    Transcript(Text<'a>),
}

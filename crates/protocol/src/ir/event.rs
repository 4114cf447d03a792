//! What a call answers, bit by bit.

use super::{Citation, Members, Raw, Signature, Stop, Text, ToolKind, Usage};

/// One step of a streamed answer. What decoders promise and encoders may rely on:
///
/// - `Start` comes first and once, but for a `Ping`, which may come at any time; `End` comes last and once, and only if
///   the provider completed the answer.
/// - Within a choice blocks do not overlap: `BlockStart`, its deltas, `BlockStop`, then the next. A decoder whose dialect
///   interleaves them holds back what is not yet due. Block numbers count up from 0 within a choice.
/// - `Stop` comes once for each choice, after its last block.
/// - `Usage`, `ServiceTier` and `Member` may come at any time between them and again: the latest counts, nothing is
///   added up. A block's `Member` comes behind the block's start.
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
    /// The class of service that was used.
    ServiceTier(Text<'a>),
    /// A member that only the origin dialect knows: what [`super::Response::extra`], [`super::Choice::extra`] and
    /// [`super::Block::extra`] are in a whole answer. Its own encoder writes it where it belongs, for all others it is a
    /// loss.
    Member {
        /// The dialect it comes from.
        origin: &'static str,
        /// What it is a member of.
        place: Place,
        /// Its name, as in a whole answer.
        name: Text<'a>,
        /// Its value.
        raw: Raw<'a>,
    },
    /// A sign of life.
    Ping,
    /// The answer is complete.
    End,
}

/// What of a streamed answer a member belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The answer.
    Answer,
    /// One choice of it.
    Choice(u64),
    /// One block of a choice: the choice, and the block's number within it.
    Block(u64, u64),
}

/// The members of a streamed answer that only their dialect knows, so far.
#[derive(Debug, Default)]
pub struct Extras {
    list: Vec<(Place, Text<'static>, Raw<'static>)>,
    bytes: usize,
}

impl Extras {
    /// Most members that are kept.
    const MAX_MEMBERS: usize = 64;
    /// Most bytes of their values.
    const MAX_BYTES: usize = 16 << 20;

    /// Keeps a member; true if it is new or has another value than before. One that is beyond the bounds is always new.
    pub fn put(&mut self, place: Place, name: &str, raw: &Raw<'_>) -> bool {
        let known = self.list.iter().position(|known| known.0 == place && *known.1 == *name);
        let before = known.map_or("", |at| self.list[at].2.get());
        if known.is_some() && before == raw.get() {
            return false;
        }
        let bytes = self.bytes - before.len() + raw.get().len();
        if bytes > Self::MAX_BYTES || (known.is_none() && self.list.len() == Self::MAX_MEMBERS) {
            return true;
        }
        self.bytes = bytes;
        let value = Raw::Owned(raw.clone().into_owned());
        match known {
            Some(at) => self.list[at].2 = value,
            None => self.list.push((place, name.to_owned().into(), value)),
        }
        true
    }

    /// Keeps the members of one thing and hands over those that [`Extras::put`] calls new.
    pub fn tell<'m, 'a: 'm>(
        &mut self,
        origin: &'static str,
        place: Place,
        members: impl IntoIterator<Item = &'m (Text<'a>, Raw<'a>)>,
        sink: &mut dyn FnMut(Event<'_>),
    ) {
        for (name, raw) in members {
            if self.put(place, name, raw) {
                sink(Event::Member { origin, place, name: name.borrowed(), raw: Raw::Borrowed(raw) });
            }
        }
    }

    /// The members of one thing.
    pub fn of(&self, place: Place) -> Members<'static> {
        let found = self.list.iter().filter(|known| known.0 == place);
        found.map(|(_, name, raw)| (name.clone(), raw.clone())).collect()
    }
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

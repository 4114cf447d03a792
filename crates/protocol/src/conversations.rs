//! How a dialect lets clients continue an answer by its id instead of sending the conversation again.

use bytes::Bytes;

use crate::{envelope::Envelope, ir::Fault};

/// What a request says about kept answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// The answer that it continues.
    pub previous: Option<String>,
    /// Whether its own answer may be continued.
    pub keeps: bool,
    /// Whether it belongs to a conversation that only a provider can keep.
    pub is_in_conversation: bool,
}

/// One turn of a kept conversation.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'t> {
    /// What the client said, as [`Conversations::said`] gave it.
    pub said: &'t [u8],
    /// The whole answer.
    pub answer: &'t [u8],
}

/// The words of a dialect whose answers are kept. Bodies are JSON; what is not is left to the decoder to refuse.
pub trait Conversations: Sync {
    /// What a request says about kept answers.
    fn wish(&self, request: &Envelope) -> Wish;

    /// What a request adds to its conversation, to be kept.
    fn said(&self, request: &Envelope) -> Bytes;

    /// The request with the turns that it continues, oldest first, in place of the id of the last.
    fn unrolled(&self, request: &Envelope, turns: &[Turn<'_>]) -> Bytes;

    /// The ids of the items that a whole answer consists of, by which later requests may refer to them.
    fn item_ids(&self, answer: &[u8]) -> Vec<String>;

    /// The item `id` of a whole answer.
    fn item(&self, answer: &[u8], id: &str) -> Option<Bytes>;

    /// The request with the items that it refers to in place of their ids, as far as `find` knows them; `None` if it
    /// knows none.
    fn resolved(&self, request: &Envelope, find: &mut dyn FnMut(&str) -> Option<Bytes>) -> Option<Bytes>;

    /// The refusal of a request that belongs to a conversation, where no provider keeps any.
    fn no_conversation(&self) -> Fault;

    /// The whole answer that the last event of a stream carries, given the event's payload; `None` for other events.
    fn answer_of(&self, payload: &[u8]) -> Option<Bytes>;

    /// The id of a whole answer.
    fn id_of(&self, answer: &[u8]) -> Option<String>;

    /// The refusal of a request that continues an answer nobody knows.
    fn no_previous(&self, id: &str) -> Fault;

    /// The answer's id, and what is asked about it, in a path's tail.
    fn asked<'p>(&self, tail: &'p str) -> (&'p str, Part);

    /// The refusal to show or forget an answer nobody knows.
    fn unknown(&self, id: &str) -> Fault;

    /// The refusal to cancel an answer that is whole.
    fn not_under_way(&self) -> Fault;

    /// What all turns up to and with the answer `id` said, oldest first, as a client asks for it with `query`.
    fn input(&self, id: &str, turns: &[Turn<'_>], query: &str) -> Bytes;

    /// The word that the answer `id` is forgotten.
    fn forgotten(&self, id: &str) -> Bytes;
}

/// What is asked about a kept answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The answer itself.
    Answer,
    /// What it answered.
    Input,
    /// That it be given up.
    Cancel,
    /// Something that is not kept.
    Other,
}

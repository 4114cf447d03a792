//! What a dialect is to the rest of the gateway: its paths, its errors, and how to read its answers as they pass.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::{
    affinity::Signs,
    codec::Codec,
    conversations::Conversations,
    envelope::Envelope,
    ir::{Fault, Usage},
    limit_headers::LimitHeaders,
    output_limit::OutputLimit,
    splice::Edits,
};

/// What is asked in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Continue a conversation.
    Generate,
    /// Count the tokens of a conversation without continuing it.
    CountTokens,
    /// Continue a text without roles.
    Complete,
    /// Turn texts into vectors.
    Embed,
    /// Make or change images.
    Image,
    /// Speech to text or text to speech.
    Audio,
    /// Judge a text.
    Moderate,
    /// Order texts by relevance.
    Rerank,
    /// List the models the caller may use.
    ListModels,
    /// Describe one model.
    GetModel,
    /// What a server of the dialect says about itself.
    About,
    /// Show, forget or give up an answer that was kept.
    Kept,
    /// Any other endpoint of a provider: routed by its model, passed through.
    Other,
}

impl Operation {
    /// Every operation, with its name on record.
    pub const TABLE: &[(Self, &str)] = &[
        (Self::Generate, "generate"),
        (Self::CountTokens, "count_tokens"),
        (Self::Complete, "complete"),
        (Self::Embed, "embed"),
        (Self::Image, "image"),
        (Self::Audio, "audio"),
        (Self::Moderate, "moderate"),
        (Self::Rerank, "rerank"),
        (Self::ListModels, "list_models"),
        (Self::GetModel, "get_model"),
        (Self::About, "about"),
        (Self::Kept, "kept"),
        (Self::Other, "other"),
    ];

    /// Its name on record.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(operation, _)| *operation == self).map_or("other", |(_, name)| name)
    }

    /// The operation of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|(_, known)| *known == name).map(|(operation, _)| *operation)
    }
}

/// One path that clients call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The method; any other on the same path is refused.
    pub method: Method,
    /// The whole path. One `*` stands for any text that is not empty: at the end for one or more further segments, before
    /// that for the model's name, percent-encoded, or for the id of an answer that was kept. [`Endpoint::matched`] says
    /// how.
    pub path: &'static str,
    /// How much of the front of the path is the gateway's own version segment, e.g. `/v1`: what follows is the tail
    /// that is put behind a provider's base URL.
    pub version: &'static str,
    /// What is asked.
    pub operation: Operation,
    /// Where in the path `*` stands: found once, since every request is held against every endpoint.
    star: Option<usize>,
}

impl Endpoint {
    /// An endpoint at `path`, of which `version` is the front.
    pub const fn new(
        method: Method,
        path: &'static str,
        version: &'static str,
        operation: Operation,
    ) -> Self {
        Self { method, path, version, operation, star: star(path) }
    }

    /// Where in the path `*` stands.
    pub fn star(&self) -> Option<usize> {
        self.star
    }

    /// Whether `*` stands for the model's name.
    pub fn names_model(&self) -> bool {
        self.operation != Operation::Kept && self.star.is_some_and(|place| place + 1 < self.path.len())
    }

    /// Whether `tail` is what stands behind the version in one of this endpoint's paths.
    pub fn matched_tail(&self, tail: &str) -> bool {
        self.matched_behind(self.version.len(), tail).is_some()
    }

    /// What `*` stands for (empty without one), if `path` is one of this endpoint's.
    pub fn matched<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.matched_behind(0, path)
    }

    /// The same for what stands behind the first bytes of the path.
    fn matched_behind<'p>(&self, front: usize, path: &'p str) -> Option<&'p str> {
        match self.star {
            Some(star) => {
                let (before, after) = (&self.path[front..star], &self.path[star + 1..]);
                path.strip_prefix(before)?.strip_suffix(after).filter(|between| !between.is_empty())
            }
            None => (self.path[front..] == *path).then_some(""),
        }
    }
}

/// Where the `*` of a path stands; it is never in the version.
const fn star(path: &str) -> Option<usize> {
    let bytes = path.as_bytes();
    let mut place = 0;
    while place < bytes.len() {
        if bytes[place] == b'*' {
            return Some(place);
        }
        place += 1;
    }
    None
}

/// What a whole answer that was not streamed says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is an answer, with the usage it reports.
    Whole(Option<Usage>),
    /// It is an error in spite of its status.
    Failed,
    /// It is not what the dialect allows; the text says why.
    Garbled(String),
}

/// What one event of a stream means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Opens or accompanies the answer but carries nothing of it: may be held back until something does.
    Lifecycle,
    /// Carries thinking, which is of the answer but not yet the answer.
    Thinking,
    /// Carries something of the answer.
    Output,
    /// Is only there because the gateway asked for it: not for this client.
    Withheld,
    /// Completes the answer; nothing after it belongs to it.
    End,
    /// Completes an answer that has nothing in it at all.
    Empty,
    /// Says that the provider failed.
    Failed,
    /// Is not what the dialect allows.
    Garbled,
}

impl Meaning {
    /// What an event means that has both parts: thinking alone is not yet the answer, thinking beside it does not count.
    #[must_use]
    pub fn and(self, part: Self) -> Self {
        match (self, part) {
            (Self::Output, _) | (_, Self::Output) => Self::Output,
            (Self::Thinking, _) | (_, Self::Thinking) => Self::Thinking,
            (first, _) => first,
        }
    }

    /// Whether the event carries something of the answer, be it thinking.
    pub fn says_something(self) -> bool {
        matches!(self, Self::Output | Self::Thinking)
    }
}

/// How a stream that simply stopped is to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The answer was complete; these bytes close it in the dialect's own way (empty if nothing is missing).
    Whole(Bytes),
    /// The answer was cut.
    Cut,
}

/// Reads a stream of one dialect as it passes, event by event.
pub trait Watch: Send {
    /// What the next event means; `raw` is the event as the framing cut it.
    fn event(&mut self, raw: &[u8]) -> Meaning;

    /// How the end of the bytes is to be taken.
    fn finish(&mut self) -> Ending;

    /// The dialect's own error, to be sent in place of what is missing.
    fn fail(&mut self, fault: &Fault) -> Bytes;

    /// The latest usage the stream reported.
    fn usage(&self) -> Option<Usage>;
}

/// One wire language.
pub trait Dialect: Sync + fmt::Debug {
    /// The name in config, records and the table.
    fn name(&self) -> &'static str;

    /// The paths that clients call.
    fn endpoints(&self) -> &'static [Endpoint];

    /// Whether this path asks for a stream; `None` in dialects that ask in the body.
    fn path_streams(&self, _path: &str) -> Option<bool> {
        None
    }

    /// The client's request headers that are part of the dialect and travel to the provider; lower case, `*` at the end
    /// stands for any rest.
    fn request_headers(&self) -> &'static [&'static str];

    /// Those that such a rest stands for too and that are the operator's to send, since they say who pays; spelled the
    /// same way.
    fn withheld_headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// The provider's answer headers that are part of the dialect and travel to the client; lower case, `*` at the end
    /// stands for any rest.
    fn answer_headers(&self) -> &'static [&'static str];

    /// How its answers say what is left of limits by the minute; dialects without a way of their own say it as OpenAI does.
    fn limit_headers(&self) -> &'static LimitHeaders {
        static USUAL: LimitHeaders = LimitHeaders::OPENAI;
        &USUAL
    }

    /// Where its requests say how much they want at most.
    fn output_limit(&self) -> OutputLimit {
        OutputLimit { tokens: &[], answers: &[] }
    }

    /// Asks for the usage of a streamed answer if the client did not; true if the client then has to be spared the
    /// extra event.
    fn ask_usage(&self, operation: Operation, envelope: &Envelope, edits: &mut Edits) -> Result<bool, Fault>;

    /// Reads a whole JSON answer.
    fn read_answer(&self, operation: Operation, body: &[u8]) -> Answer;

    /// Starts to watch a streamed answer; with `spare_usage` the event that only carries usage is withheld.
    fn watch(&self, operation: Operation, spare_usage: bool) -> Box<dyn Watch>;

    /// Watches a streamed answer that comes as one JSON array, in dialects that have such streams.
    fn watch_array(&self) -> Option<Box<dyn Watch>> {
        None
    }

    /// The whole answer that a streamed one comes to, given what its events carry, in order and without the last, which
    /// only ends it: for operations that are no conversations, which [`crate::fold`] is for. `None` for what is not
    /// streamed in parts of one answer.
    fn join(&self, _operation: Operation, _payloads: &[Cow<'_, [u8]>]) -> Option<Bytes> {
        None
    }

    /// The body of an error answer.
    fn error_body(&self, fault: &Fault) -> Bytes;

    /// Headers of an error answer, in dialects that say the kind of error there; names in lower case.
    fn error_headers(&self, _fault: &Fault) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What may stand between two events of a stream to say that there will be more: nothing to the dialect's SDKs. `None`
    /// where they would trip over it.
    fn sign_of_life(&self, _operation: Operation) -> Option<&'static str> {
        None
    }

    /// Whether a request for `operation` without a word about it asks for a stream.
    fn streams_by_default(&self, _operation: Operation) -> bool {
        false
    }

    /// Whether a request to a path that several dialects share is of this one.
    fn claims(&self, _headers: &HeaderMap, _query: Option<&str>) -> bool {
        false
    }

    /// The list of these models; `None` if the dialect has no such list.
    fn model_list(&self, _names: &[&str]) -> Option<Bytes> {
        None
    }

    /// What the dialect says of one model; `None` if it says nothing.
    fn model(&self, _name: &str) -> Option<Bytes> {
        None
    }

    /// What a server of the dialect says about itself at this tail; `None` if nothing.
    fn about(&self, _tail: &str) -> Option<Bytes> {
        None
    }

    /// The whole answer to a request that asks the model for nothing, where the dialect has such requests: a provider of
    /// another dialect would be asked, and paid, for something. `path` is the one that was called, `now` in seconds since
    /// 1970.
    fn idle_answer(&self, _path: &str, _body: &[u8], _now: u64) -> Option<Bytes> {
        None
    }

    /// How its answers are continued by their ids, if the dialect keeps answers.
    fn conversations(&self) -> Option<&'static dyn Conversations> {
        None
    }

    /// What in its requests tells one conversation from another, if they are conversations.
    fn signs(&self) -> Option<&'static Signs> {
        None
    }

    /// Other dialects whose proofs of reasoning its providers take: those of the makers whose models they host.
    fn hosts_proofs_of(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether its providers can be asked `operation` on behalf of clients of other dialects.
    fn takes(&self, operation: Operation) -> bool {
        match operation {
            Operation::Generate => true,
            Operation::CountTokens => self.codec().counting().is_some(),
            Operation::Embed => self.codec().embedding().is_some(),
            _ => false,
        }
    }

    /// The model that a body names elsewhere than in `model`, where the dialect has such a place.
    fn model_elsewhere(&self, _operation: Operation, _envelope: &Envelope) -> Option<String> {
        None
    }

    /// Notes in `edits` where else than in the path a body names its model, to be `model` there too.
    fn rename_model(&self, _envelope: &Envelope, _model: &str, _edits: &mut Edits) {}

    /// Reads and writes the dialect's conversations.
    fn codec(&self) -> &'static dyn Codec;
}

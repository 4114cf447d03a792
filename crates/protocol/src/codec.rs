//! How a dialect reads and writes conversations: the seam that every pair of dialects is translated through.

use bytes::Bytes;

pub use crate::framing::Framing;
use crate::ir::{Complaint, Event, Fault, Losses, Request, Response};
use crate::{counting::Counting, embedding::Embedding, resume::Prefill};

/// What a request says outside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestHead<'a> {
    /// The model in the path, where the dialect has it there.
    pub model: Option<&'a str>,
    /// Whether the path asks for a stream, where the dialect asks there.
    pub stream: Option<bool>,
    /// The path behind the host, for dialects with several shapes on several paths (Ollama chat and generate).
    pub path: &'a str,
}

/// The upstream that a request is encoded for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The model as the provider knows it.
    pub model: &'a str,
    /// The model's known output limit, for dialects that require one.
    pub max_output: Option<u64>,
    /// The version of the API that the provider is spoken to in, where the dialect has versions.
    pub version: Option<&'a str>,
}

/// An encoded request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The body.
    pub body: Vec<u8>,
    /// What could not be said.
    pub losses: Losses,
}

/// The client that an answer is encoded for.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The request that is answered, as it was decoded.
    pub request: &'a Request<'a>,
    /// Unique text for ids that the provider did not give; ids are derived from it and a count, never drawn.
    pub seed: &'a str,
    /// Seconds since 1970, for answers whose provider did not say when.
    pub now: u64,
    /// The path that was called, with its query.
    pub path: &'a str,
}

/// Where the provider takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The path behind the version segment, percent-encoded, e.g. `/chat/completions`.
    pub tail: String,
    /// The query, without its question mark.
    pub query: Option<&'static str>,
}

/// Reads and writes the conversations of one dialect. Stateless; streams have their own decoders and encoders.
pub trait Codec: Sync {
    /// How streams are framed.
    fn framing(&self) -> Framing;

    /// The media type of a stream for a client that called `path` (its query included).
    fn stream_type(&self, _path: &str) -> &'static str {
        self.framing().media_type()
    }

    /// Where a provider of this dialect takes a request for `model`.
    fn call(&self, model: &str, stream: bool) -> Call;

    /// Reads a client's request. Fails with `BadRequest` and a message that names the field, if the body is not one.
    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault>;

    /// Writes a request for a provider. With an origin of the same dialect it is the identity up to the written
    /// normalisations of that dialect.
    fn encode_request(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault>;

    /// Reads a provider's whole answer. Fails with `Garbled` if it is not one.
    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, Fault>;

    /// Writes a whole answer for a client.
    fn encode_response(&self, response: &Response<'_>, reply: Reply<'_>) -> Encoded;

    /// Reads a client's request to count the tokens of a conversation.
    fn decode_count<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
        self.decode_request(head, body)
    }

    /// Writes the answer to such a request.
    fn encode_count(&self, tokens: u64) -> Bytes {
        format!("{{\"input_tokens\":{tokens}}}").into()
    }

    /// How its providers are asked to count, if they can be.
    fn counting(&self) -> Option<&'static dyn Counting> {
        None
    }

    /// How texts become vectors in this dialect, if they do.
    fn embedding(&self) -> Option<&'static dyn Embedding> {
        None
    }

    /// Starts to read a provider's stream.
    fn decoder(&self) -> Box<dyn StreamDecoder>;

    /// Whether providers of this dialect can be relied on to say what an answer cost; else it is estimated where they
    /// do not.
    fn reports_usage(&self) -> bool {
        true
    }

    /// Starts to write a stream for a client.
    fn encoder(&self, reply: Reply<'_>) -> Box<dyn StreamEncoder>;

    /// Whether clients of this dialect send the ids of calls back. Where some do not, their calls are known again by the
    /// conversation.
    fn returns_call_ids(&self) -> bool {
        true
    }

    /// Whether a part of the conversation is not in the request, which names what its provider keeps.
    fn continues_what_is_kept(&self, request: &Request<'_>) -> bool {
        request.previous.is_some()
    }

    /// Whether what a thinking block of this dialect bears as its signature is a proof, and not only a note of the dialect's
    /// own on where the reasoning stood.
    fn is_proof(&self, _signature: &str) -> bool {
        true
    }

    /// Whether tools may take plain text in place of JSON. Where they may not, [`crate::translate`] makes functions of
    /// them.
    fn has_custom_tools(&self) -> bool {
        false
    }

    /// Whether a request may have tools that take plain text, told without reading it; where it may not, this is so.
    fn may_name_custom_tools(&self, _body: &[u8]) -> bool {
        self.has_custom_tools()
    }

    /// Whether a model may be told to choose among some of the tools on offer. Where it may not, only those are offered,
    /// and [`crate::translate`] names the others.
    fn has_choice_among_tools(&self) -> bool {
        false
    }

    /// How `model` takes the beginning of its answer to `request` from whoever speaks this dialect, to go on with it; `None`
    /// where it does not, or where no maker says so. `known` is what the provider in question is known for, in dialects
    /// whose providers differ.
    fn prefill(&self, _request: &Request<'_>, _model: &str, _known: Option<Prefill>) -> Option<Prefill> {
        None
    }

    /// Marks the last message of an encoded request as the beginning of the answer.
    fn mark_prefill(&self, body: Vec<u8>, _prefill: Prefill) -> Vec<u8> {
        body
    }

    /// Reads a provider's error body: its words, where they can be read.
    fn decode_error(&self, body: &[u8]) -> Option<Complaint>;

    /// Writes an error answer for a client.
    fn encode_error(&self, fault: &Fault) -> Bytes;
}

/// What a decoder hands its events to.
pub type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// How a decoder takes one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The stream goes on.
    Go,
    /// The answer is complete: `Event::End` was handed over.
    End,
    /// The provider failed; the bytes are its error body.
    Failed(Bytes),
    /// The event is not what the dialect allows; the text says why.
    Garbled(String),
}

/// Reads one provider's stream.
pub trait StreamDecoder: Send {
    /// Takes one event as the framing cut it, and hands over what it means.
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step;

    /// Takes the end of the bytes: hands over what is left (`Event::End` included) and says `End` if the answer was
    /// complete, `Garbled` if it was cut.
    fn finish(&mut self, sink: Sink<'_>) -> Step;

    /// Takes the breaking off of the connection in place of the end. The answer may be complete all the same, where the
    /// dialect has a way to say so before its bytes end; where it has none, the end alone says it.
    fn broken(&mut self, sink: Sink<'_>) -> Step {
        self.finish(sink)
    }
}

/// Writes one client's stream.
pub trait StreamEncoder: Send {
    /// Appends to `out` what one event is in this dialect; may hold back what is not due.
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>);

    /// Appends the dialect's own error; nothing follows it.
    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>);

    /// What could not be said so far.
    fn losses(&self) -> &Losses;
}

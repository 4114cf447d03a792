//! Reads and writes the conversations of this dialect: where its parts come together.

use bytes::Bytes;

use super::{
    decode_request, decode_response, decode_stream, embed, encode_request, encode_response, encode_stream,
    error, prefill, reasoning,
};
use crate::{
    codec::{Call, Codec, Encoded, Framing, Reply, RequestHead, StreamDecoder, StreamEncoder, Target},
    embedding::Embedding,
    ir::{Complaint, Fault, Request, Response},
    resume::Prefill,
};

/// See the module.
#[derive(Debug)]
pub(in crate::dialects) struct OpenAiChatCodec;

impl Codec for OpenAiChatCodec {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn call(&self, _: &str, _: bool) -> Call {
        Call { tail: "/chat/completions".to_owned(), query: None }
    }

    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
        decode_request::decode(head, body)
    }

    fn encode_request(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        Ok(encode_request::encode(request, target))
    }

    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, Fault> {
        decode_response::decode(body)
    }

    fn encode_response(&self, response: &Response<'_>, reply: Reply<'_>) -> Encoded {
        encode_response::encode(response, reply)
    }

    fn embedding(&self) -> Option<&'static dyn Embedding> {
        Some(&embed::Embeddings)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(decode_stream::Decoder::default())
    }

    fn encoder(&self, reply: Reply<'_>) -> Box<dyn StreamEncoder> {
        Box::new(encode_stream::Encoder::new(reply))
    }

    fn is_proof(&self, signature: &str) -> bool {
        !reasoning::is_name(signature)
    }

    fn has_custom_tools(&self) -> bool {
        true
    }

    /// Their type; in a text its quotes would be escaped.
    fn may_name_custom_tools(&self, body: &[u8]) -> bool {
        memchr::memmem::find(body, br#""custom""#).is_some()
    }

    fn has_choice_among_tools(&self) -> bool {
        true
    }

    // OpenAI's own models begin a new answer.
    fn prefill(&self, _: &Request<'_>, _: &str, known: Option<Prefill>) -> Option<Prefill> {
        known
    }

    fn mark_prefill(&self, body: Vec<u8>, prefill: Prefill) -> Vec<u8> {
        prefill::mark(body, prefill)
    }

    fn decode_error(&self, body: &[u8]) -> Option<Complaint> {
        error::decode(body)
    }

    fn encode_error(&self, fault: &Fault) -> Bytes {
        error::translated(fault)
    }
}

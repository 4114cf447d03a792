//! The codec of the dialect: what is read and written where.

use bytes::Bytes;

use super::{
    count, decode_request, decode_response,
    decode_stream::ResponseDecoder,
    encode_request,
    encode_stream::{self, ResponseEncoder},
    error, openai_chat,
};
use crate::{
    codec::{Call, Codec, Encoded, Framing, Reply, RequestHead, StreamDecoder, StreamEncoder, Target},
    counting::Counting,
    ir::{Complaint, Fault, Request, Response},
};

/// Reads and writes the OpenAI Responses dialect.
#[derive(Debug)]
pub(in crate::dialects) struct OpenAiResponsesCodec;

impl Codec for OpenAiResponsesCodec {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn call(&self, _: &str, _: bool) -> Call {
        Call { tail: "/responses".to_owned(), query: None }
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
        encode_stream::encode(response, reply)
    }

    fn encode_count(&self, tokens: u64) -> Bytes {
        count::answer(tokens)
    }

    fn counting(&self) -> Option<&'static dyn Counting> {
        Some(&count::InputTokens)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::<ResponseDecoder>::default()
    }

    fn encoder(&self, reply: Reply<'_>) -> Box<dyn StreamEncoder> {
        Box::new(ResponseEncoder::new(reply))
    }

    fn has_custom_tools(&self) -> bool {
        true
    }

    fn has_choice_among_tools(&self) -> bool {
        true
    }

    fn decode_error(&self, body: &[u8]) -> Option<Complaint> {
        error::decode(body)
    }

    fn encode_error(&self, fault: &Fault) -> Bytes {
        openai_chat::translated_error(fault)
    }
}

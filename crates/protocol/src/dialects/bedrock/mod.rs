//! The dialect of Amazon Bedrock's Converse and ConverseStream.
//!
//! What changes when a body is read and written again in this dialect:
//!
//! - `modelId` in a body is the model and goes into the path; empty `system`, `inferenceConfig`, `toolConfig` and
//!   members that are `null` are left out.
//! - `"type": "tool_use"` of a call says nothing and is left out; a call without `input` gets `{}`.
//! - In a tool result, text that is a JSON object is written as `json`.
//! - Texts of one `citationsContent` become one; one without citations becomes plain text.
//! - `reasoning_config` is written `thinking`, in the spelling of the maker whose model is asked.
//! - A `cachePoint` without a type gets one.
//! - Members that nobody knows are kept, but for those inside `toolChoice`, `textFormat`, `source` and `output`.
//! - An answer does not say its id, its model and when it was made; those of another dialect are left out without a word.
//! - In answers, counts of cached tokens that are 0 are left out, and `metrics` are added where there are none.
//! - In streams, `end_turn` of a turn that calls tools is written `tool_use`, blocks in which nothing is said are left
//!   out, padding (`p`) is dropped, what `messageStop` and `metadata` have beside stop reason and usage stands in
//!   `metadata`, and `metrics` are added where there are none.

pub(super) mod citation;
mod content_decode;
mod content_encode;
mod count;
mod error;
mod frame;
pub mod invoke;
mod media;
mod media_encode;
mod model;
mod proof;
mod request_decode;
mod request_encode;
mod response;
mod stream_decode;
mod stream_encode;
mod tools_encode;
mod turns_encode;
mod watch;
mod wire;
mod write;

use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    affinity::Signs,
    codec::{Call, Codec, Encoded, Framing, Reply, RequestHead, StreamDecoder, StreamEncoder, Target},
    counting::Counting,
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    envelope::Envelope,
    ir::{Complaint, Fault, Request, Response},
    output_limit::OutputLimit,
    resume::Prefill,
    splice::Edits,
};

/// The name in config, records and the tables.
pub(super) const NAME: &str = "bedrock";

/// Passes Converse on as it is.
#[derive(Debug)]
pub(super) struct Bedrock;

const fn endpoint(path: &'static str, operation: Operation) -> Endpoint {
    Endpoint::new(Method::POST, path, "", operation)
}

/// The path that streams; nothing in a body asks for a stream.
const STREAM: &str = "/model/*/converse-stream";
const ENDPOINTS: &[Endpoint] = &[
    endpoint("/model/*/converse", Operation::Generate),
    endpoint(STREAM, Operation::Generate),
    endpoint("/model/*/count-tokens", Operation::CountTokens),
];

/// Converse has no name for a session.
const SIGNS: Signs = Signs {
    ids: &[],
    system: &["system"],
    turns: "messages",
    content: "content",
    nobody_is_user: false,
    continues: "",
};

impl Dialect for Bedrock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signs(&self) -> Option<&'static Signs> {
        Some(&SIGNS)
    }

    fn codec(&self) -> &'static dyn Codec {
        &BedrockCodec
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn path_streams(&self, path: &str) -> Option<bool> {
        Some(path.ends_with("/converse-stream"))
    }

    fn request_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn output_limit(&self) -> OutputLimit {
        OutputLimit { tokens: &["inferenceConfig.maxTokens"], answers: &[] }
    }

    fn answer_headers(&self) -> &'static [&'static str] {
        &["x-amzn-requestid", "x-amzn-bedrock-*"]
    }

    fn ask_usage(&self, _: Operation, _: &Envelope, _: &mut Edits) -> Result<bool, Fault> {
        // A stream of Converse always ends with its usage.
        Ok(false)
    }

    fn read_answer(&self, operation: Operation, body: &[u8]) -> Answer {
        if operation == Operation::CountTokens {
            return count::read_answer(body);
        }
        match serde_json::from_slice::<wire::Response<'_>>(body) {
            Ok(answer) if answer.output.is_some() => {
                Answer::Whole(answer.usage.as_ref().map(response::usage))
            }
            Ok(_) if error::decode(body).is_some() => Answer::Failed,
            Ok(_) => Answer::Garbled("the answer has no `output`".to_owned()),
            Err(error) => Answer::Garbled(error.to_string()),
        }
    }

    fn watch(&self, _: Operation, _: bool) -> Box<dyn Watch> {
        Box::new(watch::FrameWatch::default())
    }

    fn hosts_proofs_of(&self) -> &'static [&'static str] {
        &[crate::dialects::anthropic::NAME]
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        error::encode(fault)
    }

    fn error_headers(&self, fault: &Fault) -> Vec<(&'static str, String)> {
        vec![(error::TYPE_HEADER, error::kind(fault).to_string())]
    }
}

/// Reads and writes Converse.
#[derive(Debug)]
pub(super) struct BedrockCodec;

impl Codec for BedrockCodec {
    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn call(&self, model: &str, stream: bool) -> Call {
        call(model, if stream { "converse-stream" } else { "converse" })
    }

    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
        request_decode::decode(head, body)
    }

    fn encode_request(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        Ok(request_encode::encode(request, target))
    }

    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, Fault> {
        response::decode(body)
    }

    fn encode_response(&self, response: &Response<'_>, _: Reply<'_>) -> Encoded {
        response::encode(response)
    }

    fn decode_count<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
        count::read(head, body)
    }

    fn encode_count(&self, tokens: u64) -> Bytes {
        format!("{{\"inputTokens\":{tokens}}}").into()
    }

    fn counting(&self) -> Option<&'static dyn Counting> {
        Some(&count::CountTokens)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::Decoder::default())
    }

    fn encoder(&self, _: Reply<'_>) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::default())
    }

    fn prefill(&self, request: &Request<'_>, model: &str, _: Option<Prefill>) -> Option<Prefill> {
        model::takes_prefill(request, model).then_some(Prefill::Plain)
    }

    fn decode_error(&self, body: &[u8]) -> Option<Complaint> {
        error::decode(body)
    }

    fn encode_error(&self, fault: &Fault) -> Bytes {
        error::encode(fault)
    }
}

/// What need not be encoded in one segment of a path (RFC 3986, "unreserved").
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where an operation takes a request; ids of models have colons, and ARNs slashes, in them.
fn call(model: &str, operation: &str) -> Call {
    Call { tail: format!("/model/{}/{operation}", utf8_percent_encode(model, SEGMENT)), query: None }
}

//! The dialect of Kiro, `GenerateAssistantResponse`: spoken to its provider only, as no client speaks it.
//!
//! The members of requests and events are those of AWS's own client (aws/amazon-q-developer-cli, crate
//! `amzn-codewhisperer-streaming-client`); its path and what the service refuses are from the public gateways
//! caidaoli/kiro2api, justlovemaki/AIClient-2-API and router-for-me/CLIProxyAPIPlus.
//!
//! What a request becomes:
//!
//! - All messages but the last are `history`, in turns of user and assistant; the last one is `currentMessage`, which has
//!   the tools too. Blocks of one turn are told apart by blank lines.
//! - There is no system prompt: it stands in front of the first message.
//! - Nothing says how to sample, how long the answer may be, or how to choose among tools: these are losses.
//! - A tool without a description is described by its name, because the service refuses an empty description. Tools
//!   that the conversation has called and the client offers no more are offered by their names, because it refuses
//!   calls of others.
//! - `conversationId` and `profileArn` are no part of the conversation: [the form](crate::forms) puts them in.
//! - Cache points are in AWS's model, but no known client sends them, so hints are losses.
//!
//! What an answer has: text, calls, reasoning. It is always a stream, which has no last event: it is whole when its
//! bytes end well and no call is half said. References and citations are blocks that only this dialect has; what
//! measures the account (`meteringEvent`, `contextUsageEvent`) is no part of the answer.

mod client;
mod error;
mod request;
mod stream;
mod tools;
mod turns;
mod wire;

use bytes::Bytes;

use crate::{
    codec::{Call, Codec, Encoded, Framing, Reply, RequestHead, StreamDecoder, StreamEncoder, Target},
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    envelope::Envelope,
    fold::{self, Folded},
    ir::{Complaint, Fault, FaultKind, Request, Response},
    splice::Edits,
};

const NAME: &str = "kiro";

/// Kiro, towards its provider.
#[derive(Debug)]
pub(super) struct Kiro;

impl Dialect for Kiro {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> &'static dyn Codec {
        &Kiro
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        &[]
    }

    fn request_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn answer_headers(&self) -> &'static [&'static str] {
        &["x-amzn-requestid"]
    }

    fn ask_usage(&self, _: Operation, _: &Envelope, _: &mut Edits) -> Result<bool, Fault> {
        Ok(false)
    }

    fn read_answer(&self, _: Operation, body: &[u8]) -> Answer {
        match error::decode(body) {
            Some(_) => Answer::Failed,
            None => Answer::Garbled("Kiro has no answers that are not streams".to_owned()),
        }
    }

    fn watch(&self, _: Operation, _: bool) -> Box<dyn Watch> {
        Box::new(client::Unwatched)
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        error::encode(fault)
    }
}

impl Codec for Kiro {
    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn call(&self, _: &str, _: bool) -> Call {
        Call { tail: "/generateAssistantResponse".to_owned(), query: None }
    }

    fn decode_request<'a>(&self, _: RequestHead<'_>, _: &'a [u8]) -> Result<Request<'a>, Fault> {
        Err(Fault::new(FaultKind::Unsupported, "no client speaks this provider's dialect; use another one"))
    }

    fn encode_request(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        request::encode(request, target)
    }

    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, Fault> {
        let garbled = Fault::new(FaultKind::Garbled, "the provider's answer is not a whole stream of Kiro");
        match fold::fold(NAME, self, &Bytes::copy_from_slice(body), None) {
            Folded::Whole(response) => Ok(*response),
            Folded::Failed(body) => Err(garbled.with_detail(String::from_utf8_lossy(&body))),
            Folded::Garbled(why) => Err(garbled.with_detail(why)),
        }
    }

    fn encode_response(&self, _: &Response<'_>, _: Reply<'_>) -> Encoded {
        client::nothing()
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn reports_usage(&self) -> bool {
        false
    }

    fn encoder(&self, _: Reply<'_>) -> Box<dyn StreamEncoder> {
        Box::new(client::Unwritten::default())
    }

    fn decode_error(&self, body: &[u8]) -> Option<Complaint> {
        error::decode(body)
    }

    fn encode_error(&self, fault: &Fault) -> Bytes {
        error::encode(fault)
    }
}

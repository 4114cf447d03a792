//! The Ollama dialect: chat and generate, answers and streams, and the small endpoints beside them.
//!
//! # Normalisations
//!
//! Reading and writing back a request gives the same JSON, but for these:
//!
//! - `stream` is written out; absent means true here.
//! - Members that ask for nothing are left out: null, `""` as `format`, `system` or `prompt`, empty lists and `options`,
//!   and what is empty, false or 0 among the members that only generate has.
//! - A generate request becomes a chat request, unless it uses a member that only generate has (`suffix`, `template`,
//!   `raw`, `context`, `width`, `height`, `steps`).
//! - `stop` becomes a list; roles become lower case, `developer` becomes `system`; `content` is written out;
//!   `arguments` are written out; `images` lose a data URL's front.
//! - `type` is written out for tools and left out for calls; `index` of a call is its position: left out in requests,
//!   written out in answers.
//! - A tool message gets the `tool_name` and `tool_call_id` of its call where the call is found and has an id.
//! - `top_logprobs` of 0 is left out.
//!
//! And of an answer:
//!
//! - `created_at` is in whole seconds, UTC. `role` and `content` (`response`) are written out; empty `thinking`, `images`
//!   and `tool_calls` are left out, as are token counts of zero; `image` of generate becomes `images`.
//! - A call without id gets one, made from the answer's time, the call's position and name.
//! - In a stream `done_reason` is written out, the last line carries no text, calls are a line each, log probabilities
//!   too, and what only this dialect says (durations, `context`) stands in the last line.
//!
//! Two kinds of members have no field of their own in the model: options that other dialects do not have are kept in
//! [`crate::ir::Request::extra`] as `options.NAME`, unknown members of `function` in the block's or tool's `extra` as
//! `function.NAME`.

mod embed;
mod error;
mod idle;
mod ids;
mod logprobs;
mod media;
mod models;
mod request;
mod response;
mod say;
mod stream;
mod time;
mod wire;
mod write;

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use crate::{
    affinity::Signs,
    codec::{Call, Codec, Encoded, Reply, RequestHead, StreamDecoder, StreamEncoder, Target},
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    embedding::Embedding,
    envelope::Envelope,
    framing::Framing,
    ir::{Complaint, Fault, Request, Response},
    json,
    output_limit::OutputLimit,
    resume::Prefill,
    splice::Edits,
};

/// The name in config, records and the table.
const NAME: &str = "ollama";

/// True for the path of generate, with whatever in front; every other path has the shape of chat.
fn is_generate(path: &str) -> bool {
    path.ends_with("/generate")
}

/// Reads and writes the dialect's conversations.
#[derive(Debug)]
pub(super) struct OllamaCodec;

impl Codec for OllamaCodec {
    fn framing(&self) -> Framing {
        Framing::Ndjson
    }

    fn call(&self, _: &str, _: bool) -> Call {
        Call { tail: "/api/chat".to_owned(), query: None }
    }

    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
        request::decode(head, body)
    }

    fn encode_request(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        Ok(request::encode(request, target))
    }

    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, Fault> {
        response::decode(body)
    }

    fn encode_response(&self, response: &Response<'_>, reply: Reply<'_>) -> Encoded {
        response::encode(response, reply)
    }

    fn embedding(&self) -> Option<&'static dyn Embedding> {
        Some(&embed::Embed)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn encoder(&self, reply: Reply<'_>) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(reply))
    }

    /// The official SDKs leave them out.
    fn returns_call_ids(&self) -> bool {
        false
    }

    // Its server lets every model go on where a last message of the assistant ends, as its makers say of `/api/chat`.
    fn prefill(&self, _: &Request<'_>, _: &str, _: Option<Prefill>) -> Option<Prefill> {
        Some(Prefill::Plain)
    }

    fn decode_error(&self, body: &[u8]) -> Option<Complaint> {
        error::read(body)
    }

    fn encode_error(&self, fault: &Fault) -> Bytes {
        error::body(fault).into()
    }
}

/// Passes the dialect through.
#[derive(Debug)]
pub(super) struct Ollama;

/// Endpoints at the server's own paths and, for gateways that share a host, below `/ollama`.
macro_rules! endpoints {
    ($($method:ident $path:literal $operation:ident,)*) => {
        &[
            $(Endpoint::new(Method::$method, $path, "", Operation::$operation),)*
            $(Endpoint::new(Method::$method, concat!("/ollama", $path), "/ollama", Operation::$operation),)*
        ]
    };
}

/// Source: the Ollama OpenAPI description; `/api/embeddings` is the older form of `/api/embed`. Pulling, pushing,
/// creating and deleting models is the operator's business at the server itself.
const ENDPOINTS: &[Endpoint] = endpoints![
    POST "/api/chat" Generate,
    POST "/api/generate" Generate,
    POST "/api/embed" Embed,
    POST "/api/embeddings" Embed,
    GET "/api/tags" ListModels,
    POST "/api/show" GetModel,
    GET "/api/version" About,
    GET "/api/ps" About,
];

/// A prompt for generate is no conversation.
const SIGNS: Signs = Signs {
    ids: &[],
    system: &["system"],
    turns: "messages",
    content: "content",
    nobody_is_user: false,
    continues: "",
};

impl Dialect for Ollama {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signs(&self) -> Option<&'static Signs> {
        Some(&SIGNS)
    }

    fn codec(&self) -> &'static dyn Codec {
        &OllamaCodec
    }

    fn model_list(&self, names: &[&str]) -> Option<Bytes> {
        Some(models::list(names))
    }

    fn model(&self, name: &str) -> Option<Bytes> {
        Some(models::one(name))
    }

    /// `/api/show` once took `name`, which editors' extensions still send.
    fn model_elsewhere(&self, operation: Operation, envelope: &Envelope) -> Option<String> {
        let (object, body) = envelope.json().filter(|_| operation == Operation::GetModel)?;
        let name = object.get(body, "name").ok().flatten()?;
        json::text(&body[name]).map(Cow::into_owned)
    }

    fn idle_answer(&self, path: &str, body: &[u8], now: u64) -> Option<Bytes> {
        idle::answer(path, body, now)
    }

    fn about(&self, tail: &str) -> Option<Bytes> {
        models::about(tail)
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn request_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn output_limit(&self) -> OutputLimit {
        OutputLimit { tokens: &["options.num_predict"], answers: &[] }
    }

    fn answer_headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// Streams report their usage unasked.
    fn ask_usage(&self, _: Operation, _: &Envelope, _: &mut Edits) -> Result<bool, Fault> {
        Ok(false)
    }

    fn read_answer(&self, _: Operation, body: &[u8]) -> Answer {
        #[derive(Deserialize)]
        struct Counts {
            #[serde(default)]
            prompt_eval_count: Option<u64>,
            #[serde(default)]
            eval_count: Option<u64>,
        }
        if error::is_one(body) {
            return Answer::Failed;
        }
        match serde_json::from_slice::<Counts>(body) {
            Ok(counts) => Answer::Whole(response::usage(counts.prompt_eval_count, counts.eval_count)),
            Err(error) => Answer::Garbled(error.to_string()),
        }
    }

    fn watch(&self, _: Operation, _: bool) -> Box<dyn Watch> {
        Box::new(stream::LineWatch::default())
    }

    /// `stream` defaults to true (Ollama's API description, chat and generate).
    fn streams_by_default(&self, operation: Operation) -> bool {
        operation == Operation::Generate
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        error::passed(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Usage;

    #[track_caller]
    fn check(body: &str, expect: &Answer) {
        assert_eq!(&Ollama.read_answer(Operation::Generate, body.as_bytes()), expect);
    }

    #[test]
    fn whole_answers() {
        let usage = Usage { input: 17, output: 66, ..Usage::default() };
        check(r#"{"done":true,"prompt_eval_count":17,"eval_count":66}"#, &Answer::Whole(Some(usage)));
        check(r#"{"embeddings":[[0.5]]}"#, &Answer::Whole(None));
        check(r#"{"error":"model 'x' not found"}"#, &Answer::Failed);
        assert!(matches!(Ollama.read_answer(Operation::Generate, b"{\"done\":tr"), Answer::Garbled(_)));
    }

    #[test]
    fn every_endpoint_is_at_both_places() {
        let tails: Vec<&str> =
            ENDPOINTS.iter().map(|endpoint| &endpoint.path[endpoint.version.len()..]).collect();
        assert_eq!(tails[..8], tails[8..]);
        assert!(ENDPOINTS[8..].iter().all(|endpoint| endpoint.path.starts_with("/ollama/api/")));
    }
}

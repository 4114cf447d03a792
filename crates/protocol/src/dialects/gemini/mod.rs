//! The Gemini dialect: `generateContent` of the Gemini API and of Vertex AI.
//!
//! Read and written again, a message stays what it was but for these normalisations:
//!
//! - Names are in camelCase, enumerations in upper case, levels of reasoning too; `null` members are left out.
//! - `model` in the body goes to the path. A turn without a role is the user's; `function` is `user`. The role of
//!   `systemInstruction`, which means nothing, is left out, and so are empty objects such as `generationConfig: {}`.
//! - `inlineData` is in the standard base64 alphabet. `thought: false` is left out.
//! - Neighbouring functions of several tool objects come in one; each tool of the provider has an object of its own.
//! - Schemas are written to `parameters` / `responseSchema` if Gemini's own form can say all of them, with types in
//!   upper case and counts as numbers, else to `parametersJsonSchema` / `responseJsonSchema`; a schema implies
//!   `responseMimeType: application/json`. `responseLogprobs: false` is left out.
//! - A function's result that is one `output` which is text, or one `error`, is taken out of its object and wrapped
//!   again; an `error` that is neither text nor an object becomes text. A result without an id gets that of its call.
//!   Calls without arguments have `args: {}`.
//! - Answers: `index` is always there, `content` too; `finishReason` is a word, never a number; `createTime` is to the
//!   second; token ids of log probabilities are left out. `usageMetadata` details text no more.
//!
//! Losses by design, towards Gemini: see [`request`] and [`part`]; each is named with its path. The form of a stream
//! follows the path: server-sent events with `alt=sse` in its query, else one JSON array.

mod count;
mod embed;
mod error;
mod finish;
mod grounding;
mod logprobs;
mod models;
mod names;
mod part;
mod prefill;
mod proof;
mod request;
mod response;
mod schema;
mod stream;
mod thinking;
mod time;
mod usage;
mod wire;
mod write;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::{
    affinity::Signs,
    codec::{Call, Codec, Encoded, Framing, Reply, RequestHead, StreamDecoder, StreamEncoder, Target},
    counting::Counting,
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    embedding::Embedding,
    envelope::Envelope,
    ir::{Complaint, Fault, Request, Response},
    output_limit::OutputLimit,
    resume::Prefill,
    splice::Edits,
};

/// The dialect's name.
pub(super) const NAME: &str = "gemini";

/// See the module.
#[derive(Debug)]
pub(super) struct Gemini;

const fn endpoint(
    method: Method,
    path: &'static str,
    version: &'static str,
    operation: Operation,
) -> Endpoint {
    Endpoint::new(method, path, version, operation)
}

/// Paths from the discovery document of the Gemini API; the model and what is asked share the last segment. SDKs call
/// `/v1beta`, some clients `/v1`.
const ENDPOINTS: &[Endpoint] = &[
    endpoint(Method::POST, "/v1beta/models/*:generateContent", "/v1beta", Operation::Generate),
    endpoint(Method::POST, "/v1beta/models/*:streamGenerateContent", "/v1beta", Operation::Generate),
    endpoint(Method::POST, "/v1beta/models/*:countTokens", "/v1beta", Operation::CountTokens),
    endpoint(Method::POST, "/v1beta/models/*:embedContent", "/v1beta", Operation::Embed),
    endpoint(Method::POST, "/v1beta/models/*:batchEmbedContents", "/v1beta", Operation::Embed),
    endpoint(Method::GET, "/v1beta/models", "/v1beta", Operation::ListModels),
    endpoint(Method::GET, "/v1beta/models/*", "/v1beta", Operation::GetModel),
    endpoint(Method::POST, "/v1/models/*:generateContent", "/v1", Operation::Generate),
    endpoint(Method::POST, "/v1/models/*:streamGenerateContent", "/v1", Operation::Generate),
    endpoint(Method::POST, "/v1/models/*:countTokens", "/v1", Operation::CountTokens),
    endpoint(Method::POST, "/v1/models/*:embedContent", "/v1", Operation::Embed),
    endpoint(Method::POST, "/v1/models/*:batchEmbedContents", "/v1", Operation::Embed),
    endpoint(Method::GET, "/v1/models", "/v1", Operation::ListModels),
    endpoint(Method::GET, "/v1/models/*", "/v1", Operation::GetModel),
];

/// The system's instruction is spelled in both ways.
const SIGNS: Signs = Signs {
    ids: &[],
    system: &["systemInstruction", "system_instruction"],
    turns: "contents",
    content: "parts",
    nobody_is_user: true,
    continues: "",
};

impl Dialect for Gemini {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signs(&self) -> Option<&'static Signs> {
        Some(&SIGNS)
    }

    fn codec(&self) -> &'static dyn Codec {
        &GeminiCodec
    }

    fn claims(&self, headers: &HeaderMap, query: Option<&str>) -> bool {
        headers.contains_key("x-goog-api-key")
            || query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("key=")))
    }

    fn model_list(&self, names: &[&str]) -> Option<Bytes> {
        Some(models::list(names))
    }

    fn model(&self, name: &str) -> Option<Bytes> {
        Some(models::one(name))
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn path_streams(&self, path: &str) -> Option<bool> {
        Some(path.ends_with(":streamGenerateContent"))
    }

    fn request_headers(&self) -> &'static [&'static str] {
        // How long the SDK waits; the others say who the client is or who pays.
        &["x-server-timeout"]
    }

    fn output_limit(&self) -> OutputLimit {
        OutputLimit {
            tokens: &["generationConfig.maxOutputTokens", "generation_config.max_output_tokens"],
            answers: &["generationConfig.candidateCount", "generation_config.candidate_count"],
        }
    }

    fn answer_headers(&self) -> &'static [&'static str] {
        &["x-gemini-*"]
    }

    fn rename_model(&self, envelope: &Envelope, model: &str, edits: &mut Edits) {
        names::rename(envelope, model, edits);
    }

    fn ask_usage(&self, _: Operation, _: &Envelope, _: &mut Edits) -> Result<bool, Fault> {
        // Every event of a Gemini stream has the usage so far.
        Ok(false)
    }

    fn read_answer(&self, operation: Operation, body: &[u8]) -> Answer {
        match operation {
            Operation::Generate => stream::whole(body),
            _ => match serde_json::from_slice::<wire::Response<'_>>(body) {
                Ok(answer) if answer.error.is_some() => Answer::Failed,
                Ok(_) => Answer::Whole(None),
                Err(error) => Answer::Garbled(error.to_string()),
            },
        }
    }

    fn watch(&self, _: Operation, _: bool) -> Box<dyn Watch> {
        Box::new(stream::ChunkWatch::of(Framing::Sse))
    }

    fn watch_array(&self) -> Option<Box<dyn Watch>> {
        Some(Box::new(stream::ChunkWatch::of(Framing::JsonArray)))
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        error::body(fault)
    }
}

/// Reads and writes the dialect's conversations.
#[derive(Debug)]
pub(super) struct GeminiCodec;

impl Codec for GeminiCodec {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn stream_type(&self, path: &str) -> &'static str {
        let framing = if stream::asks_for_sse(path) { Framing::Sse } else { Framing::JsonArray };
        framing.media_type()
    }

    fn decode_count<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
        count::read(head, body)
    }

    fn encode_count(&self, tokens: u64) -> Bytes {
        format!("{{\"totalTokens\":{tokens}}}").into()
    }

    fn counting(&self) -> Option<&'static dyn Counting> {
        Some(&count::CountTokens)
    }

    fn call(&self, model: &str, stream: bool) -> Call {
        if stream {
            Call { tail: tail(model, "streamGenerateContent"), query: Some("alt=sse") }
        } else {
            Call { tail: tail(model, "generateContent"), query: None }
        }
    }

    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
        request::read(head, body)
    }

    fn encode_request(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        Ok(request::write(request, target))
    }

    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, Fault> {
        response::read(body)
    }

    fn encode_response(&self, response: &Response<'_>, reply: Reply<'_>) -> Encoded {
        response::write(response, reply)
    }

    fn embedding(&self) -> Option<&'static dyn Embedding> {
        Some(&embed::EmbedContents)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn encoder(&self, reply: Reply<'_>) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(reply))
    }

    /// The Gemini API gives calls no ids, and they are not to be invented for clients.
    fn returns_call_ids(&self) -> bool {
        false
    }

    fn has_choice_among_tools(&self) -> bool {
        true
    }

    fn continues_what_is_kept(&self, request: &Request<'_>) -> bool {
        request.extra.iter().any(|(name, _)| ["cachedContent", "cached_content"].contains(&&**name))
    }

    fn prefill(&self, _: &Request<'_>, model: &str, _: Option<Prefill>) -> Option<Prefill> {
        prefill::is_taken(model).then_some(Prefill::Plain)
    }

    fn decode_error(&self, body: &[u8]) -> Option<Complaint> {
        error::read(body)
    }

    fn encode_error(&self, fault: &Fault) -> Bytes {
        error::body(fault)
    }
}

/// The name of a model as a resource: most are in one collection, others name theirs.
fn resource(model: &str) -> String {
    if model.contains('/') { model.to_owned() } else { format!("models/{model}") }
}

/// Where `operation` on `model` is asked for.
fn tail(model: &str, operation: &str) -> String {
    format!("/{}:{operation}", percent_encoded(&resource(model)))
}

/// The model's name for a path; slashes stay, because names such as `tunedModels/x` have them.
fn percent_encoded(model: &str) -> String {
    let mut path = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'@') {
            path.push(byte as char);
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_in_the_path() {
        let call = |model, stream| {
            let call = GeminiCodec.call(model, stream);
            format!("{}?{}", call.tail, call.query.unwrap_or_default())
        };
        assert_eq!(call("gemini-3.8-flash", true), "/models/gemini-3.8-flash:streamGenerateContent?alt=sse");
        assert_eq!(call("tunedModels/a b", false), "/tunedModels/a%20b:generateContent?");
    }

    #[test]
    fn every_operation_is_found_by_its_path() {
        let find = |path: &'static str| {
            let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.matched(path).is_some())?;
            let model = endpoint.matched(path).filter(|_| endpoint.names_model());
            Some((endpoint.operation, model, Gemini.path_streams(path)))
        };
        assert_eq!(
            find("/v1beta/models/gemini-3:streamGenerateContent"),
            Some((Operation::Generate, Some("gemini-3"), Some(true)))
        );
        assert_eq!(
            find("/v1/models/org%2Fm:1:generateContent"),
            Some((Operation::Generate, Some("org%2Fm:1"), Some(false)))
        );
        assert_eq!(find("/v1/models/m:countTokens"), Some((Operation::CountTokens, Some("m"), Some(false))));
        assert_eq!(find("/v1beta/models"), Some((Operation::ListModels, None, Some(false))));
        assert_eq!(find("/v1beta/models/x"), Some((Operation::GetModel, None, Some(false))));
        assert_eq!(find("/v1beta/models/:generateContent").map(|found| found.0), Some(Operation::GetModel));
        assert_eq!(find("/v1beta/files"), None);
    }
}

//! InvokeModel of Anthropic's models: the maker's own dialect, with the version in the body and streams in chunks.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Answered, ApiError, Object, models, stream};
use crate::{
    dialects::{Call, Dialect, anthropic::Anthropic},
    reply::{Frame, Payload, Reply},
};

/// What the body has to say (AWS documentation, "Anthropic Claude Messages API"; recordings `bedrock-invoke`).
const VERSION: &str = "bedrock-2023-05-31";
/// What the path says, so that the body may not.
const IN_THE_PATH: &[&str] = &["model", "stream"];

/// The maker's answer, in this host's clothes.
pub(super) fn answer(call: &Call<'_>, id: &str, streams: bool, mut body: Object) -> Answered {
    if !models::is_claude(id) && call.strict {
        return Err(ApiError::invalid("The provided model doesn't take the Messages API."));
    }
    let version = body.remove("anthropic_version");
    if call.strict {
        if version.as_ref().and_then(Value::as_str) != Some(VERSION) {
            return Err(ApiError::invalid("anthropic_version: Field required"));
        }
        if let Some(extra) = IN_THE_PATH.iter().find(|name| body.contains_key(**name)) {
            return Err(ApiError::invalid(format!("{extra}: Extra inputs are not permitted")));
        }
    }
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    for beta in super::items(body.remove("anthropic_beta").as_ref()).iter().filter_map(Value::as_str) {
        let value = HeaderValue::from_str(beta).map_err(|_| ApiError::invalid("anthropic_beta: no name"))?;
        headers.append(HeaderName::from_static("anthropic-beta"), value);
    }
    body.insert("model".to_owned(), models::makers_name(id).into());
    body.insert("stream".to_owned(), streams.into());
    let body = Bytes::from(Value::Object(body).to_string());
    let inner =
        Call { path: "/v1/messages", query: "", headers: &headers, body: &body, require_key: false, ..*call };
    let mut reply = Anthropic.answer(&inner);
    if reply.status != 200 {
        return Err(ApiError::invalid(words(&reply)));
    }
    reply.model = Some(id.to_owned());
    reply.payload = match reply.payload {
        Payload::Frames(frames) => {
            reply.content_type = stream::CONTENT_TYPE;
            Payload::Frames(Box::new(frames.filter_map(|frame| chunk(&frame))))
        }
        whole => whole,
    };
    Ok(reply)
}

/// A server-sent event of the maker's as a chunk; what has no data is left out.
fn chunk(frame: &Frame) -> Option<Frame> {
    let text = std::str::from_utf8(&frame.bytes).ok()?;
    let data = text.lines().find_map(|line| line.strip_prefix("data: "))?;
    Some(Frame { bytes: stream::chunk(&BASE64.encode(data)), role: frame.role })
}

/// A chunk that is well framed and has half an event inside.
pub(super) fn malformed() -> Bytes {
    stream::chunk(&BASE64.encode(br#"{"type":"content_block_delta","ind"#))
}

/// What the maker says is wrong.
fn words(reply: &Reply) -> String {
    let Payload::Whole(body) = &reply.payload else { return String::new() };
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.pointer("/error/message").and_then(Value::as_str).unwrap_or("Malformed input request").to_owned()
}

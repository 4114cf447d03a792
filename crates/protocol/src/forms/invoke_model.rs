//! InvokeModel and InvokeModelWithResponseStream: the model and whether to stream in the path, version and betas in the
//! body; answers are the maker's, streams are its events in chunks of an AWS event stream.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::{Bytes, BytesMut};

use super::{Dressing, Form, Trouble, Undress, Undressed, joined};
use crate::{
    dialect::Operation,
    dialects::{
        Host, Hosted, hosted_body,
        invoke::{self, Inside},
    },
    framing::{Framer, Framing},
    ir::{Fault, FaultKind},
    json::Object,
};

#[derive(Debug)]
pub(super) struct InvokeModel;

/// What the body says in its place.
const VERSION_HEADER: &str = "anthropic-version";
/// The same for the names of betas.
const BETA_HEADER: &str = "anthropic-beta";

impl Form for InvokeModel {
    fn name(&self) -> &'static str {
        "invoke-model"
    }

    fn keeps_model(&self) -> bool {
        false
    }

    fn dress(&self, pieces: Vec<Bytes>, dressing: Dressing<'_>) -> Result<Vec<Bytes>, Fault> {
        dressing.headers.remove(VERSION_HEADER);
        let named: Vec<String> = dressing
            .headers
            .get_all(BETA_HEADER)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|names| names.split(','))
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        dressing.headers.remove(BETA_HEADER);
        let betas: Vec<&str> = named.iter().map(String::as_str).collect();
        let body = hosted_body(&joined(pieces), Hosted { host: Host::InvokeModel, betas: &betas })?;
        if dressing.operation == Operation::CountTokens { counted(body) } else { Ok(body) }
    }

    fn undress(&self, body: Bytes) -> Bytes {
        match count(&body) {
            Some(tokens) => format!("{{\"input_tokens\":{tokens}}}").into(),
            None => body,
        }
    }

    /// The host's own errors are `{"message": ...}`.
    fn keeps_error(&self, _: &[u8]) -> bool {
        false
    }

    fn stream(&self) -> Option<Box<dyn Undress>> {
        Some(Box::new(Chunks { framer: Framer::new(Framing::EventStream) }))
    }

    fn stream_type(&self) -> Option<&'static str> {
        Some(Framing::Sse.media_type())
    }
}

/// A body to be counted: `{"input": {"invokeModel": {"body": base64}}}` (bedrock-runtime, CountTokens). It has to be one that
/// could be invoked, which needs a limit of tokens that a request to count does not have.
fn counted(body: Vec<Bytes>) -> Result<Vec<Bytes>, Fault> {
    let mut body = joined(body).to_vec();
    let object = Object::scan(&body)
        .map_err(|error| Fault::new(FaultKind::BadRequest, format!("the body cannot be counted: {error}")))?;
    if matches!(object.get(&body, "max_tokens"), Ok(None)) {
        let comma: &[u8] = if object.is_empty() { b"" } else { b"," };
        let limit = [b"\"max_tokens\":1", comma].concat();
        body.splice(object.inside..object.inside, limit);
    }
    Ok(vec![format!(r#"{{"input":{{"invokeModel":{{"body":"{}"}}}}}}"#, BASE64.encode(body)).into()])
}

/// The count in the answer to such a request.
fn count(body: &Bytes) -> Option<u64> {
    let object = Object::scan(body).ok()?;
    let place = object.get(body, "inputTokens").ok()??;
    std::str::from_utf8(&body[place]).ok()?.parse().ok()
}

/// A stream of chunks.
struct Chunks {
    framer: Framer,
}

impl Undress for Chunks {
    fn push(&mut self, chunk: &Bytes) -> Undressed {
        let Ok(batch) = self.framer.push(chunk) else {
            return Undressed { bytes: Bytes::new(), end: Some(Trouble::Unreadable) };
        };
        let mut out = BytesMut::with_capacity(batch.bytes.len());
        for frame in batch.events() {
            let end = match invoke::unwrap(frame) {
                Inside::Event(event) => {
                    out.extend_from_slice(&event);
                    continue;
                }
                Inside::Nothing => continue,
                Inside::Failed(body) => Trouble::Failed(body),
                Inside::Garbled(_) => Trouble::Unreadable,
            };
            return Undressed { bytes: out.freeze(), end: Some(end) };
        }
        Undressed { bytes: out.freeze(), end: None }
    }

    /// Half a frame is no frame: its reader finds that the answer was cut.
    fn finish(&mut self) -> Undressed {
        Undressed::default()
    }
}

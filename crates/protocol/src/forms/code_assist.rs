//! Code Assist's envelope: `{"model", "project", "user_prompt_id", "request"}` around a request, `{"response", "traceId"}`
//! around an answer and around each event of a stream.
//!
//! As the Gemini CLI's source has it (`packages/core/src/code_assist/converter.ts` and `server.ts`). Answers to a request to
//! count tokens and errors come without an envelope.

use bytes::{Bytes, BytesMut};
use serde_json::value::RawValue;

use super::{Dressing, Form, Trouble, Undress, Undressed, joined};
use crate::{
    dialect::Operation,
    framing::sse,
    ir::{Fault, FaultKind},
    json::Object,
    splice::json_string,
};

#[derive(Debug)]
pub(super) struct CodeAssist;

impl Form for CodeAssist {
    fn name(&self) -> &'static str {
        "code-assist"
    }

    fn dress(&self, pieces: Vec<Bytes>, dressing: Dressing<'_>) -> Result<Vec<Bytes>, Fault> {
        if dressing.operation == Operation::CountTokens {
            return count(pieces, dressing.model);
        }
        let mut front = b"{\"model\":".to_vec();
        front.extend_from_slice(&json_string(dressing.model));
        if let Some(project) = dressing.project {
            front.extend_from_slice(b",\"project\":");
            front.extend_from_slice(&json_string(project));
        }
        front.extend_from_slice(b",\"user_prompt_id\":");
        front.extend_from_slice(&json_string(dressing.id));
        front.extend_from_slice(b",\"request\":");
        Ok(wrapped(front, pieces, b"}"))
    }

    fn undress(&self, body: Bytes) -> Bytes {
        match body.trim_ascii_start().first() {
            // A stream that was not asked for as events is a list of envelopes.
            Some(b'[') => list(&body).unwrap_or(body),
            _ => response(&body).unwrap_or(body),
        }
    }

    /// Google's servers put an error into a list where a list was asked for; the dialect has an object.
    fn keeps_error(&self, body: &[u8]) -> bool {
        body.trim_ascii_start().first() == Some(&b'{')
    }

    fn stream(&self) -> Option<Box<dyn Undress>> {
        Some(Box::new(Events::default()))
    }
}

fn wrapped(front: Vec<u8>, pieces: Vec<Bytes>, back: &'static [u8]) -> Vec<Bytes> {
    let mut all = Vec::with_capacity(pieces.len() + 2);
    all.push(front.into());
    all.extend(pieces);
    all.push(Bytes::from_static(back));
    all
}

/// A request to count: the model stands inside, as the name of a resource.
fn count(pieces: Vec<Bytes>, model: &str) -> Result<Vec<Bytes>, Fault> {
    let body = joined(pieces);
    let object = Object::scan(&body)
        .map_err(|error| Fault::new(FaultKind::BadRequest, format!("the body cannot be sent: {error}")))?;
    let mut front = b"{\"request\":{\"model\":".to_vec();
    front.extend_from_slice(&json_string(&format!("models/{model}")));
    if !object.is_empty() {
        front.push(b',');
    }
    Ok(wrapped(front, vec![body.slice(object.inside..)], b"}"))
}

/// What is inside one envelope, as a view of it; `None` if there is none.
fn response(envelope: &Bytes) -> Option<Bytes> {
    let place = Object::scan(envelope).ok()?.get(envelope, "response").ok()??;
    Some(envelope.slice(place))
}

/// The same for a list of them.
fn list(body: &Bytes) -> Option<Bytes> {
    let envelopes: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
    let mut out = BytesMut::with_capacity(body.len());
    for (place, envelope) in envelopes.into_iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"[" } else { b"," });
        let envelope = body.slice_ref(envelope.get().as_bytes());
        out.extend_from_slice(&response(&envelope).unwrap_or(envelope));
    }
    if out.is_empty() {
        return None;
    }
    out.extend_from_slice(b"]");
    Some(out.freeze())
}

/// A stream of envelopes.
#[derive(Default)]
struct Events {
    framer: sse::Framer,
}

impl Undress for Events {
    fn push(&mut self, chunk: &Bytes) -> Undressed {
        let Ok(batch) = self.framer.push(chunk) else {
            return Undressed { bytes: Bytes::new(), end: Some(Trouble::Unreadable) };
        };
        let mut out = BytesMut::with_capacity(batch.bytes.len());
        batch.events().for_each(|event| opened(event, &mut out));
        Undressed { bytes: out.freeze(), end: None }
    }

    /// Half an event stays what it is: its reader finds that the answer was cut.
    fn finish(&mut self) -> Undressed {
        let mut out = BytesMut::new();
        if let Some(last) = self.framer.finish() {
            opened(&last, &mut out);
        }
        Undressed { bytes: out.freeze(), end: None }
    }
}

/// Writes the event inside of `event`. One without an envelope is passed on; an envelope without an answer, in which only
/// credits are told, has nothing to be passed on.
fn opened(event: &[u8], out: &mut BytesMut) {
    let parsed = sse::Event::parse(event);
    let Some(data) = parsed.data else { return out.extend_from_slice(event) };
    let Ok(object) = Object::scan(&data) else { return out.extend_from_slice(event) };
    match object.get(&data, "response") {
        Ok(Some(place)) => {
            out.extend_from_slice(b"data: ");
            // A value that came in several lines goes on in one: JSON has line ends only between its tokens.
            out.extend(data[place].iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
            out.extend_from_slice(b"\r\n\r\n");
        }
        Ok(None) if object.get(&data, "traceId").is_ok_and(|place| place.is_some()) => {}
        _ => out.extend_from_slice(event),
    }
}

//! The whole answer out of what a client received, streamed or not.

use bytes::{BufMut, Bytes, BytesMut};
use lockgate_protocol::{
    codec::{Codec, Reply},
    dialect::{Answer, Dialect, Ending, Meaning, Operation},
    fold::{Folded, fold},
    framing::{Framer, Framing, MOST_NOISE},
    ir::{Message, Request, Response, Role},
};
use serde::de::IgnoredAny;

use crate::Call;

/// Makes the whole answer of what a client of `call.dialect` received, in the form that the dialect has for clients who
/// do not stream: text, reasoning with its proofs, calls of tools, usage, why it ended. One that came whole is handed
/// back as it is; what a stream leaves open (echoes of the request) is read from `request`.
///
/// `None` if it did not end properly: cut off, an error, not what the dialect allows; and for what is no JSON and no stream
/// of parts of one answer (sound, for one).
pub fn assemble(call: &Call<'_>, request: &[u8], answer: &Bytes) -> Option<Bytes> {
    let is_array = answer.trim_ascii_start().starts_with(b"[") && call.dialect.watch_array().is_some();
    if !is_array && serde_json::from_slice::<IgnoredAny>(answer).is_ok() {
        return is_whole(call, answer).then(|| answer.clone());
    }
    if call.operation != Operation::Generate {
        return joined(call, answer);
    }
    let framed = if is_array { reframed(answer)? } else { answer.clone() };
    let response = folded(call.dialect, &framed)?;
    if let Some(said) = said_whole(call.dialect, &framed, &response) {
        return Some(said);
    }
    let codec = call.dialect.codec();
    // Of a request that cannot be read nothing is repeated.
    let mut request = codec.decode_request(call.head(), request).unwrap_or_else(|_| Request {
        origin: call.dialect.name(),
        model: call.model.into(),
        ..Request::default()
    });
    // A client that has sent such an answer back is one that can carry all that is in it.
    let blocks = response.choices.iter().flat_map(|choice| choice.blocks.clone()).collect();
    request.messages.push(Message::new(Role::Assistant, blocks));
    let reply = Reply { request: &request, seed: call.id, now: call.created(), path: call.path };
    let body = codec.encode_response(&response, reply).body;
    codec.decode_response(&body).is_ok().then(|| body.into())
}

/// Whether an answer that came as one JSON value is one.
fn is_whole(call: &Call<'_>, body: &[u8]) -> bool {
    let reads = matches!(call.dialect.read_answer(call.operation, body), Answer::Whole(_));
    reads && (call.operation != Operation::Generate || call.dialect.codec().decode_response(body).is_ok())
}

/// The stream's answer, if it is one to its end.
fn folded(dialect: &'static dyn Dialect, bytes: &Bytes) -> Option<Response<'static>> {
    let codec = dialect.codec();
    match fold(dialect.name(), codec, bytes, None) {
        Folded::Whole(response) => Some(*response),
        Folded::Failed(_) => None,
        Folded::Garbled(_) => match fold(dialect.name(), codec, &without_noise(codec, bytes)?, None) {
            Folded::Whole(response) => Some(*response),
            Folded::Failed(_) | Folded::Garbled(_) => None,
        },
    }
}

/// The answer of a stream that is no conversation.
fn joined(call: &Call<'_>, bytes: &Bytes) -> Option<Bytes> {
    let framing = call.dialect.codec().framing();
    let (mut framer, mut watch) = (Framer::new(framing), call.dialect.watch(call.operation, false));
    let batch = framer.push(bytes).ok()?;
    let rest = framer.finish();
    let mut payloads = Vec::new();
    let mut has_ended = false;
    for event in batch.events().chain(rest.as_deref()) {
        match watch.event(event) {
            Meaning::Failed | Meaning::Garbled => return None,
            Meaning::End | Meaning::Empty => has_ended = true,
            Meaning::Lifecycle | Meaning::Thinking | Meaning::Output | Meaning::Withheld => {
                payloads.push(framing.payload(event));
            }
        }
        if has_ended {
            break;
        }
    }
    let is_whole = has_ended || matches!(watch.finish(), Ending::Whole(_));
    is_whole.then(|| call.dialect.join(call.operation, &payloads))?
}

/// The stream without the few events that nobody could have meant, with which the gateway passes it on; `None` if it has
/// none, or too many.
fn without_noise(codec: &dyn Codec, bytes: &Bytes) -> Option<Bytes> {
    let framing = codec.framing();
    let mut framer = Framer::new(framing);
    let batch = framer.push(bytes).ok()?;
    let (mut rest, mut noise) = (BytesMut::with_capacity(bytes.len()), 0);
    for event in batch.events() {
        if framing.is_noise(event) {
            noise += 1;
        } else {
            rest.put_slice(event);
        }
    }
    rest.extend(framer.finish());
    (1..=MOST_NOISE).contains(&noise).then(|| rest.freeze())
}

/// A stream that came as one JSON array, as the server-sent events that its items are elsewhere.
fn reframed(bytes: &Bytes) -> Option<Bytes> {
    let mut framer = Framer::new(Framing::JsonArray);
    let batch = framer.push(bytes).ok()?;
    let rest = framer.finish();
    let mut out = BytesMut::with_capacity(bytes.len() + bytes.len() / 8);
    for event in batch.events().chain(rest.as_deref()) {
        let payload = Framing::JsonArray.payload(event);
        if payload.is_empty() {
            continue;
        }
        for line in payload.split(|byte| *byte == b'\n') {
            out.put_slice(b"data: ");
            out.put_slice(line);
            out.put_slice(b"\n");
        }
        out.put_slice(b"\n");
    }
    Some(out.freeze())
}

/// The whole answer as its last event says it, in dialects where that has all that was streamed before.
fn said_whole(dialect: &'static dyn Dialect, bytes: &Bytes, response: &Response<'_>) -> Option<Bytes> {
    let conversations = dialect.conversations()?;
    let codec = dialect.codec();
    let mut framer = Framer::new(codec.framing());
    let batch = framer.push(bytes).ok()?;
    let rest = framer.finish();
    let mut events = batch.events().chain(rest.as_deref());
    // The first such event ends the answer, whatever a server sends behind it.
    let said = events.find_map(|event| conversations.answer_of(&codec.framing().payload(event)))?;
    // Some servers leave out there what they streamed.
    let blocks = |response: &Response<'_>| -> usize {
        response.choices.iter().map(|choice| choice.blocks.len()).sum()
    };
    let is_complete = codec.decode_response(&said).is_ok_and(|whole| blocks(&whole) == blocks(response));
    is_complete.then_some(said)
}

//! The Responses codec: recorded traffic there and back, hand-written cases as goldens, and bytes that mean nothing.

mod foreign;
mod goldens;
mod recorded;
mod robust;
mod stream_items;

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Step, Target},
    dialects,
    framing::sse::Framer,
    ir::{Event, Request},
};
use serde_json::Value;

const NAME: &str = "openai-responses";

fn codec() -> &'static dyn Codec {
    dialects::find(NAME).expect("the table has the dialect").codec()
}

fn head() -> RequestHead<'static> {
    RequestHead { model: None, stream: None, path: "/v1/responses" }
}

fn target(model: &str) -> Target<'_> {
    Target { model, max_output: None, version: None }
}

fn reply<'a>(request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "s1", now: 1_800_000_000, path: "/v1/responses" }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// Cuts `stream` as the framing does and gives each event to `each`.
fn events_of(stream: &[u8], mut each: impl FnMut(&[u8])) {
    let mut framer = Framer::default();
    framer.push(&Bytes::copy_from_slice(stream)).expect("no event is too long").events().for_each(&mut each);
    if let Some(rest) = framer.finish() {
        each(&rest);
    }
}

/// Reads a provider's stream and writes it for a client; the last step is how it ended.
fn through(stream: &[u8], request: &Request<'_>) -> (String, Step) {
    let mut decoder = codec().decoder();
    let mut encoder = codec().encoder(reply(request));
    let (mut out, mut last) = (Vec::new(), Step::Go);
    events_of(stream, |raw| {
        if last == Step::Go {
            last = decoder.event(raw, &mut |event| encoder.event(&event, &mut out));
        }
    });
    if last == Step::Go {
        last = decoder.finish(&mut |event| encoder.event(&event, &mut out));
    }
    (String::from_utf8(out).expect("JSON is UTF-8"), last)
}

/// The events of a stream as one line each, for reading.
fn told(stream: &str) -> String {
    let mut lines = String::new();
    let mut decoder = codec().decoder();
    events_of(stream.as_bytes(), |raw| {
        let step = decoder.event(raw, &mut |event: Event<'_>| lines += &format!("{event:?}\n"));
        if step != Step::Go {
            lines += &format!("{step:?}\n");
        }
    });
    lines
}

//! Gemini against recorded traffic and against what others say.

mod cross;
mod fit;
mod normal;
mod recorded;
mod robust;
mod streams;

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Step},
    dialects,
    framing::sse,
    ir::{Event, Request},
};
use serde_json::Value;

fn codec() -> &'static dyn Codec {
    dialects::find("gemini").unwrap().codec()
}

const SSE: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";
const ARRAY: &str = "/v1beta/models/m:streamGenerateContent";

fn head() -> RequestHead<'static> {
    RequestHead { model: Some("m"), stream: Some(false), path: "/v1beta/models/m:generateContent" }
}

fn reply<'a>(request: &'a Request<'a>, path: &'a str) -> Reply<'a> {
    Reply { request, seed: "seed", now: 0, path }
}

/// The payloads of a stream of server-sent events.
fn payloads(stream: &[u8]) -> Vec<Value> {
    let mut framer = sse::Framer::default();
    let batch = framer.push(&Bytes::copy_from_slice(stream)).unwrap();
    let mut payloads: Vec<Value> = Vec::new();
    for raw in batch.events() {
        if let Some(data) = sse::Event::parse(raw).data {
            payloads.push(serde_json::from_slice(&data).unwrap());
        }
    }
    assert_eq!(framer.finish(), None, "an event without its blank line");
    payloads
}

/// Decodes payloads and hands each event on; says how the stream ended.
fn decode(payloads: &[String], mut take: impl FnMut(&Event<'_>)) -> Step {
    let mut decoder = codec().decoder();
    for payload in payloads {
        let raw = format!("data: {payload}\r\n\r\n");
        let step = decoder.event(raw.as_bytes(), &mut |event| take(&event));
        if step != Step::Go {
            return step;
        }
    }
    decoder.finish(&mut |event| take(&event))
}

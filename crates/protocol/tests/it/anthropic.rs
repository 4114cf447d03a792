//! The Anthropic codec: recorded traffic, hand-written cases, other dialects, arbitrary bytes.

mod arbitrary;
mod foreign;
mod hosted;
mod own;
mod recorded;
mod schemas;
mod shape;
mod stream;

use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Target},
    dialects,
    ir::{self, Request},
};
use serde_json::Value;

fn codec() -> &'static dyn Codec {
    dialects::find("anthropic").unwrap().codec()
}

const HEAD: RequestHead<'_> = RequestHead { model: Some("m"), stream: None, path: "/messages" };

fn target(model: &str) -> Target<'_> {
    Target { model, max_output: None, version: None }
}

fn reply<'a>(request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "seed", now: 1, path: "/messages" }
}

fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)))
}

fn pretty(body: &[u8], losses: &ir::Losses) -> String {
    let losses: Vec<String> = losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    format!("{}\n{}", serde_json::to_string_pretty(&value(body)).unwrap(), losses.join("\n"))
}

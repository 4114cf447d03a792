//! Converse: recorded traffic there and back, and hand-written cases that need no recordings.

mod citations;
mod foreign;
mod proofs;
mod recorded;
mod search_results;
mod streams;
mod wild;

use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Step, Target},
    dialects,
    framing::event_stream::{Framer, write},
    ir::{BlockKind, Delta, Event, Losses, Request},
};

fn codec() -> &'static dyn Codec {
    dialects::find("bedrock").unwrap().codec()
}

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn head(model: &str) -> RequestHead<'_> {
    RequestHead { model: Some(model), stream: None, path: "/model/x/converse" }
}

fn target(model: &str) -> Target<'_> {
    Target { model, max_output: None, version: None }
}

fn reply<'a>(request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "seed", now: 0, path: "/model/x/converse-stream" }
}

fn losses(losses: &Losses) -> Vec<String> {
    losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect()
}

/// What a stream says, block by block: what parts it came in is not told.
#[derive(Debug, Default, PartialEq)]
struct Folded {
    blocks: Vec<(String, String)>,
    stop: String,
    usage: String,
    ending: String,
}

impl Folded {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::BlockStart { block, kind, .. } => {
                assert_eq!(*block as usize, self.blocks.len(), "blocks are numbered from 0");
                let kind = match kind {
                    BlockKind::Foreign { raw, .. } => format!("Foreign {}", raw.get()),
                    other => format!("{other:?}"),
                };
                self.blocks.push((kind, String::new()));
            }
            Event::Delta { block, delta, .. } => {
                assert_eq!(
                    *block as usize + 1,
                    self.blocks.len(),
                    "a delta is for the block that began last"
                );
                let said = &mut self.blocks.last_mut().unwrap().1;
                match delta {
                    Delta::Text(text) | Delta::Input(text) => said.push_str(text),
                    Delta::Citation(citation) => said.push_str(citation.raw.get()),
                    other => said.push_str(&format!("{other:?}")),
                }
            }
            Event::Stop { stop, .. } => self.stop = format!("{stop:?}"),
            Event::Usage(usage) => self.usage = format!("{usage:?}"),
            Event::End => self.ending = "end".to_owned(),
            _ => {}
        }
    }
}

/// Reads a stream that comes in these pieces; each event is shown to `see` too.
fn read_stream(pieces: &[&[u8]], see: &mut dyn FnMut(&Event<'_>)) -> Folded {
    let mut framer = Framer::default();
    let mut decoder = codec().decoder();
    let mut folded = Folded::default();
    let mut step = Step::Go;
    let mut sink = |event: Event<'_>| {
        folded.take(&event);
        see(&event);
    };
    for piece in pieces {
        let batch = framer.push(&bytes::Bytes::copy_from_slice(piece)).unwrap();
        for frame in batch.events() {
            if step == Step::Go {
                step = decoder.event(frame, &mut sink);
            }
        }
    }
    if step == Step::Go {
        step = decoder.finish(&mut sink);
    }
    if step != Step::End {
        folded.ending = format!("{step:?}");
    }
    folded
}

/// A stream of hand-written events.
fn stream(events: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in events {
        let message = if kind.ends_with("Exception") { "exception" } else { "event" };
        let name = if message == "exception" { ":exception-type" } else { ":event-type" };
        write(&[(name, kind), (":message-type", message)], &mut out, |out| {
            out.extend_from_slice(payload.as_bytes());
        });
    }
    out
}

/// The frames of `bytes` as lines of text: type and payload.
fn show_frames(bytes: &[u8]) -> String {
    use lockgate_protocol::framing::event_stream::Message;
    let mut framer = Framer::default();
    let batch = framer.push(&bytes::Bytes::copy_from_slice(bytes)).unwrap();
    framer.finish().unwrap();
    let lines = batch.events().map(|raw| {
        let message = Message::parse(raw).unwrap();
        let kind = message.header(":event-type").or(message.header(":exception-type")).unwrap();
        let class = message.header(":message-type").unwrap();
        assert_eq!(message.header(":content-type"), Some("application/json"));
        format!("{class} {kind} {}\n", String::from_utf8_lossy(message.payload))
    });
    lines.collect()
}

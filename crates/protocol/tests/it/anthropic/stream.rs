//! Streams are the answers they stand for, recorded and hand-written ones.

use lockgate_protocol::{
    codec::Step,
    framing::sse::Framer,
    ir::{self, Block, BlockKind, Content, Delta, Event, Request, Signature},
};
use lockgate_testkit::fixtures::{Answer, Case, Kind};
use serde_json::{Value, json};

use super::{codec, recorded::cases, reply, value};

/// An answer put together from events, with the promises of [`Event`] checked on the way.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Folded {
    id: Value,
    model: Value,
    blocks: Vec<Value>,
    stop: Value,
    usage: ir::Usage,
    open: Option<u64>,
    ended: bool,
}

fn stop_value(stop: &ir::Stop<'_>) -> Value {
    let details = stop.details.as_ref().map(|raw| value(raw.get().as_bytes()));
    json!([stop.word.as_deref(), format!("{:?}", stop.reason), stop.sequence.as_deref(), details])
}

fn signature_value(signature: &Signature<'_>) -> Value {
    json!([&*signature.origin, &*signature.value])
}

impl Folded {
    pub(super) fn take(&mut self, event: Event<'_>) {
        assert!(!self.ended, "{event:?} after the end");
        match event {
            Event::Start { id, model, .. } => {
                assert_eq!(self.id, Value::Null, "started twice");
                (self.id, self.model) = (json!(id.as_deref()), json!(model.as_deref()));
            }
            Event::BlockStart { choice: 0, block, kind } => {
                assert_eq!((self.open, block), (None, self.blocks.len() as u64), "blocks overlap");
                self.open = Some(block);
                self.blocks.push(match kind {
                    BlockKind::Text => json!({"text": "", "citations": []}),
                    BlockKind::Thinking { is_redacted, .. } => {
                        json!({"thinking": "", "redacted": is_redacted})
                    }
                    BlockKind::ToolUse { id, name, .. } => json!({"id": &*id, "name": &*name, "input": ""}),
                    BlockKind::Foreign { raw, .. } => value(raw.get().as_bytes()),
                    other => panic!("unexpected {other:?}"),
                });
            }
            Event::Delta { choice: 0, block, delta } => {
                assert_eq!(self.open, Some(block), "a delta outside its block");
                let into = self.blocks.last_mut().unwrap();
                let mut add = |name: &str, text: &str| {
                    let name = if into.get(name).is_some() { name } else { "thinking" };
                    into[name] = json!(into[name].as_str().unwrap().to_owned() + text);
                };
                match delta {
                    Delta::Text(text) => add("text", &text),
                    Delta::Input(text) => add("input", &text),
                    Delta::Signature(signature) => into["signature"] = signature_value(&signature),
                    Delta::Citation(citation) => {
                        into["citations"].as_array_mut().unwrap().push(value(citation.raw.get().as_bytes()));
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
            Event::BlockStop { choice: 0, block } => assert_eq!(self.open.take(), Some(block)),
            Event::Stop { choice: 0, stop } => {
                assert_eq!((self.open, &self.stop), (None, &Value::Null), "the stop is early or late");
                self.stop = stop_value(&stop);
            }
            Event::Usage(usage) => self.usage = usage,
            Event::ServiceTier(_) | Event::Member { .. } | Event::Ping => {}
            Event::End => {
                assert_ne!(self.stop, Value::Null, "no stop");
                self.ended = true;
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    /// What the same answer is when it comes whole.
    fn of(response: &ir::Response<'_>) -> Self {
        let choice = &response.choices[0];
        let block = |block: &Block<'_>| match &block.content {
            Content::Text { text, citations } => {
                let raw = citations.iter().map(|citation| value(citation.raw.get().as_bytes()));
                json!({"text": &**text, "citations": raw.collect::<Vec<_>>()})
            }
            Content::Thinking(thinking) => {
                let mut folded = json!({"thinking": &*thinking.text, "redacted": thinking.is_redacted});
                if let Some(signature) = &thinking.signature {
                    folded["signature"] = signature_value(signature);
                }
                folded
            }
            Content::ToolUse(call) => json!({"id": &*call.id, "name": &*call.name, "input": &*call.input}),
            Content::Foreign { raw, .. } => value(raw.get().as_bytes()),
            other => panic!("unexpected {other:?}"),
        };
        Self {
            id: json!(response.id.as_deref()),
            model: json!(response.model.as_deref()),
            blocks: choice.blocks.iter().map(block).collect(),
            stop: choice.stop.as_ref().map_or(Value::Null, stop_value),
            usage: response.usage.unwrap_or_default(),
            open: None,
            ended: true,
        }
    }
}

/// Decodes events, and encodes what they mean as a stream of the same dialect.
pub(super) fn relay<'e>(name: &str, events: impl Iterator<Item = &'e [u8]>) -> (Folded, Vec<u8>) {
    let mut folded = Folded::default();
    let mut out = Vec::new();
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request));
    let mut decoder = codec().decoder();
    for event in events {
        let mut sink = |event: Event<'_>| {
            encoder.event(&event, &mut out);
            folded.take(event);
        };
        match decoder.event(event, &mut sink) {
            Step::Go | Step::End => {}
            other => panic!("{name}: {other:?} at {}", String::from_utf8_lossy(event)),
        }
    }
    assert_eq!(decoder.finish(&mut |event| panic!("{name}: {event:?} at the end")), Step::End, "{name}");
    assert!(encoder.losses().is_empty(), "{name}: {}", encoder.losses());
    (folded, out)
}

pub(super) fn split(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut framer = Framer::default();
    let batch = framer.push(&bytes::Bytes::copy_from_slice(stream)).unwrap();
    batch.events().map(<[u8]>::to_vec).chain(framer.finish().map(|rest| rest.to_vec())).collect()
}

fn events(case: &Case) -> Vec<Vec<u8>> {
    match &case.answer {
        Answer::Stream(_, stream) => split(stream),
        Answer::Events(list) => list.iter().map(|event| event.as_bytes().to_vec()).collect(),
        Answer::Whole(_) => panic!("{} is not a stream", case.id()),
    }
}

#[test]
fn recorded_streams_survive() {
    for case in cases("anthropic-messages", Kind::Stream) {
        let events = events(&case);
        let (folded, written) = relay(&case.id(), events.iter().map(Vec::as_slice));
        assert!(folded.ended, "{} did not end", case.id());
        let again = split(&written);
        assert_eq!(again[0][..20], *b"event: message_start", "{}", case.id());
        let (mut folded_again, _) = relay(&case.id(), again.iter().map(Vec::as_slice));
        // An unfinished call was closed by the decoder; blocks without a word are not written.
        let mut folded = folded;
        for side in [&mut folded, &mut folded_again] {
            side.blocks.retain(|block| {
                block["text"] != "" && block["thinking"] != "" || block.get("signature").is_some()
            });
        }
        assert_eq!(folded_again, folded, "{}", case.id());
    }
}

const WHOLE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-8","content":[
    {"type":"thinking","thinking":"Let me see.","signature":"Eq=="},
    {"type":"redacted_thinking","data":"Rd=="},
    {"type":"text","text":"Ruby 4 — é🦀","citations":[{"type":"char_location","cited_text":"c","document_index":0,"document_title":"t","start_char_index":0,"end_char_index":1}]},
    {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"x"}},
    {"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]},
    {"type":"tool_use","id":"toolu_1","name":"no_args","input":{}},
    {"type":"tool_use","id":"toolu_2","name":"add","input":{"b":1.0,"a":2}}
    ],"stop_reason":"tool_use","stop_sequence":null,
    "usage":{"input_tokens":9447,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"output_tokens":114,"output_tokens_details":{"thinking_tokens":9}}}"#;

const STREAM: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-8","content":[],"stop_reason":null,"usage":{"input_tokens":2225,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"output_tokens":1}}}
{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}
{"type":"ping"}
{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me"}}
{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"","estimated_tokens":5}}
{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" see."}}
{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Eq=="}}
{"type":"content_block_stop","index":0}
{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"Rd=="}}
{"type":"content_block_stop","index":1}
{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"","citations":[]}}
{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"c","document_index":0,"document_title":"t","start_char_index":0,"end_char_index":1}}}
{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Ruby 4 — "}}
{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"é\ud83e\udd80"}}
{"type":"content_block_stop","index":2}
{"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}
{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}
{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"query\":"}}
{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"\"x\"}"}}
{"type":"content_block_stop","index":3}
{"type":"content_block_start","index":4,"content_block":{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}}
{"type":"content_block_stop","index":4}
{"type":"content_block_start","index":6,"content_block":{"type":"tool_use","id":"toolu_1","name":"no_args","input":{}}}
{"type":"content_block_delta","index":6,"delta":{"type":"input_json_delta","partial_json":""}}
{"type":"content_block_stop","index":6}
{"type":"content_block_start","index":7,"content_block":{"type":"tool_use","id":"toolu_2","name":"add","input":{}}}
{"type":"content_block_delta","index":7,"delta":{"type":"input_json_delta","partial_json":"{\"b\":1.0,"}}
{"type":"content_block_delta","index":7,"delta":{"type":"input_json_delta","partial_json":"\"a\":2}"}}
{"type":"content_block_stop","index":7}
{"type":"something_new","index":7}
{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":9447,"output_tokens":114,"output_tokens_details":{"thinking_tokens":9}}}
{"type":"message_stop"}"#;

#[test]
fn a_stream_is_the_same_answer_as_the_whole() {
    let whole = Folded::of(&codec().decode_response(WHOLE.as_bytes()).unwrap());
    let (folded, written) = relay("bare", STREAM.lines().map(str::as_bytes));
    assert_eq!(folded, whole);
    let again = split(&written);
    assert_eq!(relay("written", again.iter().map(Vec::as_slice)).0, whole);
}

#[track_caller]
fn check_steps(events: &[&str], last: &Step, finish: &Step) {
    let mut decoder = codec().decoder();
    let mut step = Step::Go;
    for event in events {
        assert_eq!(step, Step::Go);
        step = decoder.event(format!("data: {event}\n\n").as_bytes(), &mut |_| {});
    }
    assert_eq!((&step, &decoder.finish(&mut |_| {})), (last, finish));
}

#[test]
fn what_is_wrong_with_a_stream_is_said() {
    let garbled = |why: &str| Step::Garbled(why.to_owned());
    let cut = garbled("the stream ended without message_stop");
    let start = r#"{"type":"message_start","message":{}}"#;
    let delta = r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}}"#;
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    check_steps(&[start], &Step::Go, &cut);
    check_steps(&[start, error], &Step::Failed(error.into()), &cut);
    check_steps(&[start, delta], &garbled("a delta for a block that is not open"), &cut);
    check_steps(&[delta], &garbled("the stream does not begin with message_start"), &cut);
    check_steps(&[start, start], &garbled("message_start comes twice"), &cut);
    check_steps(&["{"], &garbled("EOF while parsing an object"), &cut);
    check_steps(&[start, r#"{"type":"message_stop"}"#], &Step::End, &Step::End);
}

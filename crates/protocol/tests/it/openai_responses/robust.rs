//! Bytes that mean nothing, and rules that hold for everything that is written.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// What holds for every stream the codec writes: numbers go up by one, items and parts open before they go on and
/// close before the answer does, and the whole texts are the sum of their deltas.
#[track_caller]
pub(super) fn check_order(id: &str, stream: &str) {
    let mut events = Vec::new();
    events_of(stream.as_bytes(), |raw| {
        let event = lockgate_protocol::framing::sse::Event::parse(raw);
        if let Some(data) = event.data {
            let data = json(&data);
            assert_eq!(event.name, data["type"].as_str().map(str::as_bytes), "{id}");
            events.push(data);
        }
    });
    let mut open: Option<(u64, Value)> = None;
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        let kind = event["type"].as_str().unwrap();
        assert_eq!(event["sequence_number"], number, "{id}: {event}");
        match number {
            0 => assert_eq!(kind, "response.created", "{id}"),
            1 => assert_eq!(kind, "response.in_progress", "{id}"),
            _ => {}
        }
        if kind == "response.output_item.added" {
            assert!(open.is_none(), "{id}: {event}");
            open = Some((event["output_index"].as_u64().unwrap(), event["item"]["id"].clone()));
            continue;
        }
        if kind.starts_with("response.output_item.") || event.get("item_id").is_some() {
            let (index, item) = open.as_ref().unwrap_or_else(|| panic!("{id}: nothing is open at {event}"));
            assert_eq!(event["output_index"], *index, "{id}: {event}");
            let named = event.get("item_id").unwrap_or(&event["item"]["id"]);
            assert_eq!(named, item, "{id}: {event}");
        }
        let key = |event: &Value| {
            let part = kind.trim_end_matches(".delta").trim_end_matches(".done");
            format!("{part} {} {} {}", event["output_index"], event["content_index"], event["summary_index"])
        };
        if kind.ends_with(".delta") {
            *texts.entry(key(event)).or_default() += event["delta"].as_str().unwrap();
        } else if let Some(whole) =
            ["text", "arguments", "input", "refusal"].iter().find_map(|name| event[name].as_str())
        {
            assert_eq!(texts.get(&key(event)).map_or("", String::as_str), whole, "{id}: {event}");
        }
        if kind == "response.output_item.done" {
            open = None;
        }
        let is_end = ["response.completed", "response.incomplete", "response.failed"].contains(&kind);
        assert_eq!(is_end, number + 1 == events.len() && is_end, "{id}: {event} is not the last");
        if is_end && kind != "response.failed" {
            assert!(open.is_none(), "{id}: an item is open at the end");
        }
    }
}

/// Pieces that look enough like the dialect to reach deep into the decoders.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("null".to_owned()),
        Just("1e999".to_owned()),
        "\"(type|role|input|item|delta|text|content|output|summary|response|output_index|message|reasoning|user)\"",
        "\"(function_call|response.output_item.added|response.output_text.delta|response.completed)\"",
        "\\PC{0,4}",
    ];
    prop::collection::vec(scrap, 0..40).prop_map(|scraps| scraps.concat())
}

/// Events that are well formed one by one and make no sense together.
fn events() -> impl Strategy<Value = Vec<String>> {
    let item = prop_oneof![
        Just(
            r#"{"type":"message","role":"assistant","id":"m","content":[{"type":"output_text","text":"abc"},{"type":"refusal","refusal":"no"}]}"#
        ),
        Just(
            r#"{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"s"}],"content":null,"encrypted_content":"e"}"#
        ),
        Just(r#"{"type":"function_call","id":"f","call_id":"c","name":"n","arguments":""}"#),
        Just(r#"{"type":"custom_tool_call","id":"f","call_id":"c","name":"n","input":"x"}"#),
        Just(r#"{"type":"web_search_call","id":"w"}"#),
    ];
    let event = (0_u8..10, 0_u8..3, 0_u8..2, item).prop_map(|(kind, index, part, item)| {
        let at = format!(r#""output_index":{index},"content_index":{part},"summary_index":{part}"#);
        match kind {
            0 => r#"{"type":"response.created","response":{"id":"i"}}"#.to_owned(),
            1 | 2 => format!(r#"{{"type":"response.output_item.added",{at},"item":{item}}}"#),
            3 | 4 => format!(r#"{{"type":"response.output_item.done",{at},"item":{item}}}"#),
            5 => format!(r#"{{"type":"response.output_text.delta",{at},"delta":"é"}}"#),
            6 => format!(r#"{{"type":"response.reasoning_summary_text.delta",{at},"delta":"s"}}"#),
            7 => format!(r#"{{"type":"response.function_call_arguments.delta",{at},"delta":"{{"}}"#),
            8 => format!(r#"{{"type":"response.output_text.done",{at},"text":"éa"}}"#),
            _ => format!(
                r#"{{"type":"response.completed","response":{{"status":"completed","output":[{item}]}}}}"#
            ),
        }
    });
    prop::collection::vec(event, 0..20)
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }

    #[test]
    fn no_scraps_panic(text in scraps()) {
        decode_all(text.as_bytes());
    }

    #[test]
    fn any_events_keep_the_promises(events in events()) {
        use lockgate_protocol::ir::Event;

        let mut decoder = codec().decoder();
        let mut promises = Promises::default();
        let request = codec().decode_request(head(), br#"{"model":"m"}"#).unwrap();
        let mut encoder = codec().encoder(reply(&request));
        let mut out = Vec::new();
        for data in &events {
            let step = decoder.event(format!("data: {data}\n\n").as_bytes(), &mut |event: Event<'_>| {
                promises.check(&event);
                encoder.event(&event, &mut out);
            });
            prop_assert_eq!(step == Step::End, promises.is_over);
            if step != Step::Go {
                break;
            }
        }
        check_order(&format!("{events:?}"), std::str::from_utf8(&out).unwrap());
    }
}

fn decode_all(bytes: &[u8]) {
    let codec = codec();
    let _ = codec.decode_request(head(), bytes);
    let _ = codec.decode_response(bytes);
    let _ = codec.decode_error(bytes);
    let mut decoder = codec.decoder();
    decoder.event(bytes, &mut |_| {});
    decoder.event(&[b"data: ", bytes, b"\n\n"].concat(), &mut |_| {});
    decoder.finish(&mut |_| {});
}

/// What the model of events promises.
#[derive(Default)]
struct Promises {
    is_started: bool,
    open: Option<u64>,
    blocks: u64,
    stops: u64,
    is_over: bool,
}

impl Promises {
    fn check(&mut self, event: &lockgate_protocol::ir::Event<'_>) {
        use lockgate_protocol::ir::Event;
        assert!(!self.is_over, "{event:?} after the end");
        assert!(
            self.is_started || matches!(event, Event::Start { .. } | Event::Ping),
            "{event:?} before the start"
        );
        match event {
            Event::Start { .. } => assert!(!std::mem::replace(&mut self.is_started, true)),
            Event::BlockStart { block, .. } => {
                assert_eq!((self.open.replace(*block), *block, self.stops), (None, self.blocks, 0));
                self.blocks += 1;
            }
            Event::Delta { block, .. } => assert_eq!(self.open, Some(*block)),
            Event::BlockStop { block, .. } => assert_eq!(self.open.take(), Some(*block)),
            Event::Stop { .. } => {
                assert_eq!(self.open, None);
                self.stops += 1;
            }
            Event::End => {
                assert_eq!((self.open, self.stops), (None, 1));
                self.is_over = true;
            }
            Event::Logprobs { .. }
            | Event::Usage(_)
            | Event::ServiceTier(_)
            | Event::Member { .. }
            | Event::Ping => {}
        }
    }
}

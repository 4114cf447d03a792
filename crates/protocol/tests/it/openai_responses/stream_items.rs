//! The indexes of a stream's items, where blocks of other dialects stand between them.

use lockgate_protocol::ir::{BlockKind, Delta, Stop, StopReason, raw};
use serde_json::json as value;

use super::*;

/// The payloads of the stream that these blocks are, and the paths of the losses.
fn stream(kinds: Vec<BlockKind<'static>>) -> (Vec<Value>, Vec<String>) {
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request));
    let mut out = Vec::new();
    encoder.event(&Event::Start { id: None, model: None, created: None }, &mut out);
    for (block, kind) in (0..).zip(kinds) {
        let delta = match kind {
            BlockKind::Text => Some(Delta::Text("x".into())),
            BlockKind::Audio { .. } => Some(Delta::Transcript("ahoy".into())),
            _ => None,
        };
        encoder.event(&Event::BlockStart { choice: 0, block, kind }, &mut out);
        if let Some(delta) = delta {
            encoder.event(&Event::Delta { choice: 0, block, delta }, &mut out);
        }
        encoder.event(&Event::BlockStop { choice: 0, block }, &mut out);
    }
    encoder.event(&Event::Stop { choice: 0, stop: Stop::new(StopReason::End) }, &mut out);
    encoder.event(&Event::End, &mut out);
    let text = String::from_utf8(out).unwrap();
    let payloads = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let losses = encoder.losses().iter().map(|loss| loss.path.clone()).collect();
    (payloads.map(|payload| serde_json::from_str(payload).unwrap()).collect(), losses)
}

#[test]
fn items_count_up_whatever_stands_between_them() {
    let foreign = |origin, kind: &'static str| BlockKind::Foreign {
        origin,
        kind: kind.into(),
        raw: raw(&value!({ "type": kind, "id": kind })),
    };
    let (events, losses) = stream(vec![
        foreign("other", "server_tool_use"),
        foreign("other", "server_tool_use"),
        BlockKind::Text,
        foreign(NAME, "web_search_call"),
        foreign("other", "server_tool_use"),
        foreign(NAME, "web_search_call"),
        BlockKind::Text,
    ]);
    assert_eq!(losses, ["choices[0].content[0]", "choices[0].content[1]", "choices[0].content[4]"]);
    for kind in ["response.output_item.added", "response.output_item.done"] {
        let indexes: Vec<_> =
            events.iter().filter(|event| event["type"] == kind).map(|event| &event["output_index"]).collect();
        assert_eq!(indexes, [0, 1, 2, 3], "{kind}");
    }
    let output = &events.last().unwrap()["response"]["output"];
    let kinds: Vec<_> = output.as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message", "web_search_call", "web_search_call", "message"]);
    for (index, item) in output.as_array().unwrap().iter().enumerate() {
        let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
        assert_eq!(done.into_iter().nth(index).unwrap()["item"], *item);
    }
}

#[test]
fn sound_is_said_in_its_words() {
    let (events, losses) = stream(vec![BlockKind::Audio { id: None }, BlockKind::Text]);
    assert_eq!(losses, ["choices[0].content[0]"]);
    let output = &events.last().unwrap()["response"]["output"];
    let texts: Vec<_> = output[0]["content"].as_array().unwrap().iter().map(|part| &part["text"]).collect();
    assert_eq!(texts, ["ahoy", "x"], "{output}");
}

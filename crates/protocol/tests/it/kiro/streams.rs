//! Streams of Kiro: events, their order, and what a cut one looks like.

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Reply, Step},
    dialects,
    estimate::Meter,
    fold::{Folded, fold},
    framing::{Framer, Framing, event_stream},
    ir::{Content, Request},
};
use proptest::prelude::*;
use serde_json::Value;

use super::codec;

/// A stream of these events: type, payload.
fn stream(events: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in events {
        let headers = match kind.ends_with("Exception") {
            true => [(":exception-type", *kind), (":message-type", "exception")],
            false => [(":event-type", *kind), (":message-type", "event")],
        };
        event_stream::write(&headers, &mut out, |out| out.extend_from_slice(payload.as_bytes()));
    }
    out
}

/// What a stream of these pieces comes to: what an Anthropic client would read of it whole.
fn answer(bytes: Vec<u8>) -> Result<Value, String> {
    match fold("kiro", codec(), &Bytes::from(bytes), None) {
        Folded::Whole(response) => {
            let request = Request::default();
            let reply = Reply { request: &request, seed: "seed", now: 0, path: "" };
            let client = dialects::find("anthropic").expect("a dialect").codec();
            Ok(serde_json::from_slice(&client.encode_response(&response, reply).body).expect("JSON"))
        }
        Folded::Failed(body) => Err(String::from_utf8(body.to_vec()).expect("text")),
        Folded::Garbled(why) => Err(why),
    }
}

#[track_caller]
fn check(events: &[(&str, &str)], content: &str, stop: &str) {
    let found = answer(stream(events)).expect("a whole answer");
    let content: Value = serde_json::from_str(content).expect("JSON");
    assert_eq!((&found["content"], &found["stop_reason"]), (&content, &Value::from(stop)), "{found:#}");
}

#[track_caller]
fn check_broken(events: &[(&str, &str)], expected: &str) {
    let why = answer(stream(events)).expect_err("it is not whole");
    assert!(why.contains(expected), "{why}");
}

const SAYS: (&str, &str) =
    ("assistantResponseEvent", r#"{"content":"Ahoi, ","modelId":"claude-sonnet-4.5"}"#);
const CLOSES: (&str, &str) = ("meteringEvent", r#"{"unit":"credit","usage":0.0139}"#);

#[test]
fn text_calls_and_reasoning() {
    let begins = ("messageMetadataEvent", r#"{"conversationId":"c","utteranceId":"u-1"}"#);
    check(
        &[begins, SAYS, ("assistantResponseEvent", r#"{"content":"Max"}"#), CLOSES],
        r#"[{"type":"text","text":"Ahoi, Max"}]"#,
        "end_turn",
    );
    let found = answer(stream(&[begins, SAYS])).expect("whole");
    assert_eq!((&found["id"], &found["model"]), (&Value::from("u-1"), &Value::from("claude-sonnet-4.5")));
    check(
        &[
            ("reasoningContentEvent", r#"{"text":"I "}"#),
            ("reasoningContentEvent", r#"{"text":"look."}"#),
            SAYS,
            ("toolUseEvent", r#"{"toolUseId":"t1","name":"weather"}"#),
            ("toolUseEvent", r#"{"toolUseId":"t1","name":"weather","input":"{\"city\": \"Be"}"#),
            ("toolUseEvent", r#"{"toolUseId":"t1","name":"weather","input":"rn\"}"}"#),
            ("toolUseEvent", r#"{"toolUseId":"t1","name":"weather","stop":true}"#),
            ("toolUseEvent", r#"{"toolUseId":"t2","name":"time","input":"","stop":true}"#),
            ("toolUseEvent", r#"{"toolUseId":"t3","name":"sum","input":{"a":1.50},"stop":true}"#),
            // Once more, when it is whole.
            ("toolUseEvent", r#"{"toolUseId":"t2","name":"time","stop":true}"#),
            ("contextUsageEvent", r#"{"contextUsagePercentage":1.2}"#),
        ],
        r#"[{"type":"thinking","thinking":"I look.","signature":""},{"type":"text","text":"Ahoi, "},
            {"type":"tool_use","id":"t1","name":"weather","input":{"city":"Bern"}},
            {"type":"tool_use","id":"t2","name":"time","input":{}},
            {"type":"tool_use","id":"t3","name":"sum","input":{"a":1.5}}]"#,
        "tool_use",
    );
}

#[test]
fn what_only_kiro_has_is_not_dropped_in_silence() {
    let events = [SAYS, ("codeReferenceEvent", r#"{"references":[{"licenseName":"MIT"}]}"#), CLOSES];
    let Folded::Whole(response) = fold("kiro", codec(), &stream(&events).into(), None) else {
        panic!("it is whole")
    };
    let last = response.choices[0].blocks.last().map(|block| &block.content);
    let is_kept =
        matches!(last, Some(Content::Foreign { origin: "kiro", kind, .. }) if *kind == "codeReferenceEvent");
    assert!(is_kept, "{last:?}");
    let request = Request::default();
    let reply = Reply { request: &request, seed: "seed", now: 0, path: "" };
    for client in dialects::DIALECTS {
        let encoded = client.codec().encode_response(&response, reply);
        assert!(!encoded.losses.is_empty(), "{}", client.name());
    }
}

#[test]
fn failures_keep_their_type_and_reason() {
    check_broken(
        &[SAYS, ("ThrottlingException", r#"{"message":"slow down","reason":"DAILY_REQUEST_COUNT"}"#)],
        r#"{"__type":"ThrottlingException","message":"slow down","reason":"DAILY_REQUEST_COUNT"}"#,
    );
    check_broken(
        &[("invalidStateEvent", r#"{"reason":"INVALID_TASK_ASSIST_PLAN","message":"no"}"#)],
        r#""reason":"INVALID_TASK_ASSIST_PLAN""#,
    );
    check_broken(&[], "before its answer");
    check_broken(&[("toolUseEvent", r#"{"toolUseId":"t1","name":"a","input":"{\"x\":"}"#)], "inside a call");
    check_broken(&[("toolUseEvent", r#"{"name":"a"}"#)], "toolUseId");
    check_broken(
        &[
            ("toolUseEvent", r#"{"toolUseId":"t1","name":"a"}"#),
            ("toolUseEvent", r#"{"toolUseId":"t2","name":"a"}"#),
        ],
        "inside another",
    );
    check_broken(&[("assistantResponseEvent", "{")], "assistantResponseEvent");
}

/// Only what comes behind the answer shows that a connection broke off after all of it.
#[test]
fn a_broken_connection_is_no_end() {
    for (events, whole) in [(vec![SAYS], false), (vec![SAYS, CLOSES], true)] {
        let bytes = Bytes::from(stream(&events));
        let mut decoder = codec().decoder();
        let batch = Framer::new(Framing::EventStream).push(&bytes).expect("frames");
        batch.events().for_each(|event| assert_eq!(decoder.event(event, &mut |_| {}), Step::Go));
        assert_eq!(decoder.broken(&mut |_| {}) == Step::End, whole, "{events:?}");
    }
}

#[test]
fn usage_is_what_the_service_says_else_estimated() {
    let said = (
        "metadataEvent",
        r#"{"tokenUsage":{"uncachedInputTokens":5,"outputTokens":7,"totalTokens":15,"cacheReadInputTokens":3}}"#,
    );
    let found = answer(stream(&[SAYS, said])).expect("whole");
    assert_eq!(found["usage"]["input_tokens"], 5);
    assert_eq!(
        (&found["usage"]["output_tokens"], &found["usage"]["cache_read_input_tokens"]),
        (&7.into(), &3.into())
    );

    let mut meter = Meter::new(&Request::default(), "gpt-5");
    let call = ("toolUseEvent", r#"{"toolUseId":"t1","name":"weather","input":"{}","stop":true}"#);
    let thought = ("reasoningContentEvent", r#"{"text":"hm hm"}"#);
    let bytes = stream(&[thought, SAYS, call]).into();
    let Folded::Whole(response) = fold("kiro", codec(), &bytes, Some(&mut meter)) else {
        panic!("it is whole")
    };
    let usage = response.usage.expect("an estimate");
    // Two of the reasoning; "Ah", "oi", a comma, " weather" and the braces.
    assert_eq!((usage.reasoning, usage.output), (2, 7));
    assert!(meter.losses().iter().any(|loss| loss.path == "usage"));
    assert!(!codec().reports_usage());
}

proptest! {
    #[test]
    fn no_bytes_panic(events in prop::collection::vec((0_usize..9, ".{0,40}"), 0..6), cut in 0_usize..200) {
        const KINDS: &[&str] = &[
            "assistantResponseEvent", "toolUseEvent", "reasoningContentEvent", "metadataEvent", "messageMetadataEvent",
            "codeReferenceEvent", "invalidStateEvent", "meteringEvent", "InternalServerException",
        ];
        let events: Vec<_> = events.iter().map(|(kind, payload)| (KINDS[*kind], payload.as_str())).collect();
        let mut bytes = stream(&events);
        bytes.truncate(bytes.len().saturating_sub(cut));
        let _ = answer(bytes);
    }
}

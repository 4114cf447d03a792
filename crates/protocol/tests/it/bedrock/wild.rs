//! Whatever bytes come, nothing panics, and mistakes are named.

use lockgate_protocol::ir::{Fault, FaultKind};
use proptest::prelude::*;

use super::{CLAUDE, codec, head, read_stream, stream};

#[track_caller]
fn refused(body: &str, expect: &str) {
    let fault = codec().decode_request(head(CLAUDE), body.as_bytes()).unwrap_err();
    assert_eq!((fault.kind, fault.public.as_str()), (FaultKind::BadRequest, expect));
}

#[test]
fn mistakes_are_named() {
    refused(r#"{"messages":[{"content":[]}]}"#, "messages[0].role: is missing");
    refused(
        r#"{"messages":[{"role":"tool","content":[]}]}"#,
        "messages[0].role: is `user`, `assistant` or `system`, not `tool`",
    );
    refused(
        r#"{"messages":[{"role":"user","content":[{"text":"a"},{"image":{"format":"png","source":{}}}]}]}"#,
        "messages[0].content[1]: image: source has none of bytes, text, content, s3Location",
    );
    refused(
        r#"{"messages":[{"role":"user","content":[{"text":3}]}]}"#,
        "messages: content: text: invalid type: integer `3`, expected a string at line 1 column 48",
    );
    refused(
        r#"{"messages":[{"role":"user","content":[{"text":"a","cachePoint":{"type":"default"}}]}]}"#,
        "messages: content: a content block has one member, so `cachePoint` must be a block of its own at line 1 column 83",
    );
    refused(
        r#"{"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{"}}}}}"#,
        "outputConfig: textFormat: structure: jsonSchema: schema is not JSON: EOF while parsing an object at line 1 column 1",
    );
    let fault = codec().decode_request(Default::default(), b"{}").unwrap_err();
    assert_eq!(fault.public, "the path names no model");
}

#[test]
fn failures_inside_a_stream() {
    let start = ("messageStart", r#"{"role":"assistant"}"#);
    let ending = |events: &[(&str, &str)]| read_stream(&[&stream(events)], &mut |_| {}).ending;
    assert_eq!(
        ending(&[start, ("throttlingException", r#"{"message":"slower"}"#)]),
        r#"Failed(b"{\"__type\":\"ThrottlingException\",\"message\":\"slower\"}")"#
    );
    assert_eq!(ending(&[start]), r#"Garbled("the stream ended before its messageStop")"#);
    assert_eq!(
        ending(&[
            start,
            ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{"}}}"#)
        ]),
        r#"Garbled("arguments for a call that did not begin")"#
    );
    assert_eq!(ending(&[start, ("messageStop", r#"{"stopReason":"end_turn"}"#)]), "end");
}

#[test]
fn an_error_for_a_client() {
    let fault = Fault::new(FaultKind::UnknownModel, "no model `x`");
    assert_eq!(codec().encode_error(&fault), r#"{"message":"no model `x`"}"#);
}

/// Bodies that are nearly right: real members with values of any kind.
fn nearly() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        Just("\"x\"".to_owned()),
        Just("1".to_owned()),
    ];
    let key = prop::sample::select(vec![
        "messages",
        "role",
        "content",
        "text",
        "image",
        "document",
        "source",
        "bytes",
        "s3Location",
        "toolUse",
        "toolUseId",
        "name",
        "input",
        "toolResult",
        "status",
        "reasoningContent",
        "reasoningText",
        "redactedContent",
        "cachePoint",
        "citationsContent",
        "citations",
        "system",
        "toolConfig",
        "tools",
        "toolSpec",
        "toolChoice",
        "inferenceConfig",
        "additionalModelRequestFields",
        "thinking",
        "outputConfig",
        "textFormat",
        "output",
        "message",
        "usage",
        "stopReason",
        "delta",
        "start",
        "contentBlockIndex",
        "type",
        "x",
    ]);
    value.prop_recursive(8, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_panics(body in prop_oneof![nearly().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..80)]) {
        if let Ok(request) = codec().decode_request(head(CLAUDE), &body) {
            let encoded = codec().encode_request(&request, super::target(CLAUDE)).unwrap();
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&encoded.body).is_ok());
        }
        if let Ok(response) = codec().decode_response(&body) {
            let encoded = codec().encode_response(&response, super::reply(&Default::default()));
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&encoded.body).is_ok());
        }
        let _ = codec().decode_error(&body);
        let mut decoder = codec().decoder();
        decoder.event(&body, &mut |_| {});
        for kind in ["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"] {
            let text = String::from_utf8_lossy(&body);
            decoder.event(&stream(&[(kind, &text)]), &mut |_| {});
        }
        decoder.finish(&mut |_| {});
    }
}

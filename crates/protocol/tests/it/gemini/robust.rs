//! Whatever the bytes: nothing panics.

use lockgate_protocol::{
    codec::{Step, Target},
    ir::Request,
};
use proptest::prelude::*;

use super::{SSE, codec, decode, head, reply};

/// Texts that are nearly messages: pieces of the vocabulary with values of any type.
fn nearly() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "contents",
        "parts",
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "functionResponse",
        "name",
        "args",
        "response",
        "inlineData",
        "mimeType",
        "data",
        "tools",
        "functionDeclarations",
        "parameters",
        "type",
        "properties",
        "$ref",
        "anyOf",
        "enum",
        "generationConfig",
        "thinkingConfig",
        "candidates",
        "content",
        "finishReason",
        "index",
        "groundingMetadata",
        "groundingSupports",
        "groundingChunks",
        "segment",
        "endIndex",
        "usageMetadata",
        "promptTokenCount",
        "promptFeedback",
        "blockReason",
        "partialArgs",
        "jsonPath",
        "error",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[0-9]{1,20}",
        Just("1e400".to_owned()),
        "\"[a-z$.#é\\[\\]/']{0,6}\"",
    ];
    leaf.prop_recursive(6, 48, 4, move |inner| {
        let member = (word.clone(), inner.clone()).prop_map(|(key, value)| format!("\"{key}\":{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn feed(bytes: &[u8]) {
    let target = Target { model: "gemini-3", max_output: None, version: None };
    let request = Request::default();
    if let Ok(read) = codec().decode_request(head(), bytes) {
        let encoded = codec().encode_request(&read, target).unwrap();
        serde_json::from_slice::<serde::de::IgnoredAny>(&encoded.body).unwrap();
        let foreign = Request { origin: "other", ..read };
        let encoded = codec().encode_request(&foreign, target).unwrap();
        serde_json::from_slice::<serde::de::IgnoredAny>(&encoded.body).unwrap();
    }
    if let Ok(response) = codec().decode_response(bytes) {
        let encoded = codec().encode_response(&response, reply(&request, ""));
        serde_json::from_slice::<serde::de::IgnoredAny>(&encoded.body).unwrap();
    }
    codec().decode_error(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let mut encoder = codec().encoder(reply(&request, SSE));
        let mut out = Vec::new();
        let events = [text.replace(['\r', '\n'], ""), text.replace(['\r', '\n'], "")];
        if decode(&events, |event| encoder.event(event, &mut out)) == Step::End {
            assert!(out.is_empty() || out.ends_with(b"\r\n\r\n"));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        feed(&bytes);
    }

    #[test]
    fn nearly_messages(
        text in nearly(),
        frame in prop::sample::select(vec![
            "{}", "{\"contents\":[{\"role\":\"model\",\"parts\":[{}]}]}", "{\"contents\":[],\"tools\":[{}]}",
            "{\"contents\":[],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":{}}]}]}",
            "{\"contents\":[],\"generationConfig\":{}}",
            "{\"candidates\":[{\"finishReason\":\"STOP\",\"content\":{\"parts\":[{}]}}]}",
            "{\"candidates\":[{\"finishReason\":\"STOP\",\"content\":{\"parts\":[{\"text\":\"é\"}]},\"groundingMetadata\":{}}]}",
        ]),
    ) {
        feed(frame.replacen("{}", &text, 1).as_bytes());
    }
}

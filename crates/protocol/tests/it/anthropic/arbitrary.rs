//! No bytes make a decoder panic, and what it reads can be written.

use lockgate_protocol::ir::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{HEAD, codec, reply, stream::Folded, target};

/// JSON in which the words of the dialect are likely.
fn likely() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "message",
        "text",
        "thinking",
        "tool_use",
        "tool_result",
        "image",
        "document",
        "search_result",
        "base64",
        "content",
        "user",
        "assistant",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "text_delta",
        "signature_delta",
        "input_json_delta",
        "server_tool_use",
        "enabled",
    ]);
    let key = prop::sample::select(vec![
        "type",
        "role",
        "content",
        "text",
        "messages",
        "model",
        "system",
        "source",
        "data",
        "id",
        "name",
        "input",
        "tool_use_id",
        "message",
        "content_block",
        "delta",
        "index",
        "usage",
        "thinking",
        "signature",
        "citations",
        "partial_json",
        "tools",
        "tool_choice",
        "output_config",
        "metadata",
        "stop_reason",
        "error",
    ]);
    let leaf = prop_oneof![
        word.prop_map(|word| json!(word)),
        any::<u64>().prop_map(|number| json!(number)),
        Just(Value::Null),
        Just(json!("")),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|members| {
                Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

fn decode_everything(body: &[u8]) {
    let codec = codec();
    if let Ok(request) = codec.decode_request(HEAD, body) {
        let encoded = codec.encode_request(&request, target("claude-opus-4-8")).unwrap();
        assert!(serde_json::from_slice::<Value>(&encoded.body).is_ok());
    }
    if let Ok(response) = codec.decode_response(body) {
        let encoded = codec.encode_response(&response, reply(&Request::default()));
        assert!(serde_json::from_slice::<Value>(&encoded.body).is_ok());
    }
    let _ = codec.decode_error(body);
    let start = br#"{"type":"message_start","message":{}}"#;
    let mut decoder = codec.decoder();
    let mut folded = Folded::default();
    decoder.event(start, &mut |event| folded.take(event));
    decoder.event(body, &mut |event| folded.take(event));
    decoder.event(br#"{"type":"message_stop"}"#, &mut |event| folded.take(event));
    decoder.finish(&mut |event| folded.take(event));
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_everything(&body);
    }

    #[test]
    fn no_json_makes_a_decoder_panic(body in likely()) {
        decode_everything(body.to_string().as_bytes());
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let open = r#"[{"type":"tool_result","tool_use_id":"t","content":"#;
    let nested = format!("{}\"x\"{}", open.repeat(20_000), "}]".repeat(20_000));
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{nested}}}]}}"#);
    let fault = codec().decode_request(HEAD, body.as_bytes()).unwrap_err();
    assert!(fault.public.ends_with("blocks are nested too deeply"), "{}", fault.public);
}

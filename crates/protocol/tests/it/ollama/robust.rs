//! No bytes make a decoder panic, and what decodes encodes.

use proptest::prelude::*;

use super::*;

/// JSON of the dialect with wrong values in right places.
fn nearly() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-1".to_owned()),
        Just("1e999".to_owned()),
        Just("\"\"".to_owned()),
        Just("\"tool\"".to_owned()),
        Just("\"user\"".to_owned()),
        Just("\"assistant\"".to_owned()),
        Just("\"9999-99-99T99:99:99Z\"".to_owned()),
        Just("\"data:;base64,\"".to_owned()),
        "\"[a-z\\\\u00e9🦀]{0,4}\""
            .prop_filter("must be JSON", |text| serde_json::from_str::<Value>(text).is_ok()),
    ];
    let key = prop::sample::select(vec![
        "model",
        "messages",
        "message",
        "role",
        "content",
        "thinking",
        "images",
        "tool_calls",
        "tool_name",
        "function",
        "name",
        "arguments",
        "options",
        "stop",
        "num_predict",
        "format",
        "think",
        "tools",
        "logprobs",
        "top_logprobs",
        "token",
        "logprob",
        "done",
        "done_reason",
        "created_at",
        "response",
        "error",
        "prompt",
        "system",
        "other",
    ]);
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn feed(bytes: &[u8]) {
    for path in ["/api/chat", "/api/generate"] {
        if let Ok(request) = codec().decode_request(head(path), bytes) {
            let encoded = codec().encode_request(&request, target(&request)).unwrap();
            assert!(
                codec().decode_request(head("/api/chat"), &encoded.body).is_ok() || path == "/api/generate"
            );
        }
        if let Ok(response) = codec().decode_response(bytes) {
            let request = Request::default();
            let encoded = codec().encode_response(&response, reply(&request, path));
            assert!(codec().decode_response(&encoded.body).is_ok());
        }
    }
    let _ = codec().decode_error(bytes);
    let _ = fold(&[bytes]);
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        feed(&bytes);
    }

    #[test]
    fn nearly_right(members in nearly(), model in any::<bool>()) {
        let body = match members.strip_prefix('{') {
            Some(rest) if model => format!("{{\"model\":\"m\",\"done\":true{}{rest}", if rest == "}" { "" } else { "," }),
            _ => members,
        };
        feed(body.as_bytes());
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    feed(deep("[", "]").as_bytes());
    feed(
        format!(r#"{{"model":"m","done":true,"logprobs":{}}}"#, deep(r#"[{"top_logprobs":"#, "}]"))
            .as_bytes(),
    );
}

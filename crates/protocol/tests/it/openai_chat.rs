//! The OpenAI Chat Completions codec.

mod fold;
mod foreign;
mod recorded;
mod streams;

use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Target},
    dialects,
    ir::{FaultKind, Request},
};
use proptest::prelude::*;
use serde_json::Value;

pub(super) fn codec() -> &'static dyn Codec {
    dialects::find("openai-chat").unwrap().codec()
}

pub(super) fn target(model: &str) -> Target<'_> {
    Target { model, max_output: None, version: None }
}

pub(super) fn reply<'a>(request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "seed", now: 1_800_000_000, path: "/v1/chat/completions" }
}

pub(super) fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// Decodes and encodes a request; nothing may be lost on the way home.
#[track_caller]
fn round_trip(body: &str) -> Value {
    let request = codec().decode_request(RequestHead::default(), body.as_bytes()).unwrap();
    let encoded = codec().encode_request(&request, target(&request.model)).unwrap();
    assert!(encoded.losses.is_empty(), "{}", encoded.losses);
    value(&encoded.body)
}

#[test]
fn a_request_with_everything_comes_back_as_it_was() {
    let body = r#"{
        "model":"m","messages":[
            {"role":"developer","content":[{"type":"text","text":"one","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"text","text":"two"}]},
            {"role":"system","content":"three","name":"ops"},
            {"role":"user","content":[
                {"type":"text","text":"look \u00fc","cache_control":{"type":"ephemeral","ttl":"1h"}},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0=","detail":"low","x":1}},
                {"type":"image_url","image_url":{"url":"https://example.com/a.png"}},
                {"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}},
                {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}},
                {"type":"file","file":{"file_id":"file-1"}},
                {"type":"video_url","video_url":{"url":"https://example.com/a.mp4"}},
                {"type":"new_thing","x":{"b":1,"a":1.0}}],"name":"bob"},
            {"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"reasoning_content":"hm",
                "tool_calls":[
                    {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"b\": 1.0, \"a\":2}"}},
                    {"id":"c2","type":"custom","custom":{"name":"g","input":"free text"}},
                    {"id":"c3","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]},
            {"role":"tool","tool_call_id":"c1","content":"r1"},
            {"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]},
            {"role":"tool","tool_call_id":"c3","content":""},
            {"role":"assistant","content":"said","audio":{"id":"audio_1"},"refusal":"no","x_unknown":[1]},
            {"role":"user","content":"go on"},
            {"role":"developer","content":"late"}],
        "tools":[
            {"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"z":{},"a":{}}},"strict":true},"cache_control":{"type":"ephemeral"}},
            {"type":"custom","custom":{"name":"g","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"s: x"}}}},
            {"type":"server_tool","n":1}],
        "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"g"}}]}},
        "parallel_tool_calls":false,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},
        "response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"b":1,"a":1},"strict":false}},
        "reasoning_effort":"xhigh","temperature":0.70,"top_p":1,"top_k":5,"min_p":0.1,"frequency_penalty":0,"presence_penalty":0.5,
        "repetition_penalty":1.1,"seed":7,"logit_bias":{"5":-100},"stop":["a","b"],"max_tokens":5,"n":2,"logprobs":true,"top_logprobs":3,
        "audio":{"voice":"alloy","format":"wav"},"modalities":["text","audio"],"verbosity":"low","service_tier":"flex",
        "safety_identifier":"u","metadata":{"k":"v"},"prompt_cache_key":"p","store":true,
        "prediction":{"type":"content","content":"x"},"web_search_options":{},"plugins":[{"id":"web"}]}"#;
    assert_eq!(round_trip(body), value(body.as_bytes()));
}

#[test]
fn the_older_function_forms_come_back_as_they_were() {
    let body = r#"{"model":"m","messages":[
            {"role":"user","content":"hi"},
            {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
            {"role":"function","name":"f","content":"r"},
            {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"a\":1}"}},
            {"role":"function","name":"f","content":"s"}],
        "functions":[{"name":"f","parameters":{"type":"object"}}],"function_call":{"name":"f"},"stop":"x","user":"u"}"#;
    assert_eq!(round_trip(body), value(body.as_bytes()));
}

#[test]
fn reasoning_goes_back_under_the_name_it_came_under() {
    for message in [
        r#"{"role":"assistant","content":"x","reasoning_content":"r"}"#,
        r#"{"role":"assistant","content":"x","reasoning":"r"}"#,
        r#"{"role":"assistant","content":"x","reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"r","signature":"s","x":1}]}"#,
        r#"{"role":"assistant","content":"x","reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]}"#,
        r#"{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"r"}],"closed":true},{"type":"text","text":"x"}]}"#,
    ] {
        let body = format!(r#"{{"model":"m","messages":[{message}]}}"#);
        assert_eq!(round_trip(&body), value(body.as_bytes()));
    }
    for wish in [
        r#""reasoning":{"effort":"high","exclude":true}"#,
        r#""reasoning":{"max_tokens":2000,"enabled":true}"#,
        r#""thinking":{"type":"enabled","budget_tokens":5},"reasoning_effort":"high""#,
        r#""thinking":{"type":"disabled"}"#,
        r#""reasoning_effort":"brand-new""#,
        r#""thinking":{"type":"brand-new"},"reasoning":7"#,
    ] {
        let body = format!(r#"{{"model":"m","messages":[],{wish}}}"#);
        assert_eq!(round_trip(&body), value(body.as_bytes()));
    }
}

#[track_caller]
fn refused(body: &str, expect: &str) {
    let fault = codec().decode_request(RequestHead::default(), body.as_bytes()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::BadRequest);
    let text = fault.public.strip_prefix("the request cannot be read: ").unwrap();
    assert!(text.starts_with(expect), "{text}");
}

#[test]
fn a_bad_request_names_the_field() {
    refused(r#"{"messages":[]}"#, "`model` is missing");
    refused(r#"{"model":"m"}"#, "`messages` is missing");
    refused(r#"{"model":7,"messages":[]}"#, "`model`: invalid type: integer `7`, expected a string");
    refused(
        r#"{"model":"m","messages":[{"role":"user"},{"content":"x"}]}"#,
        "`messages`: item 1: `role` is missing",
    );
    refused(
        r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
        "`messages`: item 0: `content`: invalid type: integer `7`, expected a string or a list",
    );
    refused(
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"}]}]}"#,
        "`messages`: item 0: `content`: item 1: `image_url` is missing",
    );
    refused(r#"{"model":"m","messages":[{"role":"boss"}]}"#, "`messages`: item 0: `role` is `boss`; one of");
    refused(
        r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#,
        "`messages`: item 0: `tool_call_id` is",
    );
    refused(r#"{"model":"m","messages":[],"tools":[{"function":{}}]}"#, "`tools`: item 0: `name` is missing");
    refused(r#"{"model":"m","messages":[],"max_tokens":-1}"#, "`max_tokens`: invalid");
    refused(
        r#"{"model":"m","messages":[{"role":"user","tool_calls":[{"function":{"name":"f"}}]}]}"#,
        "`messages`: item 0: calls and `audio` belong to the assistant",
    );
    refused("nope", "expected");
    let long = "x".repeat(100_000);
    let body = format!(r#"{{"model":"m","messages":"{long}"}}"#);
    let fault = codec().decode_request(RequestHead::default(), body.as_bytes()).unwrap_err();
    assert!(fault.public.len() < 500, "a quoted body is cut");
}

#[test]
fn a_client_of_details_gets_and_returns_another_providers_proof() {
    use lockgate_protocol::ir::{Choice, Content, Response, Signature, Thinking};
    let ask = |message: &str| format!(r#"{{"model":"m","messages":[{message}]}}"#);
    let body = ask(
        r#"{"role":"assistant","content":"x","reasoning_details":[{"type":"reasoning.text","text":"r","signature":"s"}]}"#,
    );
    let request = codec().decode_request(RequestHead::default(), body.as_bytes()).unwrap();
    let thinking = Thinking {
        text: "deep".into(),
        signature: Some(Signature::new("elsewhere", "proof")),
        ..Thinking::default()
    };
    let blocks = vec![Content::Thinking(thinking).into(), Content::text("x").into()];
    let choices = vec![Choice { blocks, ..Choice::default() }];
    let response = Response { origin: "elsewhere", choices, ..Response::default() };
    let encoded = codec().encode_response(&response, reply(&request));
    let message = value(&encoded.body)["choices"][0]["message"].clone();
    insta::assert_snapshot!(message, @r#"{"content":"x","reasoning":"deep","reasoning_details":[{"signature":"lockgate:elsewhere:proof","text":"deep","type":"reasoning.text"}],"refusal":null,"role":"assistant"}"#);

    let body = ask(&message.to_string());
    let request = codec().decode_request(RequestHead::default(), body.as_bytes()).unwrap();
    let Content::Thinking(thinking) = &request.messages[0].blocks[0].content else { panic!("{request:?}") };
    assert_eq!(thinking.text, "deep");
    assert_eq!(thinking.signature, Some(Signature::new("elsewhere", "proof")));
}

#[test]
fn an_error_in_place_of_an_answer_is_told_apart() {
    let fault = codec().decode_response(br#"{"error":{"message":"no","code":7}}"#).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Garbled);
    assert_eq!(fault.complaint.unwrap().message.as_deref(), Some("no"));
    assert_eq!(codec().decode_response(b"{}").unwrap_err().kind, FaultKind::Garbled);
    assert_eq!(codec().decode_response(b"<html>").unwrap_err().kind, FaultKind::Garbled);
}

/// Things that look like what a decoder reads, and things that do not.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    const SEEDS: &[&str] = &[
        r#"{"model":"m","messages":[{"role":"assistant","content":[{"type":"text","text":"a"}],"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}],"reasoning_details":[{"type":"x","data":"d"}]},{"role":"tool","tool_call_id":"c","content":"é"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"function":{"name":"f"}},"response_format":{"type":"json_schema","json_schema":{"schema":{}}},"thinking":{"type":"enabled"},"stop":"x"}"#,
        r#"{"id":"i","choices":[{"index":0,"message":{"content":"a","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}],"annotations":[{"type":"url_citation"}],"audio":{"id":"a"}},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
        "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\"}],\"tool_calls\":[{\"index\":3,\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]},\"finish_reason\":\"stop\"}]}\n\n",
        r#"{"error":{"message":"m","code":1}}"#,
    ];
    let mutated =
        (0..SEEDS.len(), proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4))
            .prop_map(|(seed, changes)| {
                let mut bytes = SEEDS[seed].as_bytes().to_vec();
                for (place, byte) in changes {
                    let place = place.index(bytes.len());
                    bytes[place] = byte;
                }
                bytes
            });
    let cut = (0..SEEDS.len(), any::<prop::sample::Index>())
        .prop_map(|(seed, end)| SEEDS[seed].as_bytes()[..end.index(SEEDS[seed].len())].to_vec());
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), mutated, cut]
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(events in proptest::collection::vec(anything(), 1..5)) {
        let mut decoder = codec().decoder();
        for bytes in &events {
            if let Ok(request) = codec().decode_request(RequestHead::default(), bytes) {
                value(&codec().encode_request(&request, target("m")).unwrap().body);
            }
            if let Ok(response) = codec().decode_response(bytes) {
                let request = Request::default();
                value(&codec().encode_response(&response, reply(&request)).body);
            }
            codec().decode_error(bytes);
            decoder.event(bytes, &mut |_| {});
        }
        decoder.finish(&mut |_| {});
    }
}

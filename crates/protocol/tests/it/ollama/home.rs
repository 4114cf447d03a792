//! From the dialect to the model and back.

use lockgate_protocol::ir::Role;
use lockgate_testkit::{fixtures::Answer, split};
use serde_json::json;

use super::*;

/// Members that only generate has.
const GENERATE_ONLY: &[&str] = &["suffix", "template", "raw", "context", "width", "height", "steps"];

/// Applies the written normalisations to a request.
fn normal_request(mut request: Value, path: &str) -> Value {
    let members = request.as_object_mut().unwrap();
    members.entry("stream").or_insert(json!(true));
    members.retain(|key, value| {
        let is_empty =
            *value == json!("") || *value == json!([]) || *value == json!({}) || *value == json!(false);
        !(value.is_null() || is_empty && !["messages", "stream", "think"].contains(&key.as_str()))
    });
    if path == "/api/generate" && !GENERATE_ONLY.iter().any(|key| members.contains_key(*key)) {
        let mut messages = Vec::new();
        if let Some(system) = members.remove("system") {
            messages.push(json!({ "role": "system", "content": system }));
        }
        if let Some(prompt) = members.remove("prompt") {
            messages.push(json!({ "role": "user", "content": prompt }));
            if let Some(images) = members.remove("images") {
                messages.last_mut().unwrap()["images"] = images;
            }
        }
        members.insert("messages".into(), json!(messages));
    }
    request
}

fn round_trip(path: &str, body: &[u8]) -> Value {
    let request = codec().decode_request(head(path), body).unwrap();
    assert_eq!(request.origin, "ollama");
    let encoded = codec().encode_request(&request, target(&request)).unwrap();
    assert!(encoded.losses.is_empty(), "{}", encoded.losses);
    json(&encoded.body)
}

#[test]
fn recorded_requests_come_back() {
    for kind in [Kind::NonStream, Kind::Stream] {
        for case in cases(kind) {
            let Some(body) = &case.request else { continue };
            let mut expect = normal_request(json(body), path(&case));
            if case.name == "chat-tool-result" {
                expect["messages"][1]["tool_name"] = json!("get_current_weather");
            }
            assert_eq!(round_trip(path(&case), body), expect, "{}", case.id());
        }
    }
}

#[test]
fn recorded_answers_come_back() {
    for case in cases(Kind::NonStream) {
        let Answer::Whole(body) = &case.answer else { panic!("{} is a stream", case.id()) };
        if case.status != 200 {
            let complaint = codec().decode_error(body).unwrap();
            assert_eq!(complaint.message.as_deref(), json(body)["error"].as_str(), "{}", case.id());
            assert!(codec().decode_response(body).is_err());
            continue;
        }
        let response = codec().decode_response(body).unwrap();
        let request = Request::default();
        let encoded = codec().encode_response(&response, reply(&request, path(&case)));
        assert!(encoded.losses.is_empty(), "{}: {}", case.id(), encoded.losses);
        let (mut got, mut expect) = (json(&encoded.body), json(body));
        assert!(
            got["created_at"].as_str().unwrap().starts_with(&expect["created_at"].as_str().unwrap()[..19])
        );
        expect["created_at"] = got["created_at"].clone();
        if let Some(Value::Object(message)) = expect.get_mut("message") {
            message.retain(|_, value| !value.is_null());
        }
        if let Some(Value::Array(calls)) = got.pointer_mut("/message/tool_calls") {
            for (place, call) in calls.iter_mut().enumerate() {
                let expect = &mut expect["message"]["tool_calls"][place];
                assert!(call["id"].as_str().unwrap().starts_with("call_"));
                expect["id"] = expect.get("id").cloned().unwrap_or_else(|| call["id"].clone());
                expect["function"]["index"] = json!(place);
            }
        }
        assert_eq!(got, expect, "{}", case.id());
    }
}

/// The answer that the lines of a stream amount to, as the server would have given it whole.
fn whole(stream: &[u8], path: &str) -> Value {
    let lines: Vec<Value> = stream.split(|byte| *byte == b'\n').filter_map(ndjson::value).map(json).collect();
    let mut whole = lines.last().unwrap().clone();
    let joined = |pointer: &str| -> String {
        lines.iter().filter_map(|line| line.pointer(pointer)?.as_str()).collect()
    };
    whole["created_at"] = lines[0]["created_at"].clone();
    if path == "/api/generate" {
        whole["response"] = json!(joined("/response"));
    } else {
        let calls = lines.iter().filter_map(|line| line.pointer("/message/tool_calls")?.as_array());
        let calls: Vec<Value> = calls.flatten().cloned().collect();
        whole["message"] = json!({
            "role": "assistant",
            "content": joined("/message/content"),
            "thinking": joined("/message/thinking"),
            "tool_calls": calls,
        });
    }
    whole
}

#[test]
fn recorded_streams_fold_to_their_whole_answers() {
    for case in cases(Kind::Stream) {
        let Answer::Stream(_, bytes) = &case.answer else { panic!("{} has no bytes", case.id()) };
        let request = Request::default();
        let shown = |response: &Response<'_>| {
            let encoded = codec().encode_response(response, reply(&request, path(&case)));
            assert!(encoded.losses.is_empty(), "{}", encoded.losses);
            json(&encoded.body)
        };
        let folded = fold(&[bytes]).unwrap();
        let whole = whole(bytes, path(&case)).to_string();
        let mut decoded = codec().decode_response(whole.as_bytes()).unwrap();
        // The last line may say more than events can, and old servers did not say why they ended.
        decoded.extra.clear();
        decoded.choices[0].stop = folded.choices[0].stop.clone();
        let (got, mut expect) = (shown(&folded), shown(&decoded));
        if let (Some(Value::Array(got)), Some(Value::Array(expect))) =
            (got.pointer("/message/tool_calls"), expect.pointer_mut("/message/tool_calls"))
        {
            got.iter().zip(expect).for_each(|(got, expect)| expect["id"] = got["id"].clone());
        }
        assert_eq!(got, expect, "{}", case.id());
        // Written for a client, the stream says the same again.
        let written = replay(&folded, reply(&request, path(&case)));
        let mut again = fold(&[&written]).unwrap();
        if folded.choices[0].stop.as_ref().unwrap().word.is_none() {
            again.choices[0].stop.as_mut().unwrap().word = None;
        }
        assert_eq!(format!("{again:?}"), format!("{folded:?}"), "{}", case.id());
        // However the network cuts it.
        let step = (bytes.len() / 200).max(1);
        let cuts = (0..bytes.len()).step_by(step).chain(case.awkward_cuts.iter().copied());
        for cut in cuts {
            let (left, right) = bytes.split_at(cut);
            assert_eq!(format!("{:?}", fold(&[left, right]).unwrap()), format!("{folded:?}"), "{cut}");
        }
    }
}

const CHAT: &str = r#"{"model":"m","stream":false,"keep_alive":"5m","think":"high","logprobs":true,"top_logprobs":3,
"format":{"type":"object","properties":{"b":{},"a":{}}},
"options":{"temperature":0.50,"top_p":1,"top_k":40,"min_p":0.05,"seed":42,"stop":["x","y"],"num_predict":7,"num_ctx":4096,"repeat_penalty":1.1,"presence_penalty":0,"frequency_penalty":1e-1},
"tools":[{"type":"function","new":1,"function":{"name":"f","description":"d","parameters":{"type":"object","properties":{}},"strict":true}}],
"messages":[
{"role":"system","content":"one"},{"role":"system","content":"two","new":1},
{"role":"user","content":"look","images":["iVBORw0KGgoAAAANSUhEUg","UklGRiQAAABXQVZFZm10IA"],"name":"ann"},
{"role":"assistant","content":"","thinking":"hm","tool_calls":[{"function":{"name":"f","arguments":{"z": 1.0,"a":[]}}},{"function":{"name":"g","arguments":{}}},{"id":"call_x","function":{"name":"f","arguments":{},"new":2}}]},
{"role":"tool","content":"G","tool_name":"g"},
{"role":"tool","content":"F","tool_name":"f"},
{"role":"tool","content":"X","tool_name":"f","tool_call_id":"call_x","images":["iVBORw0KGgoAAAANSUhEUg"]},
{"role":"tool","content":"nobody asked"},
{"role":"system","content":"be brief"},
{"role":"user","content":""}]}"#;

#[test]
fn a_request_with_everything_comes_back() {
    assert_eq!(round_trip("/api/chat", CHAT.as_bytes()), json(CHAT.as_bytes()));
}

#[test]
fn a_request_with_everything_is_understood() {
    let request = codec().decode_request(head("/ollama/api/chat"), CHAT.as_bytes()).unwrap();
    assert_eq!(request.system.len(), 2);
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::System, Role::User]);
    let results: Vec<(&str, Option<&str>)> = request.messages[2]
        .blocks
        .iter()
        .map(|block| match &block.content {
            Content::ToolResult(result) => (&*result.id, result.name.as_deref()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        results,
        [("call_1_g", Some("g")), ("call_0_f", Some("f")), ("call_x", Some("f")), ("result_3", None)]
    );
    insta::assert_debug_snapshot!(request);
}

#[test]
fn generate_stays_generate_only_where_it_must() {
    let fill = r#"{"model":"m","stream":true,"prompt":"def f(","suffix":"return x","images":["AAAA"],"options":{"num_predict":-1}}"#;
    assert_eq!(round_trip("/api/generate", fill.as_bytes()), json(fill.as_bytes()));
    let plain = r#"{"model":"m","system":"s","prompt":"p","images":["AAAA"],"raw":false,"think":true}"#;
    assert_eq!(
        round_trip("/api/generate", plain.as_bytes()),
        normal_request(json(plain.as_bytes()), "/api/generate")
    );
}

#[test]
fn spellings_are_normalised() {
    let body = r#"{"model":"m","options":{"stop":"x","seed":null},"messages":[{"role":"User","content":null},
        {"role":"assistant","tool_calls":[{"type":"function","function":{"index":0,"name":"f"}}]},
        {"role":"tool","content":"r"}]}"#;
    assert_eq!(
        round_trip("/api/chat", body.as_bytes()),
        json!({"model": "m", "stream": true, "options": {"stop": ["x"]}, "messages": [
            {"role": "user", "content": ""},
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
            {"role": "tool", "content": "r", "tool_name": "f"},
        ]})
    );
}

#[track_caller]
fn check_refused(path: &str, body: &str, words: &str) {
    let fault = codec().decode_request(head(path), body.as_bytes()).unwrap_err();
    assert_eq!((fault.status, fault.public.contains(words)), (400, true), "{}", fault.public);
}

#[test]
fn what_is_no_request_is_refused_by_name() {
    check_refused("/api/chat", "{}", "`model` is missing");
    check_refused("/api/chat", "[", "the body is not a request");
    check_refused(
        "/api/chat",
        r#"{"model":"m","messages":[{"content":"x"}]}"#,
        "`messages[0].role` is missing",
    );
    check_refused("/api/chat", r#"{"model":"m","messages":[{"role":"x"}]}"#, "`messages[0].role` must be");
    check_refused(
        "/api/chat",
        r#"{"model":"m","messages":[{"role":"user","content":[]}]}"#,
        "`messages`: `content`:",
    );
    check_refused("/api/chat", r#"{"model":"m","think":"hard"}"#, "`think` must be");
    check_refused("/api/chat", r#"{"model":"m","format":7}"#, "`format` must be");
    check_refused("/api/chat", r#"{"model":"m","tools":[{"type":"x"}]}"#, "`tools[0].type` is `x`");
    check_refused("/api/chat", r#"{"model":"m","tools":[{}]}"#, "`tools[0].function.name` is missing");
    let call = r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]}"#;
    check_refused("/api/chat", call, "`messages[0].tool_calls[0]`: `function.arguments` must be an object");
    check_refused("/api/generate", r#"{"model":"m","prompt":7}"#, "`prompt`:");
}

#[test]
fn answers_that_are_none_are_refused() {
    for body in ["", "{}", "[]", r#"{"error":"oh"}"#, r#"{"done":false,"response":"x"}"#] {
        let fault = codec().decode_response(body.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, lockgate_protocol::ir::FaultKind::Garbled, "{body}");
    }
}

#[test]
fn a_stream_with_everything_survives_every_cut() {
    let stream = concat!(
        r#"{"model":"m","created_at":"2026-08-07T06:08:09.335586Z","message":{"role":"assistant","content":"","thinking":"Hm, ü—🦀"},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"role":"assistant","content":"Let\n"},"done":false,"logprobs":[{"token":"Let","logprob":-0.5}]}"#,
        "\n\n",
        r#"{"model":"m","message":{"role":"assistant","content":" me"},"done":false}"#,
        "\r\n",
        r#"{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"id":"call_a","function":{"index":0,"name":"f","arguments":{"b": 1, "a":"é"}}},{"id":"call_b","function":{"index":1,"name":"g","arguments":{}}}]},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":8}"#,
    );
    let folded = fold(&[stream.as_bytes()]).unwrap();
    insta::assert_debug_snapshot!(folded);
    for [left, right] in split::every_cut(stream.as_bytes()) {
        assert_eq!(format!("{:?}", fold(&[left, right]).unwrap()), format!("{folded:?}"));
    }
    let request = Request::default();
    for path in ["/api/chat", "/api/generate"] {
        let written = replay(&folded, reply(&request, path));
        assert_eq!(format!("{:?}", fold(&[&written]).unwrap()), format!("{folded:?}"));
        insta::assert_snapshot!(path.trim_start_matches("/api/"), String::from_utf8(written).unwrap());
    }
    // Without its last line it is no answer.
    let cut = stream.rfind('\n').unwrap();
    assert!(fold(&[&stream.as_bytes()[..cut]]).is_err());
}

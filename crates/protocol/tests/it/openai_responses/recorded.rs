//! Every recorded request, answer and stream of the dialect.

use lockgate_protocol::{
    codec::Step,
    ir::{Content, FaultKind},
};
use lockgate_testkit::fixtures::{self, Answer, Case, Kind};
use serde_json::{Map, Value, json as value};

use super::*;

fn cases(kind: Kind, mut each: impl FnMut(&Case)) {
    let Some(fixtures) = fixtures::open() else { return };
    let mut count = 0;
    for case in fixtures.cases(NAME, kind) {
        each(&case.unwrap());
        count += 1;
    }
    assert!(count > 10, "only {count} cases of {NAME}");
}

/// The requests of all cases, with those of `parallel`, which the index does not list.
fn requests(mut each: impl FnMut(&str, &[u8])) {
    if fixtures::open().is_none() {
        return;
    }
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures").into();
    let root = std::path::PathBuf::from(std::env::var_os(fixtures::FIXTURES_ENV).unwrap_or_else(beside));
    let parallel = std::fs::read_dir(root.join("parallel")).unwrap();
    for folder in parallel.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for name in ["openai-responses.request.json", "openai-responses.followup-request.json"] {
            if let Ok(body) = std::fs::read(folder.join(name)) {
                each(&folder.display().to_string(), &body);
            }
        }
    }
    for kind in [Kind::NonStream, Kind::Stream] {
        cases(kind, |case| {
            if let Some(request) = &case.request {
                each(&case.id(), request);
            }
        });
    }
}

/// The written normalisations of requests (see the dialect's module), applied to JSON.
fn normalised(request: &Value) -> Value {
    let mut body = request.clone();
    drop_nulls(&mut body);
    let object = body.as_object_mut().unwrap();
    object.retain(|key, member| match key.as_str() {
        "stream" => *member == true,
        "tools" | "include" => *member != value!([]),
        "text" | "reasoning" => *member != value!({}),
        _ => true,
    });
    for tool in object.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        if ["function", "custom"].contains(&tool["type"].as_str().unwrap_or("")) {
            drop_nulls(tool);
        }
    }
    let items = match object.remove("input") {
        None => Vec::new(),
        Some(Value::Array(items)) => items.into_iter().map(item).collect(),
        Some(text) => vec![value!({"role": "user", "content": text})],
    };
    let is_system = |item: &&Value| ["system", "developer"].contains(&item["role"].as_str().unwrap_or(""));
    let leading = items.iter().take_while(is_system).count();
    let (system, rest) = items.split_at(leading);
    let mut parts: Vec<Value> = Vec::new();
    parts.extend(object.remove("instructions").map(|text| value!({"type": "input_text", "text": text})));
    for item in system {
        match &item["content"] {
            Value::Array(content) => parts.extend(content.iter().cloned()),
            text => parts.push(value!({"type": "input_text", "text": text})),
        }
    }
    let mut input = rest.to_vec();
    match &parts[..] {
        [] => {}
        [part] if part.as_object().unwrap().len() == 2 => {
            object.insert("instructions".into(), part["text"].clone());
        }
        parts => input.insert(0, value!({"role": "developer", "content": parts})),
    }
    object.insert("input".into(), Value::Array(input));
    body
}

fn drop_nulls(object: &mut Value) {
    if let Some(object) = object.as_object_mut() {
        object.retain(|_, member| !member.is_null());
    }
}

fn item(mut item: Value) -> Value {
    let untyped = if item.get("role").is_some() { "message" } else { "item_reference" };
    let kind = item["type"].as_str().unwrap_or(untyped).to_owned();
    let object = item.as_object_mut().unwrap();
    let has_id = object.contains_key("id");
    let completed = |object: &mut Map<String, Value>| {
        if object.get("status").is_none_or(|status| status == "completed") {
            object.remove("status");
        }
    };
    match kind.as_str() {
        "message" => {
            drop_nulls(&mut item);
            let object = item.as_object_mut().unwrap();
            completed(object);
            let is_whole = has_id && object["role"] == "assistant";
            object.remove("type");
            if has_id {
                object.insert("type".into(), "message".into());
            }
            if is_whole {
                object.entry("status").or_insert("completed".into());
            }
            let is_answer = object["role"] == "assistant";
            if let Some(parts) = object["content"].as_array_mut() {
                parts.iter_mut().for_each(|item| part(item, is_answer, is_whole));
                if let [only] = &parts[..]
                    && only.as_object().unwrap().len() == 2
                    && only.get("text").is_some()
                {
                    object["content"] = only["text"].clone();
                }
            } else if is_whole {
                let text = object["content"].clone();
                object["content"] = value!([{"type": "output_text", "text": text, "annotations": []}]);
            }
        }
        "function_call" | "custom_tool_call" => {
            completed(object);
            if has_id {
                object.entry("status").or_insert("completed".into());
            }
        }
        "function_call_output" | "custom_tool_call_output" => {
            completed(object);
            object.remove("id");
            if let Some(parts) = object["output"].as_array_mut() {
                parts.iter_mut().for_each(|item| part(item, false, false));
            }
        }
        "reasoning" => {
            completed(object);
            object.retain(|key, member| !(member.is_null() || (key == "content" && *member == value!([]))));
        }
        _ => {}
    }
    item
}

fn part(part: &mut Value, is_answer: bool, is_whole: bool) {
    drop_nulls(part);
    let object = part.as_object_mut().unwrap();
    object.retain(|key, member| {
        !(["annotations", "logprobs"].contains(&key.as_str()) && *member == value!([]))
    });
    if ["input_text", "output_text", "text"].contains(&object["type"].as_str().unwrap_or("")) {
        object["type"] = if is_answer { "output_text" } else { "input_text" }.into();
        if is_whole {
            object.entry("annotations").or_insert(value!([]));
        }
    }
}

#[track_caller]
fn check_request(id: &str, body: &[u8]) {
    let request = codec().decode_request(head(), body).unwrap_or_else(|fault| panic!("{id}: {fault}"));
    let encoded = codec().encode_request(&request, target(&request.model)).unwrap();
    assert!(encoded.losses.is_empty(), "{id}: {}", encoded.losses);
    similar(id, &json(&encoded.body), &normalised(&json(body)));
    // What was normalised once stays as it is, to the byte.
    let again = codec().decode_request(head(), &encoded.body).unwrap();
    let again = codec().encode_request(&again, target(&again.model)).unwrap();
    assert_eq!(again.body, encoded.body, "{id}");
}

/// Fails with the first place where two values differ, instead of both whole.
#[track_caller]
fn similar(id: &str, got: &Value, expect: &Value) {
    fn differ(path: &str, got: &Value, expect: &Value) -> Option<String> {
        match (got, expect) {
            (Value::Object(left), Value::Object(right)) => {
                let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
                keys.sort();
                keys.iter().find_map(|key| differ(&format!("{path}.{key}"), &got[*key], &expect[*key]))
            }
            (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
                let pairs = left.iter().zip(right).enumerate();
                pairs
                    .into_iter()
                    .find_map(|(at, (left, right))| differ(&format!("{path}[{at}]"), left, right))
            }
            _ if got == expect => None,
            _ => Some(format!("{path}:\n  got    {got}\n  expect {expect}")),
        }
    }
    if let Some(difference) = differ("", got, expect) {
        panic!("{id} differs at {difference}");
    }
}

#[test]
fn requests_come_back_as_they_were() {
    requests(check_request);
}

#[test]
fn requests_of_other_shapes_come_back_as_they_were() {
    let cases: &[&str] = &[
        r#"{"model":"m","input":"hi","temperature":0.10,"top_p":1.0,"user":"u","store":false,"metadata":{"a":"b"}}"#,
        r#"{"model":"m","input":[],"prompt":{"id":"p"},"truncation":"auto","max_tool_calls":3,"client_metadata":{"x":"y"}}"#,
        r#"{"model":"m","input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},{"role":"user","content":"q"}]}"#,
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"input_image","file_id":"f","detail":"low"},{"type":"input_file","file_url":"https://x/y.pdf"},{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}},{"type":"input_video","x":1}]}]}"#,
        r#"{"model":"m","input":[{"type":"custom_tool_call","id":"ctc_1","call_id":"c","name":"n","input":"x\ny"},{"type":"custom_tool_call_output","call_id":"c","output":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:image/png;base64,iVBOR"}]}]}"#,
        r#"{"model":"m","input":[{"type":"item_reference","id":"x"},{"id":"y"},{"type":"mcp_approval_response","approval_request_id":"a","approve":true},{"role":"user","content":"go"}]}"#,
        r#"{"model":"m","input":"x","reasoning":{"effort":"galactic","summary":"auto","context":"all_turns"},"text":{"format":{"type":"grammar","x":1},"verbosity":"low","tone":"dry"}}"#,
        r#"{"model":"m","input":"x","include":["web_search_call.results","reasoning.encrypted_content","message.output_text.logprobs"],"top_logprobs":2}"#,
        r#"{"model":"m","input":"x","tool_choice":{"type":"custom","name":"n"},"tools":[{"type":"custom","name":"n","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},{"type":"namespace","name":"g","tools":[]},{"type":"function","name":"f","parameters":{"b":1,"a":2},"defer_loading":true}]}"#,
        r#"{"model":"m","input":[{"role":"user","content":"q"},{"type":"message","role":"assistant","phase":"commentary","content":"a"},{"type":"function_call","call_id":"c","name":"n","arguments":"{}","namespace":"g"},{"role":"system","content":"mid"},{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]}"#,
    ];
    for case in cases {
        check_request(case, case.as_bytes());
    }
}

/// What an answer is compared by: without what repeats the request and what the codec's list says is not kept.
fn comparable(answer: &Value) -> Value {
    const KEPT: &[&str] =
        &["id", "object", "created_at", "model", "status", "output", "usage", "error", "incomplete_details"];
    let mut answer = answer.clone();
    let object = answer.as_object_mut().unwrap();
    object.retain(|key, _| KEPT.contains(&key.as_str()));
    if object.get("status").is_none_or(|status| status == "complete") {
        object.insert("status".into(), "completed".into());
    }
    object["created_at"] = (object["created_at"].as_f64().unwrap() as u64).into();
    let usage = object.entry("usage").or_insert(Value::Null);
    if !usage.is_null() {
        let detail = |group: &str, name: &str| usage[group][name].as_u64().unwrap_or(0);
        *usage = value!({
            "input_tokens": usage["input_tokens"],
            "input_tokens_details": {
                "cached_tokens": detail("input_tokens_details", "cached_tokens"),
                "cache_write_tokens": detail("input_tokens_details", "cache_write_tokens"),
            },
            "output_tokens": usage["output_tokens"],
            "output_tokens_details": { "reasoning_tokens": detail("output_tokens_details", "reasoning_tokens") },
            "total_tokens": usage["total_tokens"],
        });
    }
    let output = object["output"].as_array_mut().unwrap();
    output.retain(|item| {
        let is_empty = |name: &str| item[name].is_null() || item[name] == value!([]);
        item["type"] != "reasoning"
            || !(is_empty("summary") && is_empty("content") && item["encrypted_content"].is_null())
    });
    for item in output {
        comparable_item(item.as_object_mut().unwrap());
    }
    answer
}

fn comparable_item(item: &mut Map<String, Value>) {
    let kind = item["type"].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "message" => {
            item.remove("id");
            for part in item["content"].as_array_mut().unwrap() {
                part.as_object_mut().unwrap().entry("logprobs").or_insert(value!([]));
            }
        }
        "reasoning" => {
            item.remove("status");
            item.retain(|key, member| !(key == "content" && (member.is_null() || *member == value!([]))));
        }
        _ => {}
    }
}

#[test]
fn answers_come_back_as_they_were() {
    cases(Kind::NonStream, |case| {
        let Answer::Whole(body) = &case.answer else { panic!("{} is no whole answer", case.id()) };
        if case.status != 200 {
            return;
        }
        let request = case.request.as_deref().unwrap_or(br#"{"model":"m"}"#);
        let request = codec().decode_request(head(), request).unwrap();
        let response = codec().decode_response(body).unwrap_or_else(|fault| panic!("{}: {fault}", case.id()));
        let encoded = codec().encode_response(&response, reply(&request));
        let got = json(&encoded.body);
        assert!(encoded.losses.is_empty(), "{}: {}", case.id(), encoded.losses);
        similar(&case.id(), &comparable(&got), &comparable(&json(body)));
        // The echo of the request is the provider's echo, where the request said anything.
        for (key, member) in json(case.request.as_deref().unwrap_or(b"{}")).as_object().unwrap() {
            if ["temperature", "max_output_tokens", "parallel_tool_calls", "previous_response_id"]
                .contains(&&**key)
            {
                assert_eq!(&got[key], member, "{}: {key}", case.id());
            }
        }
    });
}

#[test]
fn errors_are_read() {
    let mut count = 0;
    cases(Kind::NonStream, |case| {
        let Answer::Whole(body) = &case.answer else { return };
        if case.status == 200 {
            return;
        }
        count += 1;
        let complaint = codec().decode_error(body).unwrap_or_else(|| panic!("{} says nothing", case.id()));
        assert!(complaint.message.is_some_and(|message| message.len() > 20), "{}", case.id());
        let fault = codec().decode_response(body).unwrap_err();
        assert!(matches!(fault.kind, FaultKind::UpstreamFailed | FaultKind::Garbled), "{}", case.id());
    });
    assert!(count > 3 || fixtures::open().is_none(), "only {count} errors");
}

/// The streams of a case: some recordings hold several, one after the other.
fn streams(case: &Case) -> Vec<Vec<u8>> {
    match &case.answer {
        Answer::Stream(_, bytes) => vec![bytes.clone()],
        Answer::Whole(_) => panic!("{} is no stream", case.id()),
        Answer::Events(events) => {
            let mut streams: Vec<Vec<u8>> = Vec::new();
            for event in events {
                let kind = json(event.as_bytes())["type"].as_str().unwrap_or_default().to_owned();
                if kind == "response.created" || streams.is_empty() {
                    streams.push(Vec::new());
                }
                let frame = format!("event: {kind}\ndata: {event}\n\n");
                streams.last_mut().unwrap().extend_from_slice(frame.as_bytes());
            }
            streams
        }
    }
}

/// The data of the last event that has any.
fn last(stream: &[u8]) -> Value {
    let mut last = Value::Null;
    events_of(stream, |raw| {
        if let Some(data) = lockgate_protocol::framing::sse::Event::parse(raw).data {
            last = json(&data);
        }
    });
    last
}

/// The last value of each proof counts, log probabilities are rounded at the end, and an event has no place for `phase`.
fn without_what_streams_say_otherwise(mut answer: Value) -> Value {
    for item in answer["output"].as_array_mut().unwrap() {
        let item = item.as_object_mut().unwrap();
        item.remove("phase");
        if let Some(proof) = item.get_mut("encrypted_content") {
            *proof = true.into();
        }
        for part in item.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(logprobs) = part.get_mut("logprobs") {
                *logprobs = logprobs.as_array().map(Vec::len).into();
            }
        }
    }
    answer
}

#[test]
fn streams_fold_to_the_answer_they_end_with() {
    cases(Kind::Stream, |case| {
        let request = case.request.as_deref().unwrap_or(br#"{"model":"m"}"#);
        let request = codec().decode_request(head(), request).unwrap();
        for stream in streams(case) {
            let (out, step) = through(&stream, &request);
            let end = last(&stream);
            if end["type"] == "response.failed" {
                let Step::Failed(body) = step else { panic!("{}: {step:?}", case.id()) };
                assert!(codec().decode_error(&body).unwrap().message.is_some(), "{}", case.id());
                continue;
            }
            assert_eq!(step, Step::End, "{}", case.id());
            let told = last(out.as_bytes());
            assert_eq!(told["type"], end["type"], "{}", case.id());
            let folded = |answer: &Value| without_what_streams_say_otherwise(comparable(answer));
            similar(&case.id(), &folded(&told["response"]), &folded(&end["response"]));

            // The events of the whole answer and of the stream are the same answer.
            let whole = end["response"].to_string();
            let whole = codec().decode_response(whole.as_bytes()).unwrap();
            let whole = json(&codec().encode_response(&whole, reply(&request)).body);
            similar(&case.id(), &folded(&told["response"]), &folded(&whole));

            // What this codec writes it reads back to the byte.
            let (again, step) = through(out.as_bytes(), &request);
            assert_eq!(step, Step::End, "{}", case.id());
            assert_eq!(again, out, "{}", case.id());
        }
    });
}

#[test]
fn events_come_in_the_order_the_sdks_need() {
    cases(Kind::Stream, |case| {
        let request = case.request.as_deref().unwrap_or(br#"{"model":"m"}"#);
        let request = codec().decode_request(head(), request).unwrap();
        for stream in streams(case) {
            let (out, _) = through(&stream, &request);
            super::robust::check_order(&case.id(), &out);
        }
    });
}

#[test]
fn a_stream_cut_before_its_end_is_never_complete() {
    cases(Kind::Stream, |case| {
        let request = codec().decode_request(head(), br#"{"model":"m"}"#).unwrap();
        for stream in streams(case) {
            let mut ends = vec![0];
            events_of(&stream, |raw| ends.push(ends.last().unwrap() + raw.len()));
            let said_last = ends.len() - 1;
            for end in &ends[..said_last] {
                let (out, step) = through(&stream[..*end], &request);
                assert!(
                    matches!(step, Step::Garbled(_) | Step::Failed(_)),
                    "{} at {end}: {step:?}",
                    case.id()
                );
                assert!(!out.contains("response.completed"), "{} at {end}", case.id());
            }
        }
    });
}

#[test]
fn reasoning_goes_back_with_its_proof() {
    let Some(fixtures) = fixtures::open() else { return };
    let case = fixtures.case(NAME, Kind::NonStream, "encrypted-reasoning-2").unwrap();
    let body = case.request.unwrap();
    let request = codec().decode_request(head(), &body).unwrap();
    let turn = &request.messages[1];
    let Content::Thinking(thinking) = &turn.blocks[0].content else { panic!("{turn:?}") };
    assert!(thinking.is_redacted && thinking.signature.as_ref().unwrap().at_home(NAME).is_some());
    assert!(matches!(turn.blocks[1].content, Content::ToolUse(_)), "one turn is one message");
}

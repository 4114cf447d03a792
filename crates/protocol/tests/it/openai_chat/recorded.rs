//! Recorded traffic of OpenAI and of the servers that speak like it.

use std::path::PathBuf;

use lockgate_protocol::{
    codec::{RequestHead, Step},
    ir::Request,
};
use lockgate_testkit::fixtures::{self, Answer, FIXTURES_ENV, Kind};
use serde_json::{Map, Value, json};

use super::{codec, fold, reply, target, value};

/// Applies the normalisations that the dialect's module lists, those of requests.
fn normal_request(body: &mut Value) {
    body.as_object_mut().unwrap().entry("model").or_insert("recorded".into());
    drop_nulls(body);
    if body["stream"] == json!(true) {
        body["stream_options"]["include_usage"] = json!(true);
    } else {
        body.as_object_mut().unwrap().remove("stream");
    }
    for message in body["messages"].as_array_mut().unwrap() {
        normal_message(message.as_object_mut().unwrap());
    }
}

fn normal_message(message: &mut Map<String, Value>) {
    let text = match message.get("content").and_then(Value::as_array).map(Vec::as_slice) {
        Some([part]) if part["type"] == "text" && part.as_object().unwrap().len() == 2 => {
            Some(part["text"].clone())
        }
        _ => None,
    };
    if let Some(text) = text {
        message.insert("content".into(), text);
    }
    if message.get("content") == Some(&json!("")) {
        message.remove("content");
    }
    if message.get("annotations") == Some(&json!([])) {
        message.remove("annotations");
    }
    for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
        call.as_object_mut().unwrap().remove("index");
    }
}

/// Applies the normalisations of answers.
fn normal_response(body: &mut Value) {
    drop_nulls(body);
    if let Some(usage) = body["usage"].as_object_mut() {
        let detail = |usage: &Map<String, Value>, list: &str, name: &str| {
            usage.get(list).and_then(|list| list.get(name)).and_then(Value::as_u64).unwrap_or(0)
        };
        let (input, output) =
            (usage["prompt_tokens"].as_u64().unwrap(), usage["completion_tokens"].as_u64().unwrap());
        // One server counts more cached tokens than prompt tokens.
        let cached = detail(usage, "prompt_tokens_details", "cached_tokens").min(input);
        body["usage"] = json!({
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
            "prompt_tokens_details": {
                "cached_tokens": cached,
                "cache_write_tokens": detail(usage, "prompt_tokens_details", "cache_write_tokens"),
                "audio_tokens": detail(usage, "prompt_tokens_details", "audio_tokens"),
            },
            "completion_tokens_details": {
                "reasoning_tokens": detail(usage, "completion_tokens_details", "reasoning_tokens"),
                "audio_tokens": detail(usage, "completion_tokens_details", "audio_tokens"),
            },
        });
    }
    for choice in body["choices"].as_array_mut().unwrap() {
        if choice["message"].is_null() {
            choice["message"] = json!({"role": "assistant"});
        }
        let message = choice["message"].as_object_mut().unwrap();
        if let Some(Value::Array(parts)) = message.get("content").cloned() {
            let (mut thinking, mut text) = (String::new(), String::new());
            for part in parts {
                match part["type"].as_str().unwrap() {
                    "thinking" => thinking.push_str(part["thinking"][0]["text"].as_str().unwrap()),
                    _ => text.push_str(part["text"].as_str().unwrap()),
                }
            }
            message.insert("content".into(), text.into());
            message.insert("reasoning_content".into(), thinking.into());
        }
        if let Some(reasoning) = message.remove("reasoning") {
            message.insert("reasoning_content".into(), reasoning);
        }
        message.remove("reasoning_details");
        normal_message(message);
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn check_request(id: &str, body: &[u8]) {
    let head = RequestHead { model: Some("recorded"), ..RequestHead::default() };
    let request = codec().decode_request(head, body).unwrap_or_else(|fault| panic!("{id}: {fault}"));
    let encoded = codec().encode_request(&request, target(&request.model)).unwrap();
    assert!(encoded.losses.is_empty(), "{id}: {}", encoded.losses);
    let (mut expect, mut got) = (value(body), value(&encoded.body));
    normal_request(&mut expect);
    normal_request(&mut got);
    assert_eq!(got, expect, "{id}");
}

/// Through the codec and back, and through a stream and back: both times the same answer.
fn check_response(id: &str, request: Option<&[u8]>, body: &[u8]) {
    let head = RequestHead { model: Some("recorded"), ..RequestHead::default() };
    let request = request.map_or_else(Request::default, |body| codec().decode_request(head, body).unwrap());
    let response = codec().decode_response(body).unwrap_or_else(|fault| panic!("{id}: {fault}"));
    let encoded = codec().encode_response(&response, reply(&request));
    assert!(encoded.losses.is_empty(), "{id}: {}", encoded.losses);
    let (mut expect, mut got) = (value(body), value(&encoded.body));
    normal_response(&mut expect);
    normal_response(&mut got);
    assert_eq!(got, expect, "{id}");

    let stream = as_stream(&value(body));
    let (fold, step) = fold::read(codec(), &[stream.as_bytes()]);
    assert_eq!(step, Step::End, "{id}: {stream}");
    let streamed = codec().encode_response(&fold.response, reply(&request));
    let mut streamed = value(&streamed.body);
    normal_response(&mut streamed);
    for answer in [&mut expect, &mut streamed] {
        only_what_streams(answer);
    }
    assert_eq!(streamed, expect, "{id}, streamed");
}

/// The same answer as a server streams it, each choice in two chunks.
fn as_stream(body: &Value) -> String {
    let mut lines = String::new();
    let mut chunk = |choices: Value, usage: &Value| {
        let chunk = json!({"id": body["id"], "model": body["model"], "created": body["created"],
            "object": "chat.completion.chunk", "choices": choices, "usage": usage});
        lines.push_str(&format!("data: {chunk}\n\n"));
    };
    for choice in body["choices"].as_array().unwrap() {
        let mut delta = choice["message"].clone();
        if let Some(calls) = delta["tool_calls"].as_array_mut() {
            for (index, call) in calls.iter_mut().enumerate() {
                call["index"] = index.into();
            }
        }
        let index = &choice["index"];
        chunk(
            json!([{"index": index, "delta": delta, "logprobs": choice["logprobs"], "finish_reason": null}]),
            &Value::Null,
        );
        chunk(json!([{"index": index, "delta": {}, "finish_reason": choice["finish_reason"]}]), &Value::Null);
    }
    chunk(json!([]), &body["usage"]);
    lines + "data: [DONE]\n\n"
}

/// Leaves out what a stream has no place for.
fn only_what_streams(body: &mut Value) {
    let known = ["id", "object", "created", "model", "choices", "usage"];
    body.as_object_mut().unwrap().retain(|key, _| known.contains(&key.as_str()));
    for choice in body["choices"].as_array_mut().unwrap() {
        let known = ["index", "message", "logprobs", "finish_reason"];
        choice.as_object_mut().unwrap().retain(|key, _| known.contains(&key.as_str()));
        if let Some(audio) = choice["message"]["audio"].as_object_mut() {
            audio.remove("expires_at");
        }
        drop_nulls(choice);
    }
}

#[test]
fn every_recorded_exchange_comes_back_as_it_was() {
    let Some(fixtures) = fixtures::open() else { return };
    let mut count = 0;
    for case in
        fixtures.cases("openai-chat", Kind::NonStream).chain(fixtures.cases("openai-chat", Kind::Stream))
    {
        let case = case.unwrap();
        count += 1;
        if let Some(request) = &case.request {
            check_request(&case.id(), request);
        }
        match &case.answer {
            Answer::Whole(body) if case.status == 200 => {
                check_response(&case.id(), case.request.as_deref(), body)
            }
            Answer::Whole(body) => {
                let complaint = codec().decode_error(body).unwrap_or_else(|| panic!("{}", case.id()));
                assert!(complaint.message.is_some(), "{}", case.id());
            }
            _ => {}
        }
    }
    assert!(count >= 50, "only {count} cases");
}

#[test]
fn every_parallel_exchange_comes_back_as_it_was() {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let root = std::env::var_os(FIXTURES_ENV).map_or_else(beside, PathBuf::from).join("parallel");
    let Ok(folders) = std::fs::read_dir(&root) else {
        eprintln!("SKIPPED: no recorded traffic at {}", root.display());
        return;
    };
    for folder in folders.map(|folder| folder.unwrap().path()).filter(|path| path.is_dir()) {
        let read = |name: &str| std::fs::read(folder.join(format!("openai-chat.{name}.json"))).ok();
        let id = folder.display().to_string();
        let request = read("request");
        for body in [&request, &read("followup-request")].into_iter().flatten() {
            check_request(&id, body);
        }
        if let Some(body) = read("response") {
            check_response(&id, request.as_deref(), &body);
        }
    }
}

/// What a stream says, read chunk by chunk as plain JSON: independent of the decoder.
fn plainly(stream: &str) -> Value {
    let mut choices: Map<String, Value> = Map::new();
    for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|line| *line != "[DONE]")
    {
        let chunk: Value = serde_json::from_str(line).unwrap();
        for choice in chunk["choices"].as_array().unwrap() {
            let all = choices
                .entry(choice["index"].to_string())
                .or_insert(json!({"text": "", "thinking": "", "calls": {}}));
            let delta = &choice["delta"];
            let mut add = |key: &str, more: &Value| {
                if let Some(more) = more.as_str() {
                    all[key] = format!("{}{more}", all[key].as_str().unwrap()).into();
                }
            };
            add("text", &delta["content"]);
            for part in delta["content"].as_array().into_iter().flatten() {
                add("text", &part["text"]);
                add("thinking", &part["thinking"][0]["text"]);
            }
            add("thinking", &delta["reasoning_content"]);
            add("thinking", &delta["reasoning"]);
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let entry = &mut all["calls"][call["index"].to_string()];
                let more = call["function"]["arguments"].as_str().unwrap_or_default();
                *entry = format!("{}{more}", entry.as_str().unwrap_or_default()).into();
            }
        }
    }
    choices.into()
}

fn as_plainly(response: &lockgate_protocol::ir::Response<'_>) -> Value {
    use lockgate_protocol::ir::Content;
    let mut choices = Map::new();
    for choice in &response.choices {
        let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
        for block in &choice.blocks {
            match &block.content {
                Content::Text { text: more, .. } => text.push_str(more),
                Content::Thinking(more) => thinking.push_str(&more.text),
                Content::ToolUse(call) => calls.push(call.input.to_string()),
                other => panic!("{other:?}"),
            }
        }
        choices.insert(choice.index.to_string(), json!({"text": text, "thinking": thinking, "calls": calls}));
    }
    choices.into()
}

#[test]
fn every_recorded_stream_is_read_and_written_again() {
    let Some(fixtures) = fixtures::open() else { return };
    for case in fixtures.cases("openai-chat", Kind::Stream) {
        let case = case.unwrap();
        let id = case.id();
        let bytes = match &case.answer {
            Answer::Stream(_, bytes) => bytes.clone(),
            Answer::Events(events) => events
                .iter()
                .flat_map(|event| format!("data: {event}\n\n").into_bytes())
                .chain(*b"data: [DONE]")
                .collect(),
            Answer::Whole(_) => panic!("{id} is no stream"),
        };
        let (fold, step) = fold::read(codec(), &[&bytes]);
        if case.name.contains("error") {
            let Step::Failed(body) = step else { panic!("{id}: {step:?}") };
            assert!(codec().decode_error(&body).unwrap().message.is_some(), "{id}");
            continue;
        }
        assert_eq!(step, Step::End, "{id}");
        let mut expect = plainly(std::str::from_utf8(&bytes).unwrap());
        for choice in expect.as_object_mut().unwrap().values_mut() {
            choice["calls"] = choice["calls"].as_object().unwrap().values().cloned().collect();
        }
        let said = as_plainly(&fold.response);
        assert_eq!(said, expect, "{id}");

        // However the network cuts it, the events are the same.
        let cuts: Vec<usize> = case.awkward_cuts.iter().copied().take(200).collect();
        let pieces: Vec<&[u8]> = lockgate_testkit::split::at(&bytes, &cuts).collect();
        assert_eq!(fold::read(codec(), &pieces).0.log, fold.log, "{id}, cut");

        // Written again, it says the same.
        let request = Request { stream_usage: Some(true), ..Request::default() };
        let written = super::streams::rewrite(&bytes, &request);
        let (again, step) = fold::read(codec(), &[written.as_bytes()]);
        assert_eq!(step, Step::End, "{id}: {written}");
        assert_eq!(as_plainly(&again.response), said, "{id}, written again");
        assert_eq!(again.response.usage, fold.response.usage, "{id}");
        assert_eq!(
            (&again.response.id, &again.response.model),
            (&fold.response.id, &fold.response.model),
            "{id}"
        );
        let reasons = |response: &lockgate_protocol::ir::Response<'_>| -> Vec<_> {
            response.choices.iter().map(|choice| choice.stop.as_ref().unwrap().reason).collect()
        };
        assert_eq!(reasons(&again.response), reasons(&fold.response), "{id}");
    }
}

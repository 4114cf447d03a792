//! Recorded requests, answers and errors survive reading and writing.

use std::{fs, path::PathBuf};

use lockgate_protocol::{
    codec::Target,
    dialects::{Host, Hosted, encode_hosted},
    ir::Request,
};
use lockgate_testkit::fixtures::{self, Answer, Case, FIXTURES_ENV, Kind};
use serde_json::{Value, json};

use super::{HEAD, codec, reply, value};

pub(super) fn cases(protocol: &str, kind: Kind) -> Vec<Case> {
    let Some(fixtures) = fixtures::open() else { return Vec::new() };
    let cases: Vec<Case> = fixtures.cases(protocol, kind).map(Result::unwrap).collect();
    assert!(!cases.is_empty(), "the index has no case of {protocol}");
    cases
}

/// The files of that name of the conversations recorded in many dialects, which the index does not list.
fn parallel(file: &str) -> Vec<(String, Vec<u8>)> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let root = std::env::var_os(FIXTURES_ENV).map_or_else(beside, PathBuf::from).join("parallel");
    let Ok(folders) = fs::read_dir(root) else { return Vec::new() };
    let paths = folders.map(|folder| folder.unwrap().path().join(file));
    paths.filter_map(|path| Some((path.display().to_string(), fs::read(&path).ok()?))).collect()
}

/// Applies the normalisations that the dialect's module lists for requests.
fn normal_request(mut body: Value) -> Value {
    let object = body.as_object_mut().unwrap();
    if object.get("stream") == Some(&Value::Bool(false)) {
        object.remove("stream");
    }
    if let Some(format) = object.remove("output_format") {
        object.entry("output_config").or_insert(json!({}))["format"] = format;
    }
    one_text(object.get_mut("system"));
    for message in body["messages"].as_array_mut().unwrap() {
        for block in message["content"].as_array_mut().into_iter().flatten() {
            if block["type"] == "tool_result" {
                one_text(block.get_mut("content"));
            }
        }
        one_text(message.get_mut("content"));
    }
    body
}

fn one_text(content: Option<&mut Value>) {
    let Some(content) = content else { return };
    if let Some([only]) = content.as_array().map(Vec::as_slice)
        && only.as_object().is_some_and(|block| block.len() == 2 && block["type"] == "text")
    {
        *content = only["text"].clone();
    }
}

/// Applies those for answers.
fn normal_response(mut body: Value) -> Value {
    let object = body.as_object_mut().unwrap();
    object.entry("stop_sequence").or_insert(Value::Null);
    for name in ["stop_details", "container", "context_management"] {
        if object.get(name) == Some(&Value::Null) {
            object.remove(name);
        }
    }
    for count in ["cache_read_input_tokens", "cache_creation_input_tokens"] {
        object["usage"].as_object_mut().unwrap().entry(count).or_insert(json!(0));
    }
    // How long what was written to the cache lives is said if some of it lives an hour.
    let usage = object["usage"].as_object_mut().unwrap();
    if usage.get("cache_creation").is_some_and(|lives| lives["ephemeral_1h_input_tokens"] == 0) {
        usage.remove("cache_creation");
    }
    for block in object["content"].as_array_mut().unwrap() {
        let block = block.as_object_mut().unwrap();
        if block.get("citations").is_some_and(|list| list.is_null() || *list == json!([])) {
            block.remove("citations");
        }
    }
    body
}

#[track_caller]
pub(super) fn check_request(name: &str, body: &[u8]) {
    let request = codec().decode_request(HEAD, body).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    let version = value(body)["anthropic_version"].as_str().map(str::to_owned);
    let target = Target { model: &request.model, max_output: None, version: None };
    let encoded = match &version {
        Some(version) => {
            let host =
                [Host::InvokeModel, Host::RawPredict].into_iter().find(|host| host.version() == version);
            encode_hosted(&request, target, Hosted { host: host.unwrap(), betas: &[] })
        }
        None => codec().encode_request(&request, target).unwrap(),
    };
    assert!(encoded.losses.is_empty(), "{name}: {}", encoded.losses);
    assert_eq!(normal_request(value(&encoded.body)), normal_request(value(body)), "{name}");
}

#[track_caller]
fn check_response(name: &str, body: &[u8]) {
    let response = codec().decode_response(body).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    let encoded = codec().encode_response(&response, reply(&Request::default()));
    assert!(encoded.losses.is_empty(), "{name}: {}", encoded.losses);
    assert_eq!(normal_response(value(&encoded.body)), normal_response(value(body)), "{name}");
}

#[test]
fn recorded_requests_survive() {
    for case in cases("anthropic-messages", Kind::NonStream)
        .into_iter()
        .chain(cases("anthropic-messages", Kind::Stream))
        .chain(cases("bedrock-invoke", Kind::NonStream))
    {
        if let Some(body) = &case.request {
            check_request(&case.id(), body);
        }
    }
    for file in ["anthropic-messages.request.json", "anthropic-messages.followup-request.json"] {
        parallel(file).iter().for_each(|(name, body)| check_request(name, body));
    }
}

#[test]
fn recorded_answers_survive_and_recorded_errors_speak() {
    for case in cases("anthropic-messages", Kind::NonStream)
        .into_iter()
        .chain(cases("bedrock-invoke", Kind::NonStream))
    {
        let Answer::Whole(body) = &case.answer else { panic!("{} is not whole", case.id()) };
        if case.status == 200 {
            check_response(&case.id(), body);
        } else {
            assert!(codec().decode_response(body).is_err(), "{}", case.id());
            let complaint = codec().decode_error(body).unwrap();
            assert!(complaint.message.is_some_and(|message| !message.is_empty()), "{}", case.id());
        }
    }
    for (name, body) in parallel("anthropic-messages.response.json") {
        check_response(&name, &body);
    }
}

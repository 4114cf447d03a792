//! Hand-written requests and streams, and what they are read as: to be read, and to run where no recordings are.

use lockgate_protocol::ir::{BlockKind, Delta, Event, Fault, FaultKind, Stop, StopReason, Usage};
use serde_json::json as value;

use super::*;

/// One turn of Codex: developer prompt, environment, a call with its result, reasoning with `content: null`.
const CODEX: &str = r#"{"model":"gpt-5.5","stream":true,"store":false,"include":["reasoning.encrypted_content"],
 "reasoning":{"summary":"auto"},"parallel_tool_calls":true,"tool_choice":"auto","prompt_cache_key":"k",
 "client_metadata":{"session":"s"},"input":[
 {"type":"message","role":"developer","content":[{"type":"input_text","text":"You are Codex."},{"type":"input_text","text":"Sandbox: on."}]},
 {"type":"message","role":"user","id":"msg_1","content":[{"type":"input_text","text":"<env/>"}]},
 {"type":"message","role":"user","content":[{"type":"input_text","text":"list files"},{"type":"input_image","image_url":"data:image/png;base64,iVBORw0K","detail":"high"}]},
 {"type":"reasoning","summary":[{"type":"summary_text","text":"Plan"},{"type":"summary_text","text":"Act"}],"content":null,"encrypted_content":"gAAA"},
 {"type":"message","role":"assistant","id":"msg_2","phase":"commentary","status":"completed","content":[{"type":"output_text","text":"Listing."}]},
 {"type":"function_call","id":"fc_1","call_id":"call_1","name":"shell","arguments":"{\"cmd\":\"ls\"}"},
 {"type":"custom_tool_call","call_id":"call_2","name":"apply_patch","input":"*** Begin Patch\n"},
 {"type":"function_call_output","id":"fco_1","call_id":"call_1","output":"a.rs"},
 {"type":"custom_tool_call_output","call_id":"call_2","output":[{"type":"input_text","text":"done"}]}],
 "tools":[{"type":"function","name":"shell","strict":false,"parameters":{"type":"object"}},
 {"type":"custom","name":"apply_patch","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
 {"type":"namespace","name":"multi_agent_v1","tools":[]},{"type":"web_search","external_web_access":true}]}"#;

#[test]
fn a_turn_of_codex() {
    let request = codec().decode_request(head(), CODEX.as_bytes()).unwrap();
    insta::assert_debug_snapshot!("codex", request);
    let encoded = codec().encode_request(&request, target("t")).unwrap();
    insta::assert_snapshot!("codex_again", String::from_utf8(encoded.body).unwrap());
}

#[track_caller]
fn check_refused(body: &str, expect: &str) {
    let fault = codec().decode_request(head(), body.as_bytes()).unwrap_err();
    assert_eq!((fault.kind, fault.public.as_str()), (FaultKind::BadRequest, expect), "{body}");
}

#[test]
fn a_refusal_names_the_place() {
    check_refused(r#"{"input":"x"}"#, "`model` is missing");
    check_refused(r#"{"model":7}"#, "`model`: invalid type: integer `7`, expected a string");
    check_refused(
        r#"{"model":"m","input":7}"#,
        "`input`: invalid type: integer `7`, expected a string or an array",
    );
    check_refused(r#"{"model":"m","input":[{"role":"boss"}]}"#, "`input[0]`: `role`: unknown role `boss`");
    check_refused(
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text"}]}]}"#,
        "`input[0]`: `content[0]`: `text` is missing",
    );
    check_refused(
        r#"{"model":"m","input":[{"type":"function_call_output","output":"x"}]}"#,
        "`input[0]`: `call_id` is missing",
    );
    check_refused(r#"{"model":"m","tools":[{"name":"x"}]}"#, "`tools[0].type` is missing");
    check_refused(
        r#"{"model":"m","text":{"format":{"type":"json_schema"}}}"#,
        "`text.format.schema` is missing",
    );
}

/// Frames of these events.
fn stream(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect()
}

fn created() -> Value {
    value!({"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 5.0}})
}

fn completed(output: &Value) -> Value {
    value!({"type": "response.completed", "response": {"status": "completed", "output": output,
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 2}}})
}

#[test]
fn interleaved_calls_are_handed_over_one_by_one() {
    let call = |id: &str, arguments: &str| value!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "f", "arguments": arguments});
    let added = |index: u64, item: Value| value!({"type": "response.output_item.added", "output_index": index, "item": item});
    let done = |index: u64, item: Value| value!({"type": "response.output_item.done", "output_index": index, "item": item});
    let delta = |index: u64, text: &str| value!({"type": "response.function_call_arguments.delta", "output_index": index, "delta": text});
    let text = stream(&[
        created(),
        added(0, call("a", "")),
        added(1, call("b", "")),
        delta(1, "{\"y\":"),
        delta(0, "{\"x\""),
        delta(1, "2}"),
        done(1, call("b", "{\"y\":2}")),
        delta(0, ":1}"),
        done(0, call("a", "{\"x\":1}")),
        completed(&value!([])),
    ]);
    insta::assert_snapshot!("interleaved", told(&text));
}

#[test]
fn servers_that_leave_events_out() {
    // No deltas, no end of an item, no beginning of another: the whole answer at the end has it all.
    let message = value!({"type": "message", "role": "assistant", "content": [
        {"type": "output_text", "text": "hello", "annotations": [{"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 5}]}]});
    let call = value!({"type": "function_call", "call_id": "c", "name": "f", "arguments": ""});
    let text = stream(&[
        value!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "hel"}),
        completed(&value!([message, call])),
    ]);
    insta::assert_snapshot!("events_left_out", told(&text));
}

#[test]
fn a_stream_that_fails_or_stops() {
    let ends = |events: &[Value]| told(&stream(events)).lines().last().unwrap_or_default().to_owned();
    let error = value!({"type": "error", "code": "c", "message": "m"});
    assert!(ends(&[created(), error]).starts_with("Failed("));
    let odd =
        value!({"type": "response.output_item.done", "item": {"type": "function_call", "call_id": "c"}});
    assert_eq!(ends(&[created(), odd]), r#"Garbled("response.output_item.done: `name` is missing")"#);
    let request = codec().decode_request(head(), br#"{"model":"m"}"#).unwrap();
    let (out, step) = through(stream(&[created()]).as_bytes(), &request);
    assert_eq!(step, Step::Garbled("the stream ended before `response.completed`".into()));
    assert!(!out.contains("completed\""), "{out}");
}

/// Writes these events of another dialect's stream.
fn written(request: &str, events: &[Event<'_>]) -> (String, Vec<String>) {
    let request = codec().decode_request(head(), request.as_bytes()).unwrap();
    let mut encoder = codec().encoder(reply(&request));
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    let losses = encoder.losses().iter().map(|loss| format!("{} ({})", loss.path, loss.reason)).collect();
    let out = String::from_utf8(out).unwrap();
    super::robust::check_order("written", &out);
    (out, losses)
}

fn start() -> Event<'static> {
    Event::Start { id: Some("msg_1".into()), model: Some("their-model".into()), created: None }
}

/// A block of choice 0 with its deltas.
fn block<'a>(block: u64, kind: BlockKind<'a>, deltas: Vec<Delta<'a>>) -> Vec<Event<'a>> {
    let mut events = vec![Event::BlockStart { choice: 0, block, kind }];
    events.extend(deltas.into_iter().map(|delta| Event::Delta { choice: 0, block, delta }));
    events.push(Event::BlockStop { choice: 0, block });
    events
}

#[test]
fn a_stream_of_another_dialect() {
    use lockgate_protocol::ir::{Signature, ToolKind, raw};
    let thinking = |is_redacted| BlockKind::Thinking { is_summary: false, is_redacted, item: None };
    let call = |id: &'static str, name: &'static str, kind| BlockKind::ToolUse {
        id: id.into(),
        name: name.into(),
        kind,
        signature: None,
        item: None,
    };
    let proof = |value| Delta::Signature(Signature::new("other", value));
    let mut events = vec![start(), Event::Ping];
    events.extend(block(0, thinking(false), vec![Delta::Text("hm".into()), proof("P")]));
    events.extend(block(1, thinking(true), vec![proof("R")]));
    events.extend(block(2, BlockKind::Text, vec![Delta::Text("he".into()), Delta::Text("llo".into())]));
    events.extend(block(3, BlockKind::Text, vec![Delta::Text("!".into())]));
    let logprobs = raw(
        &value!({"content": [{"token": "!", "logprob": -0.5, "bytes": [33], "top_logprobs": []}], "refusal": null}),
    );
    events.insert(events.len() - 1, Event::Logprobs { choice: 0, raw: logprobs });
    let pieces = vec![Delta::Input("{\"a\"".into()), Delta::Input(":1}".into())];
    events.extend(block(4, call("c1", "f", ToolKind::Function), pieces));
    events.extend(block(5, call("c2", "patch", ToolKind::Custom), vec![Delta::Input("x".into())]));
    events.extend(block(6, BlockKind::Refusal, vec![Delta::Text("no".into())]));
    events.extend(block(
        7,
        BlockKind::Foreign { origin: "other", kind: "server_tool".into(), raw: raw(&1) },
        vec![],
    ));
    events.push(Event::BlockStart { choice: 1, block: 0, kind: BlockKind::Text });
    events.push(Event::Usage(Usage { input: 5, output: 2, ..Usage::default() }));
    events.push(Event::Stop { choice: 0, stop: Stop::new(StopReason::ToolUse) });
    events.push(Event::End);
    let request = r#"{"model":"m","tools":[{"type":"custom","name":"patch"}],"include":["message.output_text.logprobs"]}"#;
    let (out, losses) = written(request, &events);
    insta::assert_snapshot!("foreign_stream", out);
    assert_eq!(
        losses,
        [
            "choices[0].content[7] (block of another provider: server_tool)",
            "choices[1] (the dialect has one answer only)"
        ]
    );
    // It is a stream of the dialect, and so is what is read from it.
    let request = codec().decode_request(head(), request.as_bytes()).unwrap();
    let (again, step) = through(out.as_bytes(), &request);
    assert_eq!(step, Step::End);
    assert_eq!(again, out);
}

#[test]
fn a_failure_is_never_an_end() {
    let request = codec().decode_request(head(), br#"{"model":"m"}"#).unwrap();
    for events in [vec![], vec![start(), Event::BlockStart { choice: 0, block: 0, kind: BlockKind::Text }]] {
        let mut encoder = codec().encoder(reply(&request));
        let mut out = Vec::new();
        events.iter().for_each(|event| encoder.event(event, &mut out));
        encoder.fail(&Fault::new(FaultKind::Cut, "the answer was cut"), &mut out);
        encoder.event(&Event::End, &mut out);
        let out = String::from_utf8(out).unwrap();
        super::robust::check_order("failed", &out);
        assert!(!out.contains("response.completed"), "{out}");
        let (_, last) = out.trim_end().rsplit_once("data: ").unwrap();
        let last = json(last.as_bytes());
        assert_eq!(last["type"], "response.failed");
        assert_eq!(
            last["response"]["error"],
            value!({"code": "server_error", "message": "the answer was cut"})
        );
        assert_eq!(last["response"]["status"], "failed");
    }
}

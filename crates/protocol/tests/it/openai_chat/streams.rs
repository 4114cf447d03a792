//! Streams written by hand: what clones interleave and repeat, and what a client is sent.

use bytes::Bytes;
use lockgate_protocol::{
    codec::{RequestHead, Step},
    framing::sse::Framer,
    ir::{
        BlockKind, Citation, Delta, Event, Fault, FaultKind, Request, Signature, Stop, StopReason, Text,
        ToolKind, Usage, raw,
    },
};

use super::{codec, fold, reply};

/// The stream decoded and encoded again, event by event.
pub(super) fn rewrite(bytes: &[u8], request: &Request<'_>) -> String {
    let mut decoder = codec().decoder();
    let mut encoder = codec().encoder(reply(request));
    let mut out = Vec::new();
    let batch = Framer::default().push(&Bytes::copy_from_slice(&[bytes, b"\n\n"].concat())).unwrap();
    for event in batch.events() {
        decoder.event(event, &mut |event| encoder.event(&event, &mut out));
    }
    decoder.finish(&mut |event| encoder.event(&event, &mut out));
    assert!(encoder.losses().is_empty(), "{}", encoder.losses());
    String::from_utf8(out).unwrap()
}

fn sse(chunks: &[&str]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

/// Chunks of choice 0 with these deltas, then its finish.
fn deltas(deltas: &[&str], finish: &str) -> String {
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"{{"id":"i","model":"m","created":1,"choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        )
    };
    let chunks = deltas.iter().map(|delta| chunk(delta, "null"));
    let all: Vec<String> =
        chunks.chain([chunk("{}", &format!("\"{finish}\"")), "[DONE]".to_owned()]).collect();
    all.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

#[track_caller]
fn events(stream: &str) -> String {
    let (fold, step) = fold::read(codec(), &[stream.as_bytes()]);
    assert_eq!(step, Step::End);
    for at in 0..stream.len() {
        let (left, right) = stream.as_bytes().split_at(at);
        assert_eq!(fold::read(codec(), &[left, right]).0.log, fold.log, "cut at byte {at}");
    }
    fold.log.join("\n")
}

#[test]
fn calls_side_by_side_come_out_one_after_the_other() {
    let stream = deltas(
        &[
            r#"{"tool_calls":[{"index":1,"id":"a","type":"function","function":{"name":"f","arguments":""}},{"index":4,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":4,"function":{"arguments":"{\"x\":"}}]}"#,
            r#"{"tool_calls":[{"index":1,"function":{"arguments":"{\"}\\\"\":1"}}]}"#,
            r#"{"content":"between"}"#,
            r#"{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}"#,
            r#"{"tool_calls":[{"index":4,"function":{"arguments":"2}"}},{"index":5,"id":"c","function":{"name":"h","arguments":""}}]}"#,
        ],
        "stop",
    );
    insta::assert_snapshot!(events(&stream));
}

#[test]
fn every_kind_of_block_has_its_events() {
    let stream = deltas(
        &[
            r#"{"role":"assistant","content":"","reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","index":0,"format":null}]}"#,
            r#"{"reasoning":"!","reasoning_details":[{"type":"reasoning.text","text":"!","index":0,"signature":"s"}]}"#,
            r#"{"content":"see ","reasoning":null,"reasoning_details":[]}"#,
            r#"{"content":"there","annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":3}}]}"#,
            r#"{"refusal":"no"}"#,
            r#"{"audio":{"id":"audio_1","transcript":"hi"}}"#,
            r#"{"audio":{"data":"QUJD","transcript":null}}"#,
            r#"{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"c","type":"custom","custom":{"name":"g","input":"free "}}]}"#,
            r#"{"tool_calls":[{"index":0,"custom":{"input":"text"}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"d","function":{"name":"f","arguments":{"a":1}},"extra_content":{"google":{"thought_signature":"x"}}}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"zz","index":1}]}"#,
        ],
        "tool_calls",
    );
    insta::assert_snapshot!(events(&stream));
}

#[test]
fn servers_that_number_nothing_are_understood() {
    let stream = deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{\"n\":2}"}}]}"#,
            r#"{"tool_calls":[{"function":{"name":"g","arguments":"{"}}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":"}"}}]}"#,
            r#"{"function_call":{"name":"old","arguments":""}}"#,
        ],
        "function_call",
    );
    insta::assert_snapshot!(events(&stream));
}

#[track_caller]
fn ends(chunks: &[&str], expect: &Step) {
    let (fold, step) = fold::read(codec(), &[sse(chunks).as_bytes()]);
    assert_eq!(&step, expect);
    assert_eq!(fold.has_ended, step == Step::End, "the end is told exactly when it came");
}

#[test]
fn a_cut_stream_never_looks_whole() {
    let text = r#"{"choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
    let stop = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let other = r#"{"choices":[{"index":1,"delta":{"content":"hi"}}]}"#;
    let role = r#"{"id":"i","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
    let cut = Step::Garbled("the stream ended inside the answer".to_owned());
    ends(&[text, stop], &Step::End);
    ends(&[text, "[DONE]"], &Step::End);
    ends(&[text], &cut);
    ends(&[], &cut);
    ends(&[text, stop, other], &cut);
    ends(&[role, "[DONE]"], &Step::Garbled("the stream ended without an answer".to_owned()));
    ends(&[r#"{"choices":[{"#], &Step::Garbled("a chunk cannot be read from its byte 13 on".to_owned()));
    let error = r#"{"error":{"message":"x"},"choices":[]}"#;
    ends(&[text, error, "[DONE]"], &Step::Failed(Bytes::from(error)));
    let nameless =
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}"#;
    ends(&[nameless, "[DONE]"], &Step::Garbled("a call has no name".to_owned()));
    let call = |id: u8, text: &str| {
        format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{id},"function":{{"name":"f","arguments":"{text}"}}}}]}}}}]}}"#
        )
    };
    ends(
        &[&call(0, "{}"), &call(1, "{}"), &call(0, "{}")],
        &Step::Garbled("a call went on after it had ended".to_owned()),
    );
}

fn block<'a>(number: u64, kind: BlockKind<'a>, deltas: Vec<Delta<'a>>) -> Vec<Event<'a>> {
    let mut events = vec![Event::BlockStart { choice: 0, block: number, kind }];
    events.extend(deltas.into_iter().map(|delta| Event::Delta { choice: 0, block: number, delta }));
    events.push(Event::BlockStop { choice: 0, block: number });
    events
}

fn call<'a>(id: &'a str, name: &'a str, kind: ToolKind) -> BlockKind<'a> {
    let signature = Some(Signature::new("elsewhere", "proof"));
    BlockKind::ToolUse { id: id.into(), name: name.into(), kind, signature, item: None }
}

/// An answer of another dialect with blocks of every kind.
fn foreign_events() -> Vec<Event<'static>> {
    let thinking = || BlockKind::Thinking { is_summary: false, is_redacted: false, item: None };
    let text = |text: &'static str| Delta::Text(Text::from(text));
    let citation = |url: Option<&'static str>| {
        Delta::Citation(Citation {
            text: None,
            url: url.map(Text::from),
            title: Some("t".into()),
            range: None,
            origin: "elsewhere",
            raw: raw("x"),
        })
    };
    let usage =
        Usage { input: 5, cache_read: 3, cache_write: 2, output: 7, reasoning: 4, ..Usage::default() };
    let mut events = vec![Event::Start { id: Some("msg_1".into()), model: Some("up".into()), created: None }];
    events.push(Event::Ping);
    events.extend(block(
        0,
        thinking(),
        vec![text("deep "), text("one"), Delta::Signature(Signature::new("elsewhere", "p"))],
    ));
    events.extend(block(1, thinking(), vec![text("deep two")]));
    events.extend(block(2, BlockKind::Text, vec![text("Grüße ")]));
    events.extend(block(3, BlockKind::Text, vec![text("von hier"), citation(Some("u")), citation(None)]));
    events
        .push(Event::Logprobs { choice: 0, raw: raw(&serde_json::json!({"content": [], "refusal": null})) });
    let server = BlockKind::Foreign { origin: "elsewhere", kind: "server_tool".into(), raw: raw("x") };
    events.extend(block(4, server, vec![]));
    events.extend(block(
        5,
        call("c1", "f", ToolKind::Function),
        vec![Delta::Input("{\"a\":".into()), Delta::Input("1}".into())],
    ));
    events.extend(block(6, call("c2", "g", ToolKind::Custom), vec![Delta::Input("free".into())]));
    events.push(Event::Stop { choice: 0, stop: Stop::new(StopReason::ToolUse) });
    events.push(Event::Usage(usage));
    events.push(Event::End);
    events
}

/// What a client of this request is sent, and what is lost on the way.
fn written(request: &Request<'_>, events: &[Event<'_>]) -> String {
    let mut encoder = codec().encoder(reply(request));
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    format!("{}losses: {}", String::from_utf8(out).unwrap().replace("\n\n", "\n"), encoder.losses())
}

#[test]
fn a_client_is_sent_every_kind_of_block() {
    let request = Request { stream_usage: Some(true), model: "asked".into(), ..Request::default() };
    insta::assert_snapshot!(written(&request, &foreign_events()));
}

#[test]
fn a_client_of_details_or_of_functions_is_sent_its_own_form() {
    let body = br#"{"model":"m","messages":[{"role":"assistant","content":"x","reasoning_details":[{"type":"reasoning.text","text":"r"}]}],"functions":[]}"#;
    let request = codec().decode_request(RequestHead::default(), body).unwrap();
    insta::assert_snapshot!(written(&request, &foreign_events()));
}

#[test]
fn a_blocked_prompt_has_a_choice_all_the_same() {
    let request = Request::default();
    let events = [Event::Start { id: None, model: None, created: None }, Event::End];
    insta::assert_snapshot!(written(&request, &events));
}

#[test]
fn a_failure_is_the_last_thing_and_not_a_completion() {
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request));
    let mut out = Vec::new();
    encoder.event(&Event::Start { id: None, model: None, created: None }, &mut out);
    out.clear();
    encoder.fail(&Fault::new(FaultKind::Cut, "the provider's answer was cut"), &mut out);
    encoder.event(&Event::End, &mut out);
    insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"data: {"error":{"message":"the provider's answer was cut","type":"server_error","param":null,"code":"upstream_cut"}}"#);
}

//! Requests and answers of other dialects are fitted, and what is lost is named.

use insta::assert_snapshot;
use lockgate_protocol::{
    codec::Target,
    ir::{
        self, Block, BlockKind, CacheHint, Citation, Content, Delta, Effort, Event, Fault, FaultKind, Media,
        Message, OutputFormat, Reasoning, Request, Role, Signature, Source, Thinking, Tool, ToolChoice,
        ToolKind, ToolResult, ToolUse, raw,
    },
};
use serde_json::{Value, json};

use super::{
    codec, pretty, reply,
    stream::{relay, split},
    value,
};

fn text(text: &str) -> Block<'_> {
    Content::text(text).into()
}

fn call<'a>(id: &'a str, input: &'a str, kind: ToolKind) -> Block<'a> {
    Content::ToolUse(ToolUse {
        id: id.into(),
        name: "f".into(),
        input: input.into(),
        kind,
        signature: None,
        item: Some("fc_1".into()),
    })
    .into()
}

fn result<'a>(id: &'a str, blocks: Vec<Block<'a>>) -> Block<'a> {
    let (id, name, kind) = (id.into(), None, ToolKind::Function);
    Content::ToolResult(ToolResult { id, name, blocks, is_error: Some(true), kind }).into()
}

fn media<'a>(source: Source<'a>, media_type: Option<&'a str>) -> Media<'a> {
    Media { source, media_type: media_type.map(Into::into), ..Media::default() }
}

fn thought<'a>(origin: &'a str, proof: &'a str) -> Block<'a> {
    let signature = Some(Signature::new(origin, proof));
    Content::Thinking(Thinking { text: "thought".into(), signature, ..Thinking::default() }).into()
}

fn foreign_tool(name: &str, kind: ToolKind) -> Tool<'_> {
    Tool::Client {
        name: name.into(),
        description: Some("d".into()),
        schema: Some(raw(&json!({"properties": {"a": {"type": "integer"}}}))),
        strict: Some(false),
        kind,
        cache: Some(CacheHint { ttl: None }),
        extra: vec![("defer".into(), raw(&true))],
    }
}

fn block_of_every_kind() -> Vec<Block<'static>> {
    let citation = Citation {
        text: None,
        url: Some("https://x".into()),
        title: None,
        range: Some((0, 1)),
        origin: "openai-chat",
        raw: raw(&json!({})),
    };
    vec![
        Content::Text { text: "said".into(), citations: vec![citation] }.into(),
        Content::Image(Media {
            detail: Some("high".into()),
            ..media(Source::Base64("iVBORw0KGgoAAA".into()), None)
        })
        .into(),
        Content::Image(media(Source::Url("https://x/y.png".into()), None)).into(),
        Content::Image(media(Source::File("file-1".into()), None)).into(),
        Content::Document(Media {
            name: Some("a.pdf".into()),
            ..media(Source::Base64("JVBERi0x".into()), None)
        })
        .into(),
        Content::Document(media(Source::Base64("Zm9vYmFy".into()), Some("text/markdown"))).into(),
        Content::Document(media(Source::Base64("UEsDBA==".into()), Some("application/zip"))).into(),
        Content::Document(media(Source::Text("plain".into()), None)).into(),
        Content::Audio(media(Source::Base64("AAAA".into()), Some("audio/wav"))).into(),
        Content::Video(media(Source::Url("gs://v".into()), Some("video/mp4"))).into(),
        call("stray", "{}", ToolKind::Function),
        Content::Refusal("no".into()).into(),
        Content::Foreign { origin: "gemini", kind: "executableCode".into(), raw: raw(&json!({})) }.into(),
        Block { extra: vec![("x".into(), raw(&1))], ..text("kept") },
        text("  "),
    ]
}

fn foreign_request() -> Request<'static> {
    let mut tool_message = Message::new(
        Role::User,
        vec![
            text("and"),
            result("call.1", vec![text("3"), Content::Audio(Media::default()).into()]),
            result("call_2", vec![Content::Image(media(Source::Base64("/9j/4AA".into()), None)).into()]),
        ],
    );
    tool_message.id = Some("msg_x".into());
    Request {
        origin: "openai-chat",
        model: "alias".into(),
        stream: true,
        system: vec![text("Be brief."), Content::Image(Media::default()).into(), text("Be kind.")],
        messages: vec![
            Message::new(Role::Assistant, vec![text("Hello.")]),
            Message { name: Some("ann".into()), ..Message::new(Role::User, block_of_every_kind()) },
            Message::new(Role::Developer, vec![text("Mind the gap.")]),
            Message::new(
                Role::Assistant,
                vec![thought("openai-responses", "enc"), thought("anthropic", "Eq=="), text("calling")],
            ),
            Message::new(
                Role::Assistant,
                vec![
                    call("call.1", r#"{"a":1.0}"#, ToolKind::Function),
                    call("call_2", "not json", ToolKind::Function),
                    call("call_3", "plain", ToolKind::Custom),
                    call("call_4", "", ToolKind::Function),
                ],
            ),
            tool_message,
            Message::new(Role::User, vec![result("call_3", vec![]), result("call_4", vec![text("ok")])]),
            Message::new(Role::Assistant, vec![text("So: \n")]),
        ],
        tools: vec![
            foreign_tool("f", ToolKind::Function),
            foreign_tool("other", ToolKind::Function),
            foreign_tool("patch", ToolKind::Custom),
            Tool::Foreign { origin: "openai-responses", kind: "web_search".into(), raw: raw(&json!({})) },
        ],
        tool_choice: Some(ToolChoice::Allowed { names: vec!["f".into()], required: false }),
        parallel_tools: Some(false),
        format: Some(OutputFormat::Schema {
            name: Some("n".into()),
            description: Some("d".into()),
            schema: raw(&json!({"type": "object"})),
            strict: Some(true),
        }),
        reasoning: Some(Reasoning {
            effort: Some(Effort::XHigh),
            display: Some("auto".into()),
            ..Reasoning::default()
        }),
        sampling: ir::Sampling {
            temperature: Some(raw(&1.5)),
            top_p: Some(raw(&0.9)),
            seed: Some(raw(&7)),
            stop: vec!["END".into(), "\n".into()],
            ..ir::Sampling::default()
        },
        choices: Some(2),
        logprobs: Some(3),
        user: Some("u-1".into()),
        metadata: Some(raw(&json!({"k": "v"}))),
        store: Some(false),
        service_tier: Some("flex".into()),
        extra: vec![("prediction".into(), raw(&json!({})))],
        ..Request::default()
    }
}

#[track_caller]
fn fitted(request: &Request<'_>, model: &str) -> String {
    let target = Target { model, max_output: Some(64_000), version: Some("2023-06-01") };
    let encoded = codec().encode_request(request, target).unwrap();
    pretty(&encoded.body, &encoded.losses)
}

#[test]
fn a_request_of_another_dialect_is_fitted_and_its_losses_are_named() {
    assert_snapshot!("foreign_to_opus_4_6", fitted(&foreign_request(), "claude-opus-4-6"));
}

#[track_caller]
fn check_messages(model: &str, roles: &[Role], expect: &str) {
    let messages = roles.iter().map(|role| Message::new(*role, vec![text("x")])).collect();
    let request = Request { origin: "openai-chat", messages, max_tokens: Some(9), ..Request::default() };
    let target = Target { model, max_output: None, version: None };
    let encoded = codec().encode_request(&request, target).unwrap();
    let written = value(&encoded.body);
    let shown = written["messages"].as_array().unwrap().iter().map(|message| {
        let parts = message["content"].as_array().map_or(1, Vec::len);
        format!("{}*{parts}", message["role"].as_str().unwrap())
    });
    assert_eq!(format!("{} [{}]", shown.collect::<Vec<_>>().join(" "), encoded.losses), expect);
}

#[test]
fn turns_alternate_and_the_user_speaks_first() {
    use Role::{Assistant, Developer, System, User};
    let said = "no system message can stand there: it is said as the user";
    let first = "messages (the target wants the user to speak first: `.` is put there)";
    check_messages("claude-opus-4-8", &[User, User, Assistant, User], "user*2 assistant*1 user*1 []");
    check_messages("claude-opus-4-8", &[], &format!("user*1 [{first}]"));
    check_messages("claude-opus-4-8", &[Assistant, User], &format!("user*1 assistant*1 user*1 [{first}]"));
    check_messages("claude-opus-4-8", &[User, System, Developer], "user*1 system*2 []");
    check_messages("claude-opus-4-8", &[User, System, Assistant], "user*1 system*1 assistant*1 []");
    check_messages("claude-opus-4-8", &[User, System, User], &format!("user*3 [messages[1].role ({said})]"));
    check_messages("claude-opus-4-6", &[User, System], &format!("user*2 [messages[1].role ({said})]"));
}

/// The parts of a fitted request that reasoning touches.
#[track_caller]
fn check_reasoning(request: &Request<'_>, model: &str, max_output: Option<u64>, expect: &Value) {
    let target = Target { model, max_output, version: None };
    let encoded = codec().encode_request(request, target).unwrap();
    let body = value(&encoded.body);
    let losses: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
    let got = json!([body["thinking"], body["output_config"], body["max_tokens"], losses]);
    assert_eq!(&got, expect);
}

#[test]
fn reasoning_fits_the_model_and_the_limit() {
    let old = "claude-sonnet-4-5";
    let new = "claude-opus-4-8";
    let ask = |reasoning: Reasoning<'static>, max_tokens| Request {
        origin: "openai-chat",
        messages: vec![Message::new(Role::User, vec![text("q")])],
        reasoning: Some(reasoning),
        max_tokens,
        ..Request::default()
    };
    let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let budget = |budget| Reasoning { budget: Some(budget), ..Reasoning::default() };
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    let none = || Value::Null;

    check_reasoning(
        &ask(effort(Effort::High), None),
        old,
        Some(64_000),
        &json!([enabled(24576), none(), 64_000, ["max_tokens"]]),
    );
    check_reasoning(
        &ask(effort(Effort::High), None),
        old,
        None,
        &json!([enabled(24576), none(), 64_000, ["max_tokens"]]),
    );
    check_reasoning(
        &ask(effort(Effort::High), None),
        "kimi-k2-thinking",
        None,
        &json!([enabled(24576), none(), 28_672, ["max_tokens"]]),
    );
    check_reasoning(
        &ask(effort(Effort::High), Some(5000)),
        old,
        None,
        &json!([enabled(2500), none(), 5000, ["reasoning.budget"]]),
    );
    check_reasoning(
        &ask(budget(10), Some(1500)),
        old,
        None,
        &json!([enabled(1024), none(), 1500, ["reasoning.budget"]]),
    );
    check_reasoning(
        &ask(effort(Effort::High), Some(500)),
        old,
        None,
        &json!([none(), none(), 500, ["reasoning"]]),
    );
    check_reasoning(
        &ask(effort(Effort::None), Some(500)),
        old,
        None,
        &json!([{"type": "disabled"}, none(), 500, []]),
    );
    check_reasoning(
        &ask(effort(Effort::XHigh), Some(500)),
        new,
        None,
        &json!([{"type": "adaptive"}, {"effort": "xhigh"}, 500, []]),
    );
    check_reasoning(
        &ask(budget(8000), Some(500)),
        new,
        None,
        &json!([{"type": "adaptive"}, {"effort": "medium"}, 500, ["reasoning.budget"]]),
    );
    check_reasoning(
        &ask(
            Reasoning { enabled: Some(true), display: Some("auto".into()), ..Reasoning::default() },
            Some(500),
        ),
        new,
        None,
        &json!([{"type": "adaptive", "display": "summarized"}, none(), 500, []]),
    );
    let forced = Request { tool_choice: Some(ToolChoice::Required), ..ask(effort(Effort::Low), Some(5000)) };
    check_reasoning(&forced, new, None, &json!([none(), none(), 5000, ["reasoning", "tool_choice"]]));
    let mut looping = ask(effort(Effort::Low), Some(5000));
    looping.messages.push(Message::new(Role::Assistant, vec![call("c", "{}", ToolKind::Function)]));
    looping.messages.push(Message::new(Role::User, vec![result("c", vec![text("r")])]));
    check_reasoning(&looping, old, None, &json!([none(), none(), 5000, ["reasoning"]]));
    looping.messages[1].blocks.insert(0, thought("anthropic", "Eq=="));
    check_reasoning(&looping, old, None, &json!([enabled(1024), none(), 5000, []]));
}

#[test]
fn an_answer_of_another_dialect_keeps_its_proof_for_the_way_back() {
    let request = Request { model: "alias".into(), ..Request::default() };
    let citation = Citation {
        text: Some("w".into()),
        url: Some("https://x".into()),
        title: Some("t".into()),
        range: None,
        origin: "openai-chat",
        raw: raw(&json!({})),
    };
    let response = ir::Response {
        origin: "openai-responses",
        created: Some(9),
        choices: vec![
            ir::Choice {
                blocks: vec![
                    thought("openai-responses", "enc"),
                    Content::Thinking(Thinking {
                        signature: Some(Signature::new("openai-responses", "enc2")),
                        is_redacted: true,
                        ..Thinking::default()
                    })
                    .into(),
                    Content::Text { text: "a".into(), citations: vec![citation] }.into(),
                    text(""),
                    Content::Refusal("b".into()).into(),
                    call("call.1", r#"{"a":1.0}"#, ToolKind::Function),
                    Content::Audio(Media::default()).into(),
                ],
                stop: Some(ir::Stop {
                    word: Some("content_filter".into()),
                    details: Some(raw(&json!({"reason": "x"}))),
                    ..ir::Stop::new(ir::StopReason::ContentFilter)
                }),
                logprobs: Some(raw(&json!({}))),
                ..ir::Choice::default()
            },
            ir::Choice { index: 1, ..ir::Choice::default() },
        ],
        usage: Some(ir::Usage { input: 5, cache_read: 7, output: 9, reasoning: 3, ..ir::Usage::default() }),
        service_tier: Some("default".into()),
        extra: vec![("system_fingerprint".into(), raw("fp"))],
        ..ir::Response::default()
    };
    let encoded = codec().encode_response(&response, reply(&request));
    assert_snapshot!(pretty(&encoded.body, &encoded.losses));

    let back = codec().decode_response(&encoded.body).unwrap();
    let proofs = back.choices[0].blocks.iter().filter_map(|block| match &block.content {
        Content::Thinking(thinking) => thinking.signature.as_ref()?.at_home("openai-responses"),
        _ => None,
    });
    assert_eq!(proofs.collect::<Vec<_>>(), ["enc", "enc2"]);
}

fn foreign_events() -> Vec<Event<'static>> {
    let start = |block, kind| Event::BlockStart { choice: 0, block, kind };
    let delta = |block, delta| Event::Delta { choice: 0, block, delta };
    let stop = |block| Event::BlockStop { choice: 0, block };
    let thinking = |is_redacted| BlockKind::Thinking { is_summary: true, is_redacted, item: None };
    let tool = |id: &'static str, kind| BlockKind::ToolUse {
        id: id.into(),
        name: "f".into(),
        kind,
        signature: None,
        item: None,
    };
    vec![
        Event::Ping,
        Event::Start { id: None, model: None, created: Some(1) },
        start(0, BlockKind::Text),
        stop(0),
        start(1, thinking(false)),
        delta(1, Delta::Text("hm".into())),
        delta(1, Delta::Signature(Signature::new("gemini", "sig"))),
        stop(1),
        start(2, thinking(true)),
        delta(2, Delta::Signature(Signature::new("openai-responses", "enc"))),
        stop(2),
        Event::Ping,
        start(3, BlockKind::Text),
        delta(3, Delta::Text("é".into())),
        delta(3, Delta::Signature(Signature::new("gemini", "sig"))),
        stop(3),
        Event::Logprobs { choice: 0, raw: raw(&json!({})) },
        start(4, tool("call_1", ToolKind::Function)),
        delta(4, Delta::Input("{}".into())),
        stop(4),
        start(5, tool("call_2", ToolKind::Custom)),
        delta(5, Delta::Input("say \"".into())),
        delta(5, Delta::Input("hi\"".into())),
        stop(5),
        start(6, BlockKind::Foreign { origin: "gemini", kind: "x".into(), raw: raw(&json!({})) }),
        stop(6),
        start(7, BlockKind::Audio { id: None }),
        delta(7, Delta::Audio("AAAA".into())),
        delta(7, Delta::Transcript("spoken".into())),
        stop(7),
        Event::Stop {
            choice: 0,
            stop: ir::Stop { word: Some("STOP".into()), ..ir::Stop::new(ir::StopReason::ToolUse) },
        },
        Event::Usage(ir::Usage { input: 5, cache_write: 2, output: 9, ..ir::Usage::default() }),
        Event::BlockStart { choice: 1, block: 0, kind: BlockKind::Text },
        Event::End,
    ]
}

#[test]
fn a_stream_of_another_dialect_is_what_the_sdks_expect() {
    let request = Request { model: "alias".into(), ..Request::default() };
    let mut encoder = codec().encoder(reply(&request));
    let mut out = Vec::new();
    for event in foreign_events() {
        encoder.event(&event, &mut out);
    }
    let stream = String::from_utf8(out).unwrap();
    assert_snapshot!(format!("{stream}{}", encoder.losses()));
    relay("foreign", split(stream.as_bytes()).iter().map(Vec::as_slice));
}

#[test]
fn a_failed_stream_does_not_look_complete() {
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request));
    let mut out = Vec::new();
    for event in foreign_events().into_iter().take(6) {
        encoder.event(&event, &mut out);
    }
    encoder.fail(&Fault::new(FaultKind::Overloaded, "try later"), &mut out);
    let stream = String::from_utf8(out).unwrap();
    let end = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"try later\"}}\n\n";
    assert!(stream.ends_with(end), "{stream}");
    assert!(!stream.contains("message_stop") && !stream.contains("message_delta"), "{stream}");
}

#[test]
fn a_whole_answer_has_ended_and_says_what_was_spoken() {
    let spoken = Media { context: Some("beep".into()), ..media(Source::Base64("AAAA".into()), None) };
    let shown = |blocks: Vec<Block<'static>>| {
        let choice = ir::Choice { blocks, ..ir::Choice::default() };
        let answer = ir::Response { origin: "elsewhere", choices: vec![choice], ..ir::Response::default() };
        let asked = Request::default();
        let encoded = codec().encode_response(&answer, reply(&asked));
        let body = value(&encoded.body);
        (body["content"].clone(), body["stop_reason"].clone(), encoded.losses.to_string())
    };
    let (content, stop, losses) = shown(vec![Content::Audio(spoken.clone()).into()]);
    assert_eq!((content, stop), (json!([{"type": "text", "text": "beep"}]), json!("end_turn")));
    assert_eq!(losses, "choices[0].content[0] (the target says no sound: its words are said)");
    assert_eq!(shown(vec![call("c1", "{}", ToolKind::Function)]).1, "tool_use");

    let spoken = Message::new(Role::Assistant, vec![Content::Audio(spoken).into()]);
    let messages = vec![Message::new(Role::User, vec![text("hi")]), spoken];
    let request = Request { origin: "elsewhere", messages, ..Request::default() };
    let encoded = codec().encode_request(&request, super::target("claude-sonnet-4-5")).unwrap();
    assert_eq!(value(&encoded.body)["messages"][1]["content"][0]["text"], "beep");
    assert!(encoded.losses.iter().any(|loss| loss.path == "messages[1].content[0]"), "{}", encoded.losses);
}

#[test]
fn thinking_is_counted_once() {
    let body = |details: &str| {
        format!(
            r#"{{"type":"message","content":[],"stop_reason":"end_turn","usage":{{"input_tokens":1,"output_tokens":9,"output_tokens_details":{details}}}}}"#
        )
    };
    let check = |details: &str, reasoning: u64, left: &str| {
        let body = body(details);
        let read = codec().decode_response(body.as_bytes()).unwrap();
        assert_eq!(read.usage.map(|usage| usage.reasoning), Some(reasoning), "{details}");
        let rest: Vec<String> =
            read.extra.iter().map(|(name, raw)| format!("{name} {}", raw.get())).collect();
        assert_eq!(rest.join(" "), left, "{details}");
        let asked = Request::default();
        let again = value(&codec().encode_response(&read, reply(&asked)).body);
        assert_eq!(again["usage"]["output_tokens_details"], value(details.as_bytes()));
    };
    check(r#"{"thinking_tokens":4}"#, 4, "");
    check(r#"{"thinking_tokens":4,"new":1}"#, 4, r#"usage {"output_tokens_details":{"new":1}}"#);
    check(r#"{"thinking_tokens":0}"#, 0, r#"usage {"output_tokens_details":{"thinking_tokens":0}}"#);
}

//! What comes from other dialects: said as far as this one can, the rest named.

use lockgate_protocol::ir::{
    CacheHint, Citation, Effort, Fault, FaultKind, Media, Message, OutputFormat, Raw, Reasoning, Role,
    Sampling, Signature, Source, StopReason, Tool, ToolChoice, ToolKind, ToolResult, Usage,
};
use serde_json::json;

use super::*;

fn value(text: &str) -> Raw<'static> {
    raw(&json(text.as_bytes()))
}

fn call(id: &'static str, name: &'static str, input: &'static str, kind: ToolKind) -> ToolUse<'static> {
    let signature = Some(Signature::new("gemini", "sig"));
    ToolUse { id: id.into(), name: name.into(), input: input.into(), kind, signature, item: None }
}

fn tool(name: &'static str, strict: Option<bool>, kind: ToolKind) -> Tool<'static> {
    Tool::Client {
        name: name.into(),
        description: None,
        schema: None,
        strict,
        kind,
        cache: Some(CacheHint { ttl: None }),
        extra: vec![("defer_loading".into(), value("true"))],
    }
}

fn everything() -> Request<'static> {
    let media = |source| Media { source, ..Media::default() };
    let mut said = Block::from(Content::text("look"));
    said.cache = Some(CacheHint { ttl: Some("1h".into()) });
    let user = Message {
        name: Some("ann".into()),
        extra: vec![("new".into(), value("1"))],
        ..Message::new(
            Role::User,
            vec![
                said,
                Content::Image(Media {
                    media_type: Some("image/png".into()),
                    detail: Some("high".into()),
                    ..media(Source::Base64("AAAA".into()))
                })
                .into(),
                Content::Image(media(Source::Url("https://example.org/a.png".into()))).into(),
                Content::Document(Media {
                    name: Some("notes".into()),
                    ..media(Source::Text("the notes".into()))
                })
                .into(),
                Content::Document(media(Source::File("file-1".into()))).into(),
                Content::Audio(Media {
                    media_type: Some("audio/wav".into()),
                    ..media(Source::Base64("BBBB".into()))
                })
                .into(),
                Content::Audio(Media {
                    media_type: Some("audio/opus".into()),
                    ..media(Source::Base64("CCCC".into()))
                })
                .into(),
                Content::Video(media(Source::File("v".into()))).into(),
                Content::text("and tell").into(),
            ],
        )
    };
    let assistant = Message::new(
        Role::Assistant,
        vec![
            Content::Thinking(Thinking {
                text: "hm".into(),
                signature: Some(Signature::new("anthropic", "proof")),
                ..Thinking::default()
            })
            .into(),
            Content::Text { text: "I will ".into(), citations: vec![citation()] }.into(),
            Content::text("ask.").into(),
            Content::Foreign { origin: "anthropic", kind: "server_tool_use".into(), raw: value("{}") }.into(),
            Content::ToolUse(call("toolu_1", "f", r#"{ "b": 1.0, "a": 2 }"#, ToolKind::Function)).into(),
            Content::ToolUse(call("toolu_2", "c", "plain text", ToolKind::Custom)).into(),
            Content::ToolUse(call("toolu_3", "f", "", ToolKind::Function)).into(),
        ],
    );
    let result = |id: &'static str, name: Option<&'static str>, is_error, blocks| {
        let name = name.map(Into::into);
        Block::from(Content::ToolResult(ToolResult {
            id: id.into(),
            name,
            blocks,
            is_error,
            kind: ToolKind::Function,
        }))
    };
    let results = Message::new(
        Role::User,
        vec![
            Content::text("here").into(),
            result("toolu_1", Some("f"), Some(true), vec![Content::text("failed").into()]),
            result(
                "toolu_2",
                None,
                Some(false),
                vec![
                    Content::text("see").into(),
                    Content::Image(media(Source::Base64("DDDD".into()))).into(),
                ],
            ),
        ],
    );
    Request {
        origin: "anthropic",
        model: "fast".into(),
        stream: true,
        system: vec![Content::text("one").into(), Content::text("two").into()],
        messages: vec![
            user,
            assistant,
            results,
            Message::new(Role::Developer, vec![Content::text("be brief").into()]),
            Message::new(Role::Assistant, vec![Content::Refusal("no".into()).into()]),
            Message::new(Role::User, Vec::new()),
        ],
        tools: vec![
            tool("f", Some(true), ToolKind::Function),
            tool("g", Some(false), ToolKind::Function),
            tool("c", None, ToolKind::Custom),
            Tool::Foreign { origin: "anthropic", kind: "web_search".into(), raw: value("{}") },
        ],
        tool_choice: Some(ToolChoice::Named("f".into())),
        parallel_tools: Some(false),
        format: Some(OutputFormat::Schema {
            name: Some("answer".into()),
            description: Some("what to say".into()),
            schema: value(r#"{"type":"object"}"#),
            strict: Some(true),
        }),
        reasoning: Some(Reasoning {
            enabled: Some(true),
            budget: Some(2000),
            display: Some("omitted".into()),
            ..Reasoning::default()
        }),
        sampling: Sampling {
            temperature: Some(value("0.5")),
            logit_bias: Some(value("{}")),
            stop: vec!["x".into()],
            ..Sampling::default()
        },
        max_tokens: Some(100),
        choices: Some(2),
        logprobs: Some(5),
        modalities: vec!["text".into(), "audio".into()],
        verbosity: Some("low".into()),
        service_tier: Some("flex".into()),
        user: Some("u".into()),
        metadata: Some(value("{}")),
        cache_key: Some("k".into()),
        store: Some(true),
        previous: Some("resp_1".into()),
        stream_usage: Some(true),
        extra: vec![("context_management".into(), value("{}"))],
        ..Request::default()
    }
}

fn citation() -> Citation<'static> {
    let raw = value("{}");
    Citation { text: None, url: None, title: None, range: None, origin: "anthropic", raw }
}

#[test]
fn what_stands_before_a_document_is_said() {
    let document = |source| {
        Block::from(Content::Document(Media {
            source,
            name: Some("title".into()),
            context: Some("https://a/".into()),
            ..Media::default()
        }))
    };
    let mut found = document(Source::Blocks(vec![Content::text("inner").into()]));
    found.extra = vec![("type".into(), raw("search_result")), ("source".into(), raw("https://a/"))];
    let blocks = vec![found, document(Source::Text("words".into())), document(Source::File("f".into()))];
    let request =
        Request { origin: "other", messages: vec![Message::new(Role::User, blocks)], ..Request::default() };
    let encoded = codec().encode_request(&request, target(&request)).unwrap();
    let expect = "title\n\nhttps://a/\n\ninner\n\ntitle\n\nhttps://a/\n\nwords";
    assert_eq!(super::json(&encoded.body)["messages"][0]["content"], expect);
    let lost: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
    let file = "messages[0].content[2]";
    assert_eq!(lost, [format!("{file}.name"), format!("{file}.context"), file.to_owned()]);
}

#[test]
fn a_request_of_another_dialect() {
    let request = everything();
    let encoded = codec()
        .encode_request(&request, Target { model: "llama3.2", max_output: None, version: None })
        .unwrap();
    let body = serde_json::to_string_pretty(&json(&encoded.body)).unwrap();
    let losses: Vec<String> =
        encoded.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    insta::assert_snapshot!(format!("{body}\n\n{}", losses.join("\n")));
    // Raw JSON keeps its order and its spelling.
    assert!(String::from_utf8(encoded.body).unwrap().contains(r#"{ "b": 1.0, "a": 2 }"#));
}

#[track_caller]
fn check_think(reasoning: Reasoning<'static>, expect: Option<&Value>, lost: &[&str]) {
    let request = Request { reasoning: Some(reasoning), ..Request::default() };
    let encoded = codec().encode_request(&request, target(&request)).unwrap();
    assert_eq!(json(&encoded.body).get("think"), expect);
    let losses: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
    assert_eq!(losses, lost);
}

#[test]
fn steps_budgets_and_switches() {
    let on = Reasoning { enabled: Some(true), ..Reasoning::default() };
    check_think(on.clone(), Some(&json!(true)), &[]);
    check_think(Reasoning { enabled: Some(false), ..Reasoning::default() }, Some(&json!(false)), &[]);
    check_think(Reasoning { adaptive: true, ..on.clone() }, None, &[]);
    check_think(Reasoning { effort: Some(Effort::XHigh), ..on.clone() }, Some(&json!("max")), &["reasoning"]);
    check_think(Reasoning { effort: Some(Effort::Max), ..on.clone() }, Some(&json!("max")), &[]);
    check_think(
        Reasoning { effort: Some(Effort::Minimal), ..on.clone() },
        Some(&json!("low")),
        &["reasoning"],
    );
    check_think(Reasoning { budget: Some(8192), ..on }, Some(&json!("medium")), &["reasoning.budget"]);
    check_think(Reasoning { effort: Some(Effort::None), ..Reasoning::default() }, Some(&json!(false)), &[]);
}

#[track_caller]
fn check_choice(choice: ToolChoice<'static>, tools: &[&str], has_loss: bool) {
    let tool = |name| tool(name, None, ToolKind::Function);
    let request = Request {
        origin: "x",
        tools: vec![tool("f"), tool("g")],
        tool_choice: Some(choice),
        ..Request::default()
    };
    let encoded = codec().encode_request(&request, target(&request)).unwrap();
    let body = json(&encoded.body);
    let offered = body["tools"].as_array().into_iter().flatten();
    let offered: Vec<&str> = offered.map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    let named = encoded.losses.iter().any(|loss| loss.path == "tool_choice");
    assert_eq!((offered.as_slice(), named), (tools, has_loss));
}

#[test]
fn choosing_is_said_by_what_is_offered() {
    check_choice(ToolChoice::Auto, &["f", "g"], false);
    check_choice(ToolChoice::None, &[], false);
    check_choice(ToolChoice::Required, &["f", "g"], true);
    check_choice(ToolChoice::Named("g".into()), &["g"], true);
    check_choice(ToolChoice::Allowed { names: vec!["f".into()], required: false }, &["f"], false);
    check_choice(ToolChoice::Allowed { names: vec!["f".into()], required: true }, &["f"], true);
}

#[test]
fn an_answer_of_another_dialect() {
    let request = everything();
    let mut stop = Stop::new(StopReason::ContentFilter);
    stop.details = Some(value("{}"));
    let response = Response {
        origin: "openai-chat",
        id: Some("chatcmpl-1".into()),
        model: Some("gpt".into()),
        choices: vec![
            Choice {
                blocks: request.messages[1].blocks.clone(),
                stop: Some(stop),
                logprobs: Some(value(
                    r#"{"content":[{"token":"a","logprob":-1,"bytes":null,"top_logprobs":[]}]}"#,
                )),
                ..Choice::default()
            },
            Choice { index: 1, ..Choice::default() },
        ],
        usage: Some(Usage { input: 10, cache_read: 5, output: 7, reasoning: 3, ..Usage::default() }),
        service_tier: Some("default".into()),
        extra: vec![("system_fingerprint".into(), value("\"fp\""))],
        ..Response::default()
    };
    let mut shown = String::new();
    for path in ["/api/chat", "/api/generate"] {
        let encoded = codec().encode_response(&response, reply(&request, path));
        let losses: Vec<String> =
            encoded.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
        shown += &format!("{}\n{}\n\n", String::from_utf8(encoded.body).unwrap(), losses.join("\n"));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn a_stream_of_another_dialect() {
    let request = everything();
    let mut encoder = codec().encoder(reply(&request, "/api/chat"));
    let mut out = Vec::new();
    let thinking = || BlockKind::Thinking { is_summary: true, is_redacted: false, item: None };
    let custom = BlockKind::ToolUse {
        id: "t1".into(),
        name: "c".into(),
        kind: ToolKind::Custom,
        signature: None,
        item: None,
    };
    let function = BlockKind::ToolUse {
        id: "t2".into(),
        name: "f".into(),
        kind: ToolKind::Function,
        signature: Some(Signature::new("gemini", "s")),
        item: None,
    };
    let foreign =
        BlockKind::Foreign { origin: "anthropic", kind: "web_search_tool_result".into(), raw: value("{}") };
    let blocks: Vec<(BlockKind<'_>, Vec<Delta<'_>>)> = vec![
        (thinking(), vec![Delta::Text("one".into()), Delta::Signature(Signature::new("anthropic", "p"))]),
        (thinking(), vec![Delta::Text("two".into())]),
        (BlockKind::Text, vec![Delta::Text("a".into()), Delta::Text("".into()), Delta::Citation(citation())]),
        (foreign, vec![]),
        (BlockKind::Audio { id: None }, vec![Delta::Audio("AAAA".into()), Delta::Transcript("said".into())]),
        (BlockKind::Refusal, vec![Delta::Text("no".into())]),
        (custom, vec![Delta::Input("plain ".into()), Delta::Input("text".into())]),
        (function, vec![Delta::Input("{\"a\":\n".into()), Delta::Input("1.0}".into())]),
    ];
    let mut put = |event: Event<'_>| encoder.event(&event, &mut out);
    put(Event::Start { id: Some("msg_1".into()), model: Some("claude".into()), created: None });
    put(Event::Ping);
    put(Event::Usage(Usage { input: 1, ..Usage::default() }));
    for (block, (kind, deltas)) in (0..).zip(blocks) {
        put(Event::BlockStart { choice: 0, block, kind });
        deltas.into_iter().for_each(|delta| put(Event::Delta { choice: 0, block, delta }));
        put(Event::BlockStop { choice: 0, block });
    }
    put(Event::BlockStart { choice: 1, block: 0, kind: BlockKind::Text });
    put(Event::Usage(Usage { input: 2, cache_write: 3, output: 4, ..Usage::default() }));
    let mut stop = Stop::new(StopReason::StopSequence);
    stop.sequence = Some("x".into());
    put(Event::Stop { choice: 0, stop });
    put(Event::End);
    let losses: Vec<String> =
        encoder.losses().iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    insta::assert_snapshot!(format!("{}\n{}", String::from_utf8(out).unwrap(), losses.join("\n")));
}

#[test]
fn a_failed_stream_does_not_look_done() {
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request, "/api/chat"));
    let mut out = Vec::new();
    encoder.event(&Event::Start { id: None, model: None, created: None }, &mut out);
    let fault = Fault::new(FaultKind::Cut, "the answer was cut");
    encoder.fail(&fault, &mut out);
    assert_eq!(out, b"{\"error\":\"the answer was cut\"}\n");
    assert_eq!(codec().encode_error(&fault), "{\"error\":\"the answer was cut\"}");
    assert!(fold(&[&out]).is_err());
}

//! Conversations of other dialects, written as Converse takes them; and hand-written Converse bodies.

use lockgate_protocol::{
    codec::Target,
    ir::{
        Block, CacheHint, Choice, Citation, Content, Effort, Media, Message, OutputFormat, Raw, Reasoning,
        Request, Response, Role, Sampling, Signature, Source, Stop, StopReason, Text, Thinking, Tool,
        ToolChoice, ToolKind, ToolResult, ToolUse, Usage, raw,
    },
};
use serde_json::{Value, value::RawValue};

use super::{CLAUDE, codec, head, losses, reply, target};

fn json(text: &str) -> Raw<'static> {
    Raw::Owned(RawValue::from_string(text.to_owned()).unwrap())
}

fn text(text: &str) -> Block<'_> {
    Content::text(text).into()
}

fn media<'a>(source: Source<'a>, media_type: &'a str, name: Option<&'a str>) -> Media<'a> {
    Media { source, media_type: Some(media_type.into()), name: name.map(Text::from), ..Media::default() }
}

fn call<'a>(id: &'a str, name: &'a str, input: &'a str) -> Block<'a> {
    Content::ToolUse(ToolUse {
        id: id.into(),
        name: name.into(),
        input: input.into(),
        kind: ToolKind::Function,
        signature: None,
        item: None,
    })
    .into()
}

fn result<'a>(id: &'a str, blocks: Vec<Block<'a>>, is_error: Option<bool>) -> Block<'a> {
    let kind = ToolKind::Function;
    Content::ToolResult(ToolResult { id: id.into(), name: None, blocks, is_error, kind }).into()
}

fn tool<'a>(name: &'a str, schema: Option<&str>) -> Tool<'a> {
    Tool::Client {
        name: name.into(),
        description: Some("".into()),
        schema: schema.map(json),
        strict: Some(true),
        kind: ToolKind::Function,
        cache: Some(CacheHint { ttl: None }),
        extra: Vec::new(),
    }
}

fn request<'a>(messages: Vec<Message<'a>>) -> Request<'a> {
    Request { origin: "openai-chat", model: "alias".into(), messages, ..Request::default() }
}

fn user<'a>(blocks: Vec<Block<'a>>) -> Message<'a> {
    Message::new(Role::User, blocks)
}

fn assistant<'a>(blocks: Vec<Block<'a>>) -> Message<'a> {
    Message::new(Role::Assistant, blocks)
}

#[track_caller]
fn written(request: &Request<'_>, target: Target<'_>) -> String {
    let encoded = codec().encode_request(request, target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    format!("{body:#}\n\n{}\n", losses(&encoded.losses).join("\n"))
}

#[test]
fn a_request_with_everything() {
    let mut conversation = request(vec![
        Message { name: Some("bo".into()), ..user(vec![text("look"), text(" \n")]) },
        user(vec![
            Content::Image(media(Source::Base64("iVBORw0KGgo=".into()), "image/png", None)).into(),
            Content::Image(Media { source: Source::Base64("/9j/4A==".into()), ..Media::default() }).into(),
            Content::Image(media(Source::Url("https://a.example/x.png".into()), "image/png", None)).into(),
            Content::Image(media(Source::Url("s3://bucket/x.gif".into()), "image/gif", None)).into(),
            Content::Image(media(Source::Base64("AA==".into()), "image/heic", None)).into(),
            Content::Document(media(
                Source::Base64("JVBERi0=".into()),
                "application/pdf",
                Some("my_report.pdf"),
            ))
            .into(),
            Content::Document(media(Source::Base64("JVBERi0=".into()), "application/pdf", None)).into(),
            Content::Document(media(Source::Text("plain".into()), "text/plain", Some("a.txt"))).into(),
            Content::Document(media(Source::File("file_1".into()), "application/pdf", None)).into(),
            Content::Audio(media(Source::Base64("AA==".into()), "audio/wav", None)).into(),
            Content::Video(media(Source::Base64("AA==".into()), "video/mp4", None)).into(),
            Block { cache: Some(CacheHint { ttl: Some("1h".into()) }), ..text("cached") },
        ]),
        assistant(vec![
            Content::Thinking(Thinking {
                text: "unsigned".into(),
                signature: Some(Signature::new("gemini", "Eq==")),
                ..Thinking::default()
            })
            .into(),
        ]),
        user(vec![text("go on")]),
        assistant(vec![
            Content::Thinking(Thinking {
                text: "signed".into(),
                signature: Some(Signature::new("bedrock", "Eq==")),
                ..Thinking::default()
            })
            .into(),
            text("let me see"),
            call("call_1", "look", "{\"b\": 1.0, \"a\":2}"),
            call("call/2 with an id that is much longer than the sixty-four characters allowed", "look", ""),
            call("call_3", "look", "not json"),
        ]),
        user(vec![text("by the way")]),
        user(vec![
            result("call_1", vec![text("fine"), text("")], None),
            result(
                "call/2 with an id that is much longer than the sixty-four characters allowed",
                vec![Content::Image(media(Source::Base64("AA==".into()), "image/png", None)).into()],
                Some(true),
            ),
            result("call_3", vec![], None),
        ]),
        Message::new(Role::System, vec![text("be brief")]),
        assistant(vec![
            Content::Refusal("I won't".into()).into(),
            Content::Foreign { origin: "anthropic", kind: "server_tool_use".into(), raw: json("{}") }.into(),
            Content::Text {
                text: "cited".into(),
                citations: vec![Citation {
                    text: None,
                    url: None,
                    title: None,
                    range: None,
                    origin: "anthropic",
                    raw: json("{}"),
                }],
            }
            .into(),
        ]),
        user(vec![Block { extra: vec![("new".into(), json("1"))], ..text("last") }]),
    ]);
    conversation.system =
        vec![text("you are"), Block { cache: Some(CacheHint { ttl: None }), ..text("helpful") }, text("")];
    conversation.tools = vec![
        tool("look", Some(r#"{"type":"object","properties":{"z":{},"a":{}}}"#)),
        tool("bare", None),
        tool("untyped", Some(r#"{"properties":{}}"#)),
        Tool::Client {
            name: "grammar".into(),
            description: None,
            schema: None,
            strict: None,
            kind: ToolKind::Custom,
            cache: None,
            extra: Vec::new(),
        },
        Tool::Foreign { origin: "openai-responses", kind: "web_search".into(), raw: json("{}") },
    ];
    conversation.tool_choice = Some(ToolChoice::Auto);
    conversation.parallel_tools = Some(false);
    conversation.format = Some(OutputFormat::Schema {
        name: Some("out".into()),
        description: None,
        schema: json(r#"{"type":"object"}"#),
        strict: Some(true),
    });
    conversation.sampling = Sampling {
        temperature: Some(json("1.5")),
        top_p: Some(json("0.90")),
        top_k: Some(json("40")),
        seed: Some(json("7")),
        frequency_penalty: Some(json("0.1")),
        stop: vec!["END".into()],
        ..Sampling::default()
    };
    conversation.max_tokens = Some(1000);
    conversation.choices = Some(2);
    conversation.logprobs = Some(3);
    conversation.verbosity = Some("low".into());
    conversation.service_tier = Some("flex".into());
    conversation.user = Some("u-1".into());
    conversation.metadata = Some(json(r#"{"team":"a b"}"#));
    conversation.cache_key = Some("k".into());
    conversation.store = Some(true);
    conversation.extra = vec![("prediction".into(), json("{}"))];
    insta::assert_snapshot!(written(&conversation, target(CLAUDE)));
}

#[track_caller]
fn reasoning(model: &str, reasoning: Reasoning<'_>, max_tokens: Option<u64>, expect: &str) {
    let mut asked = request(vec![user(vec![text("x")])]);
    asked.reasoning = Some(reasoning);
    asked.max_tokens = max_tokens;
    asked.sampling.temperature = Some(json("0.5"));
    let target = Target { model, max_output: Some(64_000), version: None };
    let encoded = codec().encode_request(&asked, target).unwrap();
    let mut body: Value = serde_json::from_slice(&encoded.body).unwrap();
    body.as_object_mut().unwrap().remove("messages");
    let losses = losses(&encoded.losses).join("; ");
    assert_eq!(format!("{body} {losses}"), expect);
}

#[test]
fn the_limit_is_one_the_model_takes() {
    #[track_caller]
    fn check(model: &str, expect: &str) {
        let mut asked = request(vec![user(vec![text("x")])]);
        asked.max_tokens = Some(32_000);
        let encoded = codec().encode_request(&asked, target(model)).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let lost = losses(&encoded.losses).join("; ");
        assert_eq!(format!("{} {lost}", body["inferenceConfig"]["maxTokens"]), expect);
    }
    check("us.amazon.nova-lite-v1:0", "10000 max_tokens: lowered to the most that the model puts out");
    check("amazon.nova-2-lite-v1:0", "32000 ");
    check(CLAUDE, "32000 ");
}

#[test]
fn reasoning_in_the_spelling_of_each_maker() {
    let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let off = Reasoning { enabled: Some(false), ..Reasoning::default() };
    let too_hot = "temperature: not together with this model's reasoning";
    reasoning(
        CLAUDE,
        effort(Effort::Medium),
        None,
        &format!(
            r#"{{"additionalModelRequestFields":{{"thinking":{{"budget_tokens":8192,"type":"enabled"}}}},"inferenceConfig":{{"maxTokens":64000}}}} max_tokens: required by the model to reason: its limit is used; {too_hot}"#
        ),
    );
    reasoning(
        CLAUDE,
        effort(Effort::High),
        Some(2000),
        &format!(
            r#"{{"additionalModelRequestFields":{{"thinking":{{"budget_tokens":1024,"type":"enabled"}}}},"inferenceConfig":{{"maxTokens":2000}}}} reasoning.budget: brought into the target's bounds: at least 1024, below max_tokens; {too_hot}"#
        ),
    );
    reasoning(
        CLAUDE,
        effort(Effort::High),
        Some(500),
        r#"{"inferenceConfig":{"maxTokens":500,"temperature":0.5}} reasoning: max_tokens leaves no room for it"#,
    );
    reasoning(
        CLAUDE,
        off.clone(),
        None,
        r#"{"additionalModelRequestFields":{"thinking":{"type":"disabled"}},"inferenceConfig":{"temperature":0.5}} "#,
    );
    reasoning(
        "us.anthropic.claude-sonnet-5",
        effort(Effort::XHigh),
        Some(9000),
        &format!(
            r#"{{"additionalModelRequestFields":{{"thinking":{{"type":"adaptive"}}}},"inferenceConfig":{{"maxTokens":9000}},"outputConfig":{{"effort":"xhigh"}}}} {too_hot}"#
        ),
    );
    reasoning(
        "us.amazon.nova-2-lite-v1:0",
        effort(Effort::Max),
        None,
        r#"{"additionalModelRequestFields":{"reasoningConfig":{"maxReasoningEffort":"high","type":"enabled"}},"inferenceConfig":{"temperature":0.5}} reasoning.effort: `high` is the most there is"#,
    );
    reasoning(
        "openai.gpt-oss-120b-1:0",
        Reasoning { budget: Some(2000), ..Reasoning::default() },
        None,
        r#"{"additionalModelRequestFields":{"reasoning_effort":"medium"},"inferenceConfig":{"temperature":0.5}} reasoning.budget: the model takes steps only: the nearest is used"#,
    );
    reasoning(
        "meta.llama3-1-8b-instruct-v1:0",
        effort(Effort::Low),
        None,
        r#"{"inferenceConfig":{"temperature":0.5}} reasoning: nothing is known about how this model is asked to reason"#,
    );
    reasoning(
        "anthropic.claude-opus-4-8",
        Reasoning { budget: Some(2000), ..Reasoning::default() },
        Some(9000),
        &format!(
            r#"{{"additionalModelRequestFields":{{"thinking":{{"type":"adaptive"}}}},"inferenceConfig":{{"maxTokens":9000}},"outputConfig":{{"effort":"medium"}}}} reasoning.budget: the model takes steps only: the nearest is used; {too_hot}"#
        ),
    );
    reasoning("meta.llama3-1-8b-instruct-v1:0", off, None, r#"{"inferenceConfig":{"temperature":0.5}} "#);
}

#[test]
fn models_that_are_not_told_of_failed_tools_and_classes_of_service() {
    #[track_caller]
    fn check(model: &str, status: Option<&str>, lost: &[&str]) {
        let mut asked = request(vec![
            user(vec![text("x")]),
            assistant(vec![call("c", "look", "{}")]),
            user(vec![result("c", vec![text("y")], Some(true))]),
        ]);
        asked.service_tier = Some("standard".into());
        let encoded = codec().encode_request(&asked, target(model)).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(body["messages"][2]["content"][0]["toolResult"]["status"].as_str(), status, "{model}");
        assert_eq!(body["serviceTier"]["type"], "default", "{model}");
        assert_eq!(losses(&encoded.losses), lost, "{model}");
    }
    check(CLAUDE, Some("error"), &[]);
    check("us.amazon.nova-lite-v1:0", Some("error"), &[]);
    let lost = "messages[2].content[0].is_error: this model is not told whether a tool failed";
    check("mistral.mistral-large-2407-v1:0", None, &[lost]);
}

#[test]
fn tools_that_are_forbidden_or_only_in_the_past() {
    let mut asked = request(vec![user(vec![text("x")])]);
    asked.tools = vec![tool("look", None), tool("see", None)];
    asked.tool_choice = Some(ToolChoice::None);
    insta::assert_snapshot!("no_tools", written(&asked, target(CLAUDE)));
    asked.tool_choice = Some(ToolChoice::Allowed { names: vec!["see".into()], required: true });
    insta::assert_snapshot!("allowed_tools", written(&asked, target("amazon.nova-pro-v1:0")));
    let mut asked = request(vec![
        user(vec![text("x")]),
        assistant(vec![call("c", "look", "{}")]),
        user(vec![result("c", vec![text("y")], Some(false))]),
    ]);
    asked.reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
    insta::assert_snapshot!("past_tools", written(&asked, target(CLAUDE)));
}

#[test]
fn an_answer_with_everything() {
    let blocks = vec![
        Content::Thinking(Thinking {
            text: "hm".into(),
            is_summary: true,
            signature: Some(Signature::new("openai-responses", "gAAA")),
            ..Thinking::default()
        })
        .into(),
        Content::Thinking(Thinking {
            signature: Some(Signature::new("anthropic", "sealed")),
            is_redacted: true,
            ..Thinking::default()
        })
        .into(),
        Content::Text {
            text: "so".into(),
            citations: vec![Citation {
                text: Some("w".into()),
                url: Some("https://a.example/".into()),
                title: Some("A".into()),
                range: Some((0, 2)),
                origin: "openai-chat",
                raw: json("{}"),
            }],
        }
        .into(),
        call("call_1", "look", "{\"b\": 1.0}"),
        call("call_2", "look", "{\"cut"),
        Content::Refusal("no".into()).into(),
        Content::Foreign { origin: "gemini", kind: "executableCode".into(), raw: json("{}") }.into(),
    ];
    let stop = Stop { sequence: Some("END".into()), ..Stop::new(StopReason::Refusal) };
    let response = Response {
        origin: "openai-responses",
        id: Some("resp_1".into()),
        choices: vec![
            Choice { blocks, stop: Some(stop), logprobs: Some(json("{}")), ..Choice::default() },
            Choice { index: 1, ..Choice::default() },
        ],
        usage: Some(Usage { input: 2, cache_read: 1322, output: 5, reasoning: 3, ..Usage::default() }),
        service_tier: Some("default".into()),
        extra: vec![("background".into(), json("false"))],
        ..Response::default()
    };
    let asked = Request::default();
    let encoded = codec().encode_response(&response, reply(&asked));
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    insta::assert_snapshot!(format!("{body:#}\n\n{}\n", losses(&encoded.losses).join("\n")));
    // What other dialects' proofs became finds its way back.
    let turn = format!("{{\"messages\":[{}]}}", body["output"]["message"]);
    let back = codec().decode_request(head(CLAUDE), turn.as_bytes()).unwrap();
    let proofs: Vec<_> = back.messages[0]
        .blocks
        .iter()
        .filter_map(|block| match &block.content {
            Content::Thinking(thinking) => {
                thinking.signature.as_ref().map(|proof| (&*proof.origin, &*proof.value))
            }
            _ => None,
        })
        .collect();
    assert_eq!(proofs, [("openai-responses", "gAAA"), ("anthropic", "sealed")]);
    let _ = raw("");
}

/// A body of every member that Converse has, there and back without any recording.
#[test]
fn a_body_with_everything_is_the_same_again() {
    let body = include_str!("everything.json");
    let request = codec().decode_request(head(CLAUDE), body.as_bytes()).unwrap();
    let encoded = codec().encode_request(&request, target(CLAUDE)).unwrap();
    let (before, after): (Value, Value) =
        (serde_json::from_str(body).unwrap(), serde_json::from_slice(&encoded.body).unwrap());
    assert_eq!(before, after, "\nbefore: {before:#}\nafter: {after:#}");
    assert_eq!(losses(&encoded.losses), Vec::<String>::new());
    let Content::ToolResult(result) = &request.messages[2].blocks[0].content else { panic!("no result") };
    assert_eq!(result.name.as_deref(), Some("look"));
    assert!(
        String::from_utf8(encoded.body).unwrap().contains(r#"{"z": 1.50, "a": [1, 2]}"#),
        "spelled as it was"
    );
}

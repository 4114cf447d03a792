//! Requests and answers of other dialects, built by hand with everything the conversation model has.

use lockgate_protocol::ir::{
    Audio, Block, CacheHint, Choice, Citation, Content, Effort, Media, Message, OutputFormat, Reasoning,
    Request, Response, Role, Sampling, Signature, Source, Stop, StopReason, Text, Thinking, Tool, ToolChoice,
    ToolKind, ToolResult, ToolUse, Usage, raw,
};
use serde_json::json;

use super::{codec, reply, target, value};

const ELSEWHERE: &str = "elsewhere";

fn media(source: Source<'static>, media_type: &'static str) -> Media<'static> {
    Media { source, media_type: Some(media_type.into()), ..Media::default() }
}

fn base64(media_type: &'static str) -> Media<'static> {
    media(Source::Base64("QUJD".into()), media_type)
}

fn foreign() -> Content<'static> {
    Content::Foreign { origin: ELSEWHERE, kind: "server_tool".into(), raw: raw(&json!({"x": 1})) }
}

fn call(id: &'static str, name: &'static str, input: &'static str) -> Block<'static> {
    let signature = Some(Signature::new(ELSEWHERE, "proof"));
    let (id, name, input) = (id.into(), name.into(), input.into());
    Content::ToolUse(ToolUse {
        id,
        name,
        input,
        kind: ToolKind::Function,
        signature,
        item: Some("fc_1".into()),
    })
    .into()
}

fn result(id: &'static str, blocks: Vec<Block<'static>>, is_error: Option<bool>) -> Block<'static> {
    let (id, name) = (id.into(), Some("f".into()));
    Content::ToolResult(ToolResult { id, name, blocks, is_error, kind: ToolKind::Function }).into()
}

fn thinking(text: &'static str, signature: Option<Signature<'static>>) -> Block<'static> {
    Content::Thinking(Thinking { text: text.into(), signature, ..Thinking::default() }).into()
}

fn cited(text: &'static str) -> Block<'static> {
    let citation = Citation {
        text: Some("c".into()),
        url: None,
        title: None,
        range: None,
        origin: ELSEWHERE,
        raw: raw(&json!({})),
    };
    Content::Text { text: text.into(), citations: vec![citation] }.into()
}

const LONG_ID: &str = "toolu_0123456789012345678901234567890123456789";

fn request() -> Request<'static> {
    let cached = |text: &'static str| Block {
        cache: Some(CacheHint { ttl: Some("1h".into()) }),
        extra: vec![("odd".into(), raw(&1))],
        ..Content::text(text).into()
    };
    let user = vec![
        Content::text("look").into(),
        Content::Image(base64("image/webp")).into(),
        Content::Image(Media {
            detail: Some("low".into()),
            ..media(Source::Url("https://x/y.png".into()), "image/png")
        })
        .into(),
        Content::Image(media(Source::File("file_011".into()), "image/png")).into(),
        Content::Document(Media {
            cite: Some(true),
            context: Some("ctx".into()),
            ..base64("application/pdf")
        })
        .into(),
        Content::Document(Media {
            name: Some("Notes".into()),
            context: Some("ctx".into()),
            ..media(Source::Text("plain".into()), "text/plain")
        })
        .into(),
        Content::Document(Media {
            source: Source::Blocks(vec![Content::text("inner").into(), foreign().into()]),
            ..Media::default()
        })
        .into(),
        Content::Document(media(Source::Url("https://x/y.pdf".into()), "application/pdf")).into(),
        Content::Document(Media { source: Source::File("file-abc".into()), ..Media::default() }).into(),
        Content::Audio(base64("audio/mpeg")).into(),
        Content::Video(base64("video/mp4")).into(),
        foreign().into(),
    ];
    let assistant = vec![
        thinking("secret", Some(Signature::new(ELSEWHERE, "proof"))),
        thinking("bare", None),
        thinking("ours", Some(Signature::new("openai-chat", "reasoning_content"))),
        Content::text("I will ").into(),
        cited("look."),
        call(LONG_ID, "f", "{\"b\": 1.0}"),
        call("c2", "f", ""),
        foreign().into(),
        Content::Image(base64("image/png")).into(),
    ];
    let results = vec![
        result(LONG_ID, vec![Content::Image(base64("image/png")).into()], None),
        result("c2", vec![Content::text("boom").into(), Content::text("more").into()], Some(true)),
        Content::text("so?").into(),
    ];
    let mut first = Message::new(Role::User, user);
    first.extra = vec![("odd".into(), raw(&1))];
    let client = |name: &'static str, kind, schema: serde_json::Value| Tool::Client {
        name: name.into(),
        description: Some("d".into()),
        schema: Some(raw(&schema)),
        strict: Some(true),
        kind,
        cache: Some(CacheHint { ttl: None }),
        extra: vec![("odd".into(), raw(&1))],
    };
    let number = |number: f64| Some(raw(&number));
    Request {
        origin: ELSEWHERE,
        model: "alias".into(),
        stream: true,
        system: vec![cached("rule one"), Content::text("rule two").into(), foreign().into()],
        messages: vec![
            first,
            Message::new(Role::Assistant, assistant),
            Message::new(Role::User, results),
            Message::new(Role::Developer, vec![Content::text("late rule").into()]),
            Message::new(Role::Assistant, vec![Content::Refusal("no".into()).into()]),
            Message::new(Role::Assistant, vec![]),
        ],
        tools: vec![
            client("f", ToolKind::Function, json!({"type": "object"})),
            client("g", ToolKind::Custom, json!({"type": "grammar", "syntax": "lark", "definition": "s: x"})),
            Tool::Foreign { origin: ELSEWHERE, kind: "web".into(), raw: raw(&json!({})) },
        ],
        tool_choice: Some(ToolChoice::Named("g".into())),
        parallel_tools: Some(false),
        format: Some(OutputFormat::Schema {
            name: None,
            description: None,
            schema: raw(&json!({"a": 1})),
            strict: None,
        }),
        reasoning: Some(Reasoning {
            budget: Some(9000),
            display: Some("omitted".into()),
            ..Reasoning::default()
        }),
        sampling: Sampling {
            temperature: number(0.5),
            top_p: number(0.9),
            top_k: number(40.0),
            min_p: number(0.1),
            repetition_penalty: number(1.1),
            stop: ["a", "b", "c", "d", "e"].map(Text::from).to_vec(),
            ..Sampling::default()
        },
        max_tokens: Some(100),
        choices: Some(2),
        logprobs: Some(0),
        audio: Some(Audio { voice: Some("alloy".into()), format: Some("wav".into()) }),
        modalities: vec!["text".into()],
        verbosity: Some("low".into()),
        service_tier: Some("auto".into()),
        user: Some("u".into()),
        metadata: Some(raw(&json!({"k": "v"}))),
        cache_key: Some("p".into()),
        store: Some(false),
        previous: Some("resp_1".into()),
        stream_usage: None,
        extra: vec![("context_management".into(), raw(&json!({})))],
        ..Request::default()
    }
}

#[test]
fn a_foreign_request_says_all_that_can_be_said() {
    let encoded = codec().encode_request(&request(), target("upstream")).unwrap();
    let losses: Vec<String> =
        encoded.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    let body = serde_json::to_string_pretty(&value(&encoded.body)).unwrap();
    insta::assert_snapshot!(format!("{body}\n\n{}", losses.join("\n")));
}

#[test]
fn reasoning_is_switched_off_and_left_to_the_model() {
    let effort = |reasoning: Reasoning<'static>| {
        let request = Request { origin: ELSEWHERE, reasoning: Some(reasoning), ..Request::default() };
        value(&codec().encode_request(&request, target("m")).unwrap().body)["reasoning_effort"].clone()
    };
    assert_eq!(effort(Reasoning { enabled: Some(false), ..Reasoning::default() }), "none");
    assert_eq!(effort(Reasoning { adaptive: true, ..Reasoning::default() }), json!(null));
    assert_eq!(effort(Reasoning { effort: Some(Effort::XHigh), ..Reasoning::default() }), "xhigh");
    assert_eq!(effort(Reasoning { budget: Some(1), ..Reasoning::default() }), "low");
}

/// A request of another dialect that says one thing.
fn asks(content: Content<'static>) -> Request<'static> {
    let message =
        Message { role: Role::User, blocks: vec![content.into()], name: None, id: None, extra: Vec::new() };
    Request { origin: ELSEWHERE, messages: vec![message], ..Request::default() }
}

#[test]
fn what_would_be_refused_is_not_sent_and_named() {
    let check = |request: &Request<'_>, messages: &serde_json::Value, lost: &[&str]| {
        let encoded = codec().encode_request(request, target("gpt-4o")).unwrap();
        let body = value(&encoded.body);
        let losses: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
        assert_eq!((&body["messages"], &losses[..]), (messages, lost), "{body:#}");
        assert_eq!([&body["audio"], &body["modalities"]], [&json!(null); 2]);
    };
    let said = json!([{"role": "user", "content": "so?"}]);
    let nothing = Request { origin: ELSEWHERE, ..Request::default() };
    check(&nothing, &json!([{"role": "user", "content": "."}]), &["messages"]);
    let voice = Audio { voice: Some("Kore".into()), format: None };
    let sings =
        Request { audio: Some(voice), modalities: vec!["audio".into()], ..asks(Content::text("so?")) };
    check(&sings, &said, &["audio", "modalities"]);
    let picture = asks(Content::Image(media(Source::File("file-1".into()), "image/png")));
    check(&picture, &json!([{"role": "user", "content": ""}]), &["messages[0].content[0]"]);
}

#[test]
fn documents_of_blocks_are_told_behind_their_title() {
    let blocks = Source::Blocks(vec![Content::text("walls").into()]);
    let found = Media {
        name: Some("Delft".into()),
        context: Some("https://d.example".into()),
        ..media(blocks, "x/y")
    };
    let encoded = codec().encode_request(&asks(Content::Document(found)), target("gpt-4o")).unwrap();
    let content = value(&encoded.body)["messages"][0]["content"].clone();
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(content, json!([text("Delft\n\nhttps://d.example"), text("walls")]));
    assert!(encoded.losses.is_empty(), "{}", encoded.losses);
}

#[test]
fn settings_are_fitted_to_what_the_model_is() {
    let request = |reasoning| Request {
        origin: ELSEWHERE,
        reasoning,
        sampling: Sampling {
            temperature: Some(raw(&json!(1.0))),
            top_p: Some(raw(&json!(0.95))),
            presence_penalty: Some(raw(&json!(0))),
            stop: vec!["end".into()],
            ..Sampling::default()
        },
        logprobs: Some(2),
        ..asks(Content::text("so?"))
    };
    let check = |model, effort: Option<Effort>, members: &[&str], lost: &[&str]| {
        let request =
            request(effort.map(|effort| Reasoning { effort: Some(effort), ..Reasoning::default() }));
        let encoded = codec().encode_request(&request, target(model)).unwrap();
        let body = value(&encoded.body);
        let found: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        let found: Vec<&str> =
            found.into_iter().filter(|name| !matches!(*name, "model" | "messages")).collect();
        assert_eq!(found, members, "{model} {effort:?}");
        let losses: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
        assert_eq!(losses, lost, "{model} {effort:?}");
    };
    let all = ["logprobs", "presence_penalty", "stop", "temperature", "top_logprobs", "top_p"];
    let refused = ["top_p", "presence_penalty", "stop", "logprobs"];
    check("gpt-4o", None, &all, &[]);
    check("gpt-4o", Some(Effort::High), &all, &["reasoning"]);
    check("gpt-4o", Some(Effort::None), &all, &[]);
    check("gpt-5.5", None, &["temperature"], &refused);
    check("gpt-5.5", Some(Effort::High), &["reasoning_effort", "temperature"], &refused);
    let with_effort =
        ["logprobs", "presence_penalty", "reasoning_effort", "stop", "temperature", "top_logprobs", "top_p"];
    check("gpt-5.5", Some(Effort::None), &with_effort, &[]);
    check("qwen3", Some(Effort::High), &with_effort, &[]);
}

#[test]
fn the_limit_is_one_the_model_takes() {
    let check = |model, asked, limit: u64, lost: &[&str]| {
        let request = Request { max_tokens: Some(asked), ..asks(Content::text("so?")) };
        let encoded = codec().encode_request(&request, target(model)).unwrap();
        assert_eq!(value(&encoded.body)["max_completion_tokens"], limit, "{model}");
        let losses: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
        assert_eq!(losses, lost, "{model}");
    };
    check("gpt-4o", 32_000, 16_384, &["max_tokens"]);
    check("gpt-4o", 16_384, 16_384, &[]);
    check("gpt-5.5", 32_000, 32_000, &[]);
}

#[test]
fn media_of_results_wait_until_all_results_are_told() {
    let picture = || vec![Content::text("see").into(), Content::Image(base64("image/png")).into()];
    let request = Request {
        origin: ELSEWHERE,
        messages: vec![
            Message::new(Role::Assistant, vec![call("a", "f", "{}"), call("b", "f", "{}")]),
            Message::new(Role::User, vec![result("a", picture(), None)]),
            Message::new(Role::User, vec![result("b", picture(), None)]),
            Message::new(Role::Assistant, vec![Content::text("ok").into()]),
        ],
        ..Request::default()
    };
    let body = value(&codec().encode_request(&request, target("m")).unwrap().body);
    let roles: Vec<&str> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user", "assistant"]);
    assert_eq!(body["messages"][3]["content"].as_array().unwrap().len(), 4, "two labels, two pictures");
}

fn response() -> Response<'static> {
    let citation = Citation {
        text: None,
        url: Some("https://x".into()),
        title: None,
        range: None,
        origin: ELSEWHERE,
        raw: raw(&json!({})),
    };
    let blocks = vec![
        thinking("one", Some(Signature::new(ELSEWHERE, "proof"))),
        thinking("two", None),
        Content::text("Grüße ").into(),
        Content::Text { text: "von hier".into(), citations: vec![citation] }.into(),
        foreign().into(),
        Content::Image(base64("image/png")).into(),
        Content::Audio(base64("audio/wav")).into(),
        call("c1", "f", "{}"),
    ];
    let stop = Some(Stop { sequence: Some("END".into()), ..Stop::new(StopReason::ToolUse) });
    Response {
        origin: ELSEWHERE,
        choices: vec![Choice { blocks, stop, extra: vec![("ratings".into(), raw(&1))], ..Choice::default() }],
        usage: Some(Usage {
            input: 5,
            cache_read: 3,
            cache_write: 2,
            output: 7,
            reasoning: 4,
            ..Usage::default()
        }),
        service_tier: Some("default".into()),
        extra: vec![("container".into(), raw(&1))],
        ..Response::default()
    }
}

#[test]
fn a_foreign_answer_says_all_that_can_be_said() {
    let request = Request { model: "asked".into(), ..Request::default() };
    let encoded = codec().encode_response(&response(), reply(&request));
    let body = serde_json::to_string_pretty(&value(&encoded.body)).unwrap();
    insta::assert_snapshot!(format!("{body}\n\n{}", encoded.losses));
}

#[test]
fn every_reason_to_stop_has_a_word() {
    let finish = |reason, blocks: Vec<Block<'static>>| {
        let choice = Choice { blocks, stop: Some(Stop::new(reason)), ..Choice::default() };
        let response = Response { origin: ELSEWHERE, choices: vec![choice], ..Response::default() };
        let request = Request::default();
        let encoded = codec().encode_response(&response, reply(&request));
        let word = value(&encoded.body)["choices"][0]["finish_reason"].as_str().unwrap().to_owned();
        (word, encoded.losses.is_empty())
    };
    let check =
        |reason, expect: &str, is_exact| assert_eq!(finish(reason, vec![]), (expect.to_owned(), is_exact));
    check(StopReason::End, "stop", true);
    check(StopReason::StopSequence, "stop", true);
    check(StopReason::MaxTokens, "length", true);
    check(StopReason::ContextFull, "length", true);
    check(StopReason::ToolUse, "tool_calls", true);
    check(StopReason::ContentFilter, "content_filter", true);
    check(StopReason::Refusal, "content_filter", true);
    check(StopReason::Pause, "length", false);
    check(StopReason::Malformed, "stop", false);
    check(StopReason::Other, "stop", false);
    let refusal = vec![Content::Refusal("no".into()).into()];
    assert_eq!(finish(StopReason::Refusal, refusal).0, "stop");
    assert_eq!(
        finish(StopReason::End, vec![call("c", "f", "{}")]).0,
        "tool_calls",
        "derived from the content"
    );
}

#[test]
fn an_answer_without_choices_is_a_filtered_one() {
    let request = Request::default();
    let encoded =
        codec().encode_response(&Response { origin: ELSEWHERE, ..Response::default() }, reply(&request));
    assert_eq!(value(&encoded.body)["choices"][0]["finish_reason"], "content_filter");
}

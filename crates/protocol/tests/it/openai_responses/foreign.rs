//! Conversations and answers of other dialects, written in this one: goldens of what is said and what is lost.

use lockgate_protocol::ir::{
    Audio, Block, CacheHint, Choice, Citation, Content, Effort, Media, Message, OutputFormat, Reasoning,
    Response, Role, Sampling, Signature, Source, Stop, StopReason, Thinking, Tool, ToolChoice, ToolKind,
    ToolResult, ToolUse, Usage, raw,
};
use serde_json::json as value;

use super::*;

fn media(source: Source<'static>, media_type: &'static str) -> Media<'static> {
    Media { source, media_type: Some(media_type.into()), ..Media::default() }
}

fn call(id: &'static str, name: &'static str, input: &'static str) -> Content<'static> {
    let (id, name, input) = (id.into(), name.into(), input.into());
    Content::ToolUse(ToolUse { id, name, input, kind: ToolKind::Function, signature: None, item: None })
}

fn custom(id: &'static str, name: &'static str, text: &'static str) -> Content<'static> {
    let (id, name, input) = (id.into(), name.into(), text.into());
    Content::ToolUse(ToolUse { id, name, input, kind: ToolKind::Custom, signature: None, item: None })
}

fn thinking(text: &'static str, proof: Option<(&'static str, &'static str)>) -> Thinking<'static> {
    let signature = proof.map(|(origin, value)| Signature::new(origin, value));
    Thinking { text: text.into(), signature, ..Thinking::default() }
}

fn result(id: &'static str, blocks: Vec<Block<'static>>, is_error: Option<bool>) -> Block<'static> {
    let id = id.into();
    Content::ToolResult(ToolResult { id, name: None, blocks, is_error, kind: ToolKind::Function }).into()
}

fn tool(name: &'static str, strict: Option<bool>, cached: bool) -> Tool<'static> {
    Tool::Client {
        name: name.into(),
        description: Some("what it does".into()),
        schema: Some(raw(&value!({"type": "object"}))),
        strict,
        kind: ToolKind::Function,
        cache: cached.then_some(CacheHint { ttl: None }),
        extra: vec![("eager".into(), raw(&true))],
    }
}

/// A request with everything in it that other dialects can say.
fn everything() -> Request<'static> {
    let cached = |content: Content<'static>| Block {
        content,
        cache: Some(CacheHint { ttl: Some("1h".into()) }),
        extra: vec![("only_there".into(), raw(&1))],
    };
    let foreign =
        || Content::Foreign { origin: "other", kind: "server_tool_use".into(), raw: raw(&value!({"x": 1})) };
    let base64 = |data: &'static str| Source::Base64(data.into());
    let long_id = "toolu_0123456789012345678901234567890123456789012345678901234567890123456789";
    let user = vec![
        cached(Content::text("look \"here\"")),
        Content::Image(media(base64("iVBORw0K"), "image/png")).into(),
        Content::Image(Media {
            detail: Some("low".into()),
            ..media(Source::Url("https://x/y.png".into()), "")
        })
        .into(),
        Content::Image(Media { source: Source::File("file_1".into()), ..Media::default() }).into(),
        Content::Document(media(base64("JVBERi0x"), "application/pdf")).into(),
        Content::Document(Media {
            name: Some("notes".into()),
            context: Some("from yesterday".into()),
            cite: Some(true),
            ..media(Source::Text("é".into()), "text/plain")
        })
        .into(),
        Content::Document(media(Source::Blocks(vec![Content::text("inner").into()]), "")).into(),
        Content::Audio(media(base64("AAAA"), "audio/wav")).into(),
        Content::Video(media(base64("AAAA"), "video/mp4")).into(),
        foreign().into(),
    ];
    let cited = Content::Text {
        text: "I see".into(),
        citations: vec![Citation {
            text: None,
            url: Some("https://x".into()),
            title: None,
            range: None,
            origin: "other",
            raw: raw(&1),
        }],
    };
    let redacted = Thinking { is_redacted: true, ..thinking("", Some(("other", "proof"))) };
    let signed = ToolUse {
        id: "c2".into(),
        name: "b".into(),
        input: "".into(),
        kind: ToolKind::Function,
        signature: Some(Signature::new("other", "proof")),
        item: None,
    };
    let assistant = vec![
        Content::Thinking(thinking("hm", Some((NAME, "gAAA")))).into(),
        Content::Thinking(thinking("aha", Some(("other", "proof")))).into(),
        Content::Thinking(redacted).into(),
        Content::Thinking(thinking("unproven", None)).into(),
        cited.into(),
        Content::Refusal("not that".into()).into(),
        foreign().into(),
        call(long_id, "a", r#"{"b": 1.0, "a":2}"#).into(),
        Content::ToolUse(signed).into(),
        Content::Thinking(thinking("last", Some((NAME, "gBBB")))).into(),
    ];
    let results = vec![
        result(long_id, vec![Content::text("one").into()], Some(true)),
        result(
            "c2",
            vec![Content::text("two").into(), Content::Image(media(base64("/9j/"), "image/jpeg")).into()],
            None,
        ),
        result("c3", vec![], Some(false)),
        Content::text("go on").into(),
    ];
    let mut named = Message::new(Role::User, user);
    named.name = Some("ann".into());
    named.extra = vec![("odd".into(), raw(&1))];
    Request {
        origin: "other",
        model: "asked".into(),
        stream: true,
        system: vec![Content::text("be brief").into(), cached(Content::text("be kind"))],
        messages: vec![
            named,
            Message::new(Role::Assistant, assistant),
            Message::new(Role::User, results),
            Message::new(Role::System, vec![Content::text("mind the gap").into()]),
        ],
        tools: vec![
            tool("a", None, true),
            tool("b", Some(true), false),
            Tool::Client {
                name: "c".into(),
                description: None,
                schema: None,
                strict: None,
                kind: ToolKind::Custom,
                cache: None,
                extra: Vec::new(),
            },
            Tool::Foreign { origin: "other", kind: "web_search".into(), raw: raw(&1) },
        ],
        tool_choice: Some(ToolChoice::Allowed { names: vec!["a".into(), "c".into()], required: true }),
        parallel_tools: Some(false),
        format: Some(OutputFormat::Schema {
            name: None,
            description: None,
            schema: raw(&value!({"type": "object"})),
            strict: None,
        }),
        reasoning: Some(Reasoning {
            budget: Some(2000),
            display: Some("summarized".into()),
            ..Reasoning::default()
        }),
        sampling: Sampling {
            temperature: Some(raw(&0.5)),
            top_k: Some(raw(&40)),
            seed: Some(raw(&7)),
            frequency_penalty: Some(raw(&1)),
            stop: vec!["END".into()],
            ..Sampling::default()
        },
        max_tokens: Some(5),
        choices: Some(2),
        logprobs: Some(3),
        audio: Some(Audio::default()),
        modalities: vec!["text".into(), "audio".into()],
        verbosity: Some("low".into()),
        service_tier: Some("standard_only".into()),
        user: Some("u".repeat(65).into()),
        metadata: Some(raw(&value!({"k": "v"}))),
        cache_key: Some("key".into()),
        store: Some(false),
        previous: Some("resp_1".into()),
        extra: vec![("context_management".into(), raw(&value!({})))],
        ..Request::default()
    }
}

#[test]
fn a_request_with_everything() {
    let encoded = codec().encode_request(&everything(), target("gpt-x")).unwrap();
    insta::assert_json_snapshot!("foreign_request", json(&encoded.body));
    let losses: Vec<String> =
        encoded.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    insta::assert_snapshot!("foreign_request_losses", losses.join("\n"));
}

#[test]
fn what_was_written_for_a_provider_is_a_request_of_the_dialect() {
    let encoded = codec().encode_request(&everything(), target("gpt-x")).unwrap();
    let read = codec().decode_request(head(), &encoded.body).unwrap();
    let again = codec().encode_request(&read, target("gpt-x")).unwrap();
    assert_eq!(String::from_utf8(again.body).unwrap(), String::from_utf8(encoded.body).unwrap());
    assert!(again.losses.is_empty(), "{}", again.losses);
}

#[test]
fn there_is_always_some_input() {
    let check = |origin, system: &[&'static str], input: Value, lost: &[&str]| {
        let system = system.iter().map(|text| Content::text(*text).into()).collect();
        let request = Request { origin, system, ..Request::default() };
        let encoded = codec().encode_request(&request, target("gpt-4.1")).unwrap();
        let body = json(&encoded.body);
        assert_eq!(body["input"], input);
        let is_moved = input[0]["role"] == "developer";
        assert!(!(is_moved && body.get("instructions").is_some()), "said twice: {body}");
        let paths: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
        assert_eq!(paths, lost);
    };
    let point = || value!([{"role": "user", "content": "."}]);
    check("other", &[], point(), &["messages"]);
    check("other", &[" "], point(), &["messages"]);
    check("other", &["say hello"], value!([{"role": "developer", "content": "say hello"}]), &[]);
    let two = value!([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]);
    check("other", &["a", "b"], value!([{"role": "developer", "content": two}]), &[]);
    check(NAME, &["say hello"], value!([]), &[]);
}

#[test]
fn what_stands_before_a_document_of_blocks_is_said() {
    let found = Block {
        extra: vec![("type".into(), raw("search_result")), ("source".into(), raw("https://a/"))],
        ..Content::Document(Media {
            name: Some("title".into()),
            context: Some("https://a/".into()),
            ..media(Source::Blocks(vec![Content::text("inner").into()]), "")
        })
        .into()
    };
    let messages = vec![
        Message::new(Role::Assistant, vec![call("c1", "find", "{}").into()]),
        Message::new(Role::User, vec![result("c1", vec![found], None)]),
    ];
    let request = Request { origin: "other", messages, ..Request::default() };
    let encoded = codec().encode_request(&request, target("gpt-4.1")).unwrap();
    let text = |text: &str| value!({"type": "input_text", "text": text});
    let expect = value!([text("title"), text("https://a/"), text("inner")]);
    assert_eq!(json(&encoded.body)["input"][1]["output"], expect);
    assert_eq!(encoded.losses.iter().count(), 0);
}

#[test]
fn little_is_asked_of_a_provider_that_the_client_did_not_ask() {
    let mut request = codec().decode_request(head(), br#"{"model":"m","input":"hi"}"#).unwrap();
    request.origin = "other";
    let encoded = codec().encode_request(&request, target("t")).unwrap();
    assert_eq!(
        String::from_utf8(encoded.body).unwrap(),
        r#"{"model":"t","input":[{"role":"user","content":"hi"}],"store":false}"#
    );
    request.store = Some(true);
    let encoded = codec().encode_request(&request, target("t")).unwrap();
    assert_eq!(json(&encoded.body)["store"], true, "the client asked for it");
    request.reasoning = Some(Reasoning { effort: Some(Effort::None), ..Reasoning::default() });
    let encoded = codec().encode_request(&request, target("t")).unwrap();
    assert_eq!(json(&encoded.body)["include"], Value::Null, "no proof of reasoning there is none of");
    assert_eq!(json(&encoded.body)["reasoning"], value!({"effort": "none"}));
}

/// An answer with everything in it that other dialects can say.
#[test]
fn settings_are_fitted_to_what_the_model_is() {
    let asked = br#"{"model":"m","input":"hi","temperature":0.2,"top_p":1,"top_logprobs":2,"reasoning":{"effort":"low"}}"#;
    let mut request = codec().decode_request(head(), asked).unwrap();
    request.origin = "other";
    let check = |model, members: &[&str], lost: &[&str]| {
        let encoded = codec().encode_request(&request, target(model)).unwrap();
        let body = json(&encoded.body);
        for name in ["temperature", "top_p", "top_logprobs", "reasoning", "include"] {
            assert_eq!(body.get(name).is_some(), members.contains(&name), "{model} {name}: {body}");
        }
        let losses: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
        assert_eq!(losses, lost, "{model}");
    };
    check("gpt-5", &["reasoning", "include"], &["temperature", "top_p", "logprobs"]);
    check("gpt-4.1", &["temperature", "top_p", "top_logprobs", "include"], &["reasoning"]);
    check("grok-5", &["temperature", "top_p", "top_logprobs", "reasoning", "include"], &[]);
}

fn answer() -> Response<'static> {
    let citation = |url: Option<&'static str>, range| Citation {
        text: None,
        url: url.map(Into::into),
        title: Some("T".into()),
        range,
        origin: "other",
        raw: raw(&1),
    };
    let text = |text: &'static str, citations| Content::Text { text: text.into(), citations };
    let redacted = Thinking { is_redacted: true, ..thinking("", Some(("other", "secret"))) };
    let blocks = vec![
        Content::Thinking(thinking("let me see", Some(("other", "proof")))).into(),
        Content::Thinking(redacted).into(),
        Content::Thinking(thinking("", Some(("other", "omitted")))).into(),
        Content::Thinking(Thinking { is_summary: true, ..thinking("in short", None) }).into(),
        text("naïve", vec![citation(Some("https://x"), None), citation(Some("https://y"), Some((1, 3)))])
            .into(),
        text(" and more", vec![citation(None, None)]).into(),
        call("c1", "f", r#"{"a":1}"#).into(),
        call("c2", "g", "{}").into(),
        custom("c3", "patch", "*** Begin\n").into(),
        Content::Refusal("but not that".into()).into(),
        Content::Foreign { origin: "other", kind: "server_tool_use".into(), raw: raw(&1) }.into(),
        Content::Image(media(Source::Base64("AA".into()), "image/png")).into(),
    ];
    let usage =
        Usage { input: 10, cache_read: 20, cache_write: 3, output: 7, reasoning: 5, ..Usage::default() };
    Response {
        origin: "other",
        id: Some("msg_1".into()),
        model: Some("their-model".into()),
        choices: vec![
            Choice { blocks, stop: Some(Stop::new(StopReason::MaxTokens)), ..Choice::default() },
            Choice { index: 1, ..Choice::default() },
        ],
        usage: Some(usage),
        extra: vec![("container".into(), raw(&1))],
        ..Response::default()
    }
}

const ASKED: &[u8] = br#"{"model":"alias","instructions":"be brief","input":"hi","temperature":0.2,"truncation":"auto",
    "tools":[{"type":"function","name":"f","parameters":{},"strict":false},{"type":"custom","name":"patch"}],
    "text":{"verbosity":"low"},"reasoning":{"effort":"high","summary":"auto"},"metadata":{"a":"b"},"store":false}"#;

#[test]
fn an_answer_with_everything() {
    let request = codec().decode_request(head(), ASKED).unwrap();
    let encoded = codec().encode_response(&answer(), reply(&request));
    insta::assert_json_snapshot!("foreign_answer", json(&encoded.body));
    let losses: Vec<String> =
        encoded.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    insta::assert_snapshot!("foreign_answer_losses", losses.join("\n"));
}

#[test]
fn foreign_reasoning_comes_home_through_the_next_request() {
    let request = codec().decode_request(head(), ASKED).unwrap();
    let encoded = json(&codec().encode_response(&answer(), reply(&request)).body);
    // Codex sends items back with `content: null` where there is no text.
    let input = value!({"model": "m", "input": encoded["output"]}).to_string();
    let next = codec().decode_request(head(), input.as_bytes()).unwrap();
    let found: Vec<_> = next
        .messages
        .iter()
        .flat_map(|message| &message.blocks)
        .filter_map(|block| match &block.content {
            Content::Thinking(thinking) => Some((
                thinking.text.to_string(),
                thinking.is_redacted,
                thinking
                    .signature
                    .as_ref()
                    .and_then(|signature| signature.at_home("other"))
                    .map(str::to_owned),
            )),
            _ => None,
        })
        .collect();
    let proof = |value: &str| Some(value.to_owned());
    assert_eq!(
        found,
        [
            ("let me see".to_owned(), false, proof("proof")),
            (String::new(), true, proof("secret")),
            (String::new(), false, proof("omitted")),
            ("in short".to_owned(), false, None),
        ]
    );
}

#[test]
fn a_blocked_prompt_is_an_incomplete_answer() {
    let request = codec().decode_request(head(), ASKED).unwrap();
    let response = Response { origin: "other", ..Response::default() };
    let body = json(&codec().encode_response(&response, reply(&request)).body);
    assert_eq!((&body["status"], &body["output"]), (&value!("incomplete"), &value!([])));
    assert_eq!(body["incomplete_details"], value!({"reason": "content_filter"}));
    assert_eq!((&body["id"], &body["model"]), (&value!("resp_s1"), &value!("alias")));
}

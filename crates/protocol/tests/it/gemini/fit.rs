//! What the API would refuse of other dialects' requests, said in a way that it takes.

use std::borrow::Cow;

use lockgate_protocol::{
    codec::Target,
    ir::{
        Block, BlockKind, Citation, Content, Delta, Effort, Event, Media, Message, OutputFormat, Raw,
        Reasoning, Request, Response, Role, Signature, Source, Stop, StopReason, Thinking, Tool, ToolChoice,
        ToolKind, ToolResult, ToolUse,
    },
};
use serde_json::{Value, json, value::RawValue};

use super::{codec, reply};

const OLD: &str = "gemini-2.5-flash";
const NEW: &str = "gemini-3.8-flash";

/// The body for `model`, and the losses as one line.
fn encoded(request: &Request<'_>, model: &str) -> (Value, String) {
    let encoded = codec().encode_request(request, Target { model, max_output: None, version: None }).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.losses.to_string())
}

fn asked(messages: Vec<Message<'static>>) -> Request<'static> {
    Request { origin: "other", messages, ..Request::default() }
}

fn text(role: Role, text: &'static str) -> Message<'static> {
    Message::new(role, vec![Content::text(text).into()])
}

fn call(id: &'static str) -> Block<'static> {
    let (kind, signature, item) = (ToolKind::Function, None, None);
    let (name, input) = ("look".into(), "{}".into());
    Content::ToolUse(ToolUse { id: id.into(), name, input, kind, signature, item }).into()
}

fn result(id: &'static str, blocks: Vec<Block<'static>>) -> Block<'static> {
    let (name, is_error, kind) = (None, None, ToolKind::Function);
    Content::ToolResult(ToolResult { id: id.into(), name, blocks, is_error, kind }).into()
}

fn media(source: Source<'static>, mime: &'static str) -> Media<'static> {
    Media { source, media_type: Some(mime.into()), ..Media::default() }
}

fn picture() -> Block<'static> {
    Content::Image(media(Source::Base64("iVBOR".into()), "image/png")).into()
}

fn tool(schema: Option<Raw<'static>>) -> Tool<'static> {
    Tool::Client {
        name: "look".into(),
        description: None,
        schema,
        strict: None,
        kind: ToolKind::Function,
        cache: None,
        extra: Vec::new(),
    }
}

/// What each turn says: its role and its parts, functions by their id.
fn turns(body: &Value) -> Vec<String> {
    let part = |part: &Value| match part {
        _ if part.get("functionCall").is_some() => format!("call {}", part["functionCall"]["id"]),
        _ if part.get("functionResponse").is_some() => format!("result {}", part["functionResponse"]["id"]),
        _ if part.get("inlineData").is_some() => part["inlineData"]["mimeType"].to_string(),
        _ => part["text"].to_string(),
    };
    let turn = |turn: &Value| {
        let parts: Vec<String> = turn["parts"].as_array().unwrap().iter().map(part).collect();
        format!("{}: {}", turn["role"].as_str().unwrap(), parts.join(" + ").replace('"', ""))
    };
    body["contents"].as_array().unwrap().iter().map(turn).collect()
}

#[test]
fn a_format_goes_only_where_it_may_stand_beside_tools() {
    let schema: &RawValue = serde_json::from_str(r#"{"type":"object"}"#).unwrap();
    let schema =
        OutputFormat::Schema { name: None, description: None, schema: Cow::Borrowed(schema), strict: None };
    let check = |model, tools: Vec<Tool<'static>>, choice, format, expect: Option<&str>| {
        let request = Request {
            tools,
            tool_choice: choice,
            format: Some(format),
            ..asked(vec![text(Role::User, "hi")])
        };
        let (body, losses) = encoded(&request, model);
        assert_eq!(body["generationConfig"]["responseMimeType"].as_str(), expect, "{model}");
        let lost = "response_format (the model takes no format beside tools that it may call)";
        assert_eq!(losses, if expect.is_none() { lost } else { "" }, "{model}");
    };
    const JSON: Option<&str> = Some("application/json");
    check(OLD, vec![tool(None)], None, OutputFormat::Json, None);
    check(OLD, vec![tool(None)], Some(ToolChoice::Auto), schema.clone(), None);
    check("models/gemini-2.0-flash", vec![tool(None)], Some(ToolChoice::Required), schema.clone(), None);
    check(OLD, vec![tool(None)], Some(ToolChoice::None), schema.clone(), JSON);
    check(OLD, Vec::new(), None, schema.clone(), JSON);
    check(OLD, vec![tool(None)], None, OutputFormat::Text, Some("text/plain"));
    check(NEW, vec![tool(None)], None, schema, JSON);
}

#[test]
fn an_empty_system_prompt_is_left_out() {
    let mut request = asked(vec![text(Role::User, "hi")]);
    request.system = vec![Content::text("").into()];
    let (body, losses) = encoded(&request, NEW);
    assert_eq!((body, losses.as_str()), (json!({"contents":[{"role":"user","parts":[{"text":"hi"}]}]}), ""));
}

#[test]
fn a_system_prompt_alone_is_said_as_the_user() {
    for messages in [Vec::new(), vec![text(Role::User, "")]] {
        let mut request = asked(messages);
        request.system = vec![Content::text("say hello").into()];
        let (body, losses) = encoded(&request, NEW);
        assert_eq!(body, json!({"contents":[{"role":"user","parts":[{"text":"say hello"}]}]}));
        assert_eq!(losses, "system (nothing follows it, which Gemini does not take: said as the user)");
    }
}

#[test]
fn where_nothing_is_said_a_placeholder_stands() {
    for (system, messages) in [("", Vec::new()), ("", vec![text(Role::User, "")]), ("s", Vec::new())] {
        let mut request = asked(messages);
        request.system = vec![Content::text(system).into()];
        let (body, losses) = encoded(&request, NEW);
        let said = if system.is_empty() { "." } else { system };
        assert_eq!(body, json!({"contents":[{"role":"user","parts":[{"text":said}]}]}));
        assert_eq!(losses.starts_with("messages ("), system.is_empty(), "{losses}");
    }
}

#[test]
fn the_users_turn_comes_first() {
    const LINE: &str = "user: (The conversation begins with the model's turn.)";
    const LOST: &str = "messages (Gemini wants the user first: a line that says so stands before)";
    let check = |messages, expect: &[&str], lost: &str| {
        let (body, losses) = encoded(&asked(messages), NEW);
        assert_eq!((turns(&body), losses.as_str()), (expect.iter().map(|s| (*s).to_owned()).collect(), lost));
    };
    check(
        vec![text(Role::Assistant, "hello"), text(Role::User, "hi")],
        &[LINE, "model: hello", "user: hi"],
        LOST,
    );
    check(
        vec![
            text(Role::User, ""),
            Message::new(Role::Assistant, vec![call("a")]),
            Message::new(Role::User, vec![result("a", Vec::new())]),
        ],
        &[LINE, "model: call a", "user: result a"],
        LOST,
    );
    check(vec![text(Role::Assistant, ""), text(Role::User, "hi")], &["user: hi"], "");
    check(vec![text(Role::User, "hi"), text(Role::Assistant, "hello")], &["user: hi", "model: hello"], "");
}

#[test]
fn a_result_stands_behind_its_call_or_is_said_as_text() {
    let said = |text: &'static str| vec![Content::text(text).into()];
    let check = |messages, expect: &[&str], lost: &str| {
        let (body, losses) = encoded(&asked(messages), NEW);
        assert_eq!((turns(&body), losses.as_str()), (expect.iter().map(|s| (*s).to_owned()).collect(), lost));
    };
    check(
        vec![Message::new(Role::User, vec![result("a", said("rain")), Content::text("and?").into()])],
        &["user: From the result of tool call a:\\nrain + and?"],
        "messages[0].content[0] (the call that it answers is not in the turn before: said as text)",
    );
    // Words of the user between a call and its result, and a second result of the same call.
    check(
        vec![
            text(Role::User, "hi"),
            Message::new(Role::Assistant, vec![call("a"), call("b")]),
            text(Role::User, "wait"),
            Message::new(Role::User, vec![result("b", said("1")), result("a", said("2"))]),
            Message::new(Role::User, vec![result("a", said("3"))]),
        ],
        &[
            "user: hi",
            "model: call a + call b",
            "user: result a + result b + wait + From the result of tool call a (look):\\n3",
        ],
        "messages[4].content[0] (the call that it answers is not in the turn before: said as text)",
    );
}

#[test]
fn media_beside_a_result_say_whose_they_are() {
    let sound = || Content::Audio(media(Source::Base64("UklG".into()), "audio/wav")).into();
    let lost = || Content::Image(media(Source::File("file_1".into()), "image/png")).into();
    let request = asked(vec![
        text(Role::User, "hi"),
        Message::new(Role::Assistant, vec![call("a"), call("b"), call("c")]),
        Message::new(
            Role::User,
            vec![
                result("a", vec![picture()]),
                result("b", vec![sound(), picture()]),
                result("c", vec![lost()]),
                Content::text("and?").into(),
            ],
        ),
    ]);
    let (body, losses) = encoded(&request, OLD);
    assert_eq!(
        turns(&body)[2],
        "user: result a + result b + result c + From the result of tool call a (look): + image/png + \
         From the result of tool call b (look): + audio/wav + image/png + and?"
    );
    assert_eq!(losses, "messages[2].content[2].content[0].source (a file in the store of another provider)");

    let (body, _) = encoded(&request, NEW);
    assert_eq!(
        turns(&body)[2],
        "user: result a + result b + result c + From the result of tool call b (look): + audio/wav + and?"
    );
    let inside = |at: usize| body["contents"][2]["parts"][at]["functionResponse"]["parts"].clone();
    let inline = json!([{"inlineData":{"mimeType":"image/png","data":"iVBOR"}}]);
    assert_eq!((inside(0), inside(1), inside(2)), (inline.clone(), inline, Value::Null));
}

#[test]
fn addresses_and_files_of_google_go_as_they_are() {
    let check = |source: Source<'static>, mime: Option<&'static str>, expect: Value, lost: &str| {
        let media = Media { source, media_type: mime.map(Into::into), ..Media::default() };
        let request = asked(vec![Message::new(
            Role::User,
            vec![Content::text("see").into(), Content::Document(media).into()],
        )]);
        let (body, losses) = encoded(&request, OLD);
        assert_eq!((&body["contents"][0]["parts"][1], losses.as_str()), (&expect, lost));
    };
    let file = |uri: &str, mime: &str| json!({"fileData":{"mimeType":mime,"fileUri":uri}});
    let url = "https://example.com/a.pdf?x=1";
    check(Source::Url(url.into()), None, file(url, "application/pdf"), "");
    check(Source::Url("gs://b/a".into()), Some("image/png"), file("gs://b/a", "image/png"), "");
    let own = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    check(Source::File(own.into()), Some("video/mp4"), file(own, "video/mp4"), "");
    check(
        Source::File("file-123".into()),
        None,
        Value::Null,
        "messages[0].content[1].source (a file in the store of another provider)",
    );
}

#[test]
fn how_closely_to_look_is_said_where_the_model_can_be_told() {
    let check = |model, detail: &'static str, in_result: bool, level: Option<&str>, lost: &str| {
        let close =
            Media { detail: Some(detail.into()), ..media(Source::Base64("iVBOR".into()), "image/png") };
        let block: Block<'_> = Content::Image(close).into();
        let (request, path) = if in_result {
            let calls = Message::new(Role::Assistant, vec![call("a")]);
            let results = Message::new(Role::User, vec![result("a", vec![block])]);
            let path = "messages[2].content[0].content[0].detail";
            (asked(vec![text(Role::User, "hi"), calls, results]), path)
        } else {
            (asked(vec![Message::new(Role::User, vec![block])]), "messages[0].content[0].detail")
        };
        let (body, losses) = encoded(&request, model);
        let part = &body["contents"][0]["parts"][0];
        assert_eq!(part["mediaResolution"]["level"].as_str(), level, "{model} {detail}");
        let lost = if lost.is_empty() { String::new() } else { format!("{path} ({lost})") };
        assert_eq!(losses, lost, "{model} {detail}");
    };
    const HERE: &str = "the model cannot be told so here";
    check(NEW, "low", false, Some("MEDIA_RESOLUTION_LOW"), "");
    check(NEW, "high", false, Some("MEDIA_RESOLUTION_HIGH"), "");
    check(NEW, "auto", false, None, "");
    check(NEW, "original", false, None, HERE);
    check(NEW, "high", true, None, HERE);
    check(OLD, "high", false, None, HERE);
}

#[test]
fn reasoning_fits_the_model_and_the_limit() {
    let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let budget = |budget| Reasoning { enabled: Some(true), budget: Some(budget), ..Reasoning::default() };
    let check = |model, reasoning: Reasoning<'static>, limit, expect: Value, lost: &str| {
        let request =
            Request { reasoning: Some(reasoning), max_tokens: limit, ..asked(vec![text(Role::User, "hi")]) };
        let (body, losses) = encoded(&request, model);
        let config = &body["generationConfig"]["thinkingConfig"];
        let said = config.get("thinkingBudget").or(config.get("thinkingLevel"));
        assert_eq!((said.unwrap_or(&Value::Null), losses.as_str()), (&expect, lost), "{model}");
    };
    let lowered = |path| format!("{path} (lowered: max_tokens leaves no room for the answer)");
    let brought =
        |path, least, most| format!("{path} (brought to what the model takes: {least} to {most} tokens)");
    check("gemini-2.5-pro", budget(50), None, json!(128), &brought("reasoning.budget", 128, 32_768));
    check(
        "gemini-2.5-pro",
        effort(Effort::Max),
        None,
        json!(32_768),
        &brought("reasoning.effort", 128, 32_768),
    );
    check(OLD, effort(Effort::Max), None, json!(24_576), &brought("reasoning.effort", 1, 24_576));
    check("gemini-2.5-flash-lite", budget(100), None, json!(512), &brought("reasoning.budget", 512, 24_576));
    check("gemini-2.5-flash-lite", effort(Effort::None), None, json!(0), "");
    check(OLD, budget(4096), Some(8192), json!(4096), "");
    check(OLD, budget(4096), Some(4096), json!(2048), &lowered("reasoning.budget"));
    check(OLD, effort(Effort::High), Some(1000), json!(500), &lowered("reasoning.effort"));
    check("gemini-2.5-pro", budget(4096), Some(100), json!(128), &lowered("reasoning.budget"));
    check("gemini-2.0-flash", budget(4096), None, Value::Null, "reasoning (the model does not reason)");
    check("gemini-2.0-flash", effort(Effort::None), None, Value::Null, "");
    check("gemini-3.5-flash", effort(Effort::Minimal), None, json!("MINIMAL"), "");
    check(
        "gemini-3.1-pro-preview",
        effort(Effort::Minimal),
        None,
        json!("LOW"),
        "reasoning.effort (`low` is the least the model takes)",
    );
    check(
        NEW,
        effort(Effort::None),
        None,
        json!("LOW"),
        "reasoning (the model always reasons: as little as it can)",
    );
    check(
        "gemini-3-pro-preview",
        effort(Effort::Medium),
        None,
        json!("HIGH"),
        "reasoning.effort (the model has no `medium`: `high` is used)",
    );
    check("gemini-3.1-pro-preview", effort(Effort::Medium), None, json!("MEDIUM"), "");
}

#[test]
fn losses_name_the_clients_field() {
    let schema: &RawValue = serde_json::from_str(
        r#"{"type":"object","properties":{"a":{"type":"string","pattern":"x","not":{}}}}"#,
    )
    .unwrap();
    let tool = tool(Some(Cow::Borrowed(schema)));
    let proven =
        Thinking { signature: Some(Signature::new("other", "x")), text: "hm".into(), ..Thinking::default() };
    let request = Request {
        tools: vec![tool],
        ..asked(vec![
            text(Role::User, "hi"),
            Message::new(Role::Assistant, vec![Content::Thinking(proven).into()]),
        ])
    };
    let (_, losses) = encoded(&request, NEW);
    assert_eq!(
        losses,
        "messages[1].content[0].signature (reasoning proof of another provider), \
         tools[0].schema.properties.a.not (Gemini knows no such keyword)"
    );
}

#[test]
fn of_a_usage_only_what_is_left_is_lost() {
    let left: &RawValue =
        serde_json::from_str(r#"{"service_tier":"x","server_tool_use":{"n":2},"details":{"n":0}}"#).unwrap();
    let response = Response {
        origin: "other",
        extra: vec![("usage".into(), Cow::Borrowed(left)), ("container".into(), Cow::Borrowed(left))],
        ..Response::default()
    };
    let encoded = codec().encode_response(&response, reply(&Request::default(), ""));
    let paths: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
    assert_eq!(paths, ["usage.server_tool_use", "usage.service_tier", "container"]);
}

#[test]
fn what_is_spoken_is_said_where_the_sound_is_not() {
    let sound = |mime: Option<&'static str>| Media {
        media_type: mime.map(Into::into),
        name: Some("audio_1".into()),
        context: Some("beep".into()),
        source: Source::Base64("AAAA".into()),
        ..Media::default()
    };
    let shown = |mime| {
        let blocks = vec![Content::Audio(sound(mime)).into()];
        let choice = lockgate_protocol::ir::Choice { blocks, ..Default::default() };
        let response = Response { origin: "other", choices: vec![choice], ..Response::default() };
        let encoded = codec().encode_response(&response, reply(&Request::default(), ""));
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let paths: Vec<String> = encoded.losses.iter().map(|loss| loss.path.clone()).collect();
        (body["candidates"][0]["content"]["parts"].clone(), paths.join(" "))
    };
    let at = "choices[0].content[0]";
    assert_eq!(shown(None), (json!([{"text": "beep"}]), format!("{at}.source {at}.id")));
    let inline = json!([{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]);
    assert_eq!(shown(Some("audio/wav")), (inline, format!("{at}.transcript {at}.id")));
}

#[test]
fn a_class_of_service_is_one_of_geminis() {
    for (tier, expect, lost) in [("default", json!("standard"), 0), ("auto", Value::Null, 1)] {
        let service_tier = Some(tier.into());
        let response = Response { origin: "other", service_tier, ..Response::default() };
        let encoded = codec().encode_response(&response, reply(&Request::default(), ""));
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(body["usageMetadata"]["serviceTier"], expect);
        assert_eq!(encoded.losses.iter().filter(|loss| loss.path == "service_tier").count(), lost);
    }
}

#[test]
fn an_instruction_of_which_nothing_is_said_has_no_role() {
    let foreign = |origin| Content::Foreign {
        origin,
        kind: "tool_addition".into(),
        raw: Cow::Owned(RawValue::from_string("{}".to_owned()).unwrap()),
    };
    let said = |content: Content<'static>| {
        let instruction = Message::new(Role::System, vec![content.into()]);
        encoded(&asked(vec![text(Role::User, "hi"), text(Role::Assistant, "a"), instruction]), NEW).1
    };
    assert!(!said(foreign("other")).contains(".role"));
    assert!(said(Content::text("be brief")).contains("messages[2].role"));
}

#[test]
fn a_streamed_citation_is_of_its_block() {
    let raw: &RawValue = serde_json::from_str(r#"{"type":"x","url":"https://a/","score":7}"#).unwrap();
    let citation = Citation {
        text: None,
        url: Some("https://a/".into()),
        title: None,
        range: None,
        origin: "other",
        raw: Cow::Borrowed(raw),
    };
    let asked = Request::default();
    let mut encoder = codec().encoder(reply(&asked, super::SSE));
    let mut out = Vec::new();
    let text = |text: &'static str| Delta::Text(text.into());
    encoder.event(&Event::Start { id: None, model: None, created: None }, &mut out);
    for (block, deltas) in [
        (0, vec![text("né ")]),
        (1, vec![Delta::Citation(citation), text("s"), text("o")]),
        (2, vec![text("!")]),
    ] {
        encoder.event(&Event::BlockStart { choice: 0, block, kind: BlockKind::Text }, &mut out);
        for delta in deltas {
            encoder.event(&Event::Delta { choice: 0, block, delta }, &mut out);
        }
        encoder.event(&Event::BlockStop { choice: 0, block }, &mut out);
    }
    encoder.event(&Event::Stop { choice: 0, stop: Stop::new(StopReason::End) }, &mut out);
    encoder.event(&Event::End, &mut out);
    let last = super::payloads(&out).pop().unwrap();
    let supports = &last["candidates"][0]["groundingMetadata"]["groundingSupports"];
    let segment = json!({"startIndex": 4, "endIndex": 6, "text": "so"});
    assert_eq!(*supports, json!([{"segment": segment, "groundingChunkIndices": [0]}]));
    let paths: Vec<&str> = encoder.losses().iter().map(|loss| &*loss.path).collect();
    assert_eq!(paths, ["choices[0].content[1].citations.score"]);
}

//! What others say, said in Gemini: the bodies and losses are to be read.

use std::borrow::Cow;

use lockgate_protocol::{
    codec::{RequestHead, Target},
    ir::{
        Block, BlockKind, CacheHint, Choice, Citation, Content, Delta, Effort, Event, Fault, FaultKind,
        Media, Message, OutputFormat, Raw, Reasoning, Request, Response, Role, Sampling, Signature, Source,
        Stop, StopReason, Thinking, Tool, ToolChoice, ToolKind, ToolResult, ToolUse, Usage,
    },
};
use serde_json::{Value, value::RawValue};

use super::{ARRAY, SSE, codec, head, payloads, reply};

fn json(text: &'static str) -> Raw<'static> {
    Cow::Borrowed(serde_json::from_str::<&RawValue>(text).unwrap())
}

fn media(source: Source<'static>, media_type: &'static str) -> Media<'static> {
    Media { source, media_type: Some(media_type.into()), ..Media::default() }
}

fn call(id: &'static str, name: &'static str, input: &'static str) -> Block<'static> {
    let (kind, signature, item) = (ToolKind::Function, None, None);
    Content::ToolUse(ToolUse { id: id.into(), name: name.into(), input: input.into(), kind, signature, item })
        .into()
}

fn result(id: &'static str, blocks: Vec<Block<'static>>, is_error: Option<bool>) -> Block<'static> {
    let (name, kind) = (None, ToolKind::Function);
    Content::ToolResult(ToolResult { id: id.into(), name, blocks, is_error, kind }).into()
}

/// A request with a bit of everything that other dialects say.
fn foreign() -> Request<'static> {
    let thinking = Thinking {
        text: "let me see".into(),
        signature: Some(Signature::new("anthropic", "EqoB")),
        ..Thinking::default()
    };
    let mut cached: Block<'_> = Content::text("be brief").into();
    cached.cache = Some(CacheHint { ttl: None });
    let mut file = media(Source::Base64("JVBERi0=".into()), "application/pdf");
    file.name = Some("a.pdf".into());
    let schema = json(
        r##"{"type":"object","properties":{"city":{"$ref":"#/$defs/City"},"when":{"type":["string","null"]}},"required":["city"],"additionalProperties":false,"$defs":{"City":{"type":"string","minLength":1}}}"##,
    );
    let tool = |name: &'static str, schema| Tool::Client {
        name: name.into(),
        description: Some("tells the weather".into()),
        schema: Some(schema),
        strict: Some(true),
        kind: ToolKind::Function,
        cache: None,
        extra: Vec::new(),
    };
    Request {
        origin: "anthropic",
        model: "fast".into(),
        system: vec![cached],
        messages: vec![
            Message::new(
                Role::User,
                vec![
                    Content::text("look").into(),
                    Content::Image(media(Source::Url("https://x/a.PNG?b".into()), "image/png")).into(),
                    Content::Document(file).into(),
                    Content::Audio(media(Source::File("file_1".into()), "audio/wav")).into(),
                    Content::Document(media(Source::Text("plain".into()), "text/plain")).into(),
                ],
            ),
            Message::new(
                Role::Assistant,
                vec![Content::Thinking(thinking).into(), call("toolu_1", "weather", r#"{"city":"Bonn"}"#)],
            ),
            Message::new(Role::Assistant, vec![call("toolu_2", "time", "")]),
            Message::new(
                Role::User,
                vec![
                    result("toolu_2", vec![Content::text("no clock").into()], Some(true)),
                    Content::text("and?").into(),
                    result(
                        "toolu_1",
                        vec![
                            Content::text("rain").into(),
                            Content::Image(media(Source::Base64("iVBOR".into()), "image/png")).into(),
                        ],
                        None,
                    ),
                ],
            ),
            Message::new(Role::Assistant, vec![Content::Refusal("no".into()).into()]),
            Message::new(Role::Assistant, vec![Content::text("").into()]),
            Message::new(Role::System, vec![Content::text("now in French").into()]),
            Message::new(
                Role::User,
                vec![
                    Content::Foreign { origin: "anthropic", kind: "server_tool_use".into(), raw: json("{}") }
                        .into(),
                ],
            ),
        ],
        tools: vec![
            tool("weather", schema),
            tool("time", json(r#"{"type":"object","properties":{}}"#)),
            Tool::Foreign { origin: "anthropic", kind: "web_search_20250305".into(), raw: json("{}") },
            tool("date", json(r#"{"type":"object","properties":{"z":{"not":{}}}}"#)),
        ],
        tool_choice: Some(ToolChoice::Allowed { names: vec!["time".into(), "date".into()], required: false }),
        parallel_tools: Some(false),
        format: Some(OutputFormat::Schema {
            name: Some("answer".into()),
            description: None,
            schema: json(r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#),
            strict: Some(true),
        }),
        reasoning: Some(Reasoning { enabled: Some(true), budget: Some(4096), ..Reasoning::default() }),
        sampling: Sampling {
            temperature: Some(json("0.70")),
            logit_bias: Some(json("{}")),
            stop: ["a", "b", "c", "d", "e", "f"].map(Into::into).to_vec(),
            ..Sampling::default()
        },
        max_tokens: Some(100),
        choices: Some(2),
        logprobs: Some(0),
        user: Some("u".into()),
        service_tier: Some("default".into()),
        store: Some(false),
        extra: vec![("context_management".into(), json("{}"))],
        ..Request::default()
    }
}

fn shown(model: &str) -> String {
    let target = Target { model, max_output: None, version: None };
    let encoded = codec().encode_request(&foreign(), target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let losses: Vec<String> =
        encoded.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    format!("{body:#}\n---\n{}", losses.join("\n"))
}

#[test]
fn a_request_of_another_dialect_for_gemini_2() {
    insta::assert_snapshot!(shown("gemini-2.5-flash"));
}

#[test]
fn a_request_of_another_dialect_for_gemini_3() {
    insta::assert_snapshot!(shown("gemini-3.5-flash"));
}

#[test]
fn a_clients_request_is_read() {
    let body = br#"{
        "systemInstruction":{"role":"user","parts":[{"text":"s"}]},
        "contents":[
            {"role":"user","parts":[{"text":"q"},{"inline_data":{"mime_type":"image/png","data":"a-_b"}},{"fileData":{"fileUri":"https://www.youtube.com/watch?v=1"}}]},
            {"role":"model","parts":[{"text":"hm","thought":true},{"functionCall":{"name":"f"},"thoughtSignature":"S"},{"functionCall":{"name":"f","args":{"x":1.0}}}]},
            {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"one"}}},{"functionResponse":{"name":"f","response":{"error":{"code":5}}}}]}
        ],
        "tools":[{"google_search":{}},{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"OBJECT"}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"any","allowedFunctionNames":["f"]}},
        "generationConfig":{"thinkingConfig":{"thinkingBudget":-1,"includeThoughts":true},"responseMimeType":"application/json","responseJsonSchema":{"type":"STRING"},"mediaResolution":"X"},
        "safetySettings":[]
    }"#;
    insta::assert_debug_snapshot!(codec().decode_request(head(), body).unwrap());
}

#[test]
fn what_is_not_a_request_says_why() {
    let check = |body: &str, expect: &str| {
        let fault = codec().decode_request(head(), body.as_bytes()).unwrap_err();
        assert_eq!(fault.to_string(), expect);
    };
    check("{}", "bad_request: `contents` is missing");
    check("[]", "bad_request: invalid type: sequence, expected an object at line 1 column 0");
    check(
        r#"{"contents":[{"parts":[{"text":1}]}]}"#,
        "bad_request: `contents`: `parts`: `text`: invalid type: integer `1`, expected a string at line 1 column 32",
    );
}

fn answer() -> Response<'static> {
    let citation = Citation {
        text: None,
        url: Some("https://x".into()),
        title: Some("X".into()),
        range: Some((3, 5)),
        origin: "openai-chat",
        raw: json("{}"),
    };
    let thinking = Thinking {
        signature: Some(Signature::new("anthropic", "EqoB")),
        is_redacted: true,
        ..Thinking::default()
    };
    Response {
        origin: "anthropic",
        id: None,
        model: Some("claude".into()),
        created: Some(1_748_726_584),
        choices: vec![Choice {
            blocks: vec![
                Content::Thinking(thinking).into(),
                Content::Text { text: "öäü–x".into(), citations: vec![citation] }.into(),
                call("toolu_1", "weather", "{\"city\": "),
            ],
            stop: Some(Stop {
                sequence: Some("x".into()),
                word: Some("tool_use".into()),
                ..Stop::new(StopReason::ToolUse)
            }),
            logprobs: Some(json(
                r#"{"content":[{"token":"a","logprob":-1,"bytes":null,"top_logprobs":[]}]}"#,
            )),
            extra: vec![("container".into(), json("1"))],
            ..Choice::default()
        }],
        usage: Some(Usage {
            input: 10,
            cache_read: 5,
            cache_write: 3,
            output: 9,
            reasoning: 4,
            ..Usage::default()
        }),
        ..Response::default()
    }
}

#[test]
fn an_answer_of_another_dialect() {
    let request = Request::default();
    let encoded = codec().encode_response(&answer(), reply(&request, ""));
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    insta::assert_snapshot!(format!("{body:#}\n---\n{}", encoded.losses));
}

#[test]
fn a_proof_of_another_dialect_comes_back_from_the_client() {
    let request = Request::default();
    let encoded = codec().encode_response(&answer(), reply(&request, ""));
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let turn = format!(r#"{{"contents":[{}]}}"#, body["candidates"][0]["content"]);
    let read = codec().decode_request(head(), turn.as_bytes()).unwrap();
    let Content::Thinking(thinking) = &read.messages[0].blocks[0].content else { panic!("{read:?}") };
    assert_eq!(thinking.signature, Some(Signature::new("anthropic", "EqoB")));
    assert!(thinking.is_redacted);
}

/// The events of an answer with reasoning, a text and a call.
fn events() -> Vec<Event<'static>> {
    let delta = |block, delta| Event::Delta { choice: 0, block, delta };
    let stop = |block| Event::BlockStop { choice: 0, block };
    let start = |block, kind| Event::BlockStart { choice: 0, block, kind };
    let call = BlockKind::ToolUse {
        id: "call_1".into(),
        name: "f".into(),
        kind: ToolKind::Function,
        signature: None,
        item: None,
    };
    vec![
        Event::Start { id: Some("msg_1".into()), model: Some("claude".into()), created: None },
        Event::Ping,
        start(0, BlockKind::Thinking { is_summary: false, is_redacted: false, item: None }),
        delta(0, Delta::Text("hm".into())),
        delta(0, Delta::Signature(Signature::new("anthropic", "EqoB"))),
        stop(0),
        start(1, BlockKind::Text),
        delta(1, Delta::Text("hi \"you\"".into())),
        stop(1),
        start(2, call),
        delta(2, Delta::Input("{\"x\":".into())),
        delta(2, Delta::Input("1}".into())),
        stop(2),
        Event::Stop {
            choice: 0,
            stop: Stop { word: Some("tool_use".into()), ..Stop::new(StopReason::ToolUse) },
        },
        Event::Usage(Usage { input: 7, output: 5, reasoning: 2, ..Usage::default() }),
        Event::End,
    ]
}

#[test]
fn a_stream_of_another_dialect() {
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request, SSE));
    let mut out = Vec::new();
    events().iter().for_each(|event| encoder.event(event, &mut out));
    insta::assert_snapshot!(String::from_utf8(out).unwrap().replace('\r', ""));
    assert!(encoder.losses().is_empty());
}

#[test]
fn a_stream_that_fails_never_looks_complete() {
    let request = Request::default();
    let fault = Fault::new(FaultKind::Cut, "the answer was cut");
    for cut in 0..events().len() {
        let (mut sse, mut array) = (Vec::new(), Vec::new());
        for (path, out) in [(SSE, &mut sse), (ARRAY, &mut array)] {
            let mut encoder = codec().encoder(reply(&request, path));
            events()[..cut].iter().for_each(|event| encoder.event(event, out));
            encoder.fail(&fault, out);
        }
        let items = payloads(&sse);
        assert!(items.iter().all(|item| item["candidates"][0]["finishReason"].is_null()));
        assert_eq!(items.last().unwrap()["error"]["status"], "UNAVAILABLE");
        assert_eq!(serde_json::from_slice::<Vec<Value>>(&array).unwrap(), items);
    }
}

#[test]
fn effort_is_a_level_or_a_budget() {
    let request = Request {
        origin: "openai-chat",
        reasoning: Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() }),
        ..Request::default()
    };
    let thinking = |model| {
        let encoded =
            codec().encode_request(&request, Target { model, max_output: None, version: None }).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        body["generationConfig"]["thinkingConfig"].to_string()
    };
    assert_eq!(thinking("gemini-3.8-flash"), r#"{"includeThoughts":true,"thinkingLevel":"LOW"}"#);
    assert_eq!(thinking("gemini-2.5-flash"), r#"{"includeThoughts":true,"thinkingBudget":1024}"#);
}

#[test]
fn gemini_3_gets_a_stand_in_for_the_signatures_of_others() {
    let request = |origin| Request {
        origin,
        messages: vec![
            Message::new(Role::User, vec![Content::text("old").into()]),
            Message::new(Role::Assistant, vec![call("a", "f", "{}")]),
            Message::new(Role::User, vec![result("a", Vec::new(), None)]),
            Message::new(Role::Assistant, vec![Content::text("done").into()]),
            Message::new(Role::User, vec![Content::text("new").into()]),
            Message::new(Role::Assistant, vec![call("b", "f", "{}"), call("c", "f", "{}")]),
            Message::new(
                Role::User,
                vec![
                    result("b", Vec::new(), None),
                    result("c", Vec::new(), None),
                    Content::text("hint").into(),
                ],
            ),
        ],
        ..Request::default()
    };
    let signed = |origin, model| -> Vec<bool> {
        let target = Target { model, max_output: None, version: None };
        let encoded = codec().encode_request(&request(origin), target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let parts = body["contents"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|content| content["parts"].as_array().unwrap());
        let calls = parts.filter(|part| part.get("functionCall").is_some());
        calls.map(|part| part["thoughtSignature"] == "skip_thought_signature_validator").collect()
    };
    // Only the first call of each step since the user's latest words is looked at.
    assert_eq!(signed("anthropic", "gemini-3-pro"), [false, true, false]);
    assert_eq!(signed("anthropic", "gemini-2.5-pro"), [false; 3]);
    assert_eq!(signed("gemini", "gemini-3-pro"), [false; 3]);
}

#[test]
fn the_pieces_of_a_thought_that_another_provider_proved_are_one_thought_again() {
    let proof = "bG9ja2dhdGU6YW50aHJvcGljOnNpZw==";
    let head = RequestHead { model: Some("m"), ..RequestHead::default() };
    let body = format!(
        r#"{{"contents":[{{"role":"model","parts":[{{"text":"one ","thought":true}},{{"text":"two","thought":true}},{{"text":"","thought":true,"thoughtSignature":"{proof}"}},{{"text":"said"}}]}}]}}"#
    );
    let request = codec().decode_request(head, body.as_bytes()).unwrap();
    let blocks = &request.messages[0].blocks;
    assert_eq!(blocks.len(), 2);
    let Content::Thinking(thinking) = &blocks[0].content else { panic!("{blocks:?}") };
    assert_eq!(
        (&*thinking.text, thinking.signature.as_ref().unwrap().at_home("anthropic")),
        ("one two", Some("sig"))
    );
}

//! Tools that take plain text, before providers that have none: offered, called, called back, whole and streamed.

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Step, Target},
    dialect::Dialect,
    dialects::DIALECTS,
    ir::{Block, Choice, Content, Event, Request, Response, Stop, StopReason, ToolChoice, ToolKind, ToolUse},
    translate::{Pair, Streamed},
};
use serde_json::{Value, json};

/// What a coding agent puts into its patch: all that JSON has to escape, and letters outside of its plane.
const PATCH: &str = "*** Begin Patch\n*** Update File: src/main.rs\n@@\n-\tprint!(\"a\\n\");\n+\tprint!(\"é 🔭\");\n*** End Patch\n";

/// Clients that know such tools, and how each offers one, calls it and gives its result back.
fn clients() -> [(&'static dyn Dialect, Value); 2] {
    let grammar =
        json!({"type": "grammar", "syntax": "lark", "definition": "start: begin_patch hunk+ end_patch"});
    let inner = json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: begin_patch hunk+ end_patch"}});
    let schema = json!({"type": "object", "properties": {"command": {"type": "string"}}});
    let responses = json!({
        "model": "m",
        "tools": [
            {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": grammar},
            {"type": "custom", "name": "note", "format": {"type": "text"}},
            {"type": "function", "name": "shell", "parameters": schema, "strict": false},
        ],
        "input": [
            {"role": "user", "content": "Mend it."},
            {"type": "custom_tool_call", "call_id": "call_1", "name": "apply_patch", "input": PATCH},
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "Done!"},
        ],
    });
    let chat = json!({
        "model": "m",
        "tools": [
            {"type": "custom", "custom": {"name": "apply_patch", "description": "Edits files.", "format": inner}},
            {"type": "custom", "custom": {"name": "note", "format": {"type": "text"}}},
            {"type": "function", "function": {"name": "shell", "parameters": schema}},
        ],
        "messages": [
            {"role": "user", "content": "Mend it."},
            {"role": "assistant", "content": null, "tool_calls":
                [{"type": "custom", "id": "call_1", "custom": {"name": "apply_patch", "input": PATCH}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Done!"},
        ],
    });
    let bodies = |dialect: &&'static dyn Dialect| dialect.codec().has_custom_tools().then_some(*dialect);
    let found: Vec<_> = DIALECTS.iter().filter_map(bodies).collect();
    let [a, b] = found[..] else { panic!("another dialect has such tools: say here how it spells them") };
    let is_chat = |dialect: &dyn Dialect| dialect.codec().call("m", true).tail.ends_with("completions");
    if is_chat(a) { [(a, chat), (b, responses)] } else { [(a, responses), (b, chat)] }
}

/// Providers that have none.
fn upstreams() -> impl Iterator<Item = &'static dyn Dialect> {
    DIALECTS.iter().copied().filter(|dialect| !dialect.codec().has_custom_tools())
}

fn check(mut each: impl FnMut(Pair, &Request<'_>)) {
    for (client, body) in clients() {
        let body = body.to_string();
        let request = client.codec().decode_request(RequestHead::default(), body.as_bytes()).unwrap();
        for upstream in upstreams() {
            each(Pair::new(client.codec(), upstream.codec()), &request);
        }
    }
}

fn reply<'r>(request: &'r Request<'_>) -> Reply<'r> {
    Reply { request, seed: "seed", now: 0, path: "/?alt=sse" }
}

#[test]
fn they_are_offered_as_functions_with_one_text() {
    check(|pair, request| {
        let target = Target { model: "m", max_output: Some(1000), version: None };
        let encoded = pair.request(request, target).unwrap();
        let head = RequestHead { model: Some("m"), stream: Some(false), path: "/" };
        let again = pair.upstream().decode_request(head, &encoded.body).unwrap();
        assert_eq!(again.tools.len(), 3);
        let offered = String::from_utf8_lossy(&encoded.body);
        assert!(
            offered.contains("Plain text that fits this lark grammar:\\nstart: begin_patch"),
            "{offered}"
        );
        let names: Vec<&str> = encoded.losses.iter().map(|loss| &*loss.path).collect();
        assert!(names.contains(&"tools[0].format"), "{names:?}");
        assert!(!names.iter().any(|name| *name == "tools[0]" || name.starts_with("tools[1]")), "{names:?}");
        // The calls of the conversation have the form that the model is told to use.
        let blocks: Vec<_> = again.messages.iter().flat_map(|message| &message.blocks).collect();
        let call = blocks.iter().find_map(|block| match &block.content {
            Content::ToolUse(call) => Some(call),
            _ => None,
        });
        let input: Value = serde_json::from_str(&call.unwrap().input).unwrap();
        assert_eq!(input, json!({"input": PATCH}));
        let is_result = |block: &&&Block<'_>| matches!(block.content, Content::ToolResult(_));
        assert_eq!(blocks.iter().filter(is_result).count(), 1);
    });
}

#[test]
fn one_of_them_can_be_chosen() {
    check(|pair, request| {
        let tool_choice = Some(ToolChoice::Named("apply_patch".into()));
        let request = Request { tool_choice, ..request.clone() };
        let target = Target { model: "m", max_output: Some(1000), version: None };
        let encoded = pair.request(&request, target).unwrap();
        let head = RequestHead { model: Some("m"), stream: Some(false), path: "/" };
        let again = pair.upstream().decode_request(head, &encoded.body).unwrap();
        let is_named =
            |choice: &ToolChoice<'_>| matches!(choice, ToolChoice::Named(name) if *name == "apply_patch");
        // Where nothing can be forced, nothing else is offered.
        let is_only = again.tools.len() == 1 && encoded.losses.iter().any(|loss| loss.path == "tool_choice");
        assert!(again.tool_choice.as_ref().is_some_and(is_named) || is_only, "{:?}", again.tool_choice);
    });
}

/// An answer that calls one tool as the provider knows it, and a function beside it.
/// Of a tool that the model may not choose nothing is lost but the tool.
#[test]
fn what_may_not_be_chosen_is_named_as_a_whole() {
    check(|pair, request| {
        let mut request = request.clone();
        request.tool_choice = Some(ToolChoice::Allowed { names: vec!["shell".into()], required: false });
        let target = Target { model: "m", max_output: Some(64), version: None };
        let losses = pair.request(&request, target).unwrap().losses;
        let of_tools: Vec<&str> =
            losses.iter().map(|loss| &*loss.path).filter(|path| path.starts_with("tools[0]")).collect();
        let can_choose = pair.upstream().has_choice_among_tools();
        assert_eq!(of_tools, [if can_choose { "tools[0].format" } else { "tools[0]" }]);
        assert_eq!(losses.iter().any(|loss| loss.path == "tools[1]"), !can_choose, "{losses}");
        assert!(losses.iter().all(|loss| loss.path != "tools[2]"), "{losses}");
    });
}

fn answer(input: &str) -> Response<'static> {
    let call = |id: &str, name: &str, input: &str| -> Block<'static> {
        let (id, name, input) = (id.to_owned().into(), name.to_owned().into(), input.to_owned().into());
        let kind = ToolKind::Function;
        Content::ToolUse(ToolUse { id, name, input, kind, signature: None, item: None }).into()
    };
    let blocks =
        vec![call("call_2", "apply_patch", input), call("call_3", "shell", r#"{"input":"not of it"}"#)];
    let stop = Some(Stop::new(StopReason::ToolUse));
    Response {
        id: Some("r".into()),
        model: Some("m".into()),
        choices: vec![Choice { blocks, stop, ..Choice::default() }],
        ..Response::default()
    }
}

/// The calls that a client reads: kind, name and arguments.
fn calls<'r>(blocks: impl Iterator<Item = &'r Block<'r>>) -> Vec<(ToolKind, String, String)> {
    let call = |block: &Block<'_>| match &block.content {
        Content::ToolUse(call) => Some((call.kind, call.name.to_string(), call.input.to_string())),
        _ => None,
    };
    blocks.filter_map(call).collect()
}

fn expected() -> Vec<(ToolKind, String, String)> {
    vec![
        (ToolKind::Custom, "apply_patch".into(), PATCH.into()),
        (ToolKind::Function, "shell".into(), r#"{"input":"not of it"}"#.into()),
    ]
}

#[test]
fn a_whole_answer_calls_them_with_plain_text() {
    check(|pair, request| {
        let body =
            pair.upstream().encode_response(&answer(&json!({"input": PATCH}).to_string()), reply(request));
        let (response, encoded) = pair.answer(&body.body, reply(request), None).unwrap();
        assert_eq!(calls(response.choices[0].blocks.iter()), expected());
        let again = pair.client().decode_response(&encoded.body).unwrap();
        assert_eq!(calls(again.choices[0].blocks.iter()), expected());
        assert!(!encoded.losses.iter().any(|loss| loss.path == "input"), "{}", encoded.losses);
    });
}

/// The same answer as a stream of the provider.
fn streamed(codec: &dyn Codec, request: &Request<'_>, response: &Response<'_>) -> Vec<u8> {
    let mut encoder = codec.encoder(reply(request));
    let mut bytes = Vec::new();
    super::matrix::events(response, 7, |event| encoder.event(event, &mut bytes));
    bytes
}

#[test]
fn a_stream_calls_them_with_plain_text_as_it_comes_wherever_it_is_split() {
    check(|pair, request| {
        let streaming = Request { stream: true, ..request.clone() };
        let input = json!({"input": PATCH}).to_string();
        let bytes = Bytes::from(streamed(pair.upstream(), &streaming, &answer(&input)));
        let mut most = 0;
        for at in 0..=bytes.len() {
            let mut stream = pair.stream(reply(&streaming), None);
            let (mut out, mut pieces) = (Vec::new(), 0);
            let seen = &mut |event: &Event<'_>| pieces += usize::from(matches!(event, Event::Delta { .. }));
            let mut step = stream.push(&bytes.slice(..at), seen, &mut out);
            if step == Step::Go {
                step = stream.push(&bytes.slice(at..), seen, &mut out);
            }
            if step == Step::Go {
                step = stream.finish(seen, &mut out);
            }
            assert_eq!(step, Step::End, "split at {at}");
            most = most.max(pieces);

            let (fold, step) = super::matrix::read(pair.client(), &out);
            assert_eq!(step, Step::End, "split at {at}");
            assert_eq!(calls(fold.choices[0].blocks.iter()), expected(), "split at {at}");
            assert!(!stream.losses().iter().any(|loss| loss.path == "input"));
        }
        // Not held back until it is whole, but where the provider's dialect says a call in one piece.
        let is_in_pieces = !matches!(pair.upstream().framing(), lockgate_protocol::codec::Framing::Ndjson)
            && !String::from_utf8_lossy(&bytes).contains("functionCall");
        assert_eq!(most > 10, is_in_pieces, "{most} pieces");
    });
}

#[test]
fn what_comes_with_the_text_is_a_loss() {
    check(|pair, request| {
        let body = pair.upstream().encode_response(&answer(r#"{"input":"x","why":"so"}"#), reply(request));
        let (_, encoded) = pair.answer(&body.body, reply(request), None).unwrap();
        assert!(encoded.losses.iter().any(|loss| loss.path == "input"), "{}", encoded.losses);
    });
}

#[test]
fn a_folded_stream_calls_them_with_plain_text() {
    check(|pair, request| {
        let streaming = Request { stream: true, ..request.clone() };
        let input = json!({"input": PATCH}).to_string();
        let bytes = Bytes::from(streamed(pair.upstream(), &streaming, &answer(&input)));
        match pair.answer_of_stream("upstream", &bytes, reply(request), None, None).unwrap() {
            Streamed::Whole(_, encoded) => {
                let response = pair.client().decode_response(&encoded.body).unwrap();
                assert_eq!(calls(response.choices[0].blocks.iter()), expected());
            }
            Streamed::Failed(body) => panic!("{body:?}"),
        }
        let half = bytes.slice(..bytes.len() / 2);
        assert!(pair.answer_of_stream("upstream", &half, reply(request), None, None).is_err());
    });
}

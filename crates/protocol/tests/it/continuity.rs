//! Reasoning finds its way back through clients of every dialect to providers of every other.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Step, Target},
    continuity::{self, Collector, Harvest, Kept, Name},
    dialects,
    framing::Framer,
    ir::{BlockKind, Event, Losses, Request},
};
use lockgate_testkit::fixtures::{self, Answer, Kind};
use serde_json::{Value, json};

/// A provider whose turns have to come back proven.
struct Upstream {
    dialect: &'static str,
    model: &'static str,
    /// A turn of reasoning, words and two calls of `look`.
    answer: fn() -> Value,
    /// What has to be in the next request, in this order.
    proofs: &'static [&'static str],
}

const CALL: &str = r#""Delft""#;

/// What only a store can know on the next turn.
const SECRETS: &[&str] = &["EqSIGNED", "RXFISURERU4=", "AYSIGNED", "gAAASEALED"];

const UPSTREAMS: &[Upstream] = &[
    Upstream {
        dialect: "anthropic",
        model: "claude-sonnet-4-5",
        answer: || {
            json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
            "usage": { "input_tokens": 1, "output_tokens": 1 }, "content": [
                { "type": "thinking", "thinking": "hm", "signature": "EqSIGNED" },
                { "type": "redacted_thinking", "data": "EqHIDDEN" },
                { "type": "text", "text": "Let me look." },
                { "type": "tool_use", "id": "call.with:odd/characters", "name": "look", "input": { "at": "Delft", "n": 1.0 } },
                { "type": "thinking", "thinking": "and", "signature": "EqSECOND" },
                { "type": "tool_use", "id": "toolu_2", "name": "look", "input": {} },
            ] })
        },
        proofs: &["EqSIGNED", "EqHIDDEN", "Let me look", CALL, "EqSECOND", r#""input":{}"#],
    },
    Upstream {
        dialect: "bedrock",
        model: "anthropic.claude-sonnet-4-5-v1:0",
        answer: || {
            json!({ "stopReason": "tool_use", "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 },
            "output": { "message": { "role": "assistant", "content": [
                { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "EqSIGNED" } } },
                { "reasoningContent": { "redactedContent": "RXFISURERU4=" } },
                { "toolUse": { "toolUseId": "tooluse_1", "name": "look", "input": { "at": "Delft", "n": 1 } } },
                { "toolUse": { "toolUseId": "tooluse_2", "name": "look", "input": {} } },
            ] } } })
        },
        proofs: &["EqSIGNED", "RXFISURERU4=", CALL],
    },
    Upstream {
        dialect: "gemini",
        model: "gemini-3-pro-preview",
        answer: || {
            json!({ "responseId": "r1", "modelVersion": "m", "candidates": [{ "finishReason": "STOP", "content": { "role": "model",
            "parts": [
                { "text": "hm", "thought": true },
                { "functionCall": { "name": "look", "args": { "at": "Delft", "n": 1 } }, "thoughtSignature": "AYSIGNED" },
                { "functionCall": { "name": "look", "args": {} } },
            ] } }] })
        },
        proofs: &[CALL, "AYSIGNED"],
    },
    Upstream {
        dialect: "openai-responses",
        model: "gpt-5",
        answer: || {
            json!({ "id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [
                { "type": "reasoning", "id": "rs_1", "summary": [
                    { "type": "summary_text", "text": "hm" }, { "type": "summary_text", "text": "hm hm" },
                ], "encrypted_content": "gAAASEALED" },
                { "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "status": "completed",
                  "arguments": "{\"at\": \"Delft\", \"n\": 1}" },
                { "type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "look", "status": "completed",
                  "arguments": "{}" },
            ] })
        },
        proofs: &["hm hm", "gAAASEALED", r#"\"Delft\""#],
    },
    Upstream {
        dialect: "openai-chat",
        model: "deepseek-reasoner",
        answer: || {
            json!({ "id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{ "index": 0,
            "finish_reason": "tool_calls", "message": { "role": "assistant", "content": null, "reasoning_content": "REASONED",
            "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{\"at\":\"Delft\",\"n\":1}" } },
                { "id": "call_2", "type": "function", "function": { "name": "look", "arguments": "{}" } },
            ] } }] })
        },
        proofs: &["REASONED"],
    },
];

/// A client that keeps of an answer what its dialect's plainest programs keep.
struct Client {
    dialect: &'static str,
    ask: fn() -> Value,
    /// The next request, with the results of the answer's calls, but without its reasoning.
    next: fn(&Value) -> Value,
}

const CLIENTS: &[Client] = &[
    Client {
        dialect: "openai-chat",
        ask: || json!({ "model": "m", "messages": [{ "role": "user", "content": "go" }] }),
        next: |answer| {
            let said = &answer["choices"][0]["message"];
            let result = |call: &Value| json!({ "role": "tool", "tool_call_id": call["id"], "content": "4" });
            let mut messages = vec![
                json!({ "role": "user", "content": "go" }),
                json!({ "role": "assistant", "content": said["content"], "tool_calls": said["tool_calls"],
                    "reasoning_content": said["reasoning_content"] }),
            ];
            messages.extend(list(&said["tool_calls"]).iter().map(result));
            json!({ "model": "m", "messages": messages })
        },
    },
    Client {
        dialect: "openai-responses",
        ask: || json!({ "model": "m", "input": "go" }),
        next: |answer| {
            let mut input = vec![json!({ "role": "user", "content": "go" })];
            input.extend(without(&answer["output"], |item| item["type"] == "reasoning"));
            let calls = list(&answer["output"]).iter().filter(|item| item["type"] == "function_call");
            input.extend(calls.map(
                |call| json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "4" }),
            ));
            json!({ "model": "m", "input": input })
        },
    },
    Client {
        dialect: "anthropic",
        ask: || json!({ "model": "m", "max_tokens": 9000, "messages": [{ "role": "user", "content": "go" }] }),
        next: |answer| {
            let said = without(&answer["content"], |block| {
                block["type"] == "thinking" || block["type"] == "redacted_thinking"
            });
            let calls = said.iter().filter(|block| block["type"] == "tool_use");
            let results: Vec<Value> = calls
                .map(|call| json!({ "type": "tool_result", "tool_use_id": call["id"], "content": "4" }))
                .collect();
            json!({ "model": "m", "max_tokens": 9000, "messages": [
                { "role": "user", "content": "go" }, { "role": "assistant", "content": said },
                { "role": "user", "content": results },
            ] })
        },
    },
    Client {
        dialect: "gemini",
        ask: || json!({ "contents": [{ "role": "user", "parts": [{ "text": "go" }] }] }),
        next: |answer| {
            let mut said =
                without(&answer["candidates"][0]["content"]["parts"], |part| part["thought"] == true);
            let mut results = Vec::new();
            for part in &mut said {
                part.as_object_mut().unwrap().remove("thoughtSignature");
                if let Some(call) = part.get_mut("functionCall") {
                    call.as_object_mut().unwrap().remove("id");
                    results.push(
                        json!({ "functionResponse": { "name": call["name"], "response": { "output": "4" } } }),
                    );
                }
            }
            json!({ "contents": [
                { "role": "user", "parts": [{ "text": "go" }] }, { "role": "model", "parts": said },
                { "role": "user", "parts": results },
            ] })
        },
    },
    Client {
        dialect: "ollama",
        ask: || json!({ "model": "m", "stream": false, "messages": [{ "role": "user", "content": "go" }] }),
        next: |answer| {
            let mut said = answer["message"].clone();
            said.as_object_mut().unwrap().remove("thinking");
            let mut results = Vec::new();
            for call in said["tool_calls"].as_array_mut().unwrap() {
                call.as_object_mut().unwrap().remove("id");
                results.push(json!({ "role": "tool", "tool_name": "look", "content": "4" }));
            }
            let mut messages = vec![json!({ "role": "user", "content": "go" }), said];
            messages.extend(results);
            json!({ "model": "m", "stream": false, "messages": messages })
        },
    },
    Client {
        dialect: "bedrock",
        ask: || json!({ "messages": [{ "role": "user", "content": [{ "text": "go" }] }] }),
        next: |answer| {
            let said = without(&answer["output"]["message"]["content"], |block| {
                block.get("reasoningContent").is_some()
            });
            let calls = said.iter().filter_map(|block| block.get("toolUse"));
            let results: Vec<Value> = calls
                .map(|call| json!({ "toolResult": { "toolUseId": call["toolUseId"], "content": [{ "text": "4" }] } }))
                .collect();
            json!({ "messages": [
                { "role": "user", "content": [{ "text": "go" }] }, { "role": "assistant", "content": said },
                { "role": "user", "content": results },
            ] })
        },
    },
];

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn without(value: &Value, drop: impl Fn(&Value) -> bool) -> Vec<Value> {
    list(value).iter().filter(|entry| !drop(entry)).cloned().collect()
}

fn codec(dialect: &str) -> &'static dyn Codec {
    dialects::find(dialect).unwrap().codec()
}

const HEAD: RequestHead<'_> = RequestHead { model: Some("m"), stream: Some(false), path: "/api/chat" };

fn reply<'a>(request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "seed", now: 1, path: "/api/chat" }
}

fn keep(harvest: Harvest) -> HashMap<Name, Arc<Kept>> {
    harvest.rows.into_iter().collect()
}

/// What `client` sends next after `answer` of `upstream`, as bytes; what was kept; and the losses of the answer.
fn turn(client: &Client, upstream: &str, answer: &Value) -> (Vec<u8>, Harvest, Losses) {
    let here = codec(client.dialect);
    let asked = (client.ask)().to_string();
    let request = here.decode_request(HEAD, asked.as_bytes()).unwrap();
    let body = answer.to_string();
    let response = codec(upstream).decode_response(body.as_bytes()).unwrap();
    let conversation = (!here.returns_call_ids()).then(|| continuity::conversation(&request));
    let mut collector = Collector::new(conversation);
    collector.response(&response);
    let told = here.encode_response(&response, reply(&request));
    let next = (client.next)(&serde_json::from_slice(&told.body).unwrap());
    (next.to_string().into_bytes(), collector.finish(), told.losses)
}

/// The request that `upstream` gets of a client's, with what was kept.
fn sent(
    client: &Client,
    upstream: &Upstream,
    next: &[u8],
    kept: &HashMap<Name, Arc<Kept>>,
) -> (String, Losses) {
    let here = codec(client.dialect);
    let mut request = here.decode_request(HEAD, next).unwrap();
    continuity::restore(&mut request, upstream.dialect, !here.returns_call_ids(), &mut |name| {
        kept.get(name).cloned()
    });
    let target = Target { model: upstream.model, max_output: None, version: None };
    let encoded = codec(upstream.dialect).encode_request(&request, target).unwrap();
    (String::from_utf8(encoded.body).unwrap(), encoded.losses)
}

fn pairs() -> impl Iterator<Item = (&'static Client, &'static Upstream)> {
    let all = CLIENTS.iter().flat_map(|client| UPSTREAMS.iter().map(move |upstream| (client, upstream)));
    all.filter(|(client, upstream)| client.dialect != upstream.dialect)
}

#[test]
fn what_a_client_cannot_carry_stands_where_it_stood() {
    for (client, upstream) in pairs() {
        let pair = format!("{} -> {}", client.dialect, upstream.dialect);
        let (next, harvest, mut losses) = turn(client, upstream.dialect, &(upstream.answer)());
        assert!(harvest.is_whole, "{pair}");
        losses.forget_proofs();
        assert!(!losses.iter().any(|loss| loss.reason.contains("proof")), "{pair}: {losses}");

        let (bare, _) = sent(client, upstream, &next, &HashMap::new());
        assert!(!SECRETS.iter().any(|secret| bare.contains(secret)), "{pair}: {bare}");
        let (sent, losses) = sent(client, upstream, &next, &keep(harvest));
        assert!(!losses.iter().any(|loss| loss.reason.contains("reasoning")), "{pair}: {losses}");
        let mut from = 0;
        for proof in upstream.proofs {
            match sent[from..].find(proof) {
                Some(at) => from += at,
                None => panic!("{pair}: no {proof} in {sent}, at least not behind byte {from}"),
            }
        }
    }
}

#[test]
fn another_call_under_a_known_id_gets_nothing() {
    for (client, upstream) in pairs() {
        let (next, harvest, _) = turn(client, upstream.dialect, &(upstream.answer)());
        let other = String::from_utf8(next).unwrap().replace("Delft", "Hoorn");
        let (sent, _) = sent(client, upstream, other.as_bytes(), &keep(harvest));
        assert!(!SECRETS.iter().any(|secret| sent.contains(secret)), "{sent}");
    }
}

#[test]
fn no_provider_gets_anothers_proof() {
    let client = &CLIENTS[0];
    let (next, harvest, _) = turn(client, "anthropic", &(UPSTREAMS[0].answer)());
    let mut request = codec(client.dialect).decode_request(HEAD, &next).unwrap();
    let kept = keep(harvest);
    let before = format!("{request:?}");
    continuity::restore(&mut request, "gemini", false, &mut |name| kept.get(name).cloned());
    assert_eq!(format!("{request:?}"), before);
}

#[test]
fn a_host_of_a_makers_models_gets_the_makers_proofs() {
    let client = &CLIENTS[0];
    let (next, harvest, _) = turn(client, "anthropic", &(UPSTREAMS[0].answer)());
    let mut request = codec(client.dialect).decode_request(HEAD, &next).unwrap();
    let kept = keep(harvest);
    let before = format!("{request:?}");
    continuity::restore(&mut request, "bedrock", false, &mut |name| kept.get(name).cloned());
    assert_ne!(format!("{request:?}"), before);
}

#[test]
fn a_client_that_brings_proofs_keeps_its_own() {
    let client = CLIENTS.iter().find(|client| client.dialect == "anthropic").unwrap();
    let upstream = UPSTREAMS.iter().find(|upstream| upstream.dialect == "bedrock").unwrap();
    let (_, harvest, _) = turn(client, "bedrock", &(upstream.answer)());
    let next = json!({ "model": "m", "max_tokens": 9000, "messages": [
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "mine", "signature": "lockgate:bedrock:OWN" },
            { "type": "tool_use", "id": "tooluse_1", "name": "look", "input": { "at": "Delft", "n": 1 } },
        ] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "tooluse_1", "content": "4" }] },
    ] });
    let (sent, _) = sent(client, upstream, next.to_string().as_bytes(), &keep(harvest));
    assert!(sent.contains("OWN") && !sent.contains("EqSIGNED"), "{sent}");
}

#[test]
fn an_answer_that_is_all_reasoning_or_too_long_keeps_nothing() {
    let answer = |content: Value| {
        json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "usage": { "input_tokens": 1, "output_tokens": 1 }, "content": content })
    };
    let thinking = |text: &str| json!({ "type": "thinking", "thinking": text, "signature": "Eq" });
    let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "look", "input": {} });
    let (_, harvest, _) =
        turn(&CLIENTS[0], "anthropic", &answer(json!([thinking("hm"), { "type": "text", "text": "4" }])));
    assert!(harvest.rows.is_empty() && !harvest.is_whole);
    let (_, harvest, _) =
        turn(&CLIENTS[0], "anthropic", &answer(json!([thinking(&"x".repeat(5 << 20)), call])));
    assert!(harvest.rows.is_empty() && !harvest.is_whole);
    let (_, harvest, _) = turn(&CLIENTS[0], "anthropic", &answer(json!([call])));
    assert!(harvest.rows.is_empty() && harvest.is_whole);
}

fn collect_stream(upstream: &dyn Codec, bytes: &[u8]) -> (Harvest, usize) {
    let mut collector = Collector::new(None);
    let mut calls = 0;
    let mut decoder = upstream.decoder();
    let mut framer = Framer::new(upstream.framing());
    let batch = framer.push(&Bytes::copy_from_slice(bytes)).unwrap();
    let rest = framer.finish();
    let mut sink = |event: Event<'_>| {
        let is_call = matches!(&event, Event::BlockStart { kind: BlockKind::ToolUse { .. }, .. });
        calls += usize::from(is_call);
        collector.event(&event);
    };
    let mut step = Step::Go;
    for event in batch.events().chain(rest.as_deref()) {
        step = decoder.event(event, &mut sink);
        if step != Step::Go {
            break;
        }
    }
    if step == Step::Go {
        decoder.finish(&mut sink);
    }
    (collector.finish(), calls)
}

#[test]
fn a_stream_leaves_what_its_whole_answer_leaves() {
    let stream = concat!(
        r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#,
        "\n\n",
        r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqSIGNED"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_stop","index":0}"#,
        "\n\n",
        r#"data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EqHIDDEN"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_stop","index":1}"#,
        "\n\n",
        r#"data: {"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Let me look."}}"#,
        "\n\n",
        r#"data: {"type":"content_block_stop","index":2}"#,
        "\n\n",
        r#"data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"call.with:odd/characters","name":"look","input":{}}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"n\": 1, \"at\""}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":": \"Delft\"}"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_stop","index":3}"#,
        "\n\n",
        r#"data: {"type":"content_block_start","index":4,"content_block":{"type":"thinking","thinking":"and","signature":"EqSECOND"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_stop","index":4}"#,
        "\n\n",
        r#"data: {"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_2","name":"look","input":{}}}"#,
        "\n\n",
        r#"data: {"type":"content_block_stop","index":5}"#,
        "\n\n",
        r#"data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}"#,
        "\n\n",
        r#"data: {"type":"message_stop"}"#,
        "\n\n",
    );
    let (harvest, calls) = collect_stream(codec("anthropic"), stream.as_bytes());
    let (_, whole, _) = turn(&CLIENTS[0], "anthropic", &(UPSTREAMS[0].answer)());
    assert_eq!(calls, 2);
    assert_eq!((&harvest.rows, harvest.is_whole), (&whole.rows, true));
}

#[test]
fn recorded_streams_with_proven_calls_are_kept() {
    let Some(recorded) = fixtures::open() else { return };
    let mut proven = 0;
    for upstream in UPSTREAMS {
        for case in recorded.cases(upstream.dialect, Kind::Stream) {
            let case = case.unwrap();
            let Answer::Stream(_, bytes) = &case.answer else { continue };
            let (harvest, calls) = collect_stream(codec(upstream.dialect), bytes);
            assert!(harvest.rows.len() <= calls, "{}", case.id());
            proven += usize::from(!harvest.rows.is_empty());
        }
    }
    assert!(proven >= 4, "only {proven} recorded streams have calls with proofs");
}

//! Proofs of reasoning by Claude models, which Converse and the maker's own dialect take from each other.

use lockgate_protocol::{codec::Codec, dialects};
use lockgate_testkit::fixtures::{Answer, Kind, open};
use serde_json::{Value, json};

use super::{CLAUDE, codec, head, losses, reply, target};

fn anthropic() -> &'static dyn Codec {
    dialects::find("anthropic").unwrap().codec()
}

fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// What stands for the first answer in the request that continues it.
fn continued(answer: &Value, converse: bool) -> Vec<u8> {
    let turn = |text: &str| if converse { json!([{"text": text}]) } else { json!(text) };
    let content = if converse { &answer["output"]["message"]["content"] } else { &answer["content"] };
    let messages = json!([
        {"role": "user", "content": turn("q")},
        {"role": "assistant", "content": content},
        {"role": "user", "content": turn("go on")},
    ]);
    let body = json!({"model": "m", "max_tokens": 9, "messages": messages});
    body.to_string().into_bytes()
}

#[track_caller]
fn proofs(content: &Value) -> Vec<Value> {
    let list = content.as_array().unwrap();
    let proof = |block: &Value| {
        let places = ["/signature", "/data", "/reasoningContent/reasoningText/signature"];
        let places = places.into_iter().chain(["/reasoningContent/redactedContent"]);
        places.filter_map(|place| block.pointer(place)).next().cloned()
    };
    list.iter().filter_map(proof).collect()
}

/// An answer of Converse goes to a client of the maker's dialect; its next turn goes to either.
#[track_caller]
fn check_from_converse(answer: &[u8], expect: &Value) {
    let read = codec().decode_response(answer).unwrap();
    let asked = lockgate_protocol::ir::Request::default();
    let shown = value(&anthropic().encode_response(&read, reply(&asked)).body);
    assert_eq!(proofs(&shown["content"]), std::slice::from_ref(expect), "as the maker itself spells it");
    let body = continued(&shown, false);
    let request = anthropic().decode_request(head("m"), &body).unwrap();
    let back = codec().encode_request(&request, target(CLAUDE)).unwrap();
    let before = value(answer);
    assert_eq!(
        proofs(&value(&back.body)["messages"][1]["content"]),
        proofs(&before["output"]["message"]["content"])
    );
    let at_home = anthropic().encode_request(&request, target("claude-sonnet-4-5")).unwrap();
    assert_eq!(proofs(&value(&at_home.body)["messages"][1]["content"]), std::slice::from_ref(expect));
    for encoded in [&back, &at_home] {
        assert_eq!(losses(&encoded.losses), Vec::<String>::new());
    }
}

/// An answer of the maker goes to a client of Converse; its next turn goes to either.
#[track_caller]
fn check_from_the_maker(answer: &[u8], expect: &Value) {
    let read = anthropic().decode_response(answer).unwrap();
    let asked = lockgate_protocol::ir::Request::default();
    let shown = value(&codec().encode_response(&read, reply(&asked)).body);
    assert_eq!(
        proofs(&shown["output"]["message"]["content"]),
        std::slice::from_ref(expect),
        "as Converse spells it"
    );
    let body = continued(&shown, true);
    let request = codec().decode_request(head(CLAUDE), &body).unwrap();
    let back = anthropic().encode_request(&request, target("claude-sonnet-4-5")).unwrap();
    assert_eq!(proofs(&value(&back.body)["messages"][1]["content"]), proofs(&value(answer)["content"]));
    let at_home = codec().encode_request(&request, target(CLAUDE)).unwrap();
    assert_eq!(proofs(&value(&at_home.body)["messages"][1]["content"]), std::slice::from_ref(expect));
}

const SIGNED: &str = "EqQBCgIYAhIM/2+x==";
/// Base64 of `EqQBCgIYAhIM/2+x==`.
const SEALED: &str = "RXFRQkNnSVlBaElNLzIreD09";

fn converse(reasoning: &Value) -> Vec<u8> {
    let content = json!([{"reasoningContent": reasoning}, {"text": "a"}]);
    let message = json!({"role": "assistant", "content": content});
    json!({"output": {"message": message}, "stopReason": "end_turn"}).to_string().into_bytes()
}

fn message(thinking: &Value) -> Vec<u8> {
    let content = json!([thinking, {"type": "text", "text": "a"}]);
    json!({"type": "message", "content": content, "stop_reason": "end_turn"}).to_string().into_bytes()
}

#[test]
fn proofs_travel_both_ways() {
    let signed = json!({"reasoningText": {"text": "t", "signature": SIGNED}});
    check_from_converse(&converse(&signed), &json!(SIGNED));
    check_from_converse(&converse(&json!({"redactedContent": SEALED})), &json!(SIGNED));
    let thinking = json!({"type": "thinking", "thinking": "t", "signature": SIGNED});
    check_from_the_maker(&message(&thinking), &json!(SIGNED));
    check_from_the_maker(&message(&json!({"type": "redacted_thinking", "data": SIGNED})), &json!(SEALED));
}

#[test]
fn recorded_proofs_travel() {
    let Some(fixtures) = open() else { return };
    for (protocol, name) in [
        ("bedrock-converse", "redacted-content"),
        ("bedrock-converse", "thinking-replay-1"),
        ("anthropic-messages", "redacted-thinking"),
        ("anthropic-messages", "thinking-replay-1"),
    ] {
        let case = fixtures.case(protocol, Kind::NonStream, name).unwrap();
        let Answer::Whole(answer) = &case.answer else { panic!("{name} is not whole") };
        let is_converse = protocol == "bedrock-converse";
        let read = if is_converse { codec() } else { anthropic() }.decode_response(answer).unwrap();
        for block in &read.choices[0].blocks {
            if let lockgate_protocol::ir::Content::Thinking(thinking) = &block.content {
                assert_eq!(thinking.signature.as_ref().unwrap().origin, "anthropic", "{protocol}/{name}");
            }
        }
        let body = continued(&value(answer), is_converse);
        let from = if is_converse { codec() } else { anthropic() };
        let to = if is_converse { anthropic() } else { codec() };
        let request = from.decode_request(head(CLAUDE), &body).unwrap();
        let encoded = to.encode_request(&request, target(CLAUDE)).unwrap();
        let sent = proofs(&value(&encoded.body)["messages"][1]["content"]);
        assert_eq!(sent.len(), proofs(&value(&body)["messages"][1]["content"]).len(), "{protocol}/{name}");
        assert!(!sent.is_empty(), "{protocol}/{name}");
    }
}

#[test]
fn other_models_get_no_proof_of_claude_and_claude_none_of_others() {
    let body = continued(
        &value(&message(&json!({"type": "thinking", "thinking": "t", "signature": SIGNED}))),
        false,
    );
    let request = anthropic().decode_request(head("m"), &body).unwrap();
    let lost = |model: &str| losses(&codec().encode_request(&request, target(model)).unwrap().losses);
    let reason = "messages[1].content[0]: reasoning proof of another provider";
    assert_eq!(lost("amazon.nova-pro-v1:0"), [reason]);
    assert_eq!(lost("us.deepseek.r1-v1:0"), [reason]);
    assert_eq!(lost(CLAUDE), Vec::<String>::new());
    assert_eq!(lost("arn:aws:bedrock:us-east-1:1:application-inference-profile/x"), Vec::<String>::new());
    let other = message(&json!({"type": "thinking", "thinking": "t", "signature": "0f3a"}));
    let body = continued(&value(&other), false);
    let request = anthropic().decode_request(head("m"), &body).unwrap();
    let encoded = codec().encode_request(&request, target(CLAUDE)).unwrap();
    assert_eq!(losses(&encoded.losses), [reason], "a server that imitates the dialect signs otherwise");
}

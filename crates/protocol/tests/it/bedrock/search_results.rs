//! Search results between Converse, the maker of Claude, and models and dialects that have none.

use lockgate_protocol::{codec::Target, dialects};
use serde_json::{Value, json};

use super::{CLAUDE, codec, head, losses};

/// A request of either dialect whose user shows `block` and whose tool gives it back.
fn converse(block: &Value) -> Value {
    let call = json!({"toolUse": {"toolUseId": "c1", "name": "look", "input": {}}});
    let result = json!({"toolResult": {"toolUseId": "c1", "content": [block]}});
    json!({"messages": [{"role": "user", "content": [block]}, {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]}]})
}

fn messages(block: &Value) -> Value {
    let call = json!({"type": "tool_use", "id": "c1", "name": "look", "input": {}});
    let result = json!({"type": "tool_result", "tool_use_id": "c1", "content": [block]});
    json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [block]},
        {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]})
}

/// What `body` of the dialect `from` is in the dialect `to`: the user's block, that of the tool, and what is lost.
fn sent(from: &str, body: &Value, to: &str, model: &str) -> (Value, Value, Vec<String>) {
    let [from, to] = [from, to].map(|name| dialects::find(name).unwrap().codec());
    let body = body.to_string();
    let request = from.decode_request(head("m"), body.as_bytes()).unwrap();
    let encoded = to.encode_request(&request, Target { model, max_output: None, version: None }).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let block = |place: &str| body.pointer(place).cloned().unwrap_or_default();
    let shown = block("/messages/0/content/0");
    let inside = ["/messages/2/content/0/toolResult/content/0", "/messages/2/content/0/content/0"];
    let found = inside.into_iter().map(block).find(|block| !block.is_null()).unwrap_or_default();
    let lost = losses(&encoded.losses).into_iter().filter(|loss| loss.starts_with("messages")).collect();
    (shown, found, lost)
}

#[test]
fn a_search_result_is_one_in_both_dialects() {
    let there = json!({"searchResult": {"source": "https://a/", "title": "T", "content": [{"text": "one"},
        {"text": "two"}], "citations": {"enabled": true}}});
    let here = json!({"type": "search_result", "source": "https://a/", "title": "T", "citations": {"enabled": true},
        "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]});
    let none: Vec<String> = Vec::new();
    let to_here = sent("bedrock", &converse(&there), "anthropic", "claude-sonnet-4-5");
    assert_eq!(to_here, (here.clone(), here.clone(), none.clone()));
    let to_there = sent("anthropic", &messages(&here), "bedrock", CLAUDE);
    assert_eq!(to_there, (there.clone(), there, none));
}

#[test]
fn a_search_result_is_kept_as_it_was() {
    for block in [
        json!({"searchResult": {"source": "s", "title": "T", "content": [{"text": "one"}], "new": 1,
            "citations": {"enabled": false, "also": 2}}}),
        json!({"searchResult": {"source": "s", "title": "T", "content": [], "type": "x"}}),
        json!({"searchResult": {"title": "without a source"}}),
    ] {
        let body = converse(&block).to_string();
        let request = codec().decode_request(head(CLAUDE), body.as_bytes()).unwrap();
        let encoded = codec().encode_request(&request, super::target(CLAUDE)).unwrap();
        let same: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(same, converse(&block));
        assert!(encoded.losses.is_empty(), "{}", encoded.losses);
    }
}

#[test]
fn others_are_shown_its_words_and_told_or_not_where_it_is_from() {
    let here = json!({"type": "search_result", "source": "https://a/", "title": "T",
        "content": [{"type": "text", "text": "one"}]});
    let (shown, _, lost) = sent("anthropic", &messages(&here), "bedrock", "amazon.nova-pro-v1:0");
    assert_eq!(shown["document"]["context"], "https://a/");
    assert!(lost.iter().any(|loss| loss.starts_with("messages[0].content[0].source: ")), "{lost:?}");

    let gemini = dialects::find("gemini").unwrap().codec();
    let body = messages(&here).to_string();
    let request = dialects::find("anthropic").unwrap().codec();
    let request = request.decode_request(head("m"), body.as_bytes()).unwrap();
    let encoded = gemini.encode_request(&request, super::target("gemini-3-pro")).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let output = &body["contents"][2]["parts"][0]["functionResponse"]["response"]["output"];
    assert_eq!(output, "T\nhttps://a/\none");
    assert_eq!(body["contents"][0]["parts"], json!([{"text": "T"}, {"text": "https://a/"}, {"text": "one"}]));
    assert!(losses(&encoded.losses).is_empty(), "{}", encoded.losses);
}

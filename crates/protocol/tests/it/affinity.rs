//! A conversation is known again from its first turn to its last, and told from others.

use std::collections::BTreeSet;

use bytes::Bytes;
use lockgate_protocol::{affinity, dialect::Dialect, dialects, envelope::Envelope};
use lockgate_testkit::fixtures::{self, Kind};
use serde_json::{Value, json};

fn dialect(name: &str) -> &'static dyn Dialect {
    dialects::find(name).unwrap()
}

fn key(name: &str, headers: &[(&str, &'static str)], body: &Value) -> Option<u64> {
    let envelope = Envelope::read(None, Bytes::from(body.to_string())).unwrap();
    let find = |name: &str| headers.iter().find(|row| row.0 == name).map(|row| row.1);
    affinity::key(dialect(name), find, &envelope)
}

/// How a dialect's clients spell the same beginning: at the first turn, and later.
struct Spelling {
    dialect: &'static str,
    first: fn(&str) -> Value,
    later: fn(&str) -> Value,
}

const SPELLINGS: &[Spelling] = &[
    Spelling {
        dialect: "openai-chat",
        first: |user| {
            json!({ "model": "m", "messages": [
                { "role": "system", "content": "Be brief." }, { "role": "user", "content": user } ] })
        },
        later: |user| {
            json!({ "model": "other", "stream": true, "messages": [
                { "content": [{ "text": "Be brief.", "type": "text", "cache_control": { "type": "ephemeral" } }], "role": "system" },
                { "content": [{ "type": "text", "text": user, "cache_control": { "type": "ephemeral" } }], "role": "user" },
                { "role": "assistant", "content": "Yes." }, { "role": "user", "content": "Why?" },
            ] })
        },
    },
    Spelling {
        dialect: "openai-responses",
        first: |user| json!({ "model": "m", "instructions": "Be brief.", "input": user }),
        later: |user| {
            json!({ "model": "m", "input": [
                { "type": "message", "content": [{ "type": "input_text", "text": user }], "role": "user" },
                { "type": "reasoning", "id": "rs_1", "summary": [], "content": [{ "type": "reasoning_text", "text": "hm" }] },
                { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "Yes." }] },
                { "role": "user", "content": "Why?" },
            ], "instructions": "Be brief." })
        },
    },
    Spelling {
        dialect: "anthropic",
        first: |user| {
            json!({ "model": "m", "max_tokens": 9, "system": "Be brief.", "metadata": { "user_id": "u-1" },
            "messages": [{ "role": "user", "content": [
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAAA" }, "cache_control": { "type": "ephemeral" } },
                { "type": "text", "text": user } ] }] })
        },
        later: |user| {
            json!({ "model": "m", "max_tokens": 9, "system": [{ "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral" } }],
            "messages": [
                { "content": [
                    { "source": { "data": "AAAA", "media_type": "image/png", "type": "base64" }, "type": "image" },
                    { "type": "text", "text": user } ], "role": "user" },
                { "role": "assistant", "content": "Yes." },
                { "role": "user", "content": [{ "type": "text", "text": "Why?", "cache_control": { "type": "ephemeral" } }] },
            ] })
        },
    },
    Spelling {
        dialect: "gemini",
        first: |user| json!({ "system_instruction": { "parts": [{ "text": "Be brief." }] }, "contents": [{ "parts": [{ "text": user }] }] }),
        later: |user| {
            json!({ "contents": [
                { "parts": [{ "text": user }], "role": "user" },
                { "role": "model", "parts": [{ "text": "Yes." }] }, { "role": "user", "parts": [{ "text": "Why?" }] },
            ], "systemInstruction": { "role": "user", "parts": [{ "text": "Be brief." }] } })
        },
    },
    Spelling {
        dialect: "ollama",
        first: |user| {
            json!({ "model": "m", "messages": [
                { "role": "system", "content": "Be brief." }, { "role": "user", "content": user } ] })
        },
        later: |user| {
            json!({ "model": "m", "keep_alive": 5, "messages": [
                { "content": "Be brief.", "role": "system" }, { "content": user, "role": "user" },
                { "role": "assistant", "content": "Yes." }, { "role": "user", "content": "Why?" },
            ] })
        },
    },
    Spelling {
        dialect: "bedrock",
        first: |user| {
            json!({ "system": [{ "text": "Be brief." }, { "cachePoint": { "type": "default" } }],
                "messages": [{ "role": "user", "content": [{ "text": user }, { "cachePoint": { "type": "default" } }] }] })
        },
        later: |user| {
            json!({ "messages": [
                { "role": "user", "content": [{ "text": user }] }, { "role": "assistant", "content": [{ "text": "Yes." }] },
                { "role": "user", "content": [{ "text": "Why?" }, { "cachePoint": { "type": "default" } }] },
            ], "system": [{ "text": "Be brief." }] })
        },
    },
];

#[test]
fn every_turn_of_a_conversation_has_one_key_and_every_conversation_its_own() {
    assert_eq!(SPELLINGS.len(), dialects::DIALECTS.len());
    // A program's words in front of the user's do not hide these.
    let long = format!("{}\nWhat is the capital of France?", "Remember: \"quote\" é. ".repeat(400));
    for Spelling { dialect, first, later } in SPELLINGS {
        let mut keys = BTreeSet::new();
        let words = [
            "What is the capital of France?",
            "What is the capital of Spain?",
            "\u{e9}\"\\\n\u{1f600}",
            &*long,
        ];
        for user in words {
            let known = key(dialect, &[], &first(user));
            assert!(known.is_some(), "{dialect}: {user}");
            assert_eq!(known, key(dialect, &[], &later(user)), "{dialect}: {user}");
            keys.insert(known);
        }
        let mut other = first("What is the capital of France?").to_string();
        other = other.replace("Be brief.", "Be long.");
        keys.insert(key(dialect, &[], &serde_json::from_str(&other).unwrap()));
        assert_eq!(keys.len(), words.len() + 1, "{dialect}");
    }
}

#[test]
fn pictures_tell_conversations_apart() {
    let with = |data: &str| {
        json!({ "messages": [{ "role": "user", "content": [
            { "type": "image_url", "image_url": { "url": data }, "cache_control": null } ] }] })
    };
    let known = key("openai-chat", &[], &with("data:image/png;base64,AAAA"));
    assert!(known.is_some());
    assert_ne!(known, key("openai-chat", &[], &with("data:image/png;base64,AAAB")));
    let far = |end: &str| format!("data:image/png;base64,{}{end}", "A".repeat(1000));
    assert_ne!(key("openai-chat", &[], &with(&far("A"))), key("openai-chat", &[], &with(&far("AA"))));
}

#[test]
fn a_client_that_names_its_session_is_believed() {
    let body = |cache: &str, user: &str| json!({ "prompt_cache_key": cache, "messages": [{ "role": "user", "content": user }] });
    let header = [("x-session-id", "s-1"), ("x-session-affinity", "s-2")];
    let named = key("openai-chat", &header, &body("a", "x"));
    assert!(named.is_some());
    assert_eq!(named, key("openai-chat", &header[..1], &body("b", "y")));
    assert_eq!(named, key("anthropic", &[("session_id", " s-1 ")], &json!({})));
    assert_ne!(named, key("openai-chat", &header[1..], &body("a", "x")));
    let tied = key("openai-chat", &[("x-session-id", " ")], &body("a", "x"));
    assert_eq!(tied, key("openai-chat", &[], &body("a", "y")));
    assert_ne!(tied, key("openai-chat", &[], &body("b", "x")));
    // Nothing said is no session.
    assert_eq!(
        key("openai-chat", &[], &body("", "x")),
        key("openai-chat", &[], &json!({ "messages": [{ "role": "user", "content": "x" }] }))
    );
}

#[test]
fn each_dialects_own_names_of_sessions_count() {
    let agent = |session: &str, user: &str| {
        json!({ "messages": [{ "role": "user", "content": user }],
            "metadata": { "user_id": json!({ "device_id": "d", "session_id": session }).to_string() } })
    };
    assert_eq!(key("anthropic", &[], &agent("1", "x")), key("anthropic", &[], &agent("1", "y")));
    assert_ne!(key("anthropic", &[], &agent("1", "x")), key("anthropic", &[], &agent("2", "x")));
    // A user may have many conversations.
    let user = |id: &str, user: &str| json!({ "messages": [{ "role": "user", "content": user }], "metadata": { "user_id": id } });
    assert_ne!(key("anthropic", &[], &user("1", "x")), key("anthropic", &[], &user("1", "y")));
    assert_eq!(key("anthropic", &[], &user("1", "x")), key("anthropic", &[], &user("2", "x")));
    let kept = |conversation: Value| json!({ "input": "x", "conversation": conversation });
    let known = key("openai-responses", &[], &kept(json!("conv_1")));
    assert_eq!(known, key("openai-responses", &[], &kept(json!({ "id": "conv_1" }))));
    assert_ne!(known, key("openai-responses", &[], &kept(json!("conv_2"))));
}

#[test]
fn what_tells_nothing_has_no_key() {
    let later = json!({ "input": "Why?", "previous_response_id": "resp_1" });
    assert_eq!(key("openai-responses", &[], &later), None);
    assert!(
        key("openai-responses", &[], &json!({ "input": "Why?", "previous_response_id": null })).is_some()
    );
    assert_eq!(key("ollama", &[], &json!({ "prompt": "x", "system": "y" })), None);
    assert_eq!(key("openai-chat", &[], &json!({ "input": ["a vector, please"] })), None);
    assert_eq!(key("openai-chat", &[], &json!({ "messages": [{ "role": "system", "content": "y" }] })), None);
    assert_eq!(key("openai-chat", &[], &json!({ "messages": 3 })), None);
}

/// Of recorded conversations with several turns the first turn is known by the last.
#[test]
fn recorded_conversations_are_known_by_their_first_turn() {
    let Some(fixtures) = fixtures::open() else { return };
    let mut seen = 0;
    for (folder, name, turns) in [
        ("openai-chat", "openai-chat", "messages"),
        ("openai-responses", "openai-responses", "input"),
        ("anthropic-messages", "anthropic", "messages"),
        ("gemini", "gemini", "contents"),
        ("bedrock-converse", "bedrock", "messages"),
        ("ollama", "ollama", "messages"),
    ] {
        for kind in [Kind::NonStream, Kind::Stream] {
            for case in fixtures.cases(folder, kind) {
                let case = case.unwrap();
                let Some(whole) =
                    case.request.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok())
                else {
                    continue;
                };
                let Some(list) = whole[turns].as_array() else { continue };
                let is_answer = |turn: &Value| matches!(turn["role"].as_str(), Some("assistant" | "model"));
                let Some(answered) = list.iter().position(is_answer).filter(|at| *at > 0) else { continue };
                let mut first = whole.clone();
                first[turns].as_array_mut().unwrap().truncate(answered);
                assert_eq!(key(name, &[], &first), key(name, &[], &whole), "{}", case.id());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} conversations");
}

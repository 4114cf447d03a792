//! What an incoming body says that is nowhere in the outgoing one and that no loss names: for a person to read, because
//! what is said in other words looks the same as what is dropped.

use std::collections::{BTreeMap, BTreeSet};

use lockgate_protocol::ir::{Loss, Losses};
use serde_json::Value;

/// Members whose values are words of one dialect, said otherwise in every other.
const TAGS: &[&str] = &[
    "type",
    "role",
    "model",
    "modelVersion",
    "id",
    "object",
    "status",
    "format",
    "media_type",
    "mimeType",
    "stop_reason",
    "stopReason",
    "finish_reason",
    "finishReason",
    "done_reason",
    "created",
    "created_at",
    "createTime",
    "service_tier",
    "serviceTier",
    // Counts are compared by themselves.
    "totalTokenCount",
    "total_tokens",
    "totalTokens",
    "candidatesTokenCount",
    "input_tokens",
    "modality",
    "output_tokens",
    "promptTokenCount",
    "thoughtsTokenCount",
    "tokenCount",
    "toolUsePromptTokenCount",
];

/// Members that losses call otherwise.
const ALIASES: &[(&str, &str)] = &[
    ("cache_control", "cache"),
    ("cachePoint", "cache"),
    ("encrypted_content", "signature"),
    ("reasoning_details", "signature"),
    ("reasoning_effort", "reasoning"),
    ("thoughtSignature", "signature"),
    ("user_id", "user"),
];

/// Texts that are shorter may stand in the outgoing body by accident.
const TELLING: usize = 16;

/// The same, in the events of streams: they number what they tell, and hide its length.
const STREAM_TAGS: &[&str] = &[
    "content_index",
    "contentBlockIndex",
    "index",
    "item_id",
    "obfuscation",
    "output_index",
    "p",
    "sequence_number",
    "summary_index",
];

/// Members of answers that repeat the request, or are the provider's own book-keeping.
const ECHOES: &[&str] = &[
    "billing",
    "completed_at",
    "instructions",
    "max_output_tokens",
    "metadata",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "responseId",
    "safety_identifier",
    "text",
    "tool_choice",
    "tools",
    "truncation",
];

/// The events of some dialects hold the answer so far under these names, and what they hold is told by other events.
const AROUND: &[&str] = &["message.", "response."];
const TOLD: &str = "response.output.";

/// One value, or all pieces of one member of a stream.
struct Leaf {
    path: String,
    is_said: bool,
    /// It shows that its neighbours were not lost with it.
    is_telling: bool,
}

/// Of a request.
pub(super) fn whole(before: &[u8], after: &[u8], losses: &Losses) -> BTreeSet<String> {
    let (before, after): (Value, Value) =
        (serde_json::from_slice(before).unwrap(), serde_json::from_slice(after).unwrap());
    let mut said = String::new();
    words(&after, &mut said);
    let before = pruned(before, losses);
    let mut list = Vec::new();
    leaves(&before, "", &mut |path, leaf| {
        let (is_said, is_telling) = (is_said(leaf, &said), is_telling(leaf));
        list.push(Leaf { path: path.to_owned(), is_said, is_telling });
    });
    unnamed(&list, losses, TAGS)
}

/// Of a whole answer.
pub(super) fn answer(before: &[u8], after: &[u8], losses: &Losses) -> BTreeSet<String> {
    let mut unsaid = whole(before, after, losses);
    unsaid.retain(|path| !is_echo(path));
    unsaid
}

/// Of the events of a stream: texts come in pieces that other dialects cut otherwise, and the latest count is the count.
pub(super) fn stream(before: &[Value], after: &[Value], losses: &Losses) -> BTreeSet<String> {
    let mut said = String::new();
    after.iter().for_each(|event| words(event, &mut said));
    for pieces in pieces(after).into_values() {
        let text = joined(&pieces);
        documents(&text).iter().for_each(|value| words(value, &mut said));
        said.push_str(&text);
        said.push('\n');
    }
    let mut list = Vec::new();
    let before: Vec<Value> = before.iter().map(|event| pruned(event.clone(), losses)).collect();
    for (path, pieces) in pieces(&before) {
        let mut is_there = pieces.iter().all(|piece| piece.is_number() || is_said(piece, &said));
        if let Some(number) = pieces.iter().rfind(|piece| piece.is_number()) {
            is_there &= is_said(number, &said);
        }
        let values = documents(&joined(&pieces));
        if !is_there && !values.is_empty() {
            is_there = true;
            for value in &values {
                leaves(value, "", &mut |_, leaf| is_there &= is_said(leaf, &said));
            }
        }
        let is_telling = pieces.iter().any(is_telling);
        list.push(Leaf { path, is_said: is_there, is_telling });
    }
    let tags = [TAGS, STREAM_TAGS].concat();
    let mut unsaid = unnamed(&list, losses, &tags);
    unsaid.retain(|path| !is_echo(path) && !path.starts_with(TOLD));
    unsaid
}

fn is_telling(leaf: &Value) -> bool {
    leaf.as_str().is_some_and(|text| text.len() >= TELLING)
}

/// The value without the blocks that are lost as a whole, which losses name by their kind: the model counts blocks
/// otherwise than most dialects, and streams do not count them at all.
fn pruned(mut value: Value, losses: &Losses) -> Value {
    let is_lost = |value: &Value| {
        // Other kinds are words that reasons have for themselves.
        value["type"].as_str().filter(|kind| kind.contains('_')).is_some_and(|kind| {
            losses.iter().any(|loss| loss.path.ends_with(']') && loss.reason.contains(kind))
        })
    };
    let prune =
        |inner: &mut Value| *inner = if is_lost(inner) { Value::Null } else { pruned(inner.take(), losses) };
    match &mut value {
        Value::Object(members) => members.values_mut().for_each(prune),
        Value::Array(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
    value
}

fn is_echo(path: &str) -> bool {
    let path = AROUND.iter().find_map(|around| path.strip_prefix(around)).unwrap_or(path);
    ECHOES.contains(&path.split('.').next().unwrap_or_default())
}

/// All values of each member of the events, in order.
fn pieces(events: &[Value]) -> BTreeMap<String, Vec<Value>> {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in events {
        leaves(event, "", &mut |path, leaf| {
            let path = names(path).join(".");
            all.entry(path).or_default().push(leaf.clone());
        });
    }
    all
}

fn joined(pieces: &[Value]) -> String {
    pieces.iter().filter_map(Value::as_str).collect()
}

/// The objects that a text consists of; none if it is anything else.
fn documents(text: &str) -> Vec<Value> {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    values.unwrap_or_default().into_iter().filter(Value::is_object).collect()
}

fn is_said(leaf: &Value, said: &str) -> bool {
    match leaf {
        Value::String(text) => text.len() < 2 || said.contains(text.trim()),
        Value::Number(number) => {
            number.as_f64().is_some_and(|number| number.abs() <= 1.0) || said.contains(&leaf.to_string())
        }
        _ => true,
    }
}

/// The names in a path, without numbers.
fn names(path: &str) -> Vec<&str> {
    let is_name = |part: &&str| !part.is_empty() && part.parse::<usize>().is_err();
    path.split(['.', '[', ']']).filter(is_name).collect()
}

/// What is neither said nor named. A loss names the value of its path, and all that is in it where nothing of that is said
/// or the reason says so.
fn unnamed(list: &[Leaf], losses: &Losses, tags: &[&str]) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    for leaf in list.iter().filter(|leaf| !leaf.is_said) {
        let parts = names(&leaf.path);
        let is_tag = parts.last().is_some_and(|name| tags.contains(name));
        let is_lost = || {
            losses.iter().any(|loss| {
                let is_all = [Loss::PROVIDERS_OWN, Loss::CLIENTS_OWN].contains(&&*loss.reason);
                around(&leaf.path, &loss.path).is_some_and(|end| {
                    let is_whole = is_all || end == leaf.path.len();
                    is_whole || !list.iter().any(|other| says(other, &leaf.path[..end]))
                })
            })
        };
        if !is_tag && !is_lost() {
            missing.insert(parts.join("."));
        }
    }
    missing
}

/// True if `leaf` is in `thing`, and said.
fn says(leaf: &Leaf, thing: &str) -> bool {
    let is_in = leaf.path.strip_prefix(thing).is_some_and(|rest| rest.starts_with(['.', '[']));
    is_in && leaf.is_said && leaf.is_telling
}

/// Where in `path` the thing ends that a loss calls `lost`: paths of losses are those of the model, so that what counts
/// is the name at the end of theirs, or all of a path that ends in a number.
fn around(path: &str, lost: &str) -> Option<usize> {
    let lost = lost.strip_prefix("choices[0].").unwrap_or(lost);
    let wanted = if lost.ends_with(']') { lost } else { lost.rsplit(['.', ']']).next()? };
    let aliases = ALIASES.iter().filter(|(_, name)| *name == wanted).map(|(alias, _)| *alias);
    aliases.chain([wanted]).find_map(|wanted| {
        path.match_indices(wanted).find_map(|(at, _)| {
            let end = at + wanted.len();
            let starts = at == 0 || path[..at].ends_with('.');
            (starts && (end == path.len() || path[end..].starts_with(['.', '[']))).then_some(end)
        })
    })
}

fn words(value: &Value, said: &mut String) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            said.push_str(key);
            said.push('\n');
            words(value, said);
        }),
        Value::Array(list) => list.iter().for_each(|value| words(value, said)),
        Value::String(text) => {
            said.push_str(text);
            said.push('\n');
            // Arguments, schemas and results are text in one dialect and values in another.
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                words(&inner, said);
            }
        }
        other => {
            said.push_str(&other.to_string());
            said.push('\n');
        }
    }
}

fn leaves(value: &Value, path: &str, each: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(value, &format!("{path}{dot}{key}"), each);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                leaves(value, &format!("{path}[{at}]"), each);
            }
        }
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ Value::Object(_)) => leaves(&inner, path, each),
            _ => each(path, value),
        },
        leaf => each(path, leaf),
    }
}

#[test]
fn a_loss_hides_what_it_names_and_nothing_beside() {
    let mut losses = Losses::default();
    losses.add("choices[0].content[0]", "said otherwise");
    losses.add("choices[0].content[1]", "gone");
    losses.add("usage.geo", "gone");
    let before = br#"{"content":[{"text":"hello, all of you","title":"dropped"},{"name":"gone","raw":"gone too"}],"usage":{"geo":"there"},"top":"lost"}"#;
    let unsaid = answer(before, br#"{"said":"hello, all of you"}"#, &losses);
    assert_eq!(unsaid.into_iter().collect::<Vec<_>>(), ["content.title", "top"]);
    let event = |text: &str| serde_json::json!({ "delta": { "text": text, "n": 7 } });
    let after = [serde_json::json!({ "part": "hello", "n": 7 })];
    let lost = Losses::default();
    assert!(stream(&[event("hel"), event("lo")], &after, &lost).is_empty());
    assert_eq!(stream(&[event("hel"), event("p")], &[], &lost).len(), 2);
}

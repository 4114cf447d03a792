//! What each exchange becomes in each dialect, short enough to be read: losses, notes, and the shape of what goes out.
//!
//! Goldens of recorded traffic hold sizes and names of members, never words. For those that were written by hand whole
//! bodies are kept.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use insta::{Settings, assert_snapshot};
use lockgate_protocol::{
    dialect::Dialect, dialects::DIALECTS, framing::Framing, ir::Losses, translate::Pair,
};
use serde_json::Value;

use super::{
    answers,
    cases::{self, Said, Source},
    differ::Differences,
    gist, requests, streams,
};

/// The members of an outgoing body in their order, each with the bytes or elements that it has.
fn shape(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap();
    let member = |(name, value): (&String, &Value)| match value {
        Value::Array(list) => format!("{name}[{}]:{}", list.len(), value.to_string().len()),
        Value::Object(inner) => {
            let names: Vec<&str> = inner.keys().map(|key| &**key).collect();
            format!("{name}{{{}}}:{}", names.join(" "), value.to_string().len())
        }
        _ => format!("{name}:{}", value.to_string().len()),
    };
    value.as_object().unwrap().iter().map(member).collect::<Vec<_>>().join(" ")
}

/// Every member of an error body: names and numbers of the dialect as they are, words by their size.
fn anatomy(value: &Value) -> String {
    let is_name = |text: &str| {
        let is_plain =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/');
        text.len() <= 64 && text.chars().all(is_plain)
    };
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name}:{}", anatomy(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(" "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(anatomy).collect::<Vec<_>>().join(" ")),
        Value::String(text) if !is_name(text) => format!("text({})", text.len()),
        other => other.to_string(),
    }
}

/// The kinds of the events of a stream, each with how often it comes in a row.
fn beat(framing: Framing, bytes: &[u8]) -> String {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for event in cases::cut(framing, bytes) {
        let payload = framing.payload(&event);
        let value: Value = serde_json::from_slice(&payload).unwrap_or(Value::Null);
        let kind = match (&value["type"], &value) {
            (Value::String(kind), _) => kind.clone(),
            (_, Value::Object(members)) => members.keys().cloned().collect::<Vec<_>>().join("+"),
            _ => String::from_utf8_lossy(&payload).into_owned(),
        };
        match runs.last_mut() {
            Some((last, count)) if *last == kind => *count += 1,
            _ => runs.push((kind, 1)),
        }
    }
    let run = |(kind, count): (String, usize)| if count == 1 { kind } else { format!("{kind}*{count}") };
    runs.into_iter().map(run).collect::<Vec<_>>().join(" ")
}

/// Members of the incoming body whose values are nowhere in the outgoing one, and that no loss names: for a person to
/// read, because what is said in other words looks the same as what is dropped.
fn unsaid(before: &[u8], after: &[u8], losses: &Losses) -> BTreeSet<String> {
    let after: Value = serde_json::from_slice(after).unwrap();
    let mut said = String::new();
    words(&after, &mut said);
    let mut missing = BTreeSet::new();
    let before: Value = serde_json::from_slice(before).unwrap();
    leaves(&before, "", &mut |path, leaf| {
        let is_said = match leaf {
            Value::String(text) => text.len() < 2 || said.contains(text.trim()),
            Value::Number(number) => {
                number.as_f64().is_some_and(|number| number.abs() <= 1.0) || said.contains(&leaf.to_string())
            }
            _ => true,
        };
        let mut parts: Vec<&str> = path.split(['.', '[', ']']).collect();
        parts.retain(|part| !part.is_empty() && part.parse::<usize>().is_err());
        let name = parts.last().copied().unwrap_or_default();
        let is_lost = losses.iter().any(|loss| {
            let is_around = path.starts_with(&*loss.path) || path.contains(&*format!(".{}", loss.path));
            is_around
                || parts.contains(&&*loss.path)
                || loss.path.split(['.', '[', ']']).any(|part| part == name)
        });
        let is_said = is_said || TAGS.contains(&name);
        if !is_said && !is_lost {
            missing.insert(parts.join("."));
        }
    });
    missing
}

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
    "totalTokenCount",
    "total_tokens",
    "totalTokens",
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
            let _ = writeln!(said, "{other}");
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

fn tell(into: &mut String, losses: &Losses, differences: &Differences, unsaid: BTreeSet<String>) {
    for loss in losses.iter() {
        let _ = writeln!(into, "    lost: {}: {}", loss.path, loss.reason);
    }
    for note in &differences.notes {
        let _ = writeln!(into, "    note: {note}");
    }
    for path in unsaid {
        let _ = writeln!(into, "    unsaid: {path}");
    }
}

fn told(source: &Source) -> String {
    let mut all = String::new();
    let request = requests::decode(source);
    if let Some(request) = &request {
        let _ = writeln!(all, "asks: {}", gist::told(&gist::of_request(request)));
        let names: Vec<String> = gist::settings(request).into_iter().map(|(name, _)| name).collect();
        let _ = writeln!(all, "with: {}", names.join(" "));
    }
    if let Some(response) = answers::decode(source).or_else(|| streams::decode(source)) {
        let stops: Vec<_> =
            response.choices.iter().map(|choice| choice.stop.as_ref().map(|stop| stop.reason)).collect();
        let _ = writeln!(all, "is told: {}, {stops:?}", gist::told(&gist::of_response(&response)));
    }
    for dialect in DIALECTS.iter().filter(|dialect| dialect.name() != source.dialect.name()) {
        let _ = writeln!(all, "-> {}", dialect.name());
        if let Some(request) = &request {
            match requests::translate(source, request, *dialect) {
                Some(to) => {
                    let _ = writeln!(all, "  request: {}", shape(&to.encoded.body));
                    let body = source.request.as_deref().unwrap_or_default();
                    let unsaid = unsaid(body, &to.encoded.body, &to.encoded.losses);
                    tell(&mut all, &to.encoded.losses, &to.differences, unsaid);
                }
                None => all.push_str("  request: refused\n"),
            }
        }
        told_answer(source, *dialect, &mut all);
    }
    all
}

fn told_answer(source: &Source, dialect: &dyn Dialect, all: &mut String) {
    let cell = format!("{} -> {}", source.id, dialect.name());
    if let Some(response) = answers::decode(source) {
        let asked = answers::request_body(source, dialect);
        let to = answers::translate(&cell, &response, dialect, &answers::request(asked.as_deref(), dialect));
        let _ = writeln!(all, "  answer: {}", shape(&to.encoded.body));
        let Said::Whole(body) = &source.answer else { return };
        let mut unsaid = unsaid(body, &to.encoded.body, &to.encoded.losses);
        unsaid.retain(|path| !ECHOES.contains(&path.split('.').next().unwrap_or_default()));
        tell(all, &to.encoded.losses, &to.differences, unsaid);
    }
    if let Some(fault) = answers::fault(source) {
        let body: Value = serde_json::from_slice(&dialect.codec().encode_error(&fault)).unwrap();
        let _ = writeln!(all, "  error: {}", anatomy(&body));
    }
    if let Some(cell) = streams::cell(source, dialect) {
        let _ = writeln!(all, "  stream: {}", beat(dialect.codec().framing(), &cell.translated.bytes));
        tell(all, &cell.translated.losses, &cell.differences, BTreeSet::new());
    }
}

fn settings(folder: &str) -> Settings {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(format!("goldens/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn what_becomes_of_each_exchange() {
    let mut expected = BTreeSet::new();
    for source in cases::all() {
        let (folder, name) = source.id.split_once('/').unwrap();
        expected.insert(source.id.clone());
        settings(folder).bind(|| assert_snapshot!(name.to_owned(), told(&source)));
    }
    if expected.len() == DIALECTS.len() {
        // Nothing but what the repository itself holds.
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/matrix/goldens");
    for folder in std::fs::read_dir(root).unwrap().map(|folder| folder.unwrap().path()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for file in std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()) {
            let id = format!("{name}/{}", file.file_stem().unwrap().to_string_lossy());
            assert!(name == "bodies" || expected.contains(&id), "a golden of nothing: {id}");
        }
    }
}

#[test]
fn what_was_written_by_hand_in_full() {
    for source in cases::own() {
        let request = requests::decode(&source).unwrap();
        let response = answers::decode(&source).unwrap();
        for dialect in DIALECTS {
            let pair = Pair::new(source.dialect.codec(), dialect.codec());
            let asked = pair.request(&request, cases::target(*dialect)).unwrap();
            let body = answers::request_body(&source, *dialect);
            let client = answers::request(body.as_deref(), *dialect);
            let told = dialect.codec().encode_response(&response, cases::reply(*dialect, &client));
            let mut text = String::new();
            for (what, encoded) in [("request", asked), ("answer", told)] {
                let value: Value = serde_json::from_slice(&encoded.body).unwrap();
                let _ = writeln!(text, "{what}: {value:#}");
                for loss in encoded.losses.iter() {
                    let _ = writeln!(text, "lost: {}: {}", loss.path, loss.reason);
                }
            }
            let name = format!("{}-to-{}", source.dialect.name(), dialect.name());
            settings("bodies").bind(|| assert_snapshot!(name, text));
        }
    }
}

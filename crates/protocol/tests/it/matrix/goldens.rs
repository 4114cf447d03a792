//! What each exchange becomes in each dialect, short enough to be read: losses, notes, and the shape of what goes out.
//!
//! Goldens of recorded traffic hold sizes and names of members, never words. For those that were written by hand whole
//! bodies are kept. What a client is told of errors is in the goldens of `lockgate-provider`, which knows what they mean.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use insta::{Settings, assert_snapshot};
use lockgate_protocol::{
    dialect::Dialect,
    dialects::DIALECTS,
    framing::Framing,
    ir::{Content, Losses, Response},
    translate::Pair,
};
use serde_json::Value;

use super::{
    answers,
    cases::{self, Said, Source},
    differ::Differences,
    gist, requests, streams, unsaid,
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
        let said = gist::told(&gist::of_response(&response));
        let _ = writeln!(all, "is told: {said}, {stops:?}{}", beside(&response));
    }
    for dialect in DIALECTS.iter().filter(|dialect| dialect.name() != source.dialect.name()) {
        let _ = writeln!(all, "-> {}", dialect.name());
        if let Some(request) = &request {
            match requests::translate(source, request, *dialect) {
                Some(to) => {
                    let _ = writeln!(all, "  request: {}", shape(&to.encoded.body));
                    let body = source.request.as_deref().unwrap_or_default();
                    let unsaid = unsaid::whole(body, &to.encoded.body, &to.encoded.losses);
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
        let unsaid = unsaid::answer(body, &to.encoded.body, &to.encoded.losses);
        tell(all, &to.encoded.losses, &to.differences, unsaid);
    }
    if let Some(cell) = streams::cell(source, dialect) {
        let (bytes, losses) = (&cell.translated.bytes, &cell.translated.losses);
        let _ = writeln!(all, "  stream: {}", beat(dialect.codec().framing(), bytes));
        let Said::Stream(events, is_wrapped) = &source.answer else { return };
        let before = payloads(source.dialect.codec().framing(), events, *is_wrapped);
        let framing = dialect.codec().framing();
        let after = payloads(framing, &cases::cut(framing, bytes), false);
        tell(all, losses, &cell.differences, unsaid::stream(&before, &after, losses));
    }
}

/// What the events of a stream say; those that InvokeModel wraps have their payload inside.
fn payloads(framing: Framing, events: &[Vec<u8>], is_wrapped: bool) -> Vec<Value> {
    let value = |event: &Vec<u8>| -> Option<Value> {
        let framing = if is_wrapped { Framing::EventStream } else { framing };
        let value: Value = serde_json::from_slice(&framing.payload(event)).ok()?;
        let Some(inner) = value["bytes"].as_str().filter(|_| is_wrapped) else { return Some(value) };
        serde_json::from_slice(&BASE64.decode(inner).ok()?).ok()
    };
    events.iter().filter_map(value).collect()
}

/// What an answer says beside its words: what backs them, and what it cost.
fn beside(response: &Response<'_>) -> String {
    let blocks = response.choices.iter().flat_map(|choice| &choice.blocks);
    let cited: usize = blocks
        .map(|block| match &block.content {
            Content::Text { citations, .. } => citations.len(),
            _ => 0,
        })
        .sum();
    let mut all = if cited > 0 { format!(", {cited} citations") } else { String::new() };
    if let Some(usage) = &response.usage {
        let _ = write!(all, ", usage {}+{}", usage.total_input(), usage.output);
        for (path, count) in usage.parts().into_iter().filter(|(_, count)| *count > 0) {
            let _ = write!(all, " {}:{count}", path.trim_start_matches("usage."));
        }
    }
    all
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

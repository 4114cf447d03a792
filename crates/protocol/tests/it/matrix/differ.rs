//! How two conversations differ beyond what the losses between them say.

use lockgate_protocol::ir::Losses;
use serde_json::{Value, json};

use super::gist::{Atom, What, value};

/// True if a loss names the thing at `path`, something in it, or something it is in.
pub(super) fn is_named(losses: &Losses, path: &str) -> bool {
    let short = path.strip_prefix("choices[0].").unwrap_or(path);
    losses.iter().any(|loss| {
        [path, short].iter().any(|path| is_within(&loss.path, path) || is_within(path, &loss.path))
    })
}

fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What was found different.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// What is gone, changed or made up and no loss says so.
    pub(super) silent: Vec<String>,
    /// What is as it has to be, but worth reading.
    pub(super) notes: Vec<String>,
}

impl Differences {
    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Compares what was said with what arrived: everything has to arrive, in order, but for what the losses name.
pub(super) fn compare(before: &[Atom], after: &[Atom], losses: &Losses) -> Differences {
    let mut found = Differences::default();
    texts(before, after, losses, &mut found);
    calls(before, after, losses, &mut found);
    things(before, after, losses, &mut found);
    found
}

fn texts(before: &[Atom], after: &[Atom], losses: &Losses, found: &mut Differences) {
    let said: Vec<&str> = after.iter().filter_map(|atom| atom.what.text()).collect();
    let all = said.concat();
    let values: Vec<Value> = said.iter().map(|text| value(text)).collect();
    let mut cursor = 0;
    let mut size = 0;
    for atom in before {
        let Some(text) = atom.what.text() else { continue };
        size += text.len();
        if text.trim().is_empty() {
            continue;
        }
        if let Some(at) = all[cursor..].find(text) {
            cursor += at + text.len();
        } else if all.contains(text) {
            found.note(format!("moved: {}", atom.path));
        } else if values.contains(&value(text)) {
            found.note(format!("spelled otherwise: {}", atom.path));
        } else if !is_named(losses, &atom.path) {
            found.silent.push(format!("{} at {} is gone", atom.what, atom.path));
        }
    }
    let more = said.iter().map(|text| text.len()).sum::<usize>();
    if more > size {
        found.note(format!("{} more bytes of text", more - size));
    }
}

fn calls(before: &[Atom], after: &[Atom], losses: &Losses, found: &mut Differences) {
    let list = |atoms: &[Atom]| -> Vec<(String, String, String, Value)> {
        let call = |atom: &Atom| match &atom.what {
            What::Call { id, name, input } => {
                Some((atom.path.clone(), id.clone(), name.clone(), input.clone()))
            }
            _ => None,
        };
        atoms.iter().filter_map(call).collect()
    };
    let (before_calls, after_calls) = (list(before), list(after));
    let mut rest = after_calls.iter();
    for (path, id, name, input) in &before_calls {
        let mut ahead = rest.clone();
        match ahead.find(|call| {
            call.2 == *name && (call.3 == *input || wraps(&call.3, input) || wraps(input, &call.3))
        }) {
            Some(call) => {
                if call.3 != *input {
                    found.note(format!("its text is put into an object: {path}"));
                }
                if call.1 != *id {
                    found.note(format!("another id: {path}"));
                }
                rest = ahead;
            }
            None if is_named(losses, path) => {}
            None => found.silent.push(format!("call at {path} is gone")),
        }
    }
    if after_calls.len() > before_calls.len() {
        found.silent.push(format!("{} calls became {}", before_calls.len(), after_calls.len()));
    }
    // A result has to answer the call that it answered.
    let links = |atoms: &[Atom], calls: &[(String, String, String, Value)]| -> Vec<(String, Option<usize>)> {
        let link = |atom: &Atom| match &atom.what {
            What::Result { id, .. } => Some((atom.path.clone(), calls.iter().position(|call| call.1 == *id))),
            _ => None,
        };
        atoms.iter().filter_map(link).collect()
    };
    let (before_links, after_links) = (links(before, &before_calls), links(after, &after_calls));
    let mut after_places: Vec<Option<usize>> = after_links.iter().map(|link| link.1).collect();
    for (path, place) in before_links {
        match after_places.iter().position(|after| *after == place) {
            Some(at) => drop(after_places.remove(at)),
            None if is_named(losses, &path) => {}
            None => found.silent.push(format!("result at {path} no longer answers call {place:?}")),
        }
    }
    if !after_places.is_empty() && after_links.len() > list_results(before) {
        found.silent.push(format!("{} results were made up", after_places.len()));
    }
}

/// True if `object` has one member, and that is the text.
fn wraps(object: &Value, text: &Value) -> bool {
    text.is_string()
        && object
            .as_object()
            .is_some_and(|object| object.len() == 1 && object.values().all(|value| value == text))
}

fn list_results(atoms: &[Atom]) -> usize {
    atoms.iter().filter(|atom| matches!(atom.what, What::Result { .. })).count()
}

fn things(before: &[Atom], after: &[Atom], losses: &Losses, found: &mut Differences) {
    let thoughts: String = after.iter().filter_map(|atom| atom.what.thought()).collect();
    let mut rest: Vec<&What> = after.iter().map(|atom| &atom.what).collect();
    for atom in before {
        let same = |other: &&What| match (&atom.what, *other) {
            (What::Media { data, .. }, What::Media { data: other, .. }) => data == other,
            (what, other) => what == other,
        };
        match &atom.what {
            What::Text(_) | What::Call { .. } | What::Result { failed: false, .. } => {}
            What::Result { .. } => {
                let failures = |atoms: &[Atom]| {
                    let is_failure = |atom: &&Atom| matches!(atom.what, What::Result { failed: true, .. });
                    atoms.iter().filter(is_failure).count()
                };
                if failures(after) != failures(before) && !is_named(losses, &atom.path) {
                    found.note(format!("its failure is only in its words: {}", atom.path));
                }
            }
            What::Thought(text) if thoughts.contains(text.as_str()) => {}
            what => match rest.iter().position(same) {
                Some(at) => {
                    if rest[at] != what {
                        found.note(format!("{what} became {}: {}", rest[at], atom.path));
                    }
                    rest.remove(at);
                }
                None if is_named(losses, &atom.path) => {}
                None => found.silent.push(format!("{what} at {} is gone", atom.path)),
            },
        }
    }
    let made_up = |what: &&&What| matches!(what, What::Media { .. } | What::Foreign(_));
    for what in rest.iter().filter(made_up) {
        found.note(format!("new: {what}"));
    }
}

/// Compares what was asked for with what arrived.
pub(super) fn compare_settings(
    before: &[(String, Value)],
    after: &[(String, Value)],
    losses: &Losses,
) -> Differences {
    let mut found = Differences::default();
    let is_named = |name: &str| {
        let aliases: &[&str] = match name {
            "format" => &["format", "response_format", "text.format"],
            "parallel_tools" => &["parallel_tools", "parallel_tool_calls"],
            "choices" => &["choices", "n"],
            "logprobs" => &["logprobs", "top_logprobs"],
            "cache_key" => &["cache_key", "prompt_cache_key"],
            "previous" => &["previous", "previous_response_id"],
            "stop" => &["stop", "stop_sequences"],
            _ => &[],
        };
        aliases.iter().chain([&name]).any(|name| is_named(losses, name))
    };
    let before = narrowed(before, after);
    let (tools, rest): (Vec<_>, Vec<_>) = before.iter().partition(|(name, _)| name.starts_with("tools["));
    let mut others: Vec<&(String, Value)> = after.iter().collect();
    for (name, value) in tools {
        match others.iter().position(|other| other.1 == *value && other.0.starts_with("tools[")) {
            Some(at) => drop(others.remove(at)),
            None if others
                .iter()
                .any(|other| other.0.starts_with("tools[") && takes_its_text(&other.1, value)) =>
            {
                others.retain(|other| !takes_its_text(&other.1, value));
                found.note(format!("takes its text in an object: {name}"));
            }
            None if is_named(name) => {
                // What it became is its replacement, not an invention.
                let is_it =
                    |other: &&(String, Value)| other.0.starts_with("tools[") && other.1[0] == value[0];
                if let Some(at) = others.iter().position(is_it) {
                    others.remove(at);
                }
            }
            None => found.silent.push(format!("{name} is gone: {}", shape(value))),
        }
    }
    for (name, value) in rest {
        match others.iter().position(|other| other.0 == *name) {
            Some(at) => {
                let other = others.remove(at);
                if other.1 != *value && !is_named(name) {
                    found.silent.push(format!("{name} was {} and is {}", shape(value), shape(&other.1)));
                }
            }
            None if is_named(name) => {}
            None => found.silent.push(format!("{name} is gone: {}", shape(value))),
        }
    }
    for (name, value) in others {
        if !is_named(name) {
            found.silent.push(format!("{name} is made up: {}", shape(value)));
        }
    }
    found
}

/// True if a tool is a function with one text in place of another that takes plain text.
fn takes_its_text(function: &Value, tool: &Value) -> bool {
    let is_one = tool[3] == "Custom" && function[3] == "Function";
    is_one && function[2] == json!(["input"]) && [0, 1].iter().all(|at| function[*at] == tool[*at])
}

/// A choice among some tools is the choice among all where no others are offered, and the choice of one is that one.
fn narrowed(before: &[(String, Value)], after: &[(String, Value)]) -> Vec<(String, Value)> {
    let choice = |list: &[(String, Value)]| {
        list.iter().find(|(name, _)| name == "tool_choice").map(|(_, value)| value.clone())
    };
    let asked = match choice(before) {
        Some(asked) if choice(after).is_some_and(|value| value[0] == asked[0]) => return before.to_vec(),
        Some(asked) if asked[0] == "allowed" => asked,
        Some(asked) if asked[0] == "named" => json!(["allowed", [asked[1]], true]),
        _ => return before.to_vec(),
    };
    let Some(names) = asked[1].as_array() else { return before.to_vec() };
    let is_named = choice(after).is_some_and(|value| value[0] == "named");
    let meant = match &names[..] {
        [name] if is_named => json!(["named", name]),
        _ if asked[2] == json!(true) => json!("required"),
        _ => Value::Null,
    };
    let tools = after.iter().filter(|(name, _)| name.starts_with("tools[")).count();
    let mut list = before.to_vec();
    list.retain_mut(|(name, value)| {
        if name == "tool_choice" {
            *value = meant.clone();
            return !meant.is_null();
        }
        !name.starts_with("tools[") || names.contains(&value[0]) || tools > names.len()
    });
    list
}

fn shape(value: &Value) -> String {
    let text = value.to_string();
    if text.len() < 80 { text } else { format!("{}…", text.chars().take(80).collect::<String>()) }
}

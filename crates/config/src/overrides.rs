//! Variables in the place of values: `LOCKGATE_SERVER__LISTEN` is `server.listen`.
//!
//! They are put into the tree before it is checked, so that they hold for files of every form and for none, and are wrong
//! in the words in which a file is.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::check::{self, branches, has_type};
use crate::nearest::nearest;
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{Entry, Kind, Node, Scalar};
use crate::{Names, from_file};

/// What the names of such variables begin with.
const PREFIX: &str = "LOCKGATE_";
/// What stands between the keys of a path.
const BETWEEN: &str = "__";

/// Variables that begin alike and are no keys: those of the program itself, then those of its tests.
const RESERVED: &[&str] = &[
    "LOCKGATE_CONFIG",
    "LOCKGATE_ADMIN_KEY",
    "LOCKGATE_AGENTS",
    "LOCKGATE_BINARY",
    "LOCKGATE_BUDGET_CALLS",
    "LOCKGATE_CATALOGUE",
    "LOCKGATE_CLOCK_REFILL",
    "LOCKGATE_CUTS",
    "LOCKGATE_FIXTURES",
    "LOCKGATE_FULL_SECONDS",
    "LOCKGATE_FUZZ_ROUNDS",
    "LOCKGATE_KEY",
    "LOCKGATE_KILLED_BUDGET_CALLS",
    "LOCKGATE_KILLS",
    "LOCKGATE_KILL_FOLDER",
    "LOCKGATE_KILL_KEYS_FOLDER",
    "LOCKGATE_KILL_KEYS_ROUND",
    "LOCKGATE_KILL_ROUND",
    "LOCKGATE_LEDGER_CALLS",
    "LOCKGATE_OUTAGE",
    "LOCKGATE_RELOADS",
    "LOCKGATE_ROWS",
    "LOCKGATE_RUN",
    "LOCKGATE_SCENARIOS",
    "LOCKGATE_SERIES",
    "LOCKGATE_STORM",
    "LOCKGATE_STORM_ALONE",
    "LOCKGATE_TRAINING",
];

/// Puts the values of all such variables into the tree, and returns the names of the variables.
pub(crate) fn apply(
    root: &mut Node,
    schema: &Json,
    names: Names<'_>,
    reading: &mut Reading<'_>,
) -> Vec<String> {
    let env = reading.around.env;
    let names: BTreeSet<String> = names().into_iter().filter(|name| name.starts_with(PREFIX)).collect();
    let mut applied = Vec::new();
    for name in names {
        // As everywhere, a variable that is set to nothing counts as not set.
        let Some(value) = env(&name).filter(|value| !value.is_empty()) else { continue };
        if is_reserved(&name, &value) || reading.referred.contains(&name) {
            continue;
        }
        let span = reading.sources.add_variable(&name);
        let segments: Vec<&str> = name[PREFIX.len()..].split(BETWEEN).collect();
        let mut path = String::new();
        let mut walk = Walk { schema, span, path: &mut path, keys: &mut Vec::new() };
        match walk.to(root, false, schema, &segments) {
            Ok(None) => {}
            Ok(Some(node)) => {
                let scalar = Scalar { text: value.clone(), plain: true, interpolated: false };
                *node = Node { span, kind: Kind::Scalar(scalar) };
                if let Some(written) = value.strip_prefix(from_file::SCHEME) {
                    from_file::replace(node, written, &path, reading);
                }
                applied.push(name);
            }
            Err(Stop { message, hint }) => reading.findings.report(span, &path, message, Some(hint)),
        }
    }
    applied
}

/// Whether a variable is the program's own, or one of those by which Kubernetes tells all pods of a service that is called
/// like the gateway.
fn is_reserved(name: &str, value: &str) -> bool {
    let is_port = |text: &str| text.strip_prefix(|c: char| c.is_ascii_digit()).is_some();
    let of_service = name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT") && value.contains("://")
        || name.split("_PORT_").skip(1).any(is_port);
    RESERVED.contains(&name) || of_service && !name.contains(BETWEEN)
}

/// Why a variable leads nowhere.
struct Stop {
    message: String,
    hint: String,
}

/// The way of one variable through the tree.
struct Walk<'a> {
    schema: &'a Json,
    /// The variable.
    span: Span,
    /// The keys so far, as messages say them.
    path: &'a mut String,
    /// The keys so far, as variables say them.
    keys: &'a mut Vec<String>,
}

impl Walk<'_> {
    /// The node that the segments lead to, which is made where it is not there; `None` below what is broken already. A node
    /// that is new has no content yet, and says nothing should the way end before it has any.
    fn to<'n>(
        &mut self,
        node: &'n mut Node,
        is_new: bool,
        here: &Json,
        segments: &[&str],
    ) -> Result<Option<&'n mut Node>, Stop> {
        let Some((segment, rest)) = segments.split_first() else { return Ok(Some(node)) };
        let alternatives = branches(self.schema, here);
        let mapping = alternatives.iter().copied().find(|branch| has_type(branch, "object"));
        let list = alternatives.iter().copied().find(|branch| has_type(branch, "array"));
        if matches!(node.kind, Kind::Broken) && !is_new {
            return Ok(None);
        }
        if (is_new || node.is_null())
            && let Some(kind) = empty(mapping, list, segment)
        {
            node.kind = kind;
        }
        match (&mut node.kind, mapping, list) {
            (Kind::Mapping(entries), Some(mapping), _) => {
                let there = entries.len();
                let (at, schema) = self.entry(entries, mapping, segment)?;
                self.to(&mut entries[at].value, at == there, schema, rest)
            }
            (Kind::Sequence(items), _, Some(list)) => {
                let there = items.len();
                let at = self.item(items, segment)?;
                self.to(&mut items[at], at == there, &list["items"], rest)
            }
            _ => Err(Stop {
                message: format!("names no key: `{}` has none inside", self.path),
                hint: format!("the variable for it is `{}`", self.variable(None)),
            }),
        }
    }

    /// Which entry a segment names, and what the schema says of its value.
    fn entry<'s>(
        &mut self,
        entries: &mut Vec<Entry>,
        mapping: &'s Json,
        segment: &str,
    ) -> Result<(usize, &'s Json), Stop> {
        let properties = mapping["properties"].as_object();
        let others = mapping.get("additionalProperties").filter(|others| others.is_object());
        let written = entries.iter().position(|entry| is_same(&entry.key, segment));
        let property = check::names(properties).find(|key| is_same(key, segment));
        let key = match (written, property, others) {
            (Some(at), ..) => entries[at].key.clone(),
            (None, Some(property), _) => property.to_owned(),
            (None, None, Some(_)) if !segment.is_empty() => segment.to_ascii_lowercase(),
            _ => return Err(self.unknown(properties, segment)),
        };
        let schema = property.and_then(|property| properties?.get(property)).or(others);
        let Some(schema) = schema else { return Err(self.unknown(properties, segment)) };
        *self.path = check::join(self.path, &check::shown_key(&key, true));
        self.keys.push(segment.to_owned());
        let at = written.unwrap_or(entries.len());
        if at == entries.len() {
            entries.push(Entry { key, key_span: self.span, value: nothing(self.span), comment: None });
        }
        Ok((at, schema))
    }

    /// Which item a segment names: one that is there, or the next.
    fn item(&mut self, items: &mut Vec<Node>, segment: &str) -> Result<usize, Stop> {
        match segment.parse::<usize>() {
            Ok(at) if at <= items.len() => {
                *self.path = format!("{}[{at}]", self.path);
                self.keys.push(segment.to_owned());
                if at == items.len() {
                    items.push(nothing(self.span));
                }
                Ok(at)
            }
            _ => Err(Stop {
                message: format!("names no item of `{}`", self.path),
                hint: format!(
                    "items are numbered from 0, and the next would be `{}`",
                    self.variable(Some(&items.len().to_string()))
                ),
            }),
        }
    }

    fn unknown(&self, properties: Option<&check::Properties>, segment: &str) -> Stop {
        if segment.is_empty() {
            let message = "names no key: a part of its name is empty".to_owned();
            return Stop { message, hint: "a path is written as in `LOCKGATE_SERVER__LISTEN`".to_owned() };
        }
        let place = match self.path.as_str() {
            "" => "the config".to_owned(),
            path => format!("`{path}`"),
        };
        let hint = match nearest(segment, check::names(properties)) {
            Some(near) => format!("did you mean `{}`?", self.variable(Some(&near.to_ascii_uppercase()))),
            None => {
                let names: Vec<String> = check::names(properties).map(|name| format!("`{name}`")).collect();
                format!("the keys here are {}", names.join(", "))
            }
        };
        let shown = check::shown_key(&segment.to_ascii_lowercase(), true);
        Stop { message: format!("names no key: {place} has no `{shown}`"), hint }
    }

    /// The name of the variable that leads here, and perhaps one key further.
    fn variable(&self, next: Option<&str>) -> String {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).chain(next).collect();
        format!("{PREFIX}{}", keys.join(BETWEEN))
    }
}

/// What a thing is before anything is in it that `segment` names.
fn empty(mapping: Option<&Json>, list: Option<&Json>, segment: &str) -> Option<Kind> {
    let is_item = segment.bytes().all(|byte| byte.is_ascii_digit());
    match (mapping, list) {
        (_, Some(_)) if is_item => Some(Kind::Sequence(Vec::new())),
        (Some(_), _) => Some(Kind::Mapping(Vec::new())),
        (None, Some(_)) => Some(Kind::Sequence(Vec::new())),
        (None, None) => None,
    }
}

fn nothing(span: Span) -> Node {
    Node { span, kind: Kind::Broken }
}

/// Whether a key is meant by a part of a variable's name, which has no case and only one sign between words.
fn is_same(key: &str, segment: &str) -> bool {
    let plain = |c: u8| if matches!(c, b'-' | b'.') { b'_' } else { c.to_ascii_lowercase() };
    key.len() == segment.len()
        && key.bytes().zip(segment.bytes()).all(|(key, segment)| plain(key) == plain(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_kubernetes_are_no_overrides() {
        for (name, value) in [
            ("LOCKGATE_SERVICE_HOST", "10.0.0.1"),
            ("LOCKGATE_SERVICE_PORT", "80"),
            ("LOCKGATE_SERVICE_PORT_HTTP", "80"),
            ("LOCKGATE_PORT", "tcp://10.0.0.1:80"),
            ("LOCKGATE_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("LOCKGATE_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("LOCKGATE_CANARY_SERVICE_HOST", "10.0.0.1"),
        ] {
            assert!(is_reserved(name, value), "{name}");
        }
        for name in
            ["LOCKGATE_STRATEGY", "LOCKGATE_PORT", "LOCKGATE_SERVER__LISTEN", "LOCKGATE_A__B_SERVICE_HOST"]
        {
            assert!(!is_reserved(name, "80"), "{name}");
        }
    }

    #[test]
    fn every_variable_of_this_repository_is_a_key_or_reserved() {
        // These are about variables that are neither.
        const LEFT_OUT: [&str; 2] = ["overrides.rs", "beside.rs"];
        let schema = crate::schema();
        let mut seen = 0;
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                    folders.push(path);
                } else if [".rs", ".py", ".mjs", ".js", ".sh"].iter().any(|ending| name.ends_with(ending))
                    && !LEFT_OUT.contains(&name.as_str())
                {
                    let text = std::fs::read_to_string(&path).unwrap_or_default();
                    for (at, _) in text.match_indices(PREFIX) {
                        let name = &text[at..];
                        let name = &name[..name
                            .find(|c: char| !(c.is_ascii_uppercase() || c == '_'))
                            .unwrap_or(name.len())];
                        let is_key = check::names(schema["properties"].as_object())
                            .any(|key| is_same(key, &name[PREFIX.len()..]));
                        let is_known =
                            RESERVED.contains(&name) || is_key || name.contains(BETWEEN) || name == PREFIX;
                        assert!(
                            is_known,
                            "{}: `{name}` belongs into the table of reserved variables",
                            path.display()
                        );
                        seen += usize::from(RESERVED.contains(&name));
                    }
                }
            }
        }
        assert!(seen > 10, "only {seen} of them were found");
    }
}

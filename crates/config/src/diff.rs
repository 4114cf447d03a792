//! What is different between two configs, in words that an operator reads in a log: no secret, no value from a variable.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::schema;
use crate::tree::{Kind, Node, quotable};
use crate::value::Value;

/// Most changes that are spelt out; the rest are counted.
const MAX_LINES: usize = 200;
/// Most characters of a list or mapping within a line.
const MAX_INLINE: usize = 200;

/// The things that have names: how they are found, and what one of them is called. `*` is any key, `[]` any item.
const THINGS: [(&[&str], &str); 5] = [
    (&["providers", "*"], "provider"),
    (&["providers", "*", "credentials", "[]"], "credential"),
    (&["models", "*"], "model"),
    (&["access", "keys", "[]"], "client key"),
    (&["prices", "*"], "price"),
];

/// What only a start takes, by its path.
const AT_START: [&str; 5] = ["data_dir", "log.journal", "log.level", "log.format", "access.pepper"];
/// How a change of that ends.
const FROM_THE_NEXT_START: &str = "(counts from the next start on)";

/// Whether a change, in the words of [`Loaded::changes_since`](crate::Loaded::changes_since), counts from the next start on
/// only.
#[must_use]
pub fn waits_for_start(change: &str) -> bool {
    change.ends_with(FROM_THE_NEXT_START)
}

/// What a config says, and what of it came from variables.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    value: Value,
    /// The texts that variables brought: never shown.
    hidden: HashSet<String>,
}

impl Said {
    /// `value` is what the check made of `root`.
    pub(crate) fn new(value: Value, root: &Node) -> Self {
        let mut hidden = HashSet::new();
        from_variables(root, &mut hidden);
        Self { value, hidden }
    }

    /// What was changed since `older`, a line for each change in the order of the file; none if nothing was.
    pub(crate) fn changes_since(&self, older: &Self) -> Vec<String> {
        let schema = schema();
        let hidden = self.hidden.union(&older.hidden).map(String::as_str).collect();
        let mut differ = Differ { schema: &schema, hidden, lines: Vec::new(), not_shown: 0 };
        differ.compare(&Place::default(), &schema, Some(&older.value), Some(&self.value));
        if differ.not_shown > 0 {
            differ.lines.push(format!("and {} more changes", differ.not_shown));
        }
        differ.lines
    }
}

fn from_variables(node: &Node, found: &mut HashSet<String>) {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.interpolated => {
            found.insert(scalar.text.clone());
        }
        Kind::Scalar(_) | Kind::Broken => {}
        Kind::Sequence(items) => items.iter().for_each(|item| from_variables(item, found)),
        Kind::Mapping(entries) => entries.iter().for_each(|entry| from_variables(&entry.value, found)),
    }
}

/// Where a value stands.
#[derive(Clone, Default)]
struct Place {
    /// As a path of the file.
    path: String,
    /// The same as steps for [`THINGS`].
    steps: Vec<String>,
}

impl Place {
    fn key(&self, key: &str) -> Self {
        let shown = quotable(key);
        let path = if self.path.is_empty() { shown.clone() } else { format!("{}.{shown}", self.path) };
        self.step(path, shown)
    }

    fn item(&self, index: usize) -> Self {
        self.step(format!("{}[{index}]", self.path), "[]".to_owned())
    }

    fn step(&self, path: String, step: String) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { path, steps }
    }

    /// What the thing at this place is called, if it has a name.
    fn thing(&self, value: &Value) -> Option<String> {
        let fits = |pattern: &[&str]| {
            let same = |(step, part): (&String, &&str)| *part == "*" || step == part;
            pattern.len() == self.steps.len() && self.steps.iter().zip(pattern).all(same)
        };
        let (_, word) = THINGS.iter().find(|(pattern, _)| fits(pattern))?;
        let last = self.steps.last()?;
        if last != "[]" {
            return Some(format!("{word} \"{last}\""));
        }
        // An item is called by its name, or by its number in the list as everywhere else.
        let index = self.path.rsplit_once('[')?.1.trim_end_matches(']').parse::<usize>().ok()?;
        let name = name_of(value).map_or_else(|| (index + 1).to_string(), quotable);
        Some(match self.steps.get(1).filter(|_| self.steps.len() == 4) {
            Some(owner) => format!("{word} {owner}#{name}"),
            None => format!("{word} \"{name}\""),
        })
    }
}

struct Differ<'a> {
    schema: &'a Json,
    hidden: HashSet<&'a str>,
    lines: Vec<String>,
    not_shown: usize,
}

impl<'a> Differ<'a> {
    fn say(&mut self, line: String) {
        if self.lines.len() < MAX_LINES {
            self.lines.push(line);
        } else {
            self.not_shown += 1;
        }
    }

    fn compare(&mut self, place: &Place, schema: &'a Json, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (old, new) if old == new => {}
            (Some(Value::Mapping(old)), Some(Value::Mapping(new))) => {
                self.mappings(place, schema, old, new);
            }
            (Some(Value::Sequence(old)), Some(Value::Sequence(new))) if are_mappings(old, new) => {
                self.lists(place, schema, old, new);
            }
            (Some(old), Some(new)) => match (self.shown(schema, old), self.shown(schema, new)) {
                (Some(old), Some(new)) => {
                    self.say(format!("changed {}: {old} -> {new}{}", place.path, when(place)))
                }
                _ => self.say(format!("changed {}{}", place.path, when(place))),
            },
            (None, Some(new)) => self.one_sided("added", place, schema, new),
            (Some(old), None) => self.one_sided("removed", place, schema, old),
            (None, None) => {}
        }
    }

    /// A thing is one line; of what has no name of its own each value is.
    fn one_sided(&mut self, verb: &str, place: &Place, schema: &'a Json, value: &Value) {
        if let Some(thing) = place.thing(value) {
            return self.say(format!("{verb} {thing}"));
        }
        match value {
            Value::Mapping(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    let schema = self.field(schema, key);
                    self.one_sided(verb, &place.key(key), schema, value);
                }
            }
            Value::Sequence(items) if !items.is_empty() && are_mappings(items, &[]) => {
                let schema = self.items(schema);
                for (index, item) in items.iter().enumerate() {
                    self.one_sided(verb, &place.item(index), schema, item);
                }
            }
            _ => match self.shown(schema, value) {
                Some(shown) => self.say(format!("{verb} {}: {shown}{}", place.path, when(place))),
                None => self.say(format!("{verb} {}{}", place.path, when(place))),
            },
        }
    }

    fn mappings(
        &mut self,
        place: &Place,
        schema: &'a Json,
        old: &[(String, Value)],
        new: &[(String, Value)],
    ) {
        let before: HashMap<&str, &Value> = old.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let now: HashSet<&str> = new.iter().map(|(key, _)| key.as_str()).collect();
        for (key, value) in old.iter().filter(|(key, _)| !now.contains(key.as_str())) {
            let schema = self.field(schema, key);
            self.compare(&place.key(key), schema, Some(value), None);
        }
        for (key, value) in new {
            let schema = self.field(schema, key);
            self.compare(&place.key(key), schema, before.get(key.as_str()).copied(), Some(value));
        }
    }

    /// Items are the same that are equal, else those of the same name, else those of the same number.
    fn lists(&mut self, place: &Place, schema: &'a Json, old: &[Value], new: &[Value]) {
        let schema = self.items(schema);
        let mut left: Vec<usize> = (0..old.len()).collect();
        let mut partners: Vec<Option<usize>> = vec![None; new.len()];
        let is_same: [&dyn Fn(usize, usize) -> bool; 3] = [
            &|was, now| old[was] == new[now],
            &|was, now| name_of(&old[was]).is_some() && name_of(&old[was]) == name_of(&new[now]),
            &|was, now| was == now && name_of(&old[was]).is_none() && name_of(&new[now]).is_none(),
        ];
        for is_same in is_same {
            for (now, partner) in partners.iter_mut().enumerate().filter(|(_, partner)| partner.is_none()) {
                let found = left.iter().position(|was| is_same(*was, now));
                *partner = found.map(|at| left.remove(at));
            }
        }
        for was in left {
            self.one_sided("removed", &place.item(was), schema, &old[was]);
        }
        for (now, partner) in partners.into_iter().enumerate() {
            self.compare(&place.item(now), schema, partner.map(|was| &old[was]), Some(&new[now]));
        }
    }

    /// A value within a line; `None` if it is not to be shown.
    fn shown(&self, schema: &'a Json, value: &Value) -> Option<String> {
        let mut line = String::new();
        self.inline(schema, value, &mut line)?;
        if line.chars().nth(MAX_INLINE).is_some() {
            line = line.chars().take(MAX_INLINE).chain(['…']).collect();
        }
        Some(line)
    }

    fn inline(&self, schema: &'a Json, value: &Value, line: &mut String) -> Option<()> {
        match value {
            Value::String(text) => {
                let is_secret = self.branches(schema).iter().any(|branch| branch["writeOnly"] == true);
                if is_secret || self.hidden.contains(text.as_str()) {
                    return None;
                }
                let _ = write!(line, "\"{}\"", quotable(text));
            }
            Value::Null => line.push_str("null"),
            Value::Boolean(value) => {
                let _ = write!(line, "{value}");
            }
            Value::Integer(value) if self.hidden.contains(value.to_string().as_str()) => return None,
            Value::Integer(value) => {
                let _ = write!(line, "{value}");
            }
            Value::Sequence(items) => {
                let schema = self.items(schema);
                line.push('[');
                for (index, item) in items.iter().enumerate() {
                    line.push_str(if index == 0 { "" } else { ", " });
                    self.inline(schema, item, line)?;
                }
                line.push(']');
            }
            Value::Mapping(entries) => {
                line.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    let _ = write!(line, "{}{}: ", if index == 0 { " " } else { ", " }, quotable(key));
                    self.inline(self.field(schema, key), value, line)?;
                }
                line.push_str(if entries.is_empty() { "}" } else { " }" });
            }
        }
        Some(())
    }

    fn field(&self, schema: &'a Json, key: &str) -> &'a Json {
        let mut branches = self.branches(schema).into_iter();
        let found = branches.find_map(|branch| {
            branch["properties"]
                .get(key)
                .or_else(|| branch.get("additionalProperties").filter(|it| it.is_object()))
        });
        found.unwrap_or(&Json::Null)
    }

    fn items(&self, schema: &'a Json) -> &'a Json {
        let mut branches = self.branches(schema).into_iter();
        branches.find_map(|branch| branch.get("items")).unwrap_or(&Json::Null)
    }

    /// The alternatives of a schema, with references followed.
    fn branches(&self, schema: &'a Json) -> Vec<&'a Json> {
        let name = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
        let schema = name.map_or(schema, |name| &self.schema["$defs"][name]);
        match schema["anyOf"].as_array() {
            Some(branches) => branches.iter().flat_map(|branch| self.branches(branch)).collect(),
            None => vec![schema],
        }
    }
}

/// What is said of when a change counts; nothing where it counts at once.
fn when(place: &Place) -> String {
    if AT_START.contains(&place.path.as_str()) { format!(" {FROM_THE_NEXT_START}") } else { String::new() }
}

fn are_mappings(a: &[Value], b: &[Value]) -> bool {
    a.iter().chain(b).all(|item| matches!(item, Value::Mapping(_)))
}

fn name_of(value: &Value) -> Option<&str> {
    let Value::Mapping(entries) = value else { return None };
    entries.iter().find_map(|(key, value)| match value {
        Value::String(name) if key == "name" => Some(name.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use crate::{Around, Loaded, read_text};

    const BASE: &str = r#"
server: { listen: "127.0.0.1:1" }
access: { admin_key: admin-key-0123456789, keys: [{ name: alice, key: alice-key-0123456789 }] }
providers:
  openai:
    kind: openai
    base_url: "https://a.example/v1"
    credentials: [{ api_key: one-0123456789 }, { api_key: two-0123456789, weight: 2 }, { name: spare, api_key: three-0123 }]
  local: { kind: vllm, base_url: "${URL}" }
models:
  fast: { targets: [openai/a, local/b] }
retry: { attempts: 3 }
"#;

    fn loaded(text: &str, url: &str) -> Loaded {
        let env = |name: &str| (name == "URL").then(|| url.to_owned());
        let read = |_: &std::path::Path| Err("is not there".to_owned());
        let around = Around { env: &env, read: &read };
        read_text(std::path::Path::new("test.yaml"), text, around, &Vec::new, None)
            .unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// What is said of the base with each `from` replaced by its `to`.
    #[track_caller]
    fn check(changes: &[(&str, &str)], expect: &[&str]) {
        let mut text = BASE.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let url = "http://127.0.0.1:1";
        let (old, new) = (loaded(BASE, url), loaded(&text, url));
        assert_eq!(new.changes_since(&old), expect);
        assert_eq!(old.changes_since(&new).is_empty(), expect.is_empty());
    }

    #[test]
    fn nothing_changed_is_nothing_said() {
        check(&[], &[]);
        check(&[("\nretry:", "\n# a word\nretry:"), ("{ attempts: 3 }", "\n  attempts: 3")], &[]);
    }

    #[test]
    fn things_are_called_by_their_names() {
        check(&[("models:\n", "models:\n  slow: { targets: [local/b] }\n")], &["added model \"slow\""]);
        check(&[("{ api_key: two-0123456789, weight: 2 }, ", "")], &["removed credential openai#2"]);
        check(&[("{ name: spare, api_key: three-0123 }", "")], &["removed credential openai#spare"]);
        check(
            &[("[{ api_key: one", "[{ api_key: new-0123456789, weight: 3 }, { api_key: one")],
            &["added credential openai#1"],
        );
        check(
            &[("local: { kind: vllm, base_url: \"${URL}\" }", "far: { kind: vllm }"), (", local/b]", "]")],
            &[
                "removed provider \"local\"",
                "added provider \"far\"",
                "changed models.fast.targets: [\"openai/a\", \"local/b\"] -> [\"openai/a\"]",
            ],
        );
        check(&[("name: alice", "name: bob")], &["removed client key \"alice\"", "added client key \"bob\""]);
    }

    #[test]
    fn values_are_shown_and_secrets_are_not() {
        check(
            &[("https://a.example/v1", "https://b.example/v1")],
            &["changed providers.openai.base_url: \"https://a.example/v1\" -> \"https://b.example/v1\""],
        );
        check(&[("one-0123", "One-0123")], &["changed providers.openai.credentials[0].api_key"]);
        check(&[("weight: 2", "weight: 3")], &["changed providers.openai.credentials[1].weight: 2 -> 3"]);
        check(&[("admin-key-0", "admin-key-1")], &["changed access.admin_key"]);
        check(&[("alice-key-0", "alice-key-1")], &["changed access.keys[0].key"]);
        check(&[("{ attempts: 3 }", "{ attempts: 3, stall: 5s }")], &["added retry.stall: \"5s\""]);
        check(&[("retry: { attempts: 3 }", "")], &["removed retry.attempts: 3"]);
        check(
            &[("local: {", "local: { proxy: \"socks5://user:word@host:1\",")],
            &["added providers.local.proxy"],
        );
    }

    #[test]
    fn what_only_a_start_takes_says_so() {
        let with = |rest: &str| format!("\n{rest}retry:");
        for (rest, expect) in [
            ("data_dir: ./other\n", "added data_dir: \"./other\" (counts from the next start on)"),
            ("log: { journal: false }\n", "added log.journal: false (counts from the next start on)"),
            ("log: { format: json }\n", "added log.format: \"json\" (counts from the next start on)"),
            ("log: { level: debug }\n", "added log.level: \"debug\" (counts from the next start on)"),
            ("log: { body_limit: 1KiB }\n", "added log.body_limit: \"1KiB\""),
        ] {
            check(&[("\nretry:", &with(rest))], &[expect]);
            assert_eq!(crate::waits_for_start(expect), expect.ends_with(')'), "{expect}");
        }
        check(
            &[("access: { ", "access: { pepper: \"0123456789abcdef0123456789abcdef\", ")],
            &["added access.pepper (counts from the next start on)"],
        );
    }

    #[test]
    fn what_a_variable_brought_is_not_shown() {
        let (old, new) = (loaded(BASE, "http://127.0.0.1:1"), loaded(BASE, "http://127.0.0.1:2"));
        assert_eq!(new.changes_since(&old), ["changed providers.local.base_url"]);
    }

    #[test]
    fn a_change_of_everything_is_not_endless() {
        let many = |word: &str| {
            let models: String = (0..500).map(|n| format!("  {word}{n}: {{ targets: [p/m] }}\n")).collect();
            loaded(&format!("providers: {{ p: {{ kind: vllm }} }}\nmodels:\n{models}"), "")
        };
        let changes = many("b").changes_since(&many("a"));
        assert_eq!((changes.len(), changes[200].as_str()), (201, "and 800 more changes"));
    }
}

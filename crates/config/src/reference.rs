//! The page for people about every key of a config file, made of the schema: what is said here is what the errors say.

mod fields;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::check::{self, choices, has_type};
use crate::schema;

/// What the page begins with.
const INTRODUCTION: &str = "\
# Config reference

Every key of a config file, in reading order.
This page is made of the types that read the file; `lockgate schema` prints the same as a JSON Schema for editors, and [config.md](../config.md) is the guide.

Keys are written here as paths: `providers.NAME` is each entry of `providers`, `credentials[]` each item of the list.
A key without a default that is not required may be left out.
Texts may hold `${VAR}` and `${VAR:-default}`, or be `file://` with a path, wherever a value belongs.
";

/// The page, in Markdown.
pub fn reference() -> String {
    let schema = schema();
    let sections = Sections::of(&schema);
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Overview\n\n");
    sections.overview(&schema, "", 0, &mut page);
    page.push_str("\n## The file\n\n");
    page.push_str("What stands at the top of the file.\n\n");
    sections.table(&schema, fields::in_order("Config", &schema), &mut page);
    for name in &sections.order {
        sections.section(name, &mut page);
    }
    page
}

/// The types that have keys, in the order in which a reader meets them.
struct Sections<'s> {
    root: &'s Json,
    order: Vec<String>,
    /// Where they stand.
    places: BTreeMap<String, Vec<String>>,
}

impl<'s> Sections<'s> {
    fn of(root: &'s Json) -> Self {
        let mut sections = Self { root, order: Vec::new(), places: BTreeMap::new() };
        let mut waiting = VecDeque::from([("Config".to_owned(), root, String::new())]);
        while let Some((name, schema, path)) = waiting.pop_front() {
            let mut inside = Vec::new();
            for key in fields::in_order(&name, schema) {
                let path = check::join(&path, &key);
                for (found, path) in sections.objects(&schema["properties"][&key], &path) {
                    let places = sections.places.entry(found.clone()).or_default();
                    places.push(path.clone());
                    if places.len() == 1 {
                        inside.push((found.clone(), &root["$defs"][found.as_str()], path));
                    }
                }
            }
            if name != "Config" {
                sections.order.push(name);
            }
            // What is inside of a section comes right behind it.
            inside.into_iter().rev().for_each(|section| waiting.push_front(section));
        }
        sections
    }

    /// The types with keys that a value may be or hold, and where.
    fn objects(&self, schema: &Json, path: &str) -> Vec<(String, String)> {
        if let Some(name) = referred(schema) {
            let inner = &self.root["$defs"][name];
            if inner["properties"].is_object() {
                return vec![(name.to_owned(), path.to_owned())];
            }
            return self.objects(inner, path);
        }
        let alternatives = schema["anyOf"].as_array().into_iter().flatten();
        let mut found: Vec<_> = alternatives.flat_map(|schema| self.objects(schema, path)).collect();
        if let Some(items) = schema.get("items") {
            found.extend(self.objects(items, &format!("{path}[]")));
        }
        if let Some(others) = schema.get("additionalProperties").filter(|others| others.is_object()) {
            found.extend(self.objects(others, &format!("{path}.NAME")));
        }
        found
    }

    /// The sections as a tree.
    fn overview(&self, schema: &Json, place: &str, depth: usize, page: &mut String) {
        let name = if place.is_empty() { "Config" } else { self.at(place).unwrap_or_default() };
        for key in fields::in_order(name, schema) {
            for (found, path) in self.objects(&schema["properties"][&key], &check::join(place, &key)) {
                let short = path.strip_prefix(place).unwrap_or(&path).trim_start_matches('.');
                let _ =
                    writeln!(page, "{:indent$}- [`{short}`](#{})", "", anchor(&found), indent = 2 * depth);
                if self.places[&found].first() == Some(&path) {
                    self.overview(&self.root["$defs"][found.as_str()], &path, depth + 1, page);
                }
            }
        }
    }

    /// The type that stands first at a place.
    fn at(&self, place: &str) -> Option<&str> {
        self.places
            .iter()
            .find(|(_, places)| places.first().is_some_and(|it| it == place))
            .map(|(name, _)| name.as_str())
    }

    fn section(&self, name: &str, page: &mut String) {
        let schema = &self.root["$defs"][name];
        let _ = writeln!(page, "\n## {}\n", title(name));
        let places: Vec<String> = self.places[name].iter().map(|place| format!("`{place}`")).collect();
        let _ = writeln!(page, "At {}.\n", places.join(", "));
        if let Some(description) = schema["description"].as_str() {
            let _ = writeln!(page, "{}\n", one_line(description));
        }
        self.table(schema, fields::in_order(name, schema), page);
    }

    fn table(&self, schema: &Json, keys: Vec<String>, page: &mut String) {
        page.push_str("| key | value | default | |\n|---|---|---|---|\n");
        let mut words = String::new();
        for key in keys {
            let field = &schema["properties"][&key];
            let required = schema["required"].as_array().into_iter().flatten().any(|it| *it == key.as_str());
            let default = match field.get("default") {
                _ if required => "required".to_owned(),
                Some(Json::String(text)) => format!("`{text}`"),
                Some(Json::Null) | None => String::new(),
                Some(other) => format!("`{other}`"),
            };
            let mut description = self.description(field);
            if let Some(other) = field["x-also"].as_str() {
                let _ = write!(description, " Also written `{other}`.");
            }
            let value = self.value(field);
            let cells =
                [format!("`{key}`"), value, default, description].map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(page, "| {} |", cells.join(" | "));
            self.words(&key, field, &mut words);
        }
        page.push_str(&words);
    }

    /// What each word of an enumeration means.
    fn words(&self, key: &str, field: &Json, page: &mut String) {
        for branch in check::branches(self.root, field) {
            let variants = branch["oneOf"].as_array().into_iter().flatten();
            let rows: Vec<String> = variants
                .filter_map(|variant| {
                    let (word, text) = (variant["const"].as_str()?, variant["description"].as_str()?);
                    Some(format!("- `{word}`: {}\n", one_line(text)))
                })
                .collect();
            if !rows.is_empty() {
                let _ = write!(page, "\n`{key}` is one of\n\n{}", rows.concat());
            }
        }
    }

    /// What a field is for: its own description before that of its type.
    fn description(&self, field: &Json) -> String {
        let of_type = referred(field).map(|name| &self.root["$defs"][name]["description"]);
        let text = field["description"].as_str().or(of_type.and_then(Json::as_str));
        one_line(text.unwrap_or_default())
    }

    /// What a value is, in words.
    fn value(&self, schema: &Json) -> String {
        if let Some(name) = referred(schema) {
            let inner = &self.root["$defs"][name];
            return if inner["properties"].is_object() {
                format!("[{}](#{})", words(name), anchor(name))
            } else {
                self.value(inner)
            };
        }
        if let Some(alternatives) = schema["anyOf"].as_array() {
            let words: Vec<String> =
                alternatives.iter().map(|it| self.value(it)).filter(|it| !it.is_empty()).collect();
            return words.join(" or ");
        }
        if crate::any::is_any(schema) {
            return "any value".to_owned();
        }
        if let Some(items) = schema.get("items") {
            return format!("list of {}", several(&self.value(items)));
        }
        if let Some(others) = schema.get("additionalProperties").filter(|others| others.is_object()) {
            return format!("mapping of names to {}", several(&self.value(others)));
        }
        if let Some(words) = choices(schema) {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            return words.join(", ");
        }
        if schema["writeOnly"] == true {
            return "a secret".to_owned();
        }
        if has_type(schema, "null") && schema["type"].is_string() {
            return String::new();
        }
        check::expected_of(schema).unwrap_or_default()
    }
}

/// The type that a schema refers to.
fn referred(schema: &Json) -> Option<&str> {
    schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"))
}

/// Several of what is said in the singular: `texts` for `a text`, `[client keys](#client-key)` for `[client key](#client-key)`.
fn several(words: &str) -> String {
    let one = |words: &str| match (words.strip_prefix("a "), words.split_once("](")) {
        (_, Some((name, rest))) => format!("{name}s]({rest}"),
        (Some(name), None) if !name.contains(' ') => format!("{name}s"),
        _ => words.to_owned(),
    };
    words.split(" or ").map(one).collect::<Vec<_>>().join(" or ")
}

/// Titles that are not made of their types' names.
const TITLES: [(&str, &str); 3] =
    [("Cors", "CORS"), ("ServerTls", "TLS of listeners"), ("Tls", "TLS to providers")];

/// `ClientKey` as `Client key`.
fn title(name: &str) -> String {
    if let Some((_, title)) = TITLES.iter().find(|(known, _)| *known == name) {
        return (*title).to_owned();
    }
    let mut title = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !title.is_empty() {
            title.push(' ');
            title.extend(c.to_lowercase());
        } else {
            title.push(c);
        }
    }
    title
}

/// A title within a sentence.
fn words(name: &str) -> String {
    let title = title(name);
    let is_short = title.chars().take(2).all(char::is_uppercase);
    if is_short { title } else { title.to_lowercase() }
}

fn anchor(name: &str) -> String {
    title(name).to_lowercase().replace(' ', "-")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

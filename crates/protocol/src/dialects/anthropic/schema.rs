//! Brings a JSON Schema into what structured outputs and strict tools take; the rest goes into the descriptions.
//!
//! What is taken is from the maker's guide to structured outputs, "JSON Schema limitations", which Bedrock's repeats; a
//! keyword that is not taken is a 400. Like `transform_schema` of the official SDK, such a keyword is moved into the
//! description of its schema, where the model reads it: it is a loss all the same, for nothing holds the model to it.

mod cycle;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::ir::{Losses, Raw, Text};

/// Deepest nesting that is looked at; the gateway has refused deeper bodies before.
const MAX_DEPTH: usize = 128;
/// Keywords that are taken whatever they say. `$schema` and `title` constrain nothing.
const PLAIN: &[&str] = &["type", "title", "description", "required", "default", "$schema"];
/// Keywords whose value is a map of schemas.
const MAPS: &[&str] = &["properties", "$defs", "definitions"];
/// Formats of texts that are taken.
const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];
/// Keywords that may stand beside a `$ref` without meaning anything for it.
const AROUND: &[&str] = &["$defs", "definitions", "$schema"];
/// Most repetitions in a pattern: the guide takes "simple" counts and refuses "large ranges", without a number.
const MAX_REPEATS: u32 = 99;

const MOVED: &str = "the target does not hold the model to it: put into the description";

/// The schema as it is taken, with key order kept and every object closed, and a loss for each keyword that is not held to, its path
/// behind `path`. `None` for a schema that refers to itself: the grammar has no place for one.
pub(in crate::dialects) fn fitted(
    schema: &RawValue,
    path: &str,
    losses: &mut Losses,
) -> Option<Raw<'static>> {
    if cycle::is_in(schema.get()) {
        return None;
    }
    let mut writer = Writer { out: String::with_capacity(schema.get().len() + 64), losses };
    writer.schema(schema, path, 0);
    Some(RawValue::from_string(writer.out).map_or_else(|_| Raw::Owned(schema.to_owned()), Raw::Owned))
}

/// The same for the tool of that number, which has to be held to its arguments' schema; `None` if it cannot be, which is
/// named as a loss.
pub(in crate::dialects) fn for_strict_tool(
    schema: &RawValue,
    tool: usize,
    losses: &mut Losses,
) -> Option<Raw<'static>> {
    let fitted = fitted(schema, &format!("tools[{tool}].parameters"), losses);
    if fitted.is_none() {
        losses.add(
            format!("tools[{tool}].strict"),
            "the target is not strict about a schema that refers to itself",
        );
    }
    fitted
}

/// The members of an object in their order.
struct Ordered<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Ordered<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Ordered<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Keywords that are written as a choice, or may be.
const CHOICES: &[&str] = &["anyOf", "oneOf", "allOf", "$ref"];

/// One schema as it was read, and what has to be known of all of it to judge a part. A schema may have as many members as
/// its client likes, so this is found out once.
struct Schema<'a> {
    members: Vec<(Text<'a>, &'a RawValue)>,
    is_object: bool,
    is_described: bool,
    has_any_of: bool,
    /// Whether one keyword at most may become a choice.
    has_one_choice: bool,
    /// Whether there is nothing but a reference and what may stand around it.
    is_reference: bool,
}

/// What becomes of a keyword.
enum Fate {
    /// It stays as it is spelled.
    Stays,
    /// It stays, and holds a map of schemas.
    Map,
    /// It stays, and is a schema.
    Schema,
    /// It is a list of schemas, and is written under this name.
    List(&'static str),
    /// It is a reference that others stand beside, and is written as a choice of one.
    Wrapped,
    /// It goes into the description.
    Moves,
    /// It goes, because what closes the object is put in its place.
    Goes,
}

impl<'a> Schema<'a> {
    fn new(members: Vec<(Text<'a>, &'a RawValue)>) -> Self {
        let get = |keyword: &str| members.iter().find(|(key, _)| key == keyword).map(|(_, raw)| raw.get());
        let may_stay = |key: &str| key == "$ref" || AROUND.contains(&key);
        Self {
            is_object: match get("type") {
                Some(kind) => kind.contains("\"object\""),
                None => get("properties").is_some(),
            },
            is_described: get("description").is_some(),
            has_any_of: get("anyOf").is_some(),
            has_one_choice: members.iter().filter(|(key, _)| CHOICES.contains(&&**key)).count() <= 1,
            is_reference: members.iter().all(|(key, _)| may_stay(key)),
            members,
        }
    }

    fn fate(&self, keyword: &str, raw: &RawValue) -> Fate {
        let value = raw.get();
        let stays_if = |fits: bool| if fits { Fate::Stays } else { Fate::Moves };
        match keyword {
            _ if PLAIN.contains(&keyword) => Fate::Stays,
            _ if MAPS.contains(&keyword) && value.starts_with('{') => Fate::Map,
            "items" if value.starts_with('{') => Fate::Schema,
            "anyOf" if value.starts_with('[') => Fate::List("anyOf"),
            "allOf" if value.starts_with('[') => self.all_of(raw),
            "oneOf" if value.starts_with('[') && !self.has_any_of => Fate::List("anyOf"),
            "enum" => {
                stays_if(read::<Vec<&RawValue>>(raw).is_some_and(|list| list.iter().all(|it| is_plain(it))))
            }
            "const" => stays_if(is_plain(raw)),
            "format" => stays_if(read::<Text<'_>>(raw).is_some_and(|name| FORMATS.contains(&&*name))),
            "minItems" => stays_if(matches!(value, "0" | "1")),
            "pattern" => stays_if(read::<Text<'_>>(raw).is_some_and(|pattern| is_simple(&pattern))),
            "additionalProperties" if !self.is_object => Fate::Moves,
            "additionalProperties" if matches!(value, "false" | "true") => Fate::Goes,
            "$ref" => self.reference(value),
            _ => Fate::Moves,
        }
    }

    /// `allOf` with references in it is refused; one alone is the same as a choice of one.
    fn all_of(&self, raw: &RawValue) -> Fate {
        match read::<Vec<&RawValue>>(raw) {
            Some(list) if list.len() == 1 && self.has_one_choice => Fate::List("anyOf"),
            Some(list) if list.iter().all(|part| !part.get().contains("\"$ref\"")) => Fate::List("allOf"),
            _ => Fate::Moves,
        }
    }

    fn reference(&self, value: &str) -> Fate {
        match value.starts_with("\"#") {
            true if self.is_reference => Fate::Stays,
            true if self.has_one_choice => Fate::Wrapped,
            _ => Fate::Moves,
        }
    }
}

/// Writes schemas, and notes what they lose.
struct Writer<'l> {
    out: String,
    losses: &'l mut Losses,
}

impl Writer<'_> {
    fn schema(&mut self, raw: &RawValue, path: &str, depth: usize) {
        let members = read::<Ordered<'_>>(raw).filter(|_| depth < MAX_DEPTH);
        let Some(Ordered(members)) = members else { return self.out.push_str(raw.get()) };
        let schema = Schema::new(members);
        let moved = self.moved(&schema, path);
        self.out.push('{');
        for (keyword, raw) in &schema.members {
            if keyword == "description" {
                self.describe(read(raw), &moved);
                continue;
            }
            match schema.fate(keyword, raw) {
                Fate::Stays => self.key(keyword).push_str(raw.get()),
                Fate::Map => {
                    self.key(keyword);
                    self.map(raw, &format!("{path}.{keyword}"), depth);
                }
                Fate::Schema => {
                    self.key(keyword);
                    self.schema(raw, &format!("{path}.{keyword}"), depth + 1);
                }
                Fate::List(name) => {
                    self.key(name);
                    self.list(raw, &format!("{path}.{keyword}"), depth);
                }
                Fate::Wrapped => {
                    let alone = format!("[{{\"$ref\":{}}}]", raw.get());
                    self.key("anyOf").push_str(&alone);
                }
                Fate::Moves | Fate::Goes => {}
            }
        }
        if !schema.is_described && !moved.is_empty() {
            self.describe(None, &moved);
        }
        if schema.is_object {
            self.key("additionalProperties").push_str("false");
        }
        self.out.push('}');
    }

    /// What goes into the description, as the SDK spells it; each is a loss.
    fn moved(&mut self, schema: &Schema<'_>, path: &str) -> String {
        let mut moved = String::new();
        for (keyword, raw) in &schema.members {
            let place = || format!("{path}.{keyword}");
            match schema.fate(keyword, raw) {
                Fate::Moves => {
                    let comma = if moved.is_empty() { "" } else { ", " };
                    moved.push_str(&format!("{comma}{keyword}: {}", raw.get()));
                    self.losses.add(place(), MOVED);
                }
                Fate::Goes if raw.get() == "true" => {
                    self.losses.add(place(), "the target takes closed objects only");
                }
                Fate::List("anyOf") if keyword == "oneOf" => {
                    self.losses.add(place(), "said as anyOf: more than one may fit");
                }
                _ => {}
            }
        }
        moved
    }

    fn describe(&mut self, said: Option<Text<'_>>, moved: &str) {
        let gap = if said.is_none() || moved.is_empty() { "" } else { "\n\n" };
        let said = said.unwrap_or_default();
        let whole = if moved.is_empty() { said.to_string() } else { format!("{said}{gap}{{{moved}}}") };
        let whole = serde_json::Value::from(whole).to_string();
        self.key("description").push_str(&whole);
    }

    fn map(&mut self, raw: &RawValue, path: &str, depth: usize) {
        let Some(Ordered(members)) = read(raw) else { return self.out.push_str(raw.get()) };
        self.out.push('{');
        for (name, schema) in &members {
            self.key(name);
            self.schema(schema, &format!("{path}.{name}"), depth + 1);
        }
        self.out.push('}');
    }

    fn list(&mut self, raw: &RawValue, path: &str, depth: usize) {
        let Some(items) = read::<Vec<&RawValue>>(raw) else { return self.out.push_str(raw.get()) };
        self.out.push('[');
        for (place, item) in items.iter().enumerate() {
            self.out.push_str(if place == 0 { "" } else { "," });
            self.schema(item, &format!("{path}[{place}]"), depth + 1);
        }
        self.out.push(']');
    }

    /// The place for the value of the member `name`.
    fn key(&mut self, name: &str) -> &mut String {
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        self.out.push_str(&serde_json::Value::from(name).to_string());
        self.out.push(':');
        &mut self.out
    }
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether a value is one that `enum` and `const` may have.
fn is_plain(raw: &RawValue) -> bool {
    !raw.get().starts_with(['{', '['])
}

/// Whether a pattern has only what is taken: no looking around, no references back, no borders of words, no large counts.
fn is_simple(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        let fits = match next {
            '\\' => rest.next().is_some_and(|escaped| {
                matches!(escaped, 'd' | 'w' | 's' | 'n' | 'r' | 't') || escaped.is_ascii_punctuation()
            }),
            '(' => rest.peek() != Some(&'?'),
            '{' => {
                let count: String = rest.by_ref().take_while(|c| *c != '}').take(8).collect();
                count.split(',').all(|bound| bound.parse::<u32>().is_ok_and(|bound| bound <= MAX_REPEATS))
            }
            _ => true,
        };
        if !fits {
            return false;
        }
    }
    true
}

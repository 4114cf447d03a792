//! From JSON Schema to what Gemini takes.

use serde_json::value::RawValue;

use super::{
    super::{
        wire::{members, string},
        write,
    },
    JSON_KEYWORDS, Nesting, OWN_KEYWORDS, SILENT_KEYWORDS, nesting,
};
use crate::ir::{Losses, Text};

/// Deepest nesting that is written, references followed included.
const MAX_DEPTH: usize = 48;
/// Most schemas that are written: inlining can make a small text grow without end.
const MAX_SCHEMAS: usize = 4096;

/// Which field a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Field {
    /// `parameters`, `responseSchema`.
    Own,
    /// `parametersJsonSchema`, `responseJsonSchema`.
    Json,
}

/// A schema as Gemini takes it.
#[derive(Debug)]
pub(in super::super) struct Written {
    pub(in super::super) field: Field,
    pub(in super::super) schema: Box<RawValue>,
}

/// Writes `schema` for the field that says more of it; with `at_home` a schema that Gemini's own form cannot say goes
/// through as it is. What is left out is named below `path`.
pub(in super::super) fn write(schema: &RawValue, path: &str, at_home: bool, losses: &mut Losses) -> Written {
    let own = Writer::run(schema, path, Field::Own);
    if own.lost == 0 && !own.is_awkward {
        return own.written();
    }
    if at_home {
        return Written { field: Field::Json, schema: schema.to_owned() };
    }
    let json = Writer::run(schema, path, Field::Json);
    let mut best = if (json.lost, json.is_awkward) <= (own.lost, own.is_awkward) { json } else { own };
    losses.append(std::mem::take(&mut best.losses));
    best.written()
}

/// The schema with a title and a description, where it has none of its own and there is one to say.
pub(in super::super) fn entitled(schema: &RawValue, titles: &[(&str, Option<&str>)]) -> Box<RawValue> {
    let entries = members(schema).unwrap_or_default();
    write::raw_object(|object| {
        for (key, text) in titles {
            if let Some(text) = text.filter(|_| !entries.iter().any(|(known, _)| known == key)) {
                object.text(key, text);
            }
        }
        entries.iter().for_each(|(key, value)| object.raw(key, value));
    })
}

struct Writer<'a> {
    root: &'a RawValue,
    field: Field,
    /// The references that are being inlined.
    open: Vec<&'a RawValue>,
    schemas: usize,
    path: String,
    losses: Losses,
    lost: usize,
    /// True if the schema is sayable, but in a way that some Gemini back ends refuse.
    is_awkward: bool,
    out: Vec<u8>,
}

type Entries<'a> = Vec<(Text<'a>, &'a RawValue)>;

impl<'a> Writer<'a> {
    fn run(root: &'a RawValue, path: &str, field: Field) -> Self {
        let mut writer = Self {
            root,
            field,
            open: vec![root],
            schemas: 0,
            path: path.to_owned(),
            losses: Losses::default(),
            lost: 0,
            is_awkward: false,
            out: Vec::new(),
        };
        let mut out = Vec::with_capacity(root.get().len());
        writer.schema(root, &mut out);
        writer.out = out;
        writer
    }

    fn written(self) -> Written {
        let schema = String::from_utf8(self.out).ok().and_then(|text| RawValue::from_string(text).ok());
        Written { field: self.field, schema: schema.unwrap_or_default() }
    }

    fn lose(&mut self, keyword: &str, reason: &'static str) {
        self.lost += 1;
        self.losses.add(format!("{}.{keyword}", self.path), reason);
    }

    /// Does `walk` with `step` behind the path.
    fn below(&mut self, step: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('.');
        self.path.push_str(step);
        walk(self);
        self.path.truncate(length);
    }

    fn schema(&mut self, raw: &'a RawValue, out: &mut Vec<u8>) {
        self.schemas += 1;
        let references = self.open.len();
        let mut entries = Entries::new();
        if self.schemas > MAX_SCHEMAS || self.path.bytes().filter(|byte| *byte == b'.').count() > MAX_DEPTH {
            self.lose("*", "the schema is too large once its references are inlined");
        } else if members(raw).is_some() {
            self.flatten(raw, &mut entries);
        } else if raw.get() != "true" {
            self.lose("*", "not a schema that Gemini knows");
        }
        let nullable = self.take_null(&mut entries);
        self.infer_type(&mut entries);
        write::object(out, |object| {
            for (keyword, value) in &entries {
                self.keyword(keyword, value, object);
            }
            if nullable && self.field == Field::Own {
                object.plain("nullable", true);
            }
        });
        self.open.truncate(references);
    }

    /// The members of a schema with its reference and its `allOf` taken in. What stands beside a reference wins.
    fn flatten(&mut self, raw: &'a RawValue, into: &mut Entries<'a>) {
        let entries = members(raw).unwrap_or_default();
        let mut inner: Vec<&'a RawValue> = Vec::new();
        for (keyword, value) in entries {
            match &*keyword {
                "$ref" => match string(value).and_then(|pointer| resolve(self.root, &pointer)) {
                    Some(target) if self.open.iter().any(|open| std::ptr::eq(*open, target)) => {
                        self.lose("$ref", "the schema contains itself");
                    }
                    Some(target) if self.open.len() < MAX_DEPTH => {
                        self.open.push(target);
                        inner.push(target);
                    }
                    _ => self.lose("$ref", "the reference leads nowhere within the schema"),
                },
                "allOf" => {
                    inner.extend(serde_json::from_str::<Vec<&'a RawValue>>(value.get()).unwrap_or_default())
                }
                _ => match into.iter().find(|(known, _)| *known == keyword) {
                    None => into.push((keyword, value)),
                    // An annotation that stands nearer wins; two constraints would both have to hold.
                    Some((known, kept)) if kept.get() == value.get() || is_annotation(known) => {}
                    Some(_) => self.lose("allOf", "schemas that constrain the same keyword cannot be joined"),
                },
            }
        }
        if self.open.len() < MAX_DEPTH {
            inner.into_iter().for_each(|schema| self.flatten(schema, into));
        }
    }

    /// Takes "or null" out of the types and the alternatives where the own form says it with `nullable`. An only
    /// alternative that is left is joined with what stands beside it.
    fn take_null(&mut self, entries: &mut Entries<'a>) -> bool {
        if self.field == Field::Json {
            return false;
        }
        let mut nullable = false;
        let Some(at) = entries.iter().position(|(keyword, _)| *keyword == "anyOf") else { return nullable };
        let alternatives: Vec<&'a RawValue> = serde_json::from_str(entries[at].1.get()).unwrap_or_default();
        let others: Vec<&'a RawValue> =
            alternatives.iter().copied().filter(|schema| !is_null(schema)).collect();
        nullable |= others.len() < alternatives.len();
        if let [only] = others.as_slice() {
            entries.remove(at);
            self.flatten(only, entries);
        } else if entries
            .iter()
            .any(|(keyword, _)| *keyword != "anyOf" && !SILENT_KEYWORDS.contains(&&**keyword))
        {
            // Vertex: "When using any_of, it must be the only field set."
            self.is_awkward = true;
        }
        nullable
    }

    /// Gemini's own form requires a type; what it has to be can often be told from the other keywords.
    fn infer_type(&mut self, entries: &mut Entries<'a>) {
        let has = |keyword: &str| entries.iter().any(|(known, _)| *known == keyword);
        if self.field == Field::Json || has("type") || has("anyOf") {
            return;
        }
        let name = if has("properties") {
            r#""object""#
        } else if has("items") {
            r#""array""#
        } else if has("enum") || has("const") {
            r#""string""#
        } else {
            self.is_awkward = true;
            return;
        };
        if let Ok(name) = serde_json::from_str(name) {
            entries.insert(0, ("type".into(), name));
        }
    }

    fn keyword(&mut self, keyword: &str, value: &'a RawValue, object: &mut write::Object<'_>) {
        let known = match self.field {
            Field::Own => OWN_KEYWORDS,
            Field::Json => JSON_KEYWORDS,
        };
        match keyword {
            "type" if self.field == Field::Own => self.types(value, object),
            "enum" => {
                let values = serde_json::from_str(value.get()).unwrap_or_default();
                self.values(keyword, values, object);
            }
            "const" => self.values(keyword, vec![value], object),
            _ if SILENT_KEYWORDS.contains(&keyword) => {}
            _ if !known.contains(&keyword) => self.lose(keyword, "Gemini knows no such keyword"),
            _ => match nesting(keyword) {
                Nesting::Leaf => object.raw(keyword, value),
                Nesting::One if matches!(value.get(), "true" | "false") => object.raw(keyword, value),
                Nesting::One => self.below(keyword, |below| below.schema(value, object.key(keyword))),
                Nesting::List => {
                    let items: Vec<&'a RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
                    self.below(keyword, |below| {
                        write::array(object.key(keyword), |array| {
                            items.iter().for_each(|item| below.schema(item, array.item()));
                        });
                    });
                }
                Nesting::Map => {
                    let map = members(value).unwrap_or_default();
                    self.below(keyword, |below| {
                        object.object(keyword, |object| {
                            for (name, schema) in map {
                                below.below(&name, |below| below.schema(schema, object.key(&name)));
                            }
                        });
                    });
                }
            },
        }
    }

    /// Types of the own form: one, in upper case; "or null" apart; others as alternatives.
    fn types(&mut self, value: &RawValue, object: &mut write::Object<'_>) {
        let names: Vec<Text<'_>> = match string(value) {
            Some(name) => vec![name],
            None => serde_json::from_str(value.get()).unwrap_or_default(),
        };
        let mut others = names
            .iter()
            .filter(|name| !name.eq_ignore_ascii_case("null"))
            .map(|name| name.to_ascii_uppercase());
        match (others.next(), others.next()) {
            (None, _) => object.text("type", "NULL"),
            (Some(name), None) => {
                object.text("type", &name);
                if names.len() > 1 {
                    object.plain("nullable", true);
                }
            }
            (Some(first), Some(second)) => {
                self.is_awkward = true;
                object.array("anyOf", |array| {
                    for name in [first, second].into_iter().chain(others) {
                        array.object(|object| object.text("type", &name));
                    }
                });
                if names.iter().any(|name| name.eq_ignore_ascii_case("null")) {
                    object.plain("nullable", true);
                }
            }
        }
    }

    /// Values of an enumeration: texts in the own form, texts and numbers in JSON Schema. `null` is among the types
    /// already.
    fn values(&mut self, keyword: &str, values: Vec<&RawValue>, object: &mut write::Object<'_>) {
        let is_text = |value: &RawValue| value.get().starts_with('"');
        let is_number = |value: &RawValue| value.get().starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let numbers_too = self.field == Field::Json;
        let sayable =
            |value: &RawValue| is_text(value) || value.get() == "null" || (numbers_too && is_number(value));
        if !values.iter().all(|value| sayable(value)) {
            return self.lose(keyword, "Gemini takes only texts here, and numbers in JSON Schema");
        }
        object.array("enum", |array| {
            for value in values.into_iter().filter(|value| numbers_too || value.get() != "null") {
                array.item().extend_from_slice(value.get().as_bytes());
            }
        });
    }
}

fn is_annotation(keyword: &str) -> bool {
    matches!(keyword, "title" | "description" | "default" | "example" | "examples")
        || SILENT_KEYWORDS.contains(&keyword)
}

fn is_null(schema: &RawValue) -> bool {
    members(schema).is_some_and(|entries| {
        entries.iter().any(|(key, value)| *key == "type" && value.get().eq_ignore_ascii_case(r#""null""#))
    })
}

/// What a reference like `#/$defs/Name` points to.
fn resolve<'a>(root: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    let mut place = root;
    for step in pointer.strip_prefix('#')?.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        place = members(place)?.into_iter().find(|(key, _)| *key == step.as_str())?.1;
    }
    Some(place)
}

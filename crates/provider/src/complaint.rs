//! Reads what a provider says in an error body, whichever of the known shapes it has.
//!
//! `{"error":{...}}` (OpenAI; codes may be integers at OpenRouter and Gemini), `{"error":"text"}` (Ollama), the same
//! beside a `code` (xAI), `{"detail"}` (Mistral, FastAPI's list), `{"message"}` (Mistral, also with an object in it; AWS,
//! with `__type` and `reason`),
//! arrays of these (Gemini), and anything else as plain text.

use lockgate_protocol::ir::Complaint;
use serde_json::{Map, Value};

use crate::redact::redact;

/// A message longer than this is cut: it is for a person.
const LONGEST_MESSAGE: usize = 1000;
const LONGEST_CODE: usize = 100;
/// Of a body that is no complaint, only so much is looked at and kept.
const LONGEST_PLAIN: usize = 4096;
const LONGEST_SENTENCE: usize = 200;
/// How deep messages inside messages are followed.
const DEPTH: usize = 5;

/// An error body, read.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The provider's words without keys, when the body had a known shape.
    pub(crate) complaint: Option<Complaint>,
    /// Everything that serves as a code, lower case: `code`, `type`, `status`, inner codes, reasons.
    pub(crate) codes: Vec<String>,
    /// The message, lower case, unredacted: to be searched, never to be shown.
    pub(crate) words: String,
    /// A short sentence for the log from a body of no known shape, without keys.
    pub(crate) plain: String,
    /// The body, when it is JSON.
    pub(crate) json: Option<Value>,
    /// An integer code that is an HTTP status, for errors inside a 200.
    pub(crate) status: Option<u16>,
}

/// Reads an error body.
pub(crate) fn read(body: &[u8]) -> Said {
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return Said { plain: sentence(body), ..Said::default() };
    };
    let mut said = Said::default();
    match object(&json) {
        Some(outer) => said.hear(outer, DEPTH),
        None => said.plain = sentence(body),
    }
    if said.complaint.is_none() && said.plain.is_empty() {
        said.plain = sentence(body);
    }
    said.json = Some(json);
    said
}

impl Said {
    /// Whether one of these codes is among its own, a star at the end standing for any ending, or one of these phrases in
    /// its words; all of them in lower case.
    pub(crate) fn tells(&self, codes: &[&str], phrases: &[&str]) -> bool {
        let is_code = |known: &&str| match known.strip_suffix('*') {
            Some(start) => self.codes.iter().any(|code| code.starts_with(start)),
            None => self.codes.iter().any(|code| code == known),
        };
        codes.iter().any(is_code) || phrases.iter().any(|phrase| self.words.contains(phrase))
    }

    fn hear(&mut self, outer: &Map<String, Value>, depth: usize) {
        let inner = outer.get("error").and_then(object).unwrap_or(outer);
        let nested = Self::behind(inner, depth);

        let message = ["message", "error", "detail", "msg", "errors"]
            .iter()
            .find_map(|key| text(inner.get(*key)?, DEPTH));
        // A router's own message says only that somebody behind it failed.
        let message = nested.as_ref().and_then(|nested| nested.message.clone()).or(message);
        // AWS has a finer word beside its type.
        let code = first(&[inner.get("code"), outer.get("code"), inner.get("reason")]);
        // Gemini's `status` is a word; Azure has the HTTP status there.
        let status = inner.get("status").filter(|status| status.is_string());
        let kind =
            first(&[inner.get("type"), status]).filter(|kind| kind != "error").or_else(|| aws_type(inner));
        let param = first(&[inner.get("param")]).or_else(|| location(inner));

        self.status = [inner.get("code"), outer.get("code"), inner.get("status")]
            .iter()
            .find_map(|value| u16::try_from(value.as_ref()?.as_u64()?).ok())
            .filter(|status| (400..600).contains(status));
        self.codes.extend([&code, &kind].into_iter().flatten().map(|code| code.to_ascii_lowercase()));
        self.codes.extend(inner_codes(inner).map(str::to_ascii_lowercase));
        self.codes.extend(nested.iter().flat_map(|nested| nested.codes.iter().cloned()));
        self.words = message.as_deref().unwrap_or_default().to_lowercase();

        let clean = |text: Option<String>, longest| text.map(|text| clip(&redact(&text), longest));
        let complaint = Complaint {
            kind: clean(kind, LONGEST_CODE),
            code: clean(code, LONGEST_CODE),
            param: clean(param, LONGEST_CODE),
            message: clean(message, LONGEST_MESSAGE),
        };
        self.complaint = (complaint != Complaint::default()).then_some(complaint);
    }

    /// What the provider behind a router said: OpenRouter's `metadata.raw`, JSON or text.
    fn behind(inner: &Map<String, Value>, depth: usize) -> Option<Nested> {
        let raw = inner.get("metadata")?.get("raw")?.as_str()?;
        let json: Option<Value> = serde_json::from_str(raw).ok();
        match (json.as_ref().and_then(object), depth.checked_sub(1)) {
            (Some(outer), Some(depth)) => {
                let mut said = Self::default();
                said.hear(outer, depth);
                Some(Nested {
                    message: said.complaint.and_then(|complaint| complaint.message),
                    codes: said.codes,
                })
            }
            _ => Some(Nested { message: Some(raw.to_owned()), codes: Vec::new() }),
        }
    }
}

struct Nested {
    message: Option<String>,
    codes: Vec<String>,
}

/// The value as an object, or the first object of an array.
fn object(value: &Value) -> Option<&Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        Value::Array(items) => items.first()?.as_object(),
        _ => None,
    }
}

/// The first that is a string or a number, spelled out.
fn first(values: &[Option<&Value>]) -> Option<String> {
    values.iter().flatten().find_map(|value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The sentence in a message that may itself be an object or FastAPI's list of `{loc, msg}`.
fn text(value: &Value, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Object(object) => {
            let message =
                ["message", "msg", "detail"].iter().find_map(|key| text(object.get(*key)?, depth))?;
            Some(match dotted(object.get("loc")) {
                Some(place) => format!("{place}: {message}"),
                None => message,
            })
        }
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().take(3).filter_map(|item| text(item, depth)).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
        _ => None,
    }
}

/// The field FastAPI's list names first.
fn location(inner: &Map<String, Value>) -> Option<String> {
    let detail = inner.get("detail").or_else(|| inner.get("message")?.get("detail"))?;
    dotted(detail.get(0)?.get("loc"))
}

fn dotted(loc: Option<&Value>) -> Option<String> {
    let parts: Vec<String> =
        loc?.as_array()?.iter().take(8).filter_map(|part| first(&[Some(part)])).collect();
    let parts = parts.strip_prefix(&["body".to_owned()]).unwrap_or(&parts);
    (!parts.is_empty()).then(|| parts.join("."))
}

/// AWS's `__type`, without what stands around its name (`prefix#Type:http://...`).
fn aws_type(inner: &Map<String, Value>) -> Option<String> {
    let bare = inner.get("__type")?.as_str()?.split(':').next()?;
    bare.rsplit('#').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Azure's `innererror.code`, Google's `details[].reason`.
fn inner_codes(inner: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let innererror = inner.get("innererror").and_then(|error| error.get("code")).and_then(Value::as_str);
    let details = inner.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    innererror.into_iter().chain(details.iter().take(8).filter_map(|detail| detail.get("reason")?.as_str()))
}

/// A page or a text as one short line: an HTML page's title, else the text without its tags.
fn sentence(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(LONGEST_PLAIN)]);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + "<title>".len());
    let title = title.and_then(|start| Some(&text[start..start + lower[start..].find('<')?]));
    let mut line = String::new();
    let mut in_tag = false;
    for c in title.unwrap_or(&text).chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                line.push(' ');
            }
            _ if in_tag => {}
            c if c.is_control() => line.push(' '),
            c => line.push(c),
        }
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    clip(&redact(&words.join(" ")), LONGEST_SENTENCE)
}

/// At most `longest` characters, with a mark where it was cut.
pub(crate) fn clip(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

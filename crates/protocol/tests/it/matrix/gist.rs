//! What a conversation says, freed of how its dialect says it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use lockgate_protocol::ir::{
    Block, Content, Media, OutputFormat, Reasoning, Request, Response, Source, Tool, ToolChoice, ToolKind,
};
use serde_json::{Value, json};

/// One thing that is said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Atom {
    /// Where it stands, as losses call it.
    pub(super) path: String,
    pub(super) what: What,
}

/// The kinds of things.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Text(String),
    Thought(String),
    Proof(String, String),
    Call { id: String, name: String, input: Value },
    Result { id: String, failed: bool },
    Media { kind: &'static str, place: &'static str, data: String },
    Foreign(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "text:{}", text.len()),
            Self::Thought(text) => write!(f, "thought:{}", text.len()),
            Self::Proof(origin, proof) => write!(f, "proof of {origin}:{}", proof.len()),
            Self::Call { input, .. } => write!(f, "call:{}", input.to_string().len()),
            Self::Result { failed, .. } => f.write_str(if *failed { "failure" } else { "result" }),
            Self::Media { kind, place, data } => write!(f, "{kind} {place}:{}", data.len()),
            Self::Foreign(kind) => write!(f, "foreign {kind}"),
        }
    }
}

/// The same sizes without the words, for goldens.
pub(super) fn told(atoms: &[Atom]) -> String {
    let list: Vec<String> = atoms.iter().map(|atom| atom.what.to_string()).collect();
    if list.is_empty() { "nothing".to_owned() } else { list.join(", ") }
}

/// JSON as a value; text that is none as a string.
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// What a request says, in order.
pub(super) fn of_request(request: &Request<'_>) -> Vec<Atom> {
    let mut atoms = Vec::new();
    for (at, block) in request.system.iter().enumerate() {
        blocks(&format!("system[{at}]"), block, &mut atoms);
    }
    for (at, message) in request.messages.iter().enumerate() {
        for (place, block) in message.blocks.iter().enumerate() {
            blocks(&format!("messages[{at}].content[{place}]"), block, &mut atoms);
        }
    }
    atoms
}

/// What an answer says, choice by choice.
pub(super) fn of_response(response: &Response<'_>) -> Vec<Atom> {
    let mut atoms = Vec::new();
    for choice in &response.choices {
        for (place, block) in choice.blocks.iter().enumerate() {
            blocks(&format!("choices[{}].content[{place}]", choice.index), block, &mut atoms);
        }
    }
    atoms
}

fn blocks(path: &str, block: &Block<'_>, atoms: &mut Vec<Atom>) {
    let mut say = |what| atoms.push(Atom { path: path.to_owned(), what });
    match &block.content {
        Content::Text { text, .. } | Content::Refusal(text) => say(What::Text(text.to_string())),
        Content::Image(media) => self::media("image", path, media, atoms),
        Content::Document(media) => self::media("document", path, media, atoms),
        Content::Audio(media) => self::media("audio", path, media, atoms),
        Content::Video(media) => self::media("video", path, media, atoms),
        Content::ToolUse(call) => {
            let input = match call.kind {
                ToolKind::Function => value(&call.input),
                ToolKind::Custom => call.input.to_string().into(),
            };
            say(What::Call { id: call.id.to_string(), name: call.name.to_string(), input });
            if let Some(proof) = &call.signature {
                say(What::Proof(proof.origin.to_string(), proof.value.to_string()));
            }
        }
        Content::ToolResult(result) => {
            say(What::Result { id: result.id.to_string(), failed: result.is_error == Some(true) });
            for (place, block) in result.blocks.iter().enumerate() {
                blocks(&format!("{path}.content[{place}]"), block, atoms);
            }
        }
        Content::Thinking(thinking) => {
            if !thinking.text.is_empty() {
                say(What::Thought(thinking.text.to_string()));
            }
            if let Some(proof) = &thinking.signature {
                say(What::Proof(proof.origin.to_string(), proof.value.to_string()));
            }
        }
        Content::Foreign { origin, kind, .. } => say(What::Foreign(format!("{origin} {kind}"))),
    }
}

fn media(kind: &'static str, path: &str, media: &Media<'_>, atoms: &mut Vec<Atom>) {
    let (place, data) = match &media.source {
        Source::Base64(data) if kind == "document" && plain(data).is_some() => {
            let text = plain(data).unwrap_or_default();
            return atoms.push(Atom { path: path.to_owned(), what: What::Text(text) });
        }
        Source::Base64(data) => ("bytes", data),
        Source::Url(url) => ("url", url),
        Source::File(id) => ("file", id),
        Source::Text(text) => {
            return atoms.push(Atom { path: path.to_owned(), what: What::Text(text.to_string()) });
        }
        Source::Blocks(list) => {
            for (place, block) in list.iter().enumerate() {
                blocks(&format!("{path}.content[{place}]"), block, atoms);
            }
            return;
        }
    };
    let data = data.trim_end_matches('=').to_owned();
    atoms.push(Atom { path: path.to_owned(), what: What::Media { kind, place, data } });
}

/// The text of a document that is plain text.
fn plain(data: &str) -> Option<String> {
    let bytes = BASE64.decode(data.trim_end_matches('=')).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.starts_with("%PDF"))
}

/// What a request asks for beside the conversation: names as losses call them, and values.
pub(super) fn settings(request: &Request<'_>) -> Vec<(String, Value)> {
    let mut list = Vec::new();
    let mut put = |name: &str, value: Option<Value>| {
        list.extend(value.map(|value| (name.to_owned(), value)));
    };
    let sampling = &request.sampling;
    for (name, number) in [
        ("temperature", &sampling.temperature),
        ("top_p", &sampling.top_p),
        ("top_k", &sampling.top_k),
        ("min_p", &sampling.min_p),
        ("frequency_penalty", &sampling.frequency_penalty),
        ("presence_penalty", &sampling.presence_penalty),
        ("repetition_penalty", &sampling.repetition_penalty),
        ("seed", &sampling.seed),
        ("logit_bias", &sampling.logit_bias),
        ("metadata", &request.metadata),
    ] {
        put(name, number.as_ref().map(|raw| spelled(raw.get())));
    }
    for (name, text) in [
        ("verbosity", &request.verbosity),
        ("user", &request.user),
        ("cache_key", &request.cache_key),
        ("previous", &request.previous),
    ] {
        put(name, text.as_ref().map(|text| json!(&**text)));
    }
    put("service_tier", request.service_tier.as_deref().and_then(tier));
    put("stream", request.stream.then_some(json!(true)));
    put("max_tokens", request.max_tokens.filter(|count| *count > 0).map(|count| json!(count)));
    put("choices", request.choices.filter(|count| *count != 1).map(|count| json!(count)));
    put("logprobs", request.logprobs.map(|count| json!(count)));
    // To keep nothing is what they all do that have no word for it.
    put("store", request.store.filter(|kept| *kept).map(|kept| json!(kept)));
    put("parallel_tools", request.parallel_tools.filter(|many| !many).map(|many| json!(many)));
    let stop: Vec<&str> = sampling.stop.iter().map(|text| &**text).collect();
    put("stop", (!stop.is_empty()).then(|| json!(stop)));
    let kinds: Vec<&str> = request.modalities.iter().map(|text| &**text).collect();
    put("modalities", (!kinds.is_empty() && kinds != ["text"]).then(|| json!(kinds)));
    put("audio", request.audio.as_ref().map(|audio| json!([audio.voice, audio.format])));
    put("reasoning", request.reasoning.as_ref().and_then(reasoning));
    put("format", request.format.as_ref().and_then(format));
    put("tool_choice", request.tool_choice.as_ref().and_then(choice));
    for (at, tool) in request.tools.iter().enumerate() {
        put(&format!("tools[{at}]"), Some(self::tool(tool)));
    }
    list
}

/// The class of service, if it is not the one that everybody gets.
fn tier(name: &str) -> Option<Value> {
    (!matches!(name, "auto" | "default" | "standard" | "standard_only")).then(|| json!(name))
}

/// Whether to reason, if anything is said about it: how it is shown is not.
fn reasoning(reasoning: &Reasoning<'_>) -> Option<Value> {
    let is_said = reasoning.enabled.is_some() || reasoning.budget.is_some() || reasoning.effort.is_some();
    (is_said || reasoning.adaptive).then(|| json!(reasoning.is_on()))
}

/// Numbers by value: `1` and `1.0` are one wish.
fn spelled(raw: &str) -> Value {
    match value(raw) {
        Value::Number(number) => json!(number.as_f64()),
        other => other,
    }
}

fn format(format: &OutputFormat<'_>) -> Option<Value> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::Json => Some(json!("json")),
        OutputFormat::Schema { schema, .. } => Some(json!(["schema", keys(&value(schema.get()))])),
    }
}

/// The names of all properties a schema describes: what survives whatever keywords a dialect knows.
fn keys(schema: &Value) -> Value {
    let mut names = Vec::new();
    walk(schema, &mut names);
    names.sort();
    names.dedup();
    json!(names)
}

fn walk(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                names.extend(properties.keys().cloned());
            }
            members.values().for_each(|value| walk(value, names));
        }
        Value::Array(list) => list.iter().for_each(|value| walk(value, names)),
        _ => {}
    }
}

fn choice(choice: &ToolChoice<'_>) -> Option<Value> {
    Some(match choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!(["named", &**name]),
        ToolChoice::Allowed { names, required } => {
            json!(["allowed", names.iter().map(|name| &**name).collect::<Vec<_>>(), required])
        }
        ToolChoice::Foreign { raw, .. } => json!(["foreign", value(raw.get())]),
    })
}

fn tool(tool: &Tool<'_>) -> Value {
    match tool {
        Tool::Client { name, description, schema, kind, .. } => json!([
            &**name,
            description.as_deref().unwrap_or_default(),
            schema.as_ref().map(|schema| keys(&value(schema.get()))).unwrap_or_else(|| json!([])),
            format!("{kind:?}"),
        ]),
        Tool::Foreign { origin, kind, .. } => json!(["foreign", origin, &**kind]),
    }
}

impl What {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn thought(&self) -> Option<&str> {
        match self {
            Self::Thought(text) => Some(text),
            _ => None,
        }
    }
}

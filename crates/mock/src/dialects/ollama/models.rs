//! The models the mock has, and the endpoints that tell about them.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Answered, ApiError, Object, render, rules};
use crate::{
    dialects::Call,
    reply::{Reply, json_bytes},
    text,
};

/// When a model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinks {
    Never,
    /// As the server does with every model that can: unless it is told not to.
    Always,
    Asked,
}

/// One model.
#[derive(Debug)]
pub(super) struct Model {
    name: &'static str,
    family: &'static str,
    context: u64,
    pub(super) embeds: bool,
    pub(super) calls_tools: bool,
    pub(super) sees: bool,
    pub(super) fills_in: bool,
    pub(super) thinks: Thinks,
}

const PLAIN: Model = Model {
    name: "",
    family: "llama",
    context: 131_072,
    embeds: false,
    calls_tools: false,
    sees: false,
    fills_in: false,
    thinks: Thinks::Never,
};

/// A model that does anything; every name that starts like this is one.
const ANYTHING: Model = Model {
    name: "mock-",
    family: "mock",
    embeds: true,
    calls_tools: true,
    sees: true,
    fills_in: true,
    thinks: Thinks::Asked,
    ..PLAIN
};

const MODELS: &[Model] = &[
    Model { name: "llama3", context: 8192, ..PLAIN },
    Model { name: "llama3.1", calls_tools: true, ..PLAIN },
    Model { name: "llama3.1:8b", calls_tools: true, ..PLAIN },
    Model { name: "llama3.2", calls_tools: true, ..PLAIN },
    Model { name: "gemma3", family: "gemma3", sees: true, ..PLAIN },
    Model { name: "gemma3:1b", family: "gemma3", context: 32_768, ..PLAIN },
    Model { name: "llava", context: 4096, sees: true, ..PLAIN },
    Model { name: "codellama", context: 16_384, fills_in: true, ..PLAIN },
    Model {
        name: "qwen3",
        family: "qwen3",
        context: 40_960,
        calls_tools: true,
        thinks: Thinks::Always,
        ..PLAIN
    },
    Model { name: "qwen3.6", family: "qwen3", calls_tools: true, thinks: Thinks::Always, ..PLAIN },
    Model { name: "gpt-oss", family: "gptoss", calls_tools: true, thinks: Thinks::Always, ..PLAIN },
    Model { name: "nomic-embed-text", family: "nomic-bert", context: 2048, embeds: true, ..PLAIN },
];

/// The model of that name, in any case, `:latest` or not.
pub(super) fn find(name: &str) -> Option<&'static Model> {
    let name = name.to_ascii_lowercase();
    if name.starts_with(ANYTHING.name) {
        return Some(&ANYTHING);
    }
    let name = name.strip_suffix(":latest").unwrap_or(&name);
    MODELS.iter().find(|model| model.name == name)
}

/// The model a body names; outside strictness any name is a model for anything.
pub(super) fn named<'a>(call: &Call<'_>, body: &'a Object) -> Result<(&'a str, &'static Model), ApiError> {
    let name = body.get("model").and_then(Value::as_str).unwrap_or_default();
    match find(name) {
        Some(model) => Ok((name, model)),
        None if call.strict || name.is_empty() => Err(ApiError::no_such_model(name)),
        None => Ok((name, &ANYTHING)),
    }
}

#[derive(Serialize)]
struct Details<'a> {
    parent_model: &'a str,
    format: &'a str,
    family: &'a str,
    families: [&'a str; 1],
    parameter_size: &'a str,
    quantization_level: &'a str,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    model: &'a str,
    modified_at: String,
    size: u64,
    digest: String,
    details: Details<'a>,
}

impl Model {
    fn details(&self) -> Details<'static> {
        Details {
            parent_model: "",
            format: "gguf",
            family: self.family,
            families: [self.family],
            parameter_size: "3.2B",
            quantization_level: "Q4_K_M",
        }
    }

    fn capabilities(&self) -> Vec<&'static str> {
        let all = [
            ("completion", !self.embeds || self.calls_tools),
            ("embedding", self.embeds),
            ("tools", self.calls_tools),
            ("vision", self.sees),
            ("insert", self.fills_in),
            ("thinking", self.thinks != Thinks::Never),
        ];
        all.into_iter().filter(|(_, can)| *can).map(|(name, _)| name).collect()
    }
}

fn ok(body: &impl Serialize) -> Answered {
    Ok(Reply::whole(200, render::JSON, json_bytes(body)))
}

/// `GET /api/tags`.
pub(super) fn tags(_: &Call<'_>) -> Answered {
    let names: Vec<String> =
        MODELS
            .iter()
            .map(|model| {
                if model.name.contains(':') {
                    model.name.to_owned()
                } else {
                    format!("{}:latest", model.name)
                }
            })
            .chain(["mock-1:latest".to_owned()])
            .collect();
    let listed = MODELS.iter().chain([&ANYTHING]).zip(&names).map(|(model, name)| Listed {
        name,
        model: name,
        modified_at: render::time(0),
        size: 2_019_393_189,
        digest: text::id("", text::hash(name.as_bytes())).repeat(2),
        details: model.details(),
    });
    let listed: Vec<Listed<'_>> = listed.collect();
    ok(&json!({ "models": listed }))
}

/// `GET /api/ps`: nothing stays loaded.
pub(super) fn ps(_: &Call<'_>) -> Answered {
    ok(&json!({ "models": [] }))
}

/// `GET /api/version`.
pub(super) fn version(_: &Call<'_>) -> Answered {
    ok(&json!({ "version": "0.21.0" }))
}

/// `POST /api/show`.
pub(super) fn show(call: &Call<'_>, body: &Object) -> Answered {
    if call.strict {
        rules::check("ShowRequest", rules::SHOW, body)?;
    }
    let name =
        ["model", "name"].iter().find_map(|key| body.get(*key)?.as_str().filter(|name| !name.is_empty()));
    let name = name.ok_or_else(|| ApiError::bad("model is required"))?;
    let model = find(name).ok_or_else(|| ApiError::no_such_model(name))?;
    let family = model.family;
    ok(&json!({
        "license": "none",
        "modelfile": "FROM mock",
        "parameters": "stop \"<|eot_id|>\"",
        "template": "{{ .Prompt }}",
        "details": model.details(),
        "model_info": {
            "general.architecture": family,
            "general.basename": name,
            "general.parameter_count": 3_212_749_888_u64,
            format!("{family}.context_length"): model.context,
            format!("{family}.embedding_length"): 768,
        },
        "capabilities": model.capabilities(),
        "modified_at": render::time(0),
    }))
}

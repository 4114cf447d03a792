//! `POST /api/chat` and `/api/generate`: what was asked, and whether the model can do it.

use serde_json::Value;

use super::{
    Answered, ApiError, Object,
    models::{self, Model, Thinks},
    render::{self, Facts, Form},
    rules,
};
use crate::{
    answer::{Last, Prompt, Shape, Tool, ToolChoice},
    dialects::{Call, Refusal},
    text,
};

/// What a picture costs, about as much as a small tile of it.
const IMAGE_TOKENS: u64 = 256;

fn str_of<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(body: &'a Object, name: &str) -> &'a [Value] {
    body.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text_of<'a>(body: &'a Object, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn option<'a>(body: &'a Object, name: &str) -> Option<&'a Value> {
    body.get("options")?.get(name)
}

/// `POST /api/chat`.
pub(super) fn chat(call: &Call<'_>, body: &Object) -> Answered {
    if call.strict {
        rules::check("ChatRequest", rules::CHAT, body)?;
        check_logprobs(body)?;
        if text_of(body, "model").is_empty() {
            return Err(ApiError::bad("model is required"));
        }
    }
    let (name, model) = models::named(call, body)?;
    let messages = list(body, "messages");
    let facts = facts(call, body, name, Form::Chat);
    if messages.is_empty() && unloads(body) {
        return Ok(render::nothing(&facts, "unload"));
    }
    let tools: Vec<Tool<'_>> = list(body, "tools").iter().filter_map(tool).collect();
    let effort = prepare(call, body, name, model, "chat")?;
    if call.strict && !tools.is_empty() && !model.calls_tools {
        return Err(ApiError::bad(format!("registry.ollama.ai/library/{name} does not support tools")));
    }
    if messages.is_empty() {
        return Ok(render::nothing(&facts, "load"));
    }
    let said = |role: &str| messages.iter().rev().find(|message| str_of(message, "role") == role);
    let last = messages.last().map_or(Last::Other, |message| match str_of(message, "role") {
        "user" => Last::User,
        "tool" => Last::ToolResult(str_of(message, "content").into()),
        "assistant" => Last::Assistant(str_of(message, "content").into()),
        _ => Last::Other,
    });
    let images = |message: &Value| message["images"].as_array().map_or(0, Vec::len) as u64;
    let tokens = messages
        .iter()
        .map(|message| 4 + text::input_tokens(str_of(message, "content")) + IMAGE_TOKENS * images(message))
        .sum();
    let prompt = Prompt {
        user_text: said("user").map(|message| str_of(message, "content")).unwrap_or_default().into(),
        last,
        tokens,
        tools,
        effort,
        ..plain(name, body)
    };
    if prompt.is_refused(call.behaviour) {
        return Err(ApiError::of(Refusal::Prefill, name));
    }
    Ok(render::reply(facts, prompt.answer(call.behaviour)))
}

/// `POST /api/generate`.
pub(super) fn generate(call: &Call<'_>, body: &Object) -> Answered {
    if call.strict {
        rules::check("GenerateRequest", rules::GENERATE, body)?;
        check_logprobs(body)?;
    }
    let (name, model) = models::named(call, body)?;
    let prompt = text_of(body, "prompt");
    let facts = facts(call, body, name, Form::Generate);
    if prompt.is_empty() && unloads(body) {
        return Ok(render::nothing(&facts, "unload"));
    }
    let is_raw = body.get("raw").and_then(Value::as_bool).unwrap_or(false);
    let shapes_prompt = ["template", "system"].iter().any(|name| !text_of(body, name).is_empty());
    if call.strict && is_raw && (shapes_prompt || !list(body, "context").is_empty()) {
        return Err(ApiError::bad("raw mode does not support template, system, or context"));
    }
    let effort = prepare(call, body, name, model, "generate")?;
    if call.strict && !text_of(body, "suffix").is_empty() && !model.fills_in {
        return Err(ApiError::bad(format!("registry.ollama.ai/library/{name} does not support insert")));
    }
    if prompt.is_empty() {
        return Ok(render::nothing(&facts, "load"));
    }
    let tokens = text::input_tokens(prompt) + text::input_tokens(text_of(body, "system"));
    let prompt = Prompt { user_text: prompt.into(), last: Last::User, tokens, effort, ..plain(name, body) };
    let facts = Facts { has_context: !is_raw, ..facts };
    Ok(render::reply(facts, prompt.answer(call.behaviour)))
}

/// What both have in common.
fn plain<'a>(name: &'a str, body: &'a Object) -> Prompt<'a> {
    let stops = option(body, "stop").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Prompt {
        model: name,
        user_text: "".into(),
        last: Last::Other,
        tokens: 0,
        tools: Vec::new(),
        tool_choice: ToolChoice::Auto,
        parallel_tools: true,
        shape: match body.get("format") {
            Some(Value::String(format)) if format == "json" => Shape::Object,
            Some(schema @ Value::Object(_)) => Shape::Schema(schema),
            _ => Shape::Text,
        },
        effort: None,
        limit: option(body, "num_predict").and_then(Value::as_u64).filter(|limit| *limit > 0),
        stops: stops.iter().filter_map(Value::as_str).collect(),
    }
}

fn facts(call: &Call<'_>, body: &Object, name: &str, form: Form) -> Facts {
    let flag = |name: &str| body.get(name).and_then(Value::as_bool);
    let top = body.get("top_logprobs").and_then(Value::as_u64).unwrap_or(0);
    Facts {
        model: name.to_owned(),
        serial: call.serial,
        form,
        is_streamed: flag("stream").unwrap_or(true),
        logprobs: (flag("logprobs") == Some(true)).then_some(top),
        has_context: false,
    }
}

fn check_logprobs(body: &Object) -> Result<(), ApiError> {
    match body.get("top_logprobs").and_then(Value::as_i64) {
        Some(most) if !(0..=20).contains(&most) => {
            Err(ApiError::bad("top_logprobs must be between 0 and 20"))
        }
        _ => Ok(()),
    }
}

/// Whether the model is to go, not to talk.
fn unloads(body: &Object) -> bool {
    match body.get("keep_alive") {
        Some(Value::Number(seconds)) => seconds.as_f64() == Some(0.0),
        Some(Value::String(text)) => {
            text == "0" || humantime::parse_duration(text).is_ok_and(|duration| duration.is_zero())
        }
        _ => false,
    }
}

fn tool(value: &Value) -> Option<Tool<'_>> {
    let function = value.get("function")?;
    Some(Tool {
        name: function.get("name")?.as_str()?,
        parameters: function.get("parameters"),
        takes_text: false,
    })
}

/// Checks what the model can do, in the server's order, and says how hard it shall think.
fn prepare<'a>(
    call: &Call<'_>,
    body: &'a Object,
    name: &str,
    model: &Model,
    what: &str,
) -> Result<Option<&'a str>, ApiError> {
    let effort = match body.get("think") {
        Some(Value::Bool(true)) => Some("low"),
        Some(Value::String(level)) => Some(level.as_str()),
        Some(Value::Bool(false)) => None,
        _ => (model.thinks == Thinks::Always).then_some("low"),
    };
    if !call.strict {
        return Ok(effort);
    }
    if effort.is_some() && model.thinks == Thinks::Never {
        return Err(ApiError::cannot(name, "thinking"));
    }
    if model.embeds && !model.calls_tools {
        return Err(ApiError::cannot(name, what));
    }
    rules::options(body)?;
    Ok(effort)
}

//! What the messages of a chat request must be, one by one and in order.

use serde_json::Value;

use super::super::{
    ApiError, Object,
    rules::{self, ANY, Kind, Param, nullable, optional, place, required},
};

const TEXT_PARTS: &[&str] = &["text"];
const USER_PARTS: &[&str] = &["text", "image_url", "input_audio", "refusal", "audio", "file"];
const ASSISTANT_PARTS: &[&str] = &["text", "refusal"];

/// A role, what its message may have, and the parts its content may have.
struct RoleRule {
    role: &'static str,
    params: &'static [Param],
    parts: &'static [&'static str],
    /// Whether something other than text may be all there is.
    content_needed: bool,
}

const CONTENT: Kind = Kind::TextOrArray("objects", 1, ANY);

/// In the order OpenAI lists them when a role is none of them.
const ROLES: &[RoleRule] = &[
    RoleRule { role: "system", params: PLAIN, parts: TEXT_PARTS, content_needed: true },
    RoleRule { role: "assistant", params: ASSISTANT, parts: ASSISTANT_PARTS, content_needed: false },
    RoleRule { role: "user", params: PLAIN, parts: USER_PARTS, content_needed: true },
    RoleRule { role: "function", params: PLAIN, parts: TEXT_PARTS, content_needed: false },
    RoleRule { role: "tool", params: TOOL, parts: TEXT_PARTS, content_needed: true },
    RoleRule { role: "developer", params: PLAIN, parts: TEXT_PARTS, content_needed: true },
];

const PLAIN: &[Param] = &[
    required("role", Kind::Text(ANY)),
    required("content", Kind::Anything),
    optional("name", Kind::Text(ANY)),
];

/// The answers of the API are sent back as they came, so `annotations` are let through.
const ASSISTANT: &[Param] = &[
    required("role", Kind::Text(ANY)),
    nullable("content", Kind::Anything),
    nullable("refusal", Kind::Text(ANY)),
    optional("name", Kind::Text(ANY)),
    nullable("audio", Kind::Object),
    nullable("tool_calls", Kind::Array("objects", 1, ANY)),
    nullable("function_call", Kind::Object),
    nullable("annotations", Kind::Array("objects", 0, ANY)),
];

const TOOL: &[Param] = &[
    required("role", Kind::Text(ANY)),
    required("content", Kind::Anything),
    required("tool_call_id", Kind::Text(ANY)),
    optional("name", Kind::Text(ANY)),
];

const TOOL_CALL: &[Param] = &[
    required("id", Kind::Text(ANY)),
    required("type", Kind::OneOf(&["function", "custom"])),
    optional("function", Kind::Object),
    optional("custom", Kind::Object),
];

const CALLED_FUNCTION: &[Param] =
    &[required("name", Kind::Text(ANY)), required("arguments", Kind::Text(ANY))];

/// Checks all messages; that there are some is checked already.
pub(super) fn check(body: &Object) -> Result<(), ApiError> {
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut order = Order::default();
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        Kind::Object.check(&at, message)?;
        if let Value::Object(message) = message {
            let role = check_message(message, index, &at)?;
            if role == "developer" && body.get("model").and_then(Value::as_str) == Some("o1-mini") {
                return Err(ApiError::unsupported_value(&place(&at, "role"), "'developer'", ""));
            }
            order.next(role, message, index)?;
        }
    }
    order.end()
}

fn check_message<'a>(message: &'a Object, index: usize, at: &str) -> Result<&'a str, ApiError> {
    let role_at = place(at, "role");
    let role = message.get("role").ok_or_else(|| ApiError::missing(&role_at))?;
    let name = role.as_str().ok_or_else(|| ApiError::wrong_type(&role_at, "a string", role))?;
    let Some(rule) = ROLES.iter().find(|rule| rule.role == name) else {
        let roles: Vec<_> = ROLES.iter().map(|rule| rule.role).collect();
        return Err(ApiError::not_one_of(&role_at, name, &roles));
    };
    rules::check(rule.params, message, at)?;
    let speaks_otherwise = ["tool_calls", "function_call", "refusal", "audio"]
        .iter()
        .any(|name| message.get(*name).is_some_and(|value| !value.is_null()));
    match message.get("content") {
        None | Some(Value::Null) if rule.content_needed || (name == "assistant" && !speaks_otherwise) => {
            let message = "Invalid value for 'content': expected a string, got null.";
            return Err(ApiError::bad(message).param(format!("messages.[{index}].content")));
        }
        None | Some(Value::Null) => {}
        Some(content) => check_content(content, rule.parts, &place(at, "content"))?,
    }
    for (index, call) in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        check_call(call, &format!("{at}.tool_calls[{index}]"))?;
    }
    Ok(name)
}

fn check_content(content: &Value, allowed: &'static [&'static str], at: &str) -> Result<(), ApiError> {
    CONTENT.check(at, content)?;
    for (index, part) in content.as_array().into_iter().flatten().enumerate() {
        let at = format!("{at}[{index}]");
        Kind::Object.check(&at, part)?;
        let type_at = place(&at, "type");
        let kind = part.get("type").ok_or_else(|| ApiError::missing(&type_at))?;
        Kind::OneOf(allowed).check(&type_at, kind)?;
        let kind = kind.as_str().unwrap_or_default();
        let value_at = place(&at, kind);
        let value = part.get(kind).ok_or_else(|| ApiError::missing(&value_at))?;
        match kind {
            "text" | "refusal" => Kind::Text(ANY).check(&value_at, value)?,
            _ => Kind::Object.check(&value_at, value)?,
        }
        if kind == "image_url" && value.get("url").and_then(Value::as_str).is_none() {
            return Err(ApiError::missing(&place(&value_at, "url")));
        }
    }
    Ok(())
}

fn check_call(call: &Value, at: &str) -> Result<(), ApiError> {
    Kind::Object.check(at, call)?;
    let Value::Object(call) = call else { return Ok(()) };
    rules::check(TOOL_CALL, call, at)?;
    let kind = call.get("type").and_then(Value::as_str).unwrap_or_default();
    let at = place(at, kind);
    match call.get(kind) {
        Some(Value::Object(function)) if kind == "function" => rules::check(CALLED_FUNCTION, function, &at),
        Some(Value::Object(_)) => Ok(()),
        _ => Err(ApiError::missing(&at)),
    }
}

/// Calls and results must alternate: every call answered before anybody else speaks, no answer without a call.
#[derive(Default)]
struct Order<'a> {
    unanswered: Vec<&'a str>,
    /// Ids of the calls whose results may follow, answered or not.
    called: Vec<&'a str>,
}

impl<'a> Order<'a> {
    fn next(&mut self, role: &str, message: &'a Object, index: usize) -> Result<(), ApiError> {
        if role == "tool" {
            let id = message.get("tool_call_id").and_then(Value::as_str).unwrap_or_default();
            if !self.called.contains(&id) {
                let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding \
                               message with 'tool_calls'.";
                return Err(ApiError::bad(message).param(format!("messages.[{index}].role")));
            }
            self.unanswered.retain(|unanswered| *unanswered != id);
            return Ok(());
        }
        self.all_answered(|| format!("messages.[{index}].role"))?;
        let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
        self.called = calls.filter_map(|call| call.get("id").and_then(Value::as_str)).collect();
        self.unanswered.clone_from(&self.called);
        Ok(())
    }

    fn end(&self) -> Result<(), ApiError> {
        self.all_answered(|| "messages".to_owned())
    }

    fn all_answered(&self, param: impl Fn() -> String) -> Result<(), ApiError> {
        if self.unanswered.is_empty() {
            return Ok(());
        }
        let message = format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
             'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            self.unanswered.join(", ")
        );
        Err(ApiError::bad(message).param(param()))
    }
}

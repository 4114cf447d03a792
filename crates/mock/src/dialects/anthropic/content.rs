//! What the parts of a well-formed request must have to do with each other and with the model.

use serde_json::Value;

use super::{
    ApiError, Ask, Object, Version,
    models::{Model, Rules, Sampling},
    order, prompt,
    rules::{Place, unknown_tag},
    signature, tables, text_in,
};

/// Most marks a request may make in what it sends.
const MAX_CACHE_MARKS: usize = 4;

const THINKING_DOCS: &str = "Please consult our documentation at \
                             https://docs.claude.com/en/docs/build-with-claude/extended-thinking";

/// Everything but the form, which has been checked.
pub(super) fn check(ask: &Ask<'_>, body: &Object, model: &Model) -> Result<(), ApiError> {
    check_limits(body, model)?;
    check_sampling(body, model.rules)?;
    check_thinking(body, model.rules)?;
    check_effort(body, model.rules)?;
    check_system(body)?;
    check_messages(ask, body)?;
    check_tools(body)?;
    order::check(body, model.rules)?;
    check_format(body)?;
    match prompt::cache_marks(body) {
        marks if marks > MAX_CACHE_MARKS => Err(ApiError::bad(format!(
            "A maximum of {MAX_CACHE_MARKS} blocks with cache_control may be provided. Found {marks}."
        ))),
        _ => Ok(()),
    }
}

fn check_limits(body: &Object, model: &Model) -> Result<(), ApiError> {
    let most = model.rules.max_output;
    match body.get("max_tokens").and_then(Value::as_u64) {
        Some(given) if given > most => Err(ApiError::bad(format!(
            "max_tokens: {given} > {most}, which is the maximum allowed number of output tokens for {}",
            model.id
        ))),
        _ if strings(body.get("stop_sequences")).any(|stop| stop.trim().is_empty()) => {
            Err(ApiError::bad("stop_sequences: each stop sequence must contain non-whitespace"))
        }
        _ => Ok(()),
    }
}

fn check_sampling(body: &Object, rules: &Rules) -> Result<(), ApiError> {
    let number = |name: &str| body.get(name).and_then(Value::as_f64);
    if rules.sampling == Sampling::Refused {
        let given = ["temperature", "top_p", "top_k"].into_iter().find(|name| number(name).is_some());
        // The default is taken: recorded requests for these models send it.
        if let Some(name) = given.filter(|name| number(name) != Some(1.0)) {
            return Err(ApiError::bad(format!("`{name}` is deprecated for this model.")));
        }
    }
    if rules.sampling == Sampling::OneOfTwo && number("temperature").is_some() && number("top_p").is_some() {
        return Err(ApiError::bad(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    Ok(())
}

fn check_thinking(body: &Object, rules: &Rules) -> Result<(), ApiError> {
    let Some(thinking) = body.get("thinking") else { return Ok(()) };
    let number = |name: &str| body.get(name).and_then(Value::as_f64);
    match text_in(thinking, "type") {
        "enabled" if !rules.budget && rules.adaptive => {
            return Err(ApiError::bad(
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \
                 \"output_config.effort\" to control thinking behavior.",
            ));
        }
        "enabled" if !rules.budget => {
            return Err(ApiError::bad("thinking is not supported on this model"));
        }
        "adaptive" if !rules.adaptive => {
            return Err(ApiError::bad("adaptive thinking is not supported on this model"));
        }
        "enabled" | "adaptive" => {}
        _ => return Ok(()),
    }
    if let Some(budget) = thinking.get("budget_tokens").and_then(Value::as_u64)
        && let Some(limit) = body.get("max_tokens").and_then(Value::as_u64)
        && limit <= budget
    {
        return Err(ApiError::bad(format!(
            "`max_tokens` must be greater than `thinking.budget_tokens`. {THINKING_DOCS}#max-tokens-and-context-window-size"
        )));
    }
    if number("temperature").is_some_and(|temperature| temperature != 1.0) {
        return Err(ApiError::bad(format!(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. \
             {THINKING_DOCS}#important-considerations-when-using-extended-thinking"
        )));
    }
    if number("top_p").is_some_and(|top_p| top_p < 0.95) {
        return Err(ApiError::bad(format!(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode. \
             {THINKING_DOCS}#important-considerations-when-using-extended-thinking"
        )));
    }
    if number("top_k").is_some() {
        return Err(ApiError::bad(format!(
            "`top_k` must be unset when thinking is enabled or in adaptive mode. \
             {THINKING_DOCS}#important-considerations-when-using-extended-thinking"
        )));
    }
    match body.get("tool_choice").map(|choice| text_in(choice, "type")) {
        Some("any" | "tool") => {
            Err(ApiError::bad("Thinking may not be enabled when tool_choice forces tool use."))
        }
        _ => Ok(()),
    }
}

fn check_effort(body: &Object, rules: &Rules) -> Result<(), ApiError> {
    let effort = body.get("output_config").map(|config| text_in(config, "effort")).unwrap_or_default();
    if effort.is_empty() || rules.efforts.contains(&effort) {
        return Ok(());
    }
    if rules.efforts.is_empty() {
        return Err(ApiError::bad("This model does not support the effort parameter."));
    }
    let supported = rules.efforts.join(", ");
    Err(ApiError::bad(format!(
        "This model does not support effort level '{effort}'. Supported levels: {supported}."
    )))
}

fn check_system(body: &Object) -> Result<(), ApiError> {
    let blocks = body.get("system").and_then(Value::as_array).into_iter().flatten();
    for (index, block) in blocks.enumerate() {
        if text_in(block, "text").is_empty() {
            if block.get("cache_control").is_some_and(Value::is_object) {
                return Err(ApiError::bad(format!(
                    "system.{index}: cache_control cannot be set for empty text blocks"
                )));
            }
            return Err(ApiError::bad("system: text content blocks must be non-empty"));
        }
    }
    Ok(())
}

/// Each message for itself.
fn check_messages(ask: &Ask<'_>, body: &Object) -> Result<(), ApiError> {
    let messages = items(body.get("messages"));
    if messages.is_empty() {
        return Err(ApiError::bad("messages: at least one message is required"));
    }
    let list = Place::Field(&Place::Body, "messages");
    for (index, message) in messages.iter().enumerate() {
        let place = Place::Item(&list, index);
        let role = text_in(message, "role");
        if !matches!(role, "user" | "assistant" | "system") {
            return Err(Place::Field(&place, "role").error("Input should be 'user' or 'assistant'"));
        }
        for name in ["clear_at", "output_config"] {
            if role != "system" && message.get(name).is_some() {
                return Err(Place::Field(&place, name).extra());
            }
        }
        let is_last = index + 1 == messages.len();
        check_content(message, role, is_last, &place)?;
        let content = Place::Field(&place, "content");
        for (index, block) in items(message.get("content")).iter().enumerate() {
            check_block(ask.version, block, role, &place, &Place::Item(&content, index))?;
        }
    }
    Ok(())
}

/// The content as a whole: not empty, and no blanks where the answer continues.
fn check_content(message: &Value, role: &str, is_last: bool, place: &Place<'_>) -> Result<(), ApiError> {
    let content = message.get("content");
    let blocks = items(content);
    let text = content.and_then(Value::as_str);
    let is_empty = text.is_some_and(str::is_empty) || text.is_none() && blocks.is_empty();
    if is_empty {
        // A system message may change nothing but the effort, and the last answer may be about to begin.
        let may_be = message.get("output_config").is_some() || role == "assistant" && is_last;
        return if may_be {
            Ok(())
        } else {
            Err(place.error(format_args!("{role} messages must have non-empty content")))
        };
    }
    let texts =
        || blocks.iter().filter(|block| text_in(block, "type") == "text").map(|block| text_in(block, "text"));
    if texts().any(str::is_empty) {
        return Err(ApiError::bad("messages: text content blocks must be non-empty"));
    }
    // Beside other blocks a blank text is let through: fixtures anthropic-messages/stream/tool-result-turn.
    let all_texts = texts().count() == blocks.len();
    let blank = text.is_some_and(|text| text.trim().is_empty())
        || text.is_none() && all_texts && texts().all(|text| text.trim().is_empty());
    if blank {
        return Err(ApiError::bad("messages: text content blocks must contain non-whitespace text"));
    }
    let last_text = text.or_else(|| blocks.last().map(|block| text_in(block, "text")));
    if role == "assistant" && is_last && last_text.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        return Err(ApiError::bad("messages: final assistant content cannot end with trailing whitespace"));
    }
    Ok(())
}

fn check_block(
    version: Version,
    block: &Value,
    role: &str,
    message: &Place<'_>,
    place: &Place<'_>,
) -> Result<(), ApiError> {
    let kind = text_in(block, "type");
    let only =
        |role: &str| Err(message.error(format_args!("`{kind}` blocks can only be in `{role}` messages")));
    match (kind, role) {
        ("tool_use" | "thinking" | "redacted_thinking", "user") => only("assistant"),
        ("tool_result", "assistant") => only("user"),
        ("tool_addition" | "tool_removal", "user" | "assistant") => only("system"),
        ("document", "assistant") if version >= Version::V2026 => {
            // In this version each role has a list of its own.
            let known = tables::BLOCKS.iter().map(|variant| variant.tag).filter(|tag| *tag != "document");
            Err(unknown_tag(&Value::from("document"), known.collect(), place))
        }
        ("text", "user") if version >= Version::V2026 && !items(block.get("citations")).is_empty() => {
            Err(Place::Field(&Place::Field(place, "text"), "citations").extra())
        }
        ("thinking", _) if !signature::is_valid(text_in(block, "thinking"), text_in(block, "signature")) => {
            Err(place.error("Invalid `signature` in `thinking` block"))
        }
        ("image" | "document", _) => {
            let url = block.get("source").filter(|source| text_in(source, "type") == "url");
            match url.map(|source| text_in(source, "url")) {
                Some(url) if !url.starts_with("https://") => {
                    Err(place.error("Only HTTPS URLs are supported."))
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn check_tools(body: &Object) -> Result<(), ApiError> {
    let tools = items(body.get("tools"));
    let mut names = Vec::with_capacity(tools.len());
    for (index, tool) in tools.iter().enumerate() {
        if let Some(schema) = tool.get("input_schema") {
            let list = Place::Field(&Place::Body, "tools");
            let tool = Place::Item(&list, index);
            let custom = Place::Field(&tool, "custom");
            check_schema(schema, &Place::Field(&custom, "input_schema"))?;
        }
        let name = text_in(tool, "name");
        if !name.is_empty() && names.contains(&name) {
            return Err(ApiError::bad("tools: Tool names must be unique."));
        }
        names.push(name);
    }
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    let kind = text_in(choice, "type");
    if tools.is_empty() && kind != "none" {
        return Err(ApiError::bad("tool_choice may only be specified while providing tools."));
    }
    let wanted = text_in(choice, "name");
    if kind == "tool" && !names.contains(&wanted) {
        return Err(ApiError::bad(format!("Tool '{wanted}' not found in provided tools")));
    }
    Ok(())
}

fn check_schema(schema: &Value, place: &Place<'_>) -> Result<(), ApiError> {
    match schema.get("type") {
        None => return Err(Place::Field(place, "type").error("Field required")),
        Some(kind) if kind != "object" => {
            return Err(Place::Field(place, "type").error("Input should be 'object'"));
        }
        Some(_) => {}
    }
    if ["oneOf", "allOf", "anyOf"].iter().any(|name| schema.get(*name).is_some()) {
        return Err(place.error("input_schema does not support oneOf, allOf, or anyOf at the top level"));
    }
    Ok(())
}

/// Structured output wants closed objects.
fn check_format(body: &Object) -> Result<(), ApiError> {
    let Some((place, schema)) = prompt::format(body) else { return Ok(()) };
    if is_closed(schema) {
        return Ok(());
    }
    Err(ApiError::bad(format!(
        "{place}.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
    )))
}

fn is_closed(schema: &Value) -> bool {
    let open = text_in(schema, "type") == "object"
        && schema.get("additionalProperties") != Some(&Value::Bool(false));
    !open
        && match schema {
            Value::Object(fields) => fields.values().all(is_closed),
            Value::Array(items) => items.iter().all(is_closed),
            _ => true,
        }
}

/// The items of a list; none where there is no list.
pub(super) fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts in a list.
pub(super) fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    items(value).iter().filter_map(Value::as_str)
}

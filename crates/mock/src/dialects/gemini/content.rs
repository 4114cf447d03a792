//! What the parts of a well-formed request must have to do with each other and with the model.

use serde_json::Value;

use super::{
    ApiError, Ask, items,
    models::Model,
    proto::snake,
    schemas, signature,
    tables::{PART_DATA, TOOL_TYPES},
    text_in,
};

/// Everything but the form, which has been checked. What Google finds in one go is named in one go; the rest is
/// found later, one at a time.
pub(super) fn check(ask: &Ask<'_>, body: &Value) -> Result<(), ApiError> {
    let mut faults = Vec::new();
    check_contents(body, &mut faults);
    check_tools(body, &mut faults);
    check_config(body, &mut faults);
    if !faults.is_empty() {
        return Err(ApiError::faults(&faults));
    }
    check_order(items(body.get("contents")))?;
    check_signatures(ask.model, items(body.get("contents")))?;
    check_choices(ask.model, body)
}

fn check_contents(body: &Value, faults: &mut Vec<String>) {
    let contents = items(body.get("contents"));
    if contents.is_empty() {
        faults.push("contents: contents is not specified".to_owned());
    }
    let system = body.get("systemInstruction").map(|content| ("system_instruction".to_owned(), content));
    let contents =
        contents.iter().enumerate().map(|(index, content)| (format!("contents[{index}]"), content));
    for (place, content) in contents.chain(system) {
        let parts = items(content.get("parts"));
        if parts.is_empty() {
            faults.push(format!("{place}.parts: contents.parts must not be empty."));
        }
        for (index, part) in parts.iter().enumerate() {
            check_part(part, &format!("{place}.parts[{index}]"), faults);
        }
    }
}

fn check_part(part: &Value, place: &str, faults: &mut Vec<String>) {
    let mut data = PART_DATA.iter().filter(|name| part.get(**name).is_some());
    match (data.next(), data.next()) {
        (None, _) => {
            faults.push(format!("{place}.data: required oneof field 'data' must have one initialized field"))
        }
        (Some(_), Some(second)) => faults
            .push(format!("{place}.data: oneof field 'data' is already set. Cannot set '{}'", snake(second))),
        _ => {}
    }
    for name in ["functionCall", "functionResponse"] {
        if part.get(name).is_some_and(|value| text_in(value, "name").is_empty()) {
            faults.push(format!("{place}.{}.name: Name cannot be empty.", snake(name)));
        }
    }
    for (name, field) in [("inlineData", "mimeType"), ("fileData", "fileUri")] {
        if part.get(name).is_some_and(|value| text_in(value, field).is_empty()) {
            faults.push(format!("{place}.{}.{}: {field} must not be empty.", snake(name), snake(field)));
        }
    }
}

fn check_tools(body: &Value, faults: &mut Vec<String>) {
    for (index, tool) in items(body.get("tools")).iter().enumerate() {
        let place = format!("tools[{index}]");
        let has = |name: &&str| {
            tool.get(*name).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
        };
        if !TOOL_TYPES.iter().any(has) {
            faults.push(format!(
                "{place}.tool_type: required one_of 'tool_type' must have one initialized field"
            ));
        }
        for (index, declaration) in items(tool.get("functionDeclarations")).iter().enumerate() {
            let place = format!("{place}.function_declarations[{index}]");
            if !is_function_name(text_in(declaration, "name")) {
                faults.push(format!(
                    "{place}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric \
                     (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
                ));
            }
            for name in ["parameters", "response"] {
                if let Some(schema) = declaration.get(name) {
                    schemas::check(schema, &format!("{place}.{name}"), faults);
                }
            }
        }
    }
}

fn is_function_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(allowed)
}

fn check_config(body: &Value, faults: &mut Vec<String>) {
    let Some(config) = body.get("generationConfig") else { return };
    let number = |name: &str| config.get(name).and_then(Value::as_f64);
    if number("temperature").is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        faults.push("generation_config.temperature: temperature must be in the range [0.0, 2.0].".to_owned());
    }
    if number("topP").is_some_and(|top_p| !(0.0..=1.0).contains(&top_p)) {
        faults.push("generation_config.top_p: top_p must be in the range [0.0, 1.0].".to_owned());
    }
    if number("maxOutputTokens").is_some_and(|tokens| tokens < 1.0) {
        faults.push("generation_config.max_output_tokens: max_output_tokens must be positive.".to_owned());
    }
    if let Some(schema) = config.get("responseSchema") {
        schemas::check(schema, "generation_config.response_schema", faults);
    }
}

/// Who may speak when: a call after a user or a result, a result after its call, as many results as calls.
fn check_order(contents: &[Value]) -> Result<(), ApiError> {
    let count = |content: &Value, name: &str| {
        items(content.get("parts")).iter().filter(|part| part.get(name).is_some()).count()
    };
    if contents.iter().any(|content| !matches!(text_in(content, "role"), "" | "user" | "model" | "function"))
    {
        return Err(ApiError::invalid("Please use a valid role: user, model."));
    }
    if let [only] = contents
        && text_in(only, "role") == "model"
    {
        return Err(ApiError::invalid(
            "Please ensure that single turn requests end with a user role or the role is not specified.",
        ));
    }
    let mut open = 0;
    let mut is_after_model = contents.is_empty();
    for (index, content) in contents.iter().enumerate() {
        let (calls, results) = (count(content, "functionCall"), count(content, "functionResponse"));
        if results > 0 && open == 0 {
            return Err(ApiError::invalid(
                "Please ensure that function response turn comes immediately after a function call turn.",
            ));
        }
        if open != results {
            return Err(ApiError::invalid(
                "Please ensure that the number of function response parts is equal to the number of function call parts \
                 of the function call turn.",
            ));
        }
        if calls > 0 && (index == 0 || is_after_model) {
            return Err(ApiError::invalid(
                "Please ensure that function call turn comes immediately after a user turn or after a function response \
                 turn.",
            ));
        }
        open = calls;
        is_after_model = text_in(content, "role") == "model";
    }
    match open {
        0 => Ok(()),
        _ => Err(ApiError::invalid(
            "Please ensure that the number of function response parts is equal to the number of function call parts of \
             the function call turn.",
        )),
    }
}

/// Signatures that are given must be this provider's; in the round of calls under way they must be given.
fn check_signatures(model: &Model, contents: &[Value]) -> Result<(), ApiError> {
    let is_question = |content: &Value| {
        text_in(content, "role") != "model"
            && items(content.get("parts")).iter().any(|part| part.get("functionResponse").is_none())
    };
    let question = contents.iter().rposition(is_question);
    for (index, content) in contents.iter().enumerate() {
        let parts = items(content.get("parts"));
        let given =
            parts.iter().map(|part| text_in(part, "thoughtSignature")).filter(|text| !text.is_empty());
        if given.into_iter().any(|text| !signature::is_plausible(text)) {
            return Err(ApiError::invalid("Corrupted thought signature."));
        }
        // Of several calls only the first is signed.
        let first_call = parts.iter().find(|part| part.get("functionCall").is_some());
        let is_current = question.is_none_or(|question| index > question);
        if let Some(part) = first_call
            && model.wants_signatures()
            && is_current
            && text_in(part, "thoughtSignature").is_empty()
        {
            let name = part.get("functionCall").map(|call| text_in(call, "name")).unwrap_or_default();
            return Err(ApiError::invalid(format!(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
                 correctly, and missing thought_signature may lead to degraded model performance. Additional data, \
                 function call `default_api:{name}` , position {}. Please refer to \
                 https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
                index + 1
            )));
        }
    }
    Ok(())
}

/// What does not go together, or not with this model.
fn check_choices(model: &Model, body: &Value) -> Result<(), ApiError> {
    let mut names = Vec::new();
    for tool in items(body.get("tools")) {
        for declaration in items(tool.get("functionDeclarations")) {
            let name = text_in(declaration, "name");
            if names.contains(&name) {
                return Err(ApiError::invalid(format!("Duplicate function declaration found: {name}")));
            }
            names.push(name);
        }
    }
    let empty = Value::Null;
    let config = body.get("generationConfig").unwrap_or(&empty);
    let mime_type = text_in(config, "responseMimeType");
    if mime_type == "application/json" && !names.is_empty() && !model.calls_in_json() {
        return Err(ApiError::invalid(
            "Function calling with a response mime type: 'application/json' is unsupported",
        ));
    }
    let has_schema = ["responseSchema", "responseJsonSchema", "_responseJsonSchema"]
        .iter()
        .any(|name| config.get(*name).is_some());
    if has_schema && !matches!(mime_type, "application/json" | "text/x.enum") {
        return Err(ApiError::invalid(
            "Response_schema with a response mime type 'text/plain' is unsupported",
        ));
    }
    if config.get("candidateCount").and_then(Value::as_f64).is_some_and(|count| count > 1.0) {
        return Err(ApiError::invalid("Multiple candidates is not enabled for this model"));
    }
    let thinking = config.get("thinkingConfig").unwrap_or(&empty);
    let has_level = thinking.get("thinkingLevel").is_some();
    if has_level && thinking.get("thinkingBudget").is_some() {
        return Err(ApiError::invalid("You can only set only one of thinking budget and thinking level."));
    }
    if has_level && !model.has_levels() {
        return Err(ApiError::invalid("Thinking level is not supported for this model."));
    }
    Ok(())
}

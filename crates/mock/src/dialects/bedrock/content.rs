//! What the parts of a well-formed request must have to do with each other and with the model.

use serde_json::Value;

use super::{
    ApiError, Object, at, blocks, items, messages,
    models::{Maker, Model},
    order, prompt, reasoning, text_in,
};

/// Most cache points a request may have.
const MAX_CACHE_POINTS: usize = 4;

/// Everything but the form, which has been checked.
pub(super) fn check(body: &Object, model: &Model) -> Result<(), ApiError> {
    check_sampling(body, model)?;
    check_messages(body, model)?;
    check_tools(body, model)?;
    order::check(body, model)?;
    reasoning::check(body, model)?;
    check_format(body)?;
    match prompt::cache_points(body) {
        0 => Ok(()),
        _ if !model.caches => Err(ApiError::denied(
            "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more \
             information.",
        )),
        points if points > MAX_CACHE_POINTS => Err(ApiError::model(format_args!(
            "A maximum of {MAX_CACHE_POINTS} blocks with cache_control may be provided. Found {points}."
        ))),
        _ => Ok(()),
    }
}

fn check_sampling(body: &Object, model: &Model) -> Result<(), ApiError> {
    let given = |name: &str| at(body, "inferenceConfig", &format!("/{name}"));
    let most = model.max_output;
    if given("maxTokens").and_then(Value::as_u64).is_some_and(|limit| limit > most) {
        return Err(ApiError::invalid(format!(
            "The maximum tokens you requested exceeds the model limit of {most}. Try again with a maximum tokens value that \
             is lower than {most}."
        )));
    }
    if model.one_of_two && given("temperature").is_some() && given("topP").is_some() {
        return Err(ApiError::model(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    match body.get("additionalModelRequestFields") {
        None | Some(Value::Null | Value::Object(_)) => Ok(()),
        Some(_) => Err(not_an_object("additionalModelRequestFields")),
    }
}

/// Each message for itself.
fn check_messages(body: &Object, model: &Model) -> Result<(), ApiError> {
    check_texts(items(body.get("system")), "system")?;
    let mut names = Vec::new();
    for (index, message) in messages(body).iter().enumerate() {
        if blocks(message).is_empty() {
            return Err(ApiError::invalid(format!(
                "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to the \
                 content field and try again."
            )));
        }
        check_texts(blocks(message), &format!("messages.{index}.content"))?;
        for (at, block) in blocks(message).iter().enumerate() {
            let place = format!("messages.{index}.content.{at}");
            check_block(block, &place, model)?;
            let result =
                block.get("toolResult").map(|result| items(result.get("content"))).unwrap_or_default();
            for block in [block].into_iter().chain(result) {
                check_file(block, model, &mut names)?;
            }
        }
    }
    Ok(())
}

/// Nothing is said in no words, and blanks say something beside other blocks only: fixture
/// bedrock-converse/non-stream/cache-read.
fn check_texts(blocks: &[Value], place: &str) -> Result<(), ApiError> {
    let text = |block| Value::get(block, "text").and_then(Value::as_str);
    let says_something = blocks.iter().any(|block| text(block).is_none_or(|text| !text.trim().is_empty()));
    let is_blank = |text: &str| text.is_empty() || text.trim().is_empty() && !says_something;
    match blocks.iter().position(|block| text(block).is_some_and(is_blank)) {
        None => Ok(()),
        Some(at) => Err(ApiError::invalid(format!(
            "The text field in the ContentBlock object at {place}.{at} is blank. Add text to the text field, and try \
             again."
        ))),
    }
}

fn check_block(block: &Value, place: &str, model: &Model) -> Result<(), ApiError> {
    if block.pointer("/toolUse/input").is_some_and(|input| !input.is_object()) {
        return Err(not_an_object(&format!("{place}.toolUse.input")));
    }
    if let Some(result) = block.get("toolResult") {
        // Blank texts are taken here, and so is nothing at all unless it is an error.
        let content = items(result.get("content"));
        if content.is_empty() && text_in(result, "status") == "error" {
            return Err(ApiError::invalid(format!(
                "The content field at {place}.toolResult cannot be empty when status value is error."
            )));
        }
        let wrong = content.iter().position(|part| part.get("json").is_some_and(|json| !json.is_object()));
        if let Some(at) = wrong {
            return Err(not_an_object(&format!("{place}.toolResult.content.{at}.json")));
        }
    }
    let signs = matches!(model.maker, Maker::Anthropic | Maker::Anyone);
    if let Some(text) = block.pointer("/reasoningContent/reasoningText").filter(|_| signs) {
        match text.get("signature").and_then(Value::as_str) {
            None => {
                return Err(ApiError::model(format_args!("{place}.thinking.signature: Field required")));
            }
            Some(signature) if !reasoning::is_valid(text_in(text, "text"), signature) => {
                return Err(ApiError::model(format_args!(
                    "{place}: Invalid `signature` in `thinking` block"
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn not_an_object(place: &str) -> ApiError {
    ApiError::invalid(format!(
        "The format of the value at {place} is invalid. Provide a json object for the field and try again."
    ))
}

/// Files come as bytes where the model cannot fetch them, and documents have names of their own.
fn check_file<'a>(block: &'a Value, model: &Model, names: &mut Vec<&'a str>) -> Result<(), ApiError> {
    let kinds = ["image", "document", "video", "audio"];
    let is_remote = kinds
        .iter()
        .filter_map(|kind| block.get(kind))
        .any(|file| file.pointer("/source/s3Location").is_some());
    if is_remote && !model.s3 {
        return Err(ApiError::unsupported("s3Uri"));
    }
    let Some(name) = block.get("document").map(|document| text_in(document, "name")) else { return Ok(()) };
    // Underscores are taken too, whatever the message says.
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || " -()[]_".contains(letter);
    if !name.chars().all(allowed) || name.contains("  ") {
        return Err(ApiError::invalid(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, \
             and square brackets. The name can't contain more than one consecutive whitespace character. Check that the \
             file name conforms to these restrictions and retry your request.",
        ));
    }
    if names.contains(&name) {
        return Err(ApiError::invalid(
            "Duplicate document names are not allowed. Give each document a name of its own and try again.",
        ));
    }
    names.push(name);
    Ok(())
}

fn check_tools(body: &Object, model: &Model) -> Result<(), ApiError> {
    let Some(config) = body.get("toolConfig").filter(|config| !config.is_null()) else {
        let uses = |block: &Value| block.get("toolUse").is_some() || block.get("toolResult").is_some();
        return match messages(body).iter().flat_map(blocks).any(uses) {
            false => Ok(()),
            true => Err(ApiError::invalid(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
            )),
        };
    };
    if !model.tools {
        return Err(ApiError::invalid("This model doesn't support tool use."));
    }
    let mut names = Vec::new();
    for (at, tool) in items(config.get("tools")).iter().enumerate() {
        if let Some(name) = ["/systemTool/name", "/toolSpec/name"].iter().find_map(|path| tool.pointer(path))
        {
            if names.contains(&name) {
                return Err(ApiError::model("tools: Tool names must be unique."));
            }
            names.push(name);
        }
        let Some(schema) = tool.pointer("/toolSpec/inputSchema/json") else { continue };
        let place = format!("toolConfig.tools.{at}.toolSpec.inputSchema.json");
        if !schema.is_object() {
            return Err(not_an_object(&place));
        }
        if text_in(schema, "type") != "object" {
            return Err(ApiError::invalid(format!(
                "The value at {place}.type must be one of the following: object."
            )));
        }
    }
    match config.pointer("/toolChoice/tool/name") {
        Some(wanted) if !names.contains(&wanted) => Err(ApiError::model(format_args!(
            "Tool '{}' not found in provided tools",
            wanted.as_str().unwrap_or_default()
        ))),
        _ => Ok(()),
    }
}

/// Structured output wants a schema that is JSON, of closed objects.
fn check_format(body: &Object) -> Result<(), ApiError> {
    const PLACE: &str = "outputConfig.textFormat.structure.jsonSchema.schema";
    if at(body, "outputConfig", "/textFormat/structure/jsonSchema/schema").is_none() {
        return Ok(());
    }
    match prompt::schema(body) {
        None => Err(not_an_object(PLACE)),
        Some(schema) if !is_closed(&schema) => Err(ApiError::model(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        )),
        Some(_) => Ok(()),
    }
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

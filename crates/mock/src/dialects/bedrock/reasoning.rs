//! Reasoning as each maker's models take it, and the signatures that prove where it came from.

use serde_json::Value;

use super::{
    ApiError, Object, at, blocks,
    models::{Maker, Model},
    text_in,
};
use crate::{dialects::anthropic::signature, text};

/// How reasoning was asked for.
pub(super) struct Asked<'a> {
    pub(super) effort: &'a str,
    /// Whether it comes with a signature, as Anthropic's does.
    pub(super) signed: bool,
}

const FIELDS: &str = "additionalModelRequestFields";
const DOCS: &str = "Please consult our documentation at \
                    https://docs.claude.com/en/docs/build-with-claude/extended-thinking";
/// The first byte of every recorded signature, and of the mock's own.
const ENVELOPE: u8 = 0x12;

/// How hard to think; absent where nobody asked for it.
pub(super) fn asked(body: &Object) -> Option<Asked<'_>> {
    if let Some(thinking) = thinking(body) {
        let effort =
            at(body, FIELDS, "/output_config/effort").or_else(|| at(body, "outputConfig", "/effort"));
        let effort = effort.and_then(Value::as_str).filter(|effort| !effort.is_empty());
        return match text_in(thinking, "type") {
            "enabled" => Some(Asked { effort: effort.unwrap_or("medium"), signed: true }),
            "adaptive" => Some(Asked { effort: effort.unwrap_or("high"), signed: true }),
            _ => None,
        };
    }
    if let Some(config) = at(body, FIELDS, "/reasoningConfig") {
        let effort = text_in(config, "maxReasoningEffort");
        let effort = if effort.is_empty() { "low" } else { effort };
        return (text_in(config, "type") == "enabled").then_some(Asked { effort, signed: false });
    }
    let effort = at(body, FIELDS, "/reasoning_effort").and_then(Value::as_str)?;
    Some(Asked { effort, signed: false })
}

/// Anthropic's own spelling, and Bedrock's older one.
fn thinking(body: &Object) -> Option<&Value> {
    at(body, FIELDS, "/thinking").or_else(|| at(body, FIELDS, "/reasoning_config"))
}

/// Each maker's spelling for its own models, and what Anthropic's rules out.
pub(super) fn check(body: &Object, model: &Model) -> Result<(), ApiError> {
    for (name, maker) in [
        ("thinking", Maker::Anthropic),
        ("reasoning_config", Maker::Anthropic),
        ("reasoningConfig", Maker::Nova),
        ("reasoning_effort", Maker::OpenAi),
    ] {
        let given = at(body, FIELDS, &format!("/{name}")).is_some();
        if given && model.maker != maker && model.maker != Maker::Anyone {
            return Err(ApiError::model(format_args!(
                "Malformed input request: #: extraneous key [{name}] is not permitted, please reformat your input and \
                 try again."
            )));
        }
    }
    let Some(thinking) = thinking(body) else { return Ok(()) };
    let number = |name: &str| at(body, "inferenceConfig", &format!("/{name}")).and_then(Value::as_f64);
    let budget = thinking.get("budget_tokens").and_then(Value::as_f64);
    match (text_in(thinking, "type"), budget) {
        ("enabled", None) => {
            return Err(ApiError::model("thinking.enabled.budget_tokens: Field required"));
        }
        ("enabled", Some(budget)) if budget < 1024.0 => {
            return Err(ApiError::model(
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
            ));
        }
        ("enabled", Some(budget)) if number("maxTokens").is_some_and(|limit| limit <= budget) => {
            return Err(ApiError::model(format_args!(
                "`max_tokens` must be greater than `thinking.budget_tokens`. {DOCS}#max-tokens-and-context-window-size"
            )));
        }
        ("enabled" | "adaptive", _) => {}
        _ => return Ok(()),
    }
    if number("temperature").is_some_and(|temperature| temperature != 1.0) {
        return Err(ApiError::model(format_args!(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. \
             {DOCS}#important-considerations-when-using-extended-thinking"
        )));
    }
    if number("topP").is_some_and(|top_p| top_p < 0.95) {
        return Err(ApiError::model(format_args!(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode. \
             {DOCS}#important-considerations-when-using-extended-thinking"
        )));
    }
    let forced = ["any", "tool"]
        .iter()
        .any(|choice| at(body, "toolConfig", "/toolChoice").is_some_and(|given| given.get(choice).is_some()));
    if forced {
        return Err(ApiError::model("Thinking may not be enabled when tool_choice forces tool use."));
    }
    if text_in(thinking, "type") == "enabled" { check_first(super::messages(body)) } else { Ok(()) }
}

/// With a budget, the answer that began the round of calls under way begins with reasoning.
fn check_first(messages: &[Value]) -> Result<(), ApiError> {
    let mut began = None;
    for (index, message) in messages.iter().enumerate().rev() {
        if text_in(message, "role") == "assistant" {
            began = Some((index, message));
        } else if !blocks(message).iter().any(|block| block.get("toolResult").is_some()) {
            break;
        }
    }
    let Some((index, first)) = began.and_then(|(index, message)| Some((index, blocks(message).first()?)))
    else {
        return Ok(());
    };
    if first.get("reasoningContent").is_some() {
        return Ok(());
    }
    let kind = if first.get("toolUse").is_some() { "tool_use" } else { "text" };
    Err(ApiError::model(format_args!(
        "messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kind}`. When \
         `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost \
         set of `tool_use` and `tool_result` blocks). We recommend you include thinking blocks from previous turns. To \
         avoid this requirement, disable `thinking`. {DOCS}"
    )))
}

/// The signature of a text: its maker's, which fits there too.
pub(super) fn sign(reasoning: &str) -> String {
    signature::sign(reasoning)
}

/// Whether a signature belongs to a text. Of a real one only the beginning can be judged, which is enough to find
/// those that were invented or made by another provider.
pub(super) fn is_valid(reasoning: &str, signature: &str) -> bool {
    let begins = |bytes: Vec<u8>| bytes.len() > 2 && bytes[0] == ENVELOPE;
    signature::is_valid(reasoning, signature)
        || (!signature::is_own(signature) && text::from_base64(signature).is_some_and(begins))
}

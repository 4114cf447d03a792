//! What stands in Kiro's bodies and events (AWS's client, `types/`): requests are written, events read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ir::Text;

/// A request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    pub(super) conversation_state: State<'a>,
}

/// The conversation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State<'a> {
    pub(super) chat_trigger_type: &'static str,
    pub(super) current_message: Turn<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) history: Vec<Turn<'a>>,
}

/// One turn of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Turn<'a> {
    UserInputMessage(Box<UserInput<'a>>),
    AssistantResponseMessage(Box<AssistantResponse<'a>>),
}

/// What the user says.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserInput<'a> {
    pub(super) content: Cow<'a, str>,
    pub(super) model_id: &'a str,
    /// What the user sits at. The service refuses words that do not go with its address.
    pub(super) origin: &'static str,
    #[serde(skip_serializing_if = "Context::is_empty")]
    pub(super) user_input_message_context: Context<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) images: Vec<Image<'a>>,
}

/// What goes with it.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_results: Vec<ToolResult<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Tool<'a>>,
}

impl Context<'_> {
    fn is_empty(&self) -> bool {
        self.tool_results.is_empty() && self.tools.is_empty()
    }
}

/// A picture.
#[derive(Serialize)]
pub(super) struct Image<'a> {
    /// `gif`, `jpeg`, `png` or `webp`.
    pub(super) format: &'static str,
    pub(super) source: ImageSource<'a>,
}

#[derive(Serialize)]
pub(super) struct ImageSource<'a> {
    /// In base64.
    pub(super) bytes: &'a str,
}

/// What a tool gave back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolResult<'a> {
    pub(super) tool_use_id: Cow<'a, str>,
    pub(super) content: Vec<ResultContent<'a>>,
    /// `success` or `error`.
    pub(super) status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ResultContent<'a> {
    Text(Cow<'a, str>),
}

/// A tool on offer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Tool<'a> {
    ToolSpecification(Specification<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Specification<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) input_schema: InputSchema<'a>,
}

#[derive(Serialize)]
pub(super) struct InputSchema<'a> {
    pub(super) json: &'a RawValue,
}

/// What the assistant said.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssistantResponse<'a> {
    pub(super) content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_uses: Vec<ToolUse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<Reasoning<'a>>,
}

/// A call of a tool.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    pub(super) tool_use_id: Cow<'a, str>,
    pub(super) name: &'a str,
    pub(super) input: Cow<'a, RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reasoning<'a> {
    ReasoningText { text: &'a str, signature: &'a str },
    RedactedContent(&'a str),
}

/// The payload of any event that has to do with the answer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) utterance_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    /// A part of the arguments' text; some versions of the service send the object itself.
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    pub(super) stop: Option<bool>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) redacted_content: Option<Text<'a>>,
    pub(super) token_usage: Option<TokenUsage>,
}

/// What the answer cost, where the service says so. Cached tokens are counted beside the input.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TokenUsage {
    pub(super) uncached_input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cache_read_input_tokens: Option<u64>,
    pub(super) cache_write_input_tokens: Option<u64>,
}

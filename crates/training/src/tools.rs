//! The tools on offer, and those that take plain text as functions: forms know functions only.

use lockgate_protocol::{
    ir::{Block, Losses, Message, Request, Tool, ToolKind},
    translate,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Conversation;

/// A conversation whose tools are functions.
pub(crate) struct Functions<'r> {
    made: Option<Request<'r>>,
    own: &'r Request<'r>,
}

impl<'r> Functions<'r> {
    pub(crate) fn of(conversation: &'r Conversation<'_>, losses: &mut Losses) -> Self {
        let own = &conversation.request;
        let (made, lost) = translate::with_functions_only(own).unzip();
        losses.append(lost.unwrap_or_default());
        Self { made, own }
    }

    fn request(&self) -> &Request<'r> {
        self.made.as_ref().unwrap_or(self.own)
    }

    pub(crate) fn system(&self) -> &[Block<'r>] {
        &self.request().system
    }

    pub(crate) fn messages(&self) -> &[Message<'r>] {
        &self.request().messages
    }

    /// The functions on offer; what else is offered, or said about them, is lost.
    pub(crate) fn on_offer(&self, losses: &mut Losses) -> Vec<Function<'_>> {
        let mut functions = Vec::new();
        for (at, tool) in self.request().tools.iter().enumerate() {
            match tool {
                Tool::Client { name, description, schema, strict, kind, cache, extra } => {
                    if *kind != ToolKind::Function {
                        losses.add(format!("tools[{at}]"), "a tool that takes no JSON");
                        continue;
                    }
                    if cache.is_some() {
                        let path = format!("tools[{at}].cache");
                        losses.add(path, "marks for a provider's cache have no place here");
                    }
                    for (member, _) in extra {
                        losses.add(format!("tools[{at}].{member}"), "only its own dialect has it");
                    }
                    functions.push(Function {
                        name,
                        description: description.as_deref(),
                        parameters: schema.as_deref(),
                        strict: *strict,
                    });
                }
                Tool::Foreign { .. } => {
                    losses.add(format!("tools[{at}]"), "a tool that its provider runs");
                }
            }
        }
        functions
    }
}

/// A function on offer, as the chat API describes it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Function<'f> {
    pub(crate) name: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<&'f RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strict: Option<bool>,
}

/// The entry of a function in the chat API's list of tools.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Entry<'f> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'f>,
}

impl<'f> From<Function<'f>> for Entry<'f> {
    fn from(function: Function<'f>) -> Self {
        Self { kind: "function", function }
    }
}

/// A call as the chat API has it: the arguments are JSON in a text.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct ChatCall<'c> {
    id: &'c str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Called<'c>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Called<'c> {
    name: &'c str,
    arguments: &'c str,
}

impl<'c> From<&'c lockgate_protocol::ir::ToolUse<'_>> for ChatCall<'c> {
    fn from(call: &'c lockgate_protocol::ir::ToolUse<'_>) -> Self {
        let function = Called { name: &call.name, arguments: &call.input };
        Self { id: &call.id, kind: "function", function }
    }
}

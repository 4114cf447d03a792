//! Writes the tools of a request: those on offer, and those that the conversation has called.

use serde_json::value::RawValue;

use super::{
    turns::NO_CACHE,
    wire::{InputSchema, Specification, Tool},
};
use crate::ir::{Content, Loss, Losses, Request, Text, Tool as Offered, ToolChoice, ToolKind};

/// Longest description of a tool, in bytes; the service refuses a longer one (CLIProxyAPIPlus).
const MAX_DESCRIPTION: usize = 10240;
/// Of a tool that takes nothing.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;

/// The tools of `request`, and what is lost of them.
pub(super) fn tools<'r>(request: &'r Request<'_>, losses: &mut Losses) -> Vec<Tool<'r>> {
    let allowed = choice(request, losses);
    let mut tools: Vec<Specification<'r>> = Vec::new();
    for (place, tool) in request.tools.iter().enumerate() {
        if let Some(tool) = offered(place, tool, losses).filter(|tool| allowed.takes(tool.name)) {
            tools.push(tool);
        }
    }
    let called = called(request);
    if matches!(allowed, Allowed::None) && !called.is_empty() {
        losses.add("tool_choice", "Kiro cannot forbid tools that the conversation has called");
    }
    for name in called {
        if tools.iter().all(|tool| tool.name != name) {
            let again =
                request.tools.iter().find_map(|tool| specification(tool).filter(|tool| tool.name == name));
            tools.push(again.unwrap_or_else(|| bare(name)));
        }
    }
    tools.into_iter().map(Tool::ToolSpecification).collect()
}

/// The tools that may be called.
enum Allowed<'r> {
    All,
    None,
    These(&'r [Text<'r>]),
}

impl Allowed<'_> {
    fn takes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::These(names) => names.iter().any(|allowed| *allowed == *name),
        }
    }
}

/// Kiro's model always chooses by itself; what it may not call is not offered.
fn choice<'r>(request: &'r Request<'_>, losses: &mut Losses) -> Allowed<'r> {
    const FORCED: &str = "Kiro cannot be made to call a tool";
    match &request.tool_choice {
        None | Some(ToolChoice::Auto) => Allowed::All,
        Some(ToolChoice::None) => Allowed::None,
        Some(ToolChoice::Required) => {
            losses.add("tool_choice", FORCED);
            Allowed::All
        }
        Some(ToolChoice::Named(name)) => {
            losses.add("tool_choice", FORCED);
            Allowed::These(std::slice::from_ref(name))
        }
        Some(ToolChoice::Allowed { names, required }) => {
            if *required {
                losses.add("tool_choice", FORCED);
            }
            Allowed::These(names)
        }
        Some(ToolChoice::Foreign { .. }) => {
            losses.add("tool_choice", Loss::CLIENTS_OWN);
            Allowed::All
        }
    }
}

/// A tool as it is offered, with its losses named.
fn offered<'r>(place: usize, tool: &'r Offered<'_>, losses: &mut Losses) -> Option<Specification<'r>> {
    let mut lose = |field: &str, reason: &'static str| losses.add(format!("tools[{place}]{field}"), reason);
    match tool {
        Offered::Client { description, strict, kind, cache, extra, .. } => {
            if *kind == ToolKind::Custom {
                lose("", "Kiro has no tools that take plain text");
                return None;
            }
            if description.as_deref().is_some_and(|text| text.len() > MAX_DESCRIPTION) {
                lose(".description", "cut where Kiro's longest description ends");
            }
            if *strict == Some(true) {
                lose(".strict", "Kiro does not hold arguments to the schema");
            }
            if cache.is_some() {
                lose(".cache", NO_CACHE);
            }
            for (name, _) in extra {
                losses.add(format!("tools[{place}].{name}"), Loss::CLIENTS_OWN);
            }
        }
        Offered::Foreign { kind, .. } => {
            losses.add(format!("tools[{place}]"), format!("only the client's own provider runs {kind}"));
        }
    }
    specification(tool)
}

fn specification<'r>(tool: &'r Offered<'_>) -> Option<Specification<'r>> {
    match tool {
        Offered::Client { name, description, schema, kind: ToolKind::Function, .. } => {
            let bare = bare(name);
            let described = description.as_deref().filter(|text| !text.trim().is_empty());
            let json = schema.as_ref().map_or(bare.input_schema.json, |schema| &**schema);
            Some(Specification {
                description: cut(described.unwrap_or(bare.description)),
                input_schema: InputSchema { json },
                name,
            })
        }
        Offered::Client { .. } | Offered::Foreign { .. } => None,
    }
}

/// A tool of which only the name is known.
fn bare(name: &str) -> Specification<'_> {
    // The text is JSON, and the fallback is one that says less.
    let json = serde_json::from_str(NO_ARGUMENTS).unwrap_or(RawValue::NULL);
    Specification { name, description: name, input_schema: InputSchema { json } }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_DESCRIPTION);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Names of the tools that were called, each once.
fn called<'r>(request: &'r Request<'_>) -> Vec<&'r str> {
    let mut names = Vec::new();
    for block in request.messages.iter().flat_map(|message| &message.blocks) {
        if let Content::ToolUse(call) = &block.content
            && !names.contains(&&*call.name)
        {
            names.push(&*call.name);
        }
    }
    names
}

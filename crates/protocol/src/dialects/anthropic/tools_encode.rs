//! Writes the tools on offer and the choice among them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    NAME,
    block_encode::cache,
    schema,
    wire::Fields,
    write::{Array, Object},
};
use crate::ir::{Losses, Raw, Request, Tool, ToolChoice, ToolKind};

/// Writes `tools` and `tool_choice`.
pub(super) fn write(into: &mut Object<'_>, request: &Request<'_>, home: bool, losses: &mut Losses) {
    let mut offered = Vec::new();
    for (at, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Foreign { origin, .. } if *origin != NAME => {
                losses.add(format!("tools[{at}]"), "a tool that only its own provider runs");
            }
            Tool::Client { name, .. } if !is_allowed(request, name) => {}
            Tool::Client { kind: ToolKind::Custom, .. } => {
                losses.add(format!("tools[{at}]"), "the target has no tools that take plain text");
            }
            _ => offered.push((at, tool)),
        }
    }
    if !offered.is_empty() {
        let mut list = into.array("tools");
        for (at, tool) in &offered {
            one(&mut list, *at, tool, home, losses);
        }
    }
    choice(into, request, home, !offered.is_empty(), losses);
}

fn one(list: &mut Array<'_>, at: usize, tool: &Tool<'_>, home: bool, losses: &mut Losses) {
    match tool {
        Tool::Foreign { raw, .. } => list.json(raw.get()),
        Tool::Client { name, description, schema, strict, cache: hint, extra, .. } => {
            let mut into = list.object();
            into.value("name", name);
            into.maybe("description", description.as_ref());
            let schema = input_schema(schema.as_ref(), home);
            let is_strict = *strict == Some(true) && !home;
            let fitted = is_strict.then(|| schema::for_strict_tool(&schema, at, losses)).flatten();
            into.json("input_schema", fitted.as_ref().map_or(schema.get(), |fitted| fitted.get()));
            // Not strict is the default here, strict is the default of some others.
            into.maybe("strict", strict.as_ref().filter(|_| home || fitted.is_some()));
            cache(&mut into, hint.as_ref());
            if home {
                into.members(extra);
            } else {
                for (key, _) in extra {
                    losses.add(format!("tools[{at}].{key}"), "only its own dialect knows it");
                }
            }
        }
    }
}

/// A choice among some tools is said by offering only those.
fn is_allowed(request: &Request<'_>, name: &str) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| *allowed == *name),
        _ => true,
    }
}

/// The API wants an object's schema, and wants it to say so.
fn input_schema<'r>(schema: Option<&'r Raw<'_>>, home: bool) -> Cow<'r, RawValue> {
    let read = |json: &'static str| serde_json::from_str::<&RawValue>(json).unwrap_or(RawValue::NULL);
    let Some(schema) = schema else { return Cow::Borrowed(read(r#"{"type":"object","properties":{}}"#)) };
    let fields: Option<Fields<'_>> = serde_json::from_str(schema.get()).ok();
    match fields {
        Some(fields) if !home && fields.peek("type").is_none() => {
            let mut out = Vec::new();
            let mut object = Object::new(&mut out);
            object.value("type", "object");
            object.members(&fields.rest());
            drop(object);
            let owned = String::from_utf8(out).ok().and_then(|json| RawValue::from_string(json).ok());
            owned.map_or(Cow::Borrowed(schema), Cow::Owned)
        }
        _ => Cow::Borrowed(schema),
    }
}

fn choice(into: &mut Object<'_>, request: &Request<'_>, home: bool, has_tools: bool, losses: &mut Losses) {
    let kind = match &request.tool_choice {
        Some(ToolChoice::Foreign { origin, raw }) if *origin == NAME => {
            return into.json("tool_choice", raw.get());
        }
        Some(ToolChoice::Foreign { .. }) => {
            losses.add("tool_choice", "only its own dialect knows it");
            return;
        }
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => "auto",
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => "any",
        Some(ToolChoice::None) => "none",
        Some(ToolChoice::Named(_)) => "tool",
        None if request.parallel_tools == Some(false) => "auto",
        None => return,
    };
    if !has_tools && !home {
        // Without tools the API refuses any choice; one that demands a call cannot be met.
        if matches!(kind, "any" | "tool") {
            losses.add("tool_choice", "no tool is left that the target could call");
        }
        return;
    }
    let mut choice = into.object("tool_choice");
    choice.value("type", kind);
    if let Some(ToolChoice::Named(name)) = &request.tool_choice {
        choice.value("name", name);
    }
    // Several calls at once are the default, so only a client of this dialect has it said.
    let parallel = request.parallel_tools.filter(|parallel| home || !parallel);
    if kind != "none" {
        choice.maybe("disable_parallel_tool_use", parallel.map(|parallel| !parallel).as_ref());
    }
}

//! Tools on offer, and how to choose among them.

use super::{
    super::{NAME, schema, wire, write::Object},
    CALLING, TOOL_CONFIG,
};
use crate::ir::{Losses, Request, Tool, ToolChoice, ToolKind};

/// True if there is a tool that Gemini can be told of and that the model is free to call.
pub(super) fn may_be_called(request: &Request<'_>) -> bool {
    request.tools.iter().any(is_function) && !matches!(request.tool_choice, Some(ToolChoice::None))
}

fn is_function(tool: &Tool<'_>) -> bool {
    matches!(tool, Tool::Client { kind: ToolKind::Function, .. })
}

/// Writes `tools`.
pub(super) fn declare(request: &Request<'_>, at_home: bool, object: &mut Object<'_>, losses: &mut Losses) {
    // Vertex takes one object with functions only, so they are collected; at home they stay where they were.
    let mut groups: Vec<Vec<(usize, &Tool<'_>)>> = Vec::new();
    for (number, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Foreign { origin, .. } if *origin != NAME => {
                losses.add(format!("tools[{number}]"), "a tool that another provider runs");
            }
            Tool::Client { kind: ToolKind::Custom, .. } => {
                losses.add(format!("tools[{number}]"), "Gemini has no tools that take plain text");
            }
            _ => {
                let joins = |group: &&mut Vec<(usize, &Tool<'_>)>| {
                    is_function(tool) && group.iter().all(|(_, known)| is_function(known))
                };
                let group =
                    if at_home { groups.last_mut().filter(joins) } else { groups.iter_mut().find(joins) };
                match group {
                    Some(group) => group.push((number, tool)),
                    None => groups.push(vec![(number, tool)]),
                }
            }
        }
    }
    if groups.is_empty() {
        return;
    }
    object.array("tools", |array| {
        for group in groups {
            array.object(|object| match group.as_slice() {
                [(_, Tool::Foreign { kind, raw, .. })] => object.raw(kind, raw),
                functions => object.array("functionDeclarations", |array| {
                    for (number, function) in functions {
                        array.object(|object| declare_one(function, *number, at_home, object, losses));
                    }
                }),
            });
        }
    });
}

fn declare_one(tool: &Tool<'_>, number: usize, at_home: bool, object: &mut Object<'_>, losses: &mut Losses) {
    let Tool::Client { name, description, schema, strict, cache, extra, .. } = tool else { return };
    object.text("name", name);
    if let Some(description) = description {
        object.text("description", description);
    }
    if let Some(schema) = schema {
        let written = schema::write(schema, &format!("tools[{number}].schema"), at_home, losses);
        let field = match written.field {
            schema::Field::Own => "parameters",
            schema::Field::Json => "parametersJsonSchema",
        };
        object.raw(field, &written.schema);
    }
    if *strict == Some(true) {
        losses.add(format!("tools[{number}].strict"), "Gemini does not promise to keep to the schema");
    }
    if cache.is_some() {
        losses.add(format!("tools[{number}].cache"), "Gemini caches prompts by itself");
    }
    if at_home {
        object.members(extra);
    } else {
        extra
            .iter()
            .for_each(|(key, _)| losses.add(format!("tools[{number}].{key}"), "Gemini has no such field"));
    }
}

/// Writes the members of `toolConfig`.
pub(super) fn configure(request: &Request<'_>, at_home: bool, config: &mut Object<'_>, losses: &mut Losses) {
    // "Function calling config is set without function_declarations" is what Gemini says to a choice among none.
    let is_idle = !at_home && !request.tools.iter().any(is_function);
    config.object_if_any("functionCallingConfig", |calling| {
        match &request.tool_choice {
            None => {}
            Some(ToolChoice::Auto | ToolChoice::None) if is_idle => {}
            Some(_) if is_idle => losses.add("tool_choice", "there is no tool left to choose"),
            Some(ToolChoice::Auto) => calling.text("mode", "AUTO"),
            Some(ToolChoice::None) => calling.text("mode", "NONE"),
            Some(ToolChoice::Required) => calling.text("mode", "ANY"),
            Some(ToolChoice::Named(name)) => {
                calling.text("mode", "ANY");
                calling.texts("allowedFunctionNames", [&**name]);
            }
            Some(ToolChoice::Allowed { names, required }) => {
                calling.text("mode", if *required { "ANY" } else { "VALIDATED" });
                calling.texts("allowedFunctionNames", names.iter().map(|name| &**name));
            }
            Some(ToolChoice::Foreign { origin, raw }) if *origin == NAME => {
                for (key, value) in wire::members(raw).unwrap_or_default() {
                    calling.raw(&key, value);
                }
            }
            Some(ToolChoice::Foreign { .. }) => {
                losses.add("tool_choice", "a choice that only another dialect has")
            }
        }
        if at_home {
            calling.members_under(CALLING, &request.extra);
        }
    });
    if at_home {
        config.members_under(TOOL_CONFIG, &request.extra);
    }
    if request.parallel_tools == Some(false) {
        losses.add("parallel_tool_calls", "Gemini cannot be kept from calling several tools");
    }
}

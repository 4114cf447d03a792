//! Writes what a request and the answer's echo of it have in common: tools, their choice, text and reasoning settings.

use super::{
    HERE,
    write::{Array, Object},
};
use crate::ir::{Loss, Losses, Members, OutputFormat, Request, Tool, ToolChoice, ToolKind};

/// The name for a schema that has none: the API requires one.
const SCHEMA_NAME: &str = "answer";

/// Appends the tools that the dialect can say.
pub(super) fn tools(request: &Request<'_>, losses: &mut Losses, array: &mut Array<'_>) {
    for (at, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Client { .. } => client_tool(at, tool, request.origin, losses, array),
            Tool::Foreign { origin, raw, .. } if *origin == HERE => array.put(raw),
            Tool::Foreign { kind, .. } => {
                losses.add(format!("tools[{at}]"), format!("tool of another provider: {kind}"));
            }
        }
    }
}

fn client_tool(at: usize, tool: &Tool<'_>, origin: &str, losses: &mut Losses, array: &mut Array<'_>) {
    let Tool::Client { name, description, schema, strict, kind, cache, extra } = tool else { return };
    let home = origin == HERE;
    if cache.is_some() {
        losses.add(format!("tools[{at}].cache"), NO_CACHE_MARK);
    }
    array.object(|o| {
        o.put("type", if *kind == ToolKind::Custom { "custom" } else { "function" });
        o.put("name", name);
        o.some("description", description.as_ref());
        match (kind, schema) {
            (ToolKind::Custom, schema) => o.some("format", schema.as_ref()),
            (ToolKind::Function, Some(schema)) => o.put("parameters", schema),
            (ToolKind::Function, None) if home => {}
            // Some servers require the member.
            (ToolKind::Function, None) => {
                o.object("parameters", |o| {
                    o.put("type", "object");
                    o.object("properties", |_| {});
                });
            }
        }
        match (kind, strict) {
            (ToolKind::Function, Some(strict)) => o.put("strict", strict),
            // Left out, it means "strict if the schema allows" here, and "not strict" everywhere else.
            (ToolKind::Function, None) if !home => o.put("strict", &false),
            _ => {}
        }
        foreign_members(&format!("tools[{at}]."), extra, origin, losses, Some(o));
    });
}

/// Why a mark for the prompt cache is not sent.
pub(super) const NO_CACHE_MARK: &str =
    "the provider caches prompts by itself and takes marks only in its newest models";

/// Writes members of the origin's own, or names each as lost if the origin is another dialect.
pub(super) fn foreign_members(
    path: &str,
    extra: &Members<'_>,
    origin: &str,
    losses: &mut Losses,
    object: Option<&mut Object<'_>>,
) {
    if origin == HERE {
        if let Some(object) = object {
            object.extra(extra);
        }
        return;
    }
    for (key, _) in extra {
        losses.add(format!("{path}{key}"), Loss::CLIENTS_OWN);
    }
}

/// Writes `tool_choice`.
pub(super) fn tool_choice(request: &Request<'_>, losses: &mut Losses, object: &mut Object<'_>) {
    let kind = |wanted: &str| {
        let is_custom = |tool: &Tool<'_>| match tool {
            Tool::Client { name, kind, .. } => *name == wanted && *kind == ToolKind::Custom,
            Tool::Foreign { .. } => false,
        };
        if request.tools.iter().any(is_custom) { "custom" } else { "function" }
    };
    // What another provider runs is not on offer here, and a choice among none is refused.
    let is_idle =
        request.origin != HERE && !request.tools.iter().any(|tool| matches!(tool, Tool::Client { .. }));
    match &request.tool_choice {
        None => {}
        Some(ToolChoice::Auto | ToolChoice::None) if is_idle => {}
        Some(_) if is_idle => losses.add("tool_choice", "there is no tool left to choose"),
        Some(ToolChoice::Auto) => object.put("tool_choice", "auto"),
        Some(ToolChoice::None) => object.put("tool_choice", "none"),
        Some(ToolChoice::Required) => object.put("tool_choice", "required"),
        Some(ToolChoice::Named(name)) => object.object("tool_choice", |o| {
            o.put("type", kind(name));
            o.put("name", name);
        }),
        Some(ToolChoice::Allowed { names, required }) => object.object("tool_choice", |o| {
            o.put("type", "allowed_tools");
            o.put("mode", if *required { "required" } else { "auto" });
            o.array("tools", |array| {
                for name in names {
                    array.object(|o| {
                        o.put("type", kind(name));
                        o.put("name", name);
                    });
                }
            });
        }),
        Some(ToolChoice::Foreign { origin, raw }) if *origin == HERE => object.put("tool_choice", raw),
        Some(ToolChoice::Foreign { .. }) => losses.add("tool_choice", Loss::CLIENTS_OWN),
    }
}

/// Writes the members of `text`.
pub(super) fn text(request: &Request<'_>, object: &mut Object<'_>) {
    match &request.format {
        None => inner(request, "text.format", false, |raw| object.extra(&raw)),
        Some(OutputFormat::Text) => object.object("format", |o| o.put("type", "text")),
        Some(OutputFormat::Json) => object.object("format", |o| o.put("type", "json_object")),
        Some(OutputFormat::Schema { name, description, schema, strict }) => object.object("format", |o| {
            o.put("type", "json_schema");
            o.put("name", name.as_deref().unwrap_or(SCHEMA_NAME));
            o.some("description", description.as_ref());
            o.put("schema", schema);
            o.some("strict", strict.as_ref());
            inner(request, "text.format", true, |members| o.extra(&members));
        }),
    }
    object.some("verbosity", request.verbosity.as_ref());
    inner(request, "text", true, |members| object.extra(&members));
}

/// True if there is anything to write into the setting `name`.
pub(super) fn has_inner(request: &Request<'_>, name: &str) -> bool {
    request.origin == HERE && request.extra.iter().any(|(key, _)| is_in(key, name).is_some())
}

/// The rest of `key` if it is the dotted name of something in the setting `name`.
fn is_in<'k>(key: &'k str, name: &str) -> Option<&'k str> {
    key.strip_prefix(name)?.strip_prefix('.')
}

/// Hands over the members that a decoder kept for the setting `of`: those in it, or the setting itself under the last
/// part of its name.
pub(super) fn inner(request: &Request<'_>, of: &str, is_within: bool, take: impl FnOnce(Members<'_>)) {
    if request.origin != HERE {
        return;
    }
    let own_name = of.rsplit('.').next().unwrap_or(of);
    let name = |key| {
        if is_within {
            is_in(key, of).filter(|rest| !is_setting(of, rest))
        } else {
            (key == of).then_some(own_name)
        }
    };
    let members = request.extra.iter();
    take(members.filter_map(|(key, raw)| Some((name(key)?.into(), raw.clone()))).collect());
}

/// True for `text.format` and what is in it, which is written in its own place.
fn is_setting(of: &str, rest: &str) -> bool {
    of == "text" && (rest == "format" || rest.starts_with("format."))
}

/// True for a member of `extra` that belongs into a setting, not to the top.
pub(super) fn is_inner(key: &str) -> bool {
    is_in(key, "text").is_some() || is_in(key, "reasoning").is_some()
}

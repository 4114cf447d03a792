//! Writes the tools of a request.

use super::{
    NAME,
    content_decode::owned,
    content_encode::cache_point,
    model::Family,
    request_encode::Writer,
    wire,
    write::{Json, object},
};
use crate::{
    dialects::anthropic::schema,
    ir::{Content, Members, Message, Raw, Text, Tool, ToolChoice, ToolKind},
};

impl Writer<'_> {
    /// The tools and how to choose among them.
    pub(super) fn tools(&mut self, json: &mut Json<'_>) {
        let request = self.request;
        let allowed = match &request.tool_choice {
            Some(ToolChoice::Allowed { names, .. }) => Some(names),
            _ => None,
        };
        let used = if self.own { Vec::new() } else { used_tools(&request.messages) };
        let forbidden = matches!(request.tool_choice, Some(ToolChoice::None));
        if forbidden && !request.tools.is_empty() && !used.is_empty() {
            self.losses().add("tool_choice", "Converse cannot forbid tools that the conversation has used");
        }
        let mark = json.mark();
        let mut written = 0;
        json.member_object("toolConfig", |json| {
            json.member_array("tools", |json| {
                for (place, tool) in request.tools.iter().enumerate() {
                    let is_allowed = |name: &Text<'_>| allowed.is_none_or(|names| names.contains(name));
                    match tool {
                        // With no calls to explain, a model that may not call needs no tools.
                        _ if forbidden && used.is_empty() && !self.own => {}
                        Tool::Client { name, .. } if !is_allowed(name) => {}
                        tool => written += usize::from(self.tool(place, tool, json)),
                    }
                }
                if written == 0 {
                    // Calls and results may only stand in a request that has tools.
                    for name in &used {
                        json.object(|json| {
                            json.member_object("toolSpec", |json| {
                                json.member_text("name", name);
                                json.member_object("inputSchema", |json| {
                                    json.member("json", object_schema(None).get());
                                });
                            });
                        });
                    }
                    written = used.len();
                }
            });
            if written > 0 {
                self.choice(json);
            }
            json.rest(self.extra(), "toolConfig");
        });
        if written == 0 && (!self.own || self.extra().iter().all(|(key, _)| key != "toolConfig")) {
            json.forget(mark);
        }
    }

    fn tool(&mut self, place: usize, tool: &Tool<'_>, json: &mut Json<'_>) -> bool {
        let (name, description, schema, strict, kind, cache, extra) = match tool {
            Tool::Client { name, description, schema, strict, kind, cache, extra } => {
                (name, description, schema, strict, kind, cache, extra)
            }
            Tool::Foreign { origin, raw, .. } if *origin == NAME => {
                json.item(raw.get());
                return true;
            }
            Tool::Foreign { kind, .. } => {
                let reason = format!("only the client's own provider runs {kind}");
                self.losses().add(format!("tools[{place}]"), reason);
                return false;
            }
        };
        if *kind == ToolKind::Custom {
            self.losses().add(format!("tools[{place}]"), "Converse has no tools that take plain text");
            return false;
        }
        if !self.own {
            for (member, _) in extra {
                let path = format!("tools[{place}].{member}");
                self.losses().add(path, "only the client's own dialect has it");
            }
        }
        json.object(|json| {
            json.member_object("toolSpec", |json| {
                json.member_text("name", name);
                let description = description.as_deref().filter(|text| self.own || !text.trim().is_empty());
                json.member_some("description", description);
                let is_strict = *strict == Some(true) && !self.own;
                let fitted = is_strict.then(|| self.strict(place, schema.as_ref())).flatten();
                match &fitted {
                    Some(fitted) => {
                        json.member_object("inputSchema", |json| json.member("json", fitted.get()))
                    }
                    None => self.schema(schema.as_ref(), extra, json),
                }
                if let Some(strict) = strict.filter(|_| !is_strict || fitted.is_some()) {
                    json.member("strict", if strict { "true" } else { "false" });
                }
                if self.own {
                    json.members_but(extra, &["inputSchema"]);
                }
            });
        });
        match cache {
            Some(hint) if self.own || self.family == Family::Anthropic => {
                json.object(|json| cache_point(json, hint));
            }
            Some(_) => {
                self.losses()
                    .add(format!("tools[{place}].cache"), "this model has no cache point among its tools");
            }
            None => {}
        }
        true
    }

    /// The schema that a strict tool of another dialect is held to, if it can be.
    fn strict(&mut self, place: usize, given: Option<&Raw<'_>>) -> Option<Raw<'static>> {
        let said = given.filter(|schema| says_object(schema));
        let whole = said.map_or_else(|| object_schema(given), |schema| Raw::Owned((**schema).to_owned()));
        schema::for_strict_tool(&whole, place, self.losses())
    }

    fn schema(&self, schema: Option<&Raw<'_>>, extra: &Members<'_>, json: &mut Json<'_>) {
        json.member_object("inputSchema", |json| match schema {
            Some(schema) if self.own || says_object(schema) => {
                json.member("json", schema.get());
                if self.own {
                    json.rest(extra, "inputSchema");
                }
            }
            None if self.own => json.rest(extra, "inputSchema"),
            other => json.member("json", object_schema(other).get()),
        });
    }

    fn choice(&mut self, json: &mut Json<'_>) {
        let all_of_them = |json: &mut Json<'_>, name| {
            json.member_object("toolChoice", |json| json.member_object(name, |_| {}));
        };
        match &self.request.tool_choice {
            Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => all_of_them(json, "auto"),
            Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
                all_of_them(json, "any")
            }
            Some(ToolChoice::Named(name)) => json.member_object("toolChoice", |json| {
                json.member_object("tool", |json| json.member_text("name", name));
            }),
            Some(ToolChoice::Foreign { origin, raw }) if *origin == NAME => {
                json.member("toolChoice", raw.get())
            }
            Some(ToolChoice::Foreign { .. }) => {
                self.losses().add("tool_choice", "only the client's own dialect has it");
            }
            // See `tools`.
            Some(ToolChoice::None) | None => {}
        }
    }
}

/// Names of the tools that were called, each once.
fn used_tools<'r>(messages: &'r [Message<'r>]) -> Vec<&'r str> {
    let mut names = Vec::new();
    for block in messages.iter().flat_map(|message| &message.blocks) {
        if let Content::ToolUse(tool) = &block.content
            && !names.contains(&&*tool.name)
        {
            names.push(&*tool.name);
        }
    }
    names
}

/// Whether a schema says that it is one of an object, as Converse requires.
fn says_object(schema: &Raw<'_>) -> bool {
    serde_json::from_str::<wire::Empty<'_>>(schema.get())
        .is_ok_and(|schema| schema.extra.iter().any(|(key, raw)| key == "type" && raw.get() == "\"object\""))
}

/// The schema of a tool whose client gave none: Converse requires one, of an object.
fn object_schema(schema: Option<&Raw<'_>>) -> Raw<'static> {
    let given: Option<wire::Empty<'_>> = schema.and_then(|schema| serde_json::from_str(schema.get()).ok());
    owned(object(|json| {
        json.member_text("type", "object");
        if let Some(given) = &given {
            json.members_but(&given.extra, &["type"]);
        }
    }))
}

//! Tools that take plain text, as functions with one text for a provider that has nothing else, and their calls back.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::unwrap::Unwrap;
use crate::ir::{
    BlockKind, Content, Delta, Event, Losses, Raw, Request, Response, Tool, ToolKind, ToolUse, raw,
};

/// The member of a function's arguments that holds the plain text.
pub(super) const MEMBER: &str = "input";

/// The request with functions in place of the tools that take plain text; `None` if it has no such tools or calls.
pub(super) fn wrap<'r>(request: &'r Request<'_>) -> Option<(Request<'r>, Losses)> {
    let is_custom = |tool: &Tool<'_>| matches!(tool, Tool::Client { kind: ToolKind::Custom, .. });
    let is_called = |content: &Content<'_>| match content {
        Content::ToolUse(call) => call.kind == ToolKind::Custom,
        Content::ToolResult(result) => result.kind == ToolKind::Custom,
        _ => false,
    };
    let mut blocks = request.messages.iter().flat_map(|message| &message.blocks);
    if !request.tools.iter().any(is_custom) && !blocks.any(|block| is_called(&block.content)) {
        return None;
    }
    let (mut request, mut losses) = (request.clone(), Losses::default());
    for (at, tool) in request.tools.iter_mut().enumerate() {
        if let Tool::Client { schema, kind: kind @ ToolKind::Custom, .. } = tool {
            let format = schema.as_deref().and_then(|format| description(format.get()));
            if format.is_some() {
                let reason = "a function's text is shown its format but not held to it";
                losses.add(format!("tools[{at}].format"), reason);
            }
            (*schema, *kind) = (Some(self::schema(format.as_deref())), ToolKind::Function);
        }
    }
    for block in request.messages.iter_mut().flat_map(|message| &mut message.blocks) {
        match &mut block.content {
            Content::ToolUse(call) if call.kind == ToolKind::Custom => {
                call.input = arguments(&call.input).into();
                call.kind = ToolKind::Function;
            }
            Content::ToolResult(result) => result.kind = ToolKind::Function,
            _ => {}
        }
    }
    Some((request, losses))
}

fn arguments(text: &str) -> String {
    raw(&[(MEMBER, text)].into_iter().collect::<std::collections::BTreeMap<_, _>>()).get().to_owned()
}

/// The schema of a function that takes one text.
fn schema(description: Option<&str>) -> Raw<'static> {
    #[derive(Serialize)]
    struct Schema<'s> {
        #[serde(rename = "type")]
        kind: &'static str,
        properties: Properties<'s>,
        required: [&'static str; 1],
        #[serde(rename = "additionalProperties")]
        takes_more: bool,
    }
    #[derive(Serialize)]
    struct Properties<'s> {
        input: Property<'s>,
    }
    #[derive(Serialize)]
    struct Property<'s> {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'s str>,
    }
    raw(&Schema {
        kind: "object",
        properties: Properties { input: Property { kind: "string", description } },
        required: [MEMBER],
        takes_more: false,
    })
}

/// A tool's format in words; `None` if any text will do. The Responses API has a grammar beside its type, the chat API
/// one level further in.
fn description(format: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Grammar<'g> {
        #[serde(borrow)]
        definition: Cow<'g, str>,
        #[serde(borrow)]
        syntax: Option<Cow<'g, str>>,
    }
    #[derive(Deserialize)]
    struct Nested<'g> {
        #[serde(borrow)]
        grammar: Grammar<'g>,
    }
    #[derive(Deserialize)]
    struct Kind<'g> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'g, str>,
    }
    if serde_json::from_str::<Kind<'_>>(format).is_ok_and(|format| format.kind == "text") {
        return None;
    }
    let nested = serde_json::from_str::<Nested<'_>>(format).map(|nested| nested.grammar);
    Some(match nested.or_else(|_| serde_json::from_str::<Grammar<'_>>(format)) {
        Ok(Grammar { definition, syntax }) => {
            let syntax = syntax.map(|syntax| format!("{syntax} ")).unwrap_or_default();
            format!("Plain text that fits this {syntax}grammar:\n{definition}")
        }
        Err(_) => format!("Plain text in this format: {format}"),
    })
}

/// The calls of a client's tools that take plain text, in an answer that may call them with JSON.
pub(super) struct Calls {
    /// The tools' names.
    tools: Vec<String>,
    /// Calls of a stream that are being received, by the choice they belong to.
    open: Vec<(u64, Unwrap)>,
    losses: Losses,
}

impl Calls {
    /// Of the tools that `request` offered.
    pub(super) fn of(request: &Request<'_>) -> Self {
        let named = |wanted: ToolKind| {
            request.tools.iter().filter_map(move |tool| match tool {
                Tool::Client { name, kind, .. } if *kind == wanted => Some(&**name),
                _ => None,
            })
        };
        // A name that two tools share says nothing about what is meant.
        let tools = named(ToolKind::Custom)
            .filter(|name| !named(ToolKind::Function).any(|other| other == *name))
            .map(str::to_owned);
        Self { tools: tools.collect(), open: Vec::new(), losses: Losses::default() }
    }

    fn is_wrapped(&self, kind: ToolKind, name: &str) -> bool {
        kind == ToolKind::Function && self.tools.iter().any(|tool| tool == name)
    }

    /// Makes all of those calls in a whole answer plain text again.
    pub(super) fn unwrap_all(mut self, response: &mut Response<'_>) -> Losses {
        let blocks = response.choices.iter_mut().flat_map(|choice| &mut choice.blocks);
        for block in blocks {
            match &mut block.content {
                Content::ToolUse(ToolUse { kind, name, input, .. }) if self.is_wrapped(*kind, name) => {
                    let mut unwrap = Unwrap::default();
                    let mut text = unwrap.push(input);
                    text.push_str(&self.end(unwrap));
                    (*kind, *input) = (ToolKind::Custom, text.into());
                }
                _ => {}
            }
        }
        self.losses
    }

    /// Hands one event of a stream on, as plain text where it is of one of those calls.
    pub(super) fn pass(&mut self, event: Event<'_>, each: &mut dyn FnMut(Event<'_>)) {
        if self.tools.is_empty() {
            return each(event);
        }
        let place = |of: u64| self.open.iter().position(|(choice, _)| *choice == of);
        match event {
            Event::BlockStart {
                choice,
                block,
                kind: BlockKind::ToolUse { id, name, kind, signature, item },
            } if self.is_wrapped(kind, &name) => {
                self.open.push((choice, Unwrap::default()));
                let kind = BlockKind::ToolUse { id, name, kind: ToolKind::Custom, signature, item };
                each(Event::BlockStart { choice, block, kind });
            }
            Event::Delta { choice, block, delta: Delta::Input(piece) } if let Some(at) = place(choice) => {
                let text = self.open[at].1.push(&piece);
                if !text.is_empty() {
                    each(Event::Delta { choice, block, delta: Delta::Input(text.into()) });
                }
            }
            Event::BlockStop { choice, block } if let Some(at) = place(choice) => {
                let (_, unwrap) = self.open.swap_remove(at);
                let text = self.end(unwrap);
                if !text.is_empty() {
                    each(Event::Delta { choice, block, delta: Delta::Input(text.into()) });
                }
                each(Event::BlockStop { choice, block });
            }
            event => each(event),
        }
    }

    /// What could not be said so far.
    pub(super) fn losses(&self) -> &Losses {
        &self.losses
    }

    fn end(&mut self, unwrap: Unwrap) -> String {
        let (text, has_more) = unwrap.finish();
        if has_more {
            self.losses.add(MEMBER, "a call of a tool that takes plain text came with more than that");
        }
        text
    }
}

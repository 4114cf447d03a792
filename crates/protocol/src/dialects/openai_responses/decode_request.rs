//! Reads a client's request.

use std::{borrow::Cow, collections::HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    HERE,
    items::{Item, item},
    wire::{Body, Choice, ClientTool, Format, Kind, ReasoningSettings, TextOr, TextSettings, reason},
};
use crate::{
    codec::RequestHead,
    ir::{
        Block, Content, Effort, Fault, FaultKind, Members, Message, OutputFormat, Raw, Reasoning, Request,
        Role, Text, Tool, ToolChoice, ToolKind,
    },
};

/// The `include` that asks for the reasoning to come with its proof.
pub(super) const INCLUDE_PROOF: &str = "reasoning.encrypted_content";
/// The `include` that asks for log probabilities.
pub(super) const INCLUDE_LOGPROBS: &str = "message.output_text.logprobs";

/// Reads a request.
pub(super) fn decode<'a>(head: RequestHead<'_>, bytes: &'a [u8]) -> Result<Request<'a>, Fault> {
    let body: Body<'a> = serde_json::from_slice(bytes).map_err(|error| bad(reason(&error)))?;
    let model = body.model.or_else(|| head.model.map(|model| model.to_owned().into()));
    let mut request = Request {
        origin: HERE,
        model: model.ok_or_else(|| bad("`model` is missing"))?,
        stream: body.stream.or(head.stream).unwrap_or(false),
        tools: body.tools.into_iter().flatten().enumerate().map(tool).collect::<Result<_, _>>()?,
        tool_choice: body.tool_choice.map(tool_choice).transpose()?,
        parallel_tools: body.parallel_tool_calls,
        max_tokens: body.max_output_tokens,
        service_tier: body.service_tier,
        metadata: body.metadata.map(Cow::Borrowed),
        cache_key: body.prompt_cache_key,
        store: body.store,
        previous: body.previous_response_id,
        extra: body.extra,
        ..Request::default()
    };
    request.sampling.temperature = body.temperature.map(|number| number.0);
    request.sampling.top_p = body.top_p.map(|number| number.0);
    request.sampling.frequency_penalty = body.frequency_penalty.map(|number| number.0);
    request.sampling.presence_penalty = body.presence_penalty.map(|number| number.0);

    include(body.include, body.top_logprobs, &mut request);
    user(body.user, body.safety_identifier, &mut request);
    text_settings(body.text.unwrap_or_default(), &mut request)?;
    reasoning(body.reasoning.unwrap_or_default(), &mut request);

    request.system.extend(body.instructions.map(|text| Content::text(text).into()));
    conversation(body.input, &mut request)?;
    Ok(request)
}

fn bad(what: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadRequest, what)
}

fn include<'a>(list: Option<Vec<Text<'a>>>, alternatives: Option<u64>, request: &mut Request<'a>) {
    let mut rest = list.unwrap_or_default();
    let mut take = |name: &str| {
        let before = rest.len();
        rest.retain(|entry| *entry != name);
        rest.len() < before
    };
    request.reasoning_proof = take(INCLUDE_PROOF).then_some(true);
    let asks = take(INCLUDE_LOGPROBS);
    request.logprobs = alternatives.filter(|count| asks || *count > 0).or(asks.then_some(0));
    if !rest.is_empty() {
        request.extra.push(("include".into(), crate::ir::raw(&rest)));
    }
}

/// `safety_identifier` took over from `user`; with both given the older one is what other dialects have.
fn user<'a>(user: Option<Text<'a>>, safety: Option<Text<'a>>, request: &mut Request<'a>) {
    match (user, safety) {
        (Some(user), Some(safety)) => {
            request.extra.push(("safety_identifier".into(), crate::ir::raw(&safety)));
            request.user = Some(user);
        }
        (user, safety) => request.user = user.or(safety),
    }
}

/// Keeps members of the setting `of` that nobody declared, under a dotted name.
fn keep_inner<'a>(of: &str, inner: Members<'a>, request: &mut Request<'a>) {
    request.extra.extend(inner.into_iter().map(|(key, value)| (format!("{of}.{key}").into(), value)));
}

fn text_settings<'a>(text: TextSettings<'a>, request: &mut Request<'a>) -> Result<(), Fault> {
    request.verbosity = text.verbosity;
    keep_inner("text", text.extra, request);
    let Some(raw) = text.format else { return Ok(()) };
    let format: Format<'a> = member(raw, "text.format")?;
    request.format = match (format.kind.as_deref(), format.schema) {
        (Some("text"), _) => Some(OutputFormat::Text),
        (Some("json_object"), _) => Some(OutputFormat::Json),
        (Some("json_schema"), Some(schema)) => {
            keep_inner("text.format", format.extra, request);
            Some(OutputFormat::Schema {
                name: format.name,
                description: format.description,
                schema: Cow::Borrowed(schema),
                strict: format.strict,
            })
        }
        (Some("json_schema"), None) => return Err(bad("`text.format.schema` is missing")),
        _ => {
            request.extra.push(("text.format".into(), Cow::Borrowed(raw)));
            None
        }
    };
    Ok(())
}

fn reasoning<'a>(settings: ReasoningSettings<'a>, request: &mut Request<'a>) {
    let effort = settings.effort.as_deref().and_then(Effort::parse);
    if let (Some(word), None) = (&settings.effort, effort) {
        request.extra.push(("reasoning.effort".into(), crate::ir::raw(word)));
    }
    let display = settings.summary.or(settings.generate_summary);
    if effort.is_some() || display.is_some() {
        request.reasoning = Some(Reasoning { effort, display, ..Reasoning::default() });
    }
    keep_inner("reasoning", settings.extra, request);
}

fn member<'a, T: Deserialize<'a>>(raw: &'a RawValue, path: &str) -> Result<T, Fault> {
    serde_json::from_str(raw.get()).map_err(|error| bad(format!("`{path}`: {}", reason(&error))))
}

fn tool((at, raw): (usize, &RawValue)) -> Result<Tool<'_>, Fault> {
    let path = format!("tools[{at}]");
    let kind: Kind<'_> = member(raw, &path)?;
    let kind = kind.r#type.ok_or_else(|| bad(format!("`{path}.type` is missing")))?;
    let takes = match &*kind {
        "function" => ToolKind::Function,
        "custom" => ToolKind::Custom,
        _ => return Ok(Tool::Foreign { origin: HERE, kind, raw: Cow::Borrowed(raw) }),
    };
    let tool: ClientTool<'_> = member(raw, &path)?;
    Ok(Tool::Client {
        name: tool.name.ok_or_else(|| bad(format!("`{path}.name` is missing")))?,
        description: tool.description,
        schema: tool.parameters.or(tool.format).map(Cow::Borrowed),
        strict: tool.strict,
        kind: takes,
        cache: None,
        extra: tool.extra,
    })
}

fn tool_choice(raw: &RawValue) -> Result<ToolChoice<'_>, Fault> {
    let foreign = || ToolChoice::Foreign { origin: HERE, raw: Cow::Borrowed(raw) };
    if let Ok(word) = serde_json::from_str::<Text<'_>>(raw.get()) {
        return Ok(match &*word {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => foreign(),
        });
    }
    let choice: Choice<'_> = member(raw, "tool_choice")?;
    Ok(match (choice.kind.as_deref(), choice.name, choice.tools) {
        (Some("function" | "custom"), Some(name), _) => ToolChoice::Named(name),
        (Some("allowed_tools"), _, Some(tools)) => match tools.into_iter().map(allowed).collect() {
            Some(names) => {
                ToolChoice::Allowed { names, required: choice.mode.is_some_and(|mode| mode == "required") }
            }
            None => foreign(),
        },
        _ => foreign(),
    })
}

/// The name of an allowed tool, if it is one of the client's.
fn allowed(raw: &RawValue) -> Option<Text<'_>> {
    let tool: Choice<'_> = serde_json::from_str(raw.get()).ok()?;
    let is_clients = matches!(tool.kind.as_deref(), Some("function" | "custom"));
    tool.name.filter(|_| is_clients)
}

fn conversation<'a>(input: Option<TextOr<'a>>, request: &mut Request<'a>) -> Result<(), Fault> {
    let list = match input {
        None => return Ok(()),
        Some(TextOr::Text(text)) => {
            request.messages.push(Message::new(Role::User, vec![Content::text(text).into()]));
            return Ok(());
        }
        Some(TextOr::List(list)) => list,
    };
    let mut turns = Turns::default();
    for (at, raw) in list.into_iter().enumerate() {
        let item = item(raw).map_err(|error| bad(format!("`input[{at}]`: {error}")))?;
        turns.add(item, &mut request.system);
    }
    request.messages = turns.messages;
    Ok(())
}

/// Puts items together to turns: other dialects have the reasoning, the words and the calls of one turn in one message.
#[derive(Default)]
struct Turns<'a> {
    messages: Vec<Message<'a>>,
    /// Whether the last message holds a message item already: it has room for the id and the extras of one.
    holds_item: bool,
    /// The names of the tools called so far, by the ids of the calls.
    names: HashMap<Text<'a>, Text<'a>>,
}

impl<'a> Turns<'a> {
    fn add(&mut self, item: Item<'a>, system: &mut Vec<Block<'a>>) {
        match item {
            Item::Message { role: Role::System | Role::Developer, mut blocks, extra, .. }
                if self.messages.is_empty() =>
            {
                if let Some(first) = blocks.first_mut() {
                    first.extra.extend(extra);
                }
                system.extend(blocks);
            }
            Item::Message { role, id, blocks, extra } => {
                let is_plain = id.is_none() && extra.is_empty();
                if role == Role::Assistant && self.takes_message(is_plain) {
                    let Some(turn) = self.messages.last_mut() else { return };
                    turn.blocks.extend(blocks);
                    if !is_plain {
                        (turn.id, turn.extra) = (id, extra);
                    }
                } else {
                    self.messages.push(Message { role, blocks, name: None, id, extra });
                }
                self.holds_item = true;
            }
            Item::Model(blocks) => {
                for block in &blocks {
                    if let Content::ToolUse(call) = &block.content {
                        self.names.insert(call.id.clone(), call.name.clone());
                    }
                }
                self.turn(Role::Assistant).extend(blocks);
            }
            Item::Client(mut block) => {
                if let Content::ToolResult(result) = &mut block.content {
                    result.name = self.names.get(&result.id).cloned();
                }
                self.turn(Role::User).push(block);
            }
        }
    }

    /// True if the last turn can take one more message item without the two becoming one, or one losing its id.
    fn takes_message(&self, is_plain: bool) -> bool {
        let Some(turn) = self.messages.last().filter(|turn| turn.role == Role::Assistant) else {
            return false;
        };
        let ends_in_words = turn.blocks.last().is_some_and(|block| is_words(&block.content));
        !self.holds_item || (is_plain && !ends_in_words && turn.id.is_none() && turn.extra.is_empty())
    }

    /// The blocks of the turn that an item without a role belongs to.
    fn turn(&mut self, role: Role) -> &mut Vec<Block<'a>> {
        let last = self.messages.last();
        let goes_on = last.is_some_and(|last| {
            // What the client's tools gave back does not become part of what the user said.
            last.role == role
                && (role == Role::Assistant || !last.blocks.iter().any(|b| is_words(&b.content)))
        });
        if !goes_on {
            self.messages.push(Message::new(role, Vec::new()));
            self.holds_item = false;
        }
        let at = self.messages.len() - 1;
        &mut self.messages[at].blocks
    }
}

/// True for what stands in a message item.
pub(super) fn is_words(content: &Content<'_>) -> bool {
    match content {
        Content::Text { .. }
        | Content::Refusal(_)
        | Content::Image(_)
        | Content::Document(_)
        | Content::Audio(_)
        | Content::Video(_) => true,
        Content::Foreign { kind, .. } => super::items::is_part(kind),
        Content::ToolUse(_) | Content::ToolResult(_) | Content::Thinking(_) => false,
    }
}

/// The value of a member that only this dialect knows, as the client gave it.
pub(super) fn extra<'r>(request: &'r Request<'_>, name: &str) -> Option<&'r Raw<'r>> {
    if request.origin != HERE {
        return None;
    }
    request.extra.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

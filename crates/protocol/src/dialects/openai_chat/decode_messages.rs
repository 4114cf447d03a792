//! The messages of a request, from the wire: roles, tool results, and the older `function` forms.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::{
    decode_parts::{CacheControl, Call, Function, cache_hint, call, citation, part},
    object::{List, TextOr, keep, keep_inner, object, read},
    reasoning,
};
use crate::ir::{Block, Content, Media, Members, Message, Role, Source, Text, ToolKind, ToolResult};

object! {
    MessageWire<'a> {
        role = "role": Text<'a>,
        content = "content": TextOr<'a, &'a RawValue>,
        name = "name": Text<'a>,
        refusal = "refusal": Text<'a>,
        audio = "audio": AudioId<'a>,
        annotations = "annotations": Vec<&'a RawValue>,
        tool_calls = "tool_calls": List<Call<'a>>,
        function_call = "function_call": Function<'a>,
        tool_call_id = "tool_call_id": Text<'a>,
        reasoning_content = "reasoning_content": &'a RawValue,
        reasoning = "reasoning": &'a RawValue,
        reasoning_details = "reasoning_details": &'a RawValue,
        cache_control = "cache_control": CacheControl<'a>,
    }
}

object! {
    AudioId<'a> {
        id = "id": Text<'a>,
        transcript = "transcript": Text<'a>,
    }
}

/// The messages read so far, and what later ones refer to.
#[derive(Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Message<'a>>,
    /// True if the leading instructions came in the newer role.
    pub(super) leads_with_developer: bool,
    /// True if a call or result came in the older form.
    pub(super) is_legacy: bool,
    /// The tool of each call.
    names: HashMap<Text<'a>, Text<'a>>,
    /// The call in the older form that has no result yet.
    open_legacy: Option<Text<'a>>,
    count: usize,
}

impl<'a> Conversation<'a> {
    /// Reads one more message; the error says which of its members is wrong.
    pub(super) fn push(&mut self, wire: MessageWire<'a>) -> Result<(), String> {
        let role = wire.role.as_ref().ok_or("`role` is missing")?;
        match &**role {
            "system" => self.instructions(wire, Role::System)?,
            "developer" => self.instructions(wire, Role::Developer)?,
            "user" => self.user(wire)?,
            "assistant" => self.assistant(wire)?,
            "tool" | "function" => self.result(wire)?,
            other => {
                return Err(format!(
                    "`role` is `{other}`; one of system, developer, user, assistant, tool is expected"
                ));
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Leading instructions, of either role, are apart from the conversation; a message with a name or members of its own
    /// stays a message, and so do those behind it. Written back they are one message, in the role of the first.
    fn instructions(&mut self, wire: MessageWire<'a>, role: Role) -> Result<(), String> {
        let is_developer = role == Role::Developer;
        let message = plain(wire, role)?;
        if self.messages.is_empty() && message.name.is_none() && message.extra.is_empty() {
            if self.system.is_empty() {
                self.leads_with_developer = is_developer;
            }
            self.system.extend(message.blocks);
        } else {
            self.messages.push(message);
        }
        Ok(())
    }

    fn user(&mut self, wire: MessageWire<'a>) -> Result<(), String> {
        self.messages.push(plain(wire, Role::User)?);
        Ok(())
    }

    fn assistant(&mut self, mut wire: MessageWire<'a>) -> Result<(), String> {
        let text = |raw: Option<&'a RawValue>| raw.and_then(read::<Text<'a>>);
        let (content, plain_reasoning) = (text(wire.reasoning_content.take()), text(wire.reasoning.take()));
        let thinking = reasoning::thinking(content, plain_reasoning, wire.reasoning_details.take(), false);
        let refusal = wire.refusal.take();
        let audio = wire.audio.take();
        let calls = wire.tool_calls.take().map(|list| list.0).unwrap_or_default();
        let legacy = wire.function_call.take();
        let annotations = wire.annotations.take().unwrap_or_default();

        let mut message = plain(wire, Role::Assistant)?;
        let blocks = &mut message.blocks;
        cite(blocks, &annotations, &mut message.extra)?;
        blocks.splice(0..0, thinking.into_iter().map(|thinking| Content::Thinking(thinking).into()));
        blocks.extend(refusal.map(|refusal| Content::Refusal(refusal).into()));
        if let Some(audio) = audio {
            keep_inner(&mut message.extra, "audio", audio.extra);
            let source = Source::File(audio.id.ok_or("`audio.id` is missing")?);
            let media = Media { source, context: audio.transcript, ..Media::default() };
            blocks.push(Content::Audio(media).into());
        }
        let number = self.count;
        for (place, wire) in calls.into_iter().enumerate() {
            let block = call(wire, |name| format!("call_{number}_{place}_{name}"))
                .map_err(|error| format!("`tool_calls`: item {place}: {error}"))?;
            blocks.push(block);
        }
        if let Some(function) = legacy {
            self.is_legacy = true;
            let wire = Call { function: Some(function), ..Call::default() };
            let block = call(wire, |name| format!("call_{number}_{name}"))
                .map_err(|error| format!("`function_call`: {error}"))?;
            if let Content::ToolUse(call) = &block.content {
                self.open_legacy = Some(call.id.clone());
            }
            blocks.push(block);
        }
        for block in &message.blocks {
            if let Content::ToolUse(call) = &block.content {
                self.names.insert(call.id.clone(), call.name.clone());
            }
        }
        self.messages.push(message);
        Ok(())
    }

    /// Results that follow each other are one message of the user.
    fn result(&mut self, mut wire: MessageWire<'a>) -> Result<(), String> {
        let is_legacy = wire.role.as_ref().is_some_and(|role| *role == *"function");
        self.is_legacy |= is_legacy;
        let (id, name) = (wire.tool_call_id.take(), wire.name.take());
        let id = match id {
            Some(id) => id,
            None if is_legacy => self.open_legacy.take().unwrap_or_else(|| {
                format!("call_{}_{}", self.count, name.as_deref().unwrap_or("function")).into()
            }),
            None => return Err("`tool_call_id` is missing".to_owned()),
        };
        let name = self.names.get(&id).cloned().or(name);
        let cache = cache_hint(wire.cache_control.take(), false);
        let Message { blocks, extra, .. } = plain(wire, Role::User)?;
        let result = ToolResult { id, name, blocks, is_error: None, kind: ToolKind::Function };
        let block = Block { content: Content::ToolResult(result), cache, extra };
        match self.messages.last_mut().filter(|last| holds_results(last)) {
            Some(last) => last.blocks.push(block),
            None => self.messages.push(Message::new(Role::User, vec![block])),
        }
        Ok(())
    }

    /// The results of custom calls are not told apart on the wire: their kind is that of the call.
    pub(super) fn settle_kinds(&mut self) {
        let custom: HashSet<Text<'a>> = self
            .messages
            .iter()
            .flat_map(|message| &message.blocks)
            .filter_map(|block| match &block.content {
                Content::ToolUse(call) if call.kind == ToolKind::Custom => Some(call.id.clone()),
                _ => None,
            })
            .collect();
        if custom.is_empty() {
            return;
        }
        for block in self.messages.iter_mut().flat_map(|message| &mut message.blocks) {
            if let Content::ToolResult(result) = &mut block.content
                && custom.contains(&result.id)
            {
                result.kind = ToolKind::Custom;
            }
        }
    }
}

fn holds_results(message: &Message<'_>) -> bool {
    message.role == Role::User
        && message.blocks.last().is_some_and(|block| matches!(block.content, Content::ToolResult(_)))
}

/// What every message has: content, name, a cache hint for its last block, and members nobody knows. What the role
/// took before is gone; what is left of the members of other roles is kept like unknown ones, but for what would change
/// the conversation.
fn plain<'a>(wire: MessageWire<'a>, role: Role) -> Result<Message<'a>, String> {
    let has_calls = wire.tool_calls.is_some_and(|list| !list.0.is_empty()) || wire.function_call.is_some();
    if has_calls || wire.audio.is_some() {
        return Err("calls and `audio` belong to the assistant".to_owned());
    }
    let mut blocks = match wire.content {
        None => Vec::new(),
        Some(TextOr::Text(text)) if text.is_empty() => Vec::new(),
        Some(TextOr::Text(text)) => vec![Content::text(text).into()],
        Some(TextOr::List(parts)) => parts
            .into_iter()
            .enumerate()
            .map(|(place, raw)| part(raw).map_err(|error| format!("`content`: item {place}: {error}")))
            .collect::<Result<_, _>>()?,
    };
    let mut extra = wire.extra;
    match (cache_hint(wire.cache_control, false), blocks.last_mut()) {
        (Some(hint), Some(last)) if last.cache.is_none() => last.cache = Some(hint),
        _ => {}
    }
    let strays = [
        ("reasoning_content", wire.reasoning_content),
        ("reasoning", wire.reasoning),
        ("reasoning_details", wire.reasoning_details),
    ];
    for (name, raw) in strays {
        if let Some(raw) = raw {
            keep(&mut extra, name.into(), raw);
        }
    }
    for (name, text) in [("refusal", wire.refusal), ("tool_call_id", wire.tool_call_id)] {
        extra.extend(text.map(|text| (name.into(), crate::ir::raw(&text))));
    }
    let annotations = wire.annotations.filter(|list| !list.is_empty());
    extra.extend(annotations.map(|list| ("annotations".into(), crate::ir::raw(&list))));
    Ok(Message { role, blocks, name: wire.name, id: None, extra })
}

/// Ties annotations to the first text; without one they are kept as they are.
fn cite<'a>(
    blocks: &mut [Block<'a>],
    annotations: &[&'a RawValue],
    extra: &mut Members<'a>,
) -> Result<(), String> {
    if annotations.is_empty() {
        return Ok(());
    }
    let first = blocks.iter_mut().find_map(|block| match &mut block.content {
        Content::Text { citations, .. } => Some(citations),
        _ => None,
    });
    match first {
        Some(citations) => citations.extend(annotations.iter().map(|raw| citation(raw))),
        None => extra.push(("annotations".into(), crate::ir::raw(annotations))),
    }
    Ok(())
}

//! Writes the conversation of a request, in the turns that Converse takes.

use super::{NAME, content_encode::At, model::Family, proof::is_taken, request_encode::Writer, write::Json};
use crate::ir::{Block, Content, Members, Message, Role};

impl<'r> Writer<'r> {
    /// The conversation.
    pub(super) fn messages(&mut self, json: &mut Json<'_>) {
        let turns = if self.own { self.as_they_were() } else { self.alternating() };
        json.member_array("messages", |json| {
            for turn in &turns {
                let mark = json.mark();
                let mut said = self.own;
                json.object(|json| {
                    json.member_text("role", turn.role);
                    json.member_array("content", |json| {
                        for (at, block) in &turn.blocks {
                            said |= self.blocks.block(*at, block, json);
                        }
                    });
                    if let Some(extra) = turn.extra {
                        json.members(extra);
                    }
                });
                if !said {
                    json.forget(mark);
                }
            }
        });
    }

    fn as_they_were(&self) -> Vec<Turn<'r>> {
        let turn = |(place, message): (usize, &'r Message<'r>)| Turn {
            role: match message.role {
                Role::Assistant => "assistant",
                Role::User => "user",
                Role::System | Role::Developer => "system",
            },
            blocks: message
                .blocks
                .iter()
                .enumerate()
                .map(|(n, block)| (At::Message(place, n), block))
                .collect(),
            extra: Some(&message.extra),
        };
        self.request.messages.iter().enumerate().map(turn).collect()
    }

    /// The conversation as Converse takes it: user and assistant in turns, each turn saying something, results of tools
    /// at the front of the turn behind their calls.
    fn alternating(&mut self) -> Vec<Turn<'r>> {
        let mut turns: Vec<Turn<'r>> = Vec::new();
        for (place, message) in self.request.messages.iter().enumerate() {
            for (name, _) in &message.extra {
                self.losses()
                    .add(format!("messages[{place}].{name}"), "only the client's own dialect has it");
            }
            if message.name.is_some() {
                self.losses().add(format!("messages[{place}].name"), "Converse has no names of speakers");
            }
            let role = match message.role {
                Role::Assistant => "assistant",
                Role::User => "user",
                Role::System | Role::Developer => {
                    let reason = "an instruction inside the conversation is said by the user";
                    self.losses().add(format!("messages[{place}].role"), reason);
                    "user"
                }
            };
            let blocks: Vec<_> =
                message.blocks.iter().enumerate().map(|(n, block)| (At::Message(place, n), block)).collect();
            if !message.blocks.iter().any(|block| may_be_said(block, self.family)) {
                // Nothing of it will be written, but what is lost with it has to be named.
                let mut nowhere = Vec::new();
                for (at, block) in blocks {
                    self.blocks.block(at, block, &mut Json::new(&mut nowhere));
                }
                continue;
            }
            match turns.last_mut() {
                Some(before) if before.role == role => before.blocks.extend(blocks),
                _ => turns.push(Turn { role, blocks, extra: None }),
            }
        }
        for turn in turns.iter_mut().filter(|turn| turn.role == "user") {
            turn.blocks.sort_by_key(|(_, block)| !matches!(block.content, Content::ToolResult(_)));
        }
        turns
    }

    /// What stands before the conversation.
    pub(super) fn system(&mut self, json: &mut Json<'_>) {
        if self.request.system.is_empty() {
            return;
        }
        let mark = json.mark();
        let mut said = false;
        json.member_array("system", |json| {
            for (place, block) in self.request.system.iter().enumerate() {
                let at = At::System(place);
                match &block.content {
                    Content::Text { .. } | Content::Foreign { .. } => {
                        said |= self.blocks.block(at, block, json)
                    }
                    _ => self.blocks.lose(at, "", "a system prompt takes only text"),
                }
            }
        });
        if !said {
            json.forget(mark);
        }
    }
}

/// One turn of a conversation in the making.
struct Turn<'r> {
    role: &'static str,
    blocks: Vec<(At, &'r Block<'r>)>,
    extra: Option<&'r Members<'r>>,
}

/// False if it is certain that nothing of a block of another dialect will be written.
fn may_be_said(block: &Block<'_>, family: Family) -> bool {
    match &block.content {
        Content::Text { text, .. } | Content::Refusal(text) => !text.trim().is_empty(),
        Content::Thinking(thinking) => {
            thinking.signature.as_ref().is_some_and(|signature| is_taken(signature, family, false))
        }
        Content::Foreign { origin, .. } => *origin == NAME,
        _ => true,
    }
}

/// Whether the last answer calls tools without the reasoning that led there: a model that reasons refuses that.
pub(super) fn lacks_its_reasoning(messages: &[Message<'_>], family: Family) -> bool {
    let last = messages.iter().rev().find(|message| message.role == Role::Assistant);
    let Some(last) = last else { return false };
    let calls = last.blocks.iter().any(|block| matches!(block.content, Content::ToolUse(_)));
    let is_open = messages.last().is_some_and(|message| {
        message.role == Role::Assistant
            || message.blocks.iter().any(|block| matches!(block.content, Content::ToolResult(_)))
    });
    let first = last.blocks.iter().find(|block| may_be_said(block, family));
    calls && is_open && !first.is_some_and(|block| matches!(block.content, Content::Thinking(_)))
}

//! Writes the conversation of a request, in the turns that Converse takes.

use std::borrow::Cow;

use super::{NAME, content_encode::At, model::Family, proof::is_taken, request_encode::Writer, write::Json};
use crate::{
    dialects::orphan,
    ir::{Block, Content, Members, Message, Role},
};

impl<'r> Writer<'r> {
    /// The conversation.
    pub(super) fn messages(&mut self, json: &mut Json<'_>) {
        let turns = if self.own { self.as_they_were() } else { self.alternating() };
        json.member_array("messages", |json| {
            let mut last = None;
            for turn in &turns {
                let mark = json.mark();
                // Nothing of a turn before may have been written.
                let is_due = !self.own && turn.role == ASSISTANT && last != Some(USER);
                if is_due {
                    placeholder(json);
                }
                if self.turn(turn, json) {
                    last = Some(turn.role);
                    if is_due {
                        self.losses().add("messages", orphan::MODEL_FIRST);
                    }
                } else {
                    json.forget(mark);
                }
            }
            if last.is_none() && !self.own {
                self.first_word(json);
            }
        });
    }

    /// Writes one turn; false if nothing of it could be said.
    fn turn(&mut self, turn: &Turn<'_>, json: &mut Json<'_>) -> bool {
        let mut said = self.own;
        json.object(|json| {
            json.member_text("role", turn.role);
            json.member_array("content", |json| {
                for (at, block) in &turn.blocks {
                    if self.blocks.block(*at, block, json) {
                        said = true;
                        self.lose_role(*at);
                    }
                }
            });
            if let Some(extra) = turn.extra {
                json.members(extra);
            }
        });
        said
    }

    /// Names the role of an instruction within the conversation, of which a block is said.
    fn lose_role(&mut self, at: At) {
        let At::Message(place, _) = at else { return };
        let role = self.request.messages.get(place).map(|message| message.role);
        if !self.own && matches!(role, Some(Role::System | Role::Developer)) {
            let reason = "an instruction inside the conversation is said by the user";
            self.losses().add(format!("messages[{place}].role"), reason);
        }
    }

    /// What the user says in a conversation that is empty: the system prompt, if that is all there is.
    fn first_word(&mut self, json: &mut Json<'_>) {
        if self.has_only_system() {
            let mark = json.mark();
            let blocks = self.request.system.iter().enumerate();
            let blocks = blocks.map(|(place, block)| (At::System(place), Cow::Borrowed(block))).collect();
            if self.turn(&Turn { role: USER, blocks, extra: None }, json) {
                return self.losses().add("system", orphan::SYSTEM);
            }
            json.forget(mark);
        }
        self.losses().add("messages", orphan::MODEL_FIRST);
        placeholder(json);
    }

    fn has_only_system(&self) -> bool {
        !self.own && self.request.messages.is_empty()
    }

    fn as_they_were(&self) -> Vec<Turn<'r>> {
        let turn = |(place, message): (usize, &'r Message<'r>)| Turn {
            role: match message.role {
                Role::Assistant => ASSISTANT,
                Role::User => USER,
                Role::System | Role::Developer => "system",
            },
            blocks: message
                .blocks
                .iter()
                .enumerate()
                .map(|(n, block)| (At::Message(place, n), Cow::Borrowed(block)))
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
                Role::Assistant => ASSISTANT,
                Role::User => USER,
                Role::System | Role::Developer => USER,
            };
            let blocks = self.with_calls(place, message, &turns);
            if !message.blocks.iter().any(|block| may_be_said(block, self.family)) {
                // Nothing of it will be written, but what is lost with it has to be named.
                let mut nowhere = Vec::new();
                for (at, block) in blocks {
                    self.blocks.block(at, &block, &mut Json::new(&mut nowhere));
                }
                continue;
            }
            match turns.last_mut() {
                Some(before) if before.role == role => before.blocks.extend(blocks),
                _ => turns.push(Turn { role, blocks, extra: None }),
            }
        }
        for turn in turns.iter_mut().filter(|turn| turn.role == USER) {
            turn.blocks.sort_by_key(|(_, block)| !matches!(block.content, Content::ToolResult(_)));
        }
        turns
    }

    /// The blocks of a message, with text in place of results whose calls are not in the turn of the model before.
    fn with_calls(&mut self, place: usize, message: &'r Message<'r>, turns: &[Turn<'r>]) -> Vec<Said<'r>> {
        let calls = turns.iter().rev().find(|turn| turn.role == ASSISTANT);
        let calls = || calls.into_iter().flat_map(|turn| &turn.blocks).map(|(_, block)| &block.content);
        let mut all = Vec::with_capacity(message.blocks.len());
        for (n, block) in message.blocks.iter().enumerate() {
            let at = At::Message(place, n);
            match &block.content {
                Content::ToolResult(result)
                    if message.role != Role::Assistant && !orphan::is_called(calls(), result) =>
                {
                    self.blocks.lose(at, "", orphan::RESULT);
                    all.push((at, Cow::Owned(orphan::heading(result))));
                    all.extend(result.blocks.iter().map(|inner| (at, Cow::Borrowed(inner))));
                    if let Some((_, last)) = all.last_mut().filter(|_| block.cache.is_some()) {
                        last.to_mut().cache.clone_from(&block.cache);
                    }
                }
                _ => all.push((at, Cow::Borrowed(block))),
            }
        }
        all
    }

    /// What stands before the conversation; without one it is what the user says.
    pub(super) fn system(&mut self, json: &mut Json<'_>) {
        if self.request.system.is_empty() || self.has_only_system() {
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

/// The user's turn that Converse wants in front of the model's.
fn placeholder(json: &mut Json<'_>) {
    json.object(|json| {
        json.member_text("role", USER);
        json.member_array("content", |json| {
            json.object(|json| json.member_text("text", orphan::PLACEHOLDER))
        });
    });
}

/// The roles that take turns.
const USER: &str = "user";
const ASSISTANT: &str = "assistant";

/// One block and where it stands.
type Said<'r> = (At, Cow<'r, Block<'r>>);

/// One turn of a conversation in the making.
struct Turn<'r> {
    role: &'static str,
    blocks: Vec<Said<'r>>,
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

//! Knows calls and conversations again, however a client spelled them anew.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::Name;
use crate::ir::{Block, Content, Media, Message, Request, Source, ToolKind, ToolUse};

/// A hash of a request's conversation: the same for every later request that begins with it. What clients are free to
/// leave out or to change between two turns (system prompts, reasoning, ids) does not count.
pub fn conversation(request: &Request<'_>) -> u64 {
    let mut talk = Talk::default();
    talk.hear(&request.messages);
    talk.hash()
}

/// A conversation as far as it was heard.
#[derive(Clone, Default)]
pub(super) struct Talk {
    // Unkeyed: the same in every process. To profit from a collision, a client would have to find one with a
    // conversation of somebody else behind the same key that it does not know.
    hasher: DefaultHasher,
}

impl Talk {
    pub(super) fn hear(&mut self, messages: &[Message<'_>]) {
        for message in messages {
            message.role.hash(&mut self.hasher);
            self.blocks(&message.blocks);
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    fn blocks(&mut self, blocks: &[Block<'_>]) {
        for block in blocks {
            self.content(&block.content);
        }
        0xff_u8.hash(&mut self.hasher);
    }

    fn content(&mut self, content: &Content<'_>) {
        let hasher = &mut self.hasher;
        match content {
            Content::Thinking(_) => {}
            Content::Text { text, .. } | Content::Refusal(text) if text.is_empty() => {}
            Content::Text { text, .. } | Content::Refusal(text) => (1_u8, &**text).hash(hasher),
            Content::Image(media)
            | Content::Document(media)
            | Content::Audio(media)
            | Content::Video(media) => self.media(media),
            Content::ToolUse(call) => (3_u8, self::call(call)).hash(hasher),
            Content::ToolResult(result) => {
                4_u8.hash(hasher);
                self.blocks(&result.blocks);
            }
            Content::Foreign { kind, raw, .. } => (5_u8, &**kind, raw.get()).hash(hasher),
        }
    }

    fn media(&mut self, media: &Media<'_>) {
        2_u8.hash(&mut self.hasher);
        match &media.source {
            Source::Base64(text) | Source::Text(text) | Source::Url(text) | Source::File(text) => {
                text.hash(&mut self.hasher);
            }
            Source::Blocks(blocks) => self.blocks(blocks),
        }
    }
}

/// The name of the `place`th call of the turn that follows `conversation`.
pub(super) fn place(conversation: u64, place: usize) -> Name {
    let mut hasher = DefaultHasher::new();
    (conversation, place).hash(&mut hasher);
    Name::Place(hasher.finish())
}

/// A fingerprint of a call's name and arguments. Clients write the arguments anew, so neither their order nor the
/// spelling of their numbers counts; and where a dialect has no plain text for arguments, it stands in `input`.
pub(super) fn call(call: &ToolUse<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    call.name.hash(&mut hasher);
    let arguments = match call.kind {
        ToolKind::Function if call.input.trim().is_empty() => Some(Value::Object(serde_json::Map::new())),
        ToolKind::Function => serde_json::from_str(&call.input).ok().filter(Value::is_object),
        ToolKind::Custom => None,
    };
    match arguments {
        Some(arguments) => value(&arguments).hash(&mut hasher),
        None => members([("input", text(&call.input))].into_iter()).hash(&mut hasher),
    }
    hasher.finish()
}

fn value(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Null => 0_u8.hash(&mut hasher),
        Value::Bool(truth) => (1_u8, truth).hash(&mut hasher),
        Value::Number(number) => (2_u8, number.as_f64().map(f64::to_bits)).hash(&mut hasher),
        Value::String(words) => return text(words),
        Value::Array(list) => {
            (4_u8, list.len()).hash(&mut hasher);
            list.iter().for_each(|entry| self::value(entry).hash(&mut hasher));
        }
        Value::Object(object) => {
            return members(object.iter().map(|(key, entry)| (key.as_str(), self::value(entry))));
        }
    }
    hasher.finish()
}

fn text(words: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (3_u8, words).hash(&mut hasher);
    hasher.finish()
}

/// A sum, so that the order does not count.
fn members<'k>(members: impl Iterator<Item = (&'k str, u64)>) -> u64 {
    let member = |(key, value): (&str, u64)| {
        let mut hasher = DefaultHasher::new();
        (5_u8, key, value).hash(&mut hasher);
        hasher.finish()
    };
    members.map(member).fold(5, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Role;

    fn of(kind: ToolKind, input: &str) -> u64 {
        let (id, name, input) = ("x".into(), "f".into(), input.to_owned().into());
        call(&ToolUse { id, name, input, kind, signature: None, item: None })
    }

    #[test]
    fn spelling_does_not_count() {
        let known = of(ToolKind::Function, r#"{"a": 1.0, "b": [true, "é"]}"#);
        assert_eq!(known, of(ToolKind::Function, r#"{"b":[true,"\u00e9"],"a":1}"#));
        for other in [r#"{"a":2,"b":[true,"é"]}"#, r#"{"a":1}"#, r#"{"a":1,"b":["é",true]}"#, "{}"] {
            assert_ne!(known, of(ToolKind::Function, other), "{other}");
        }
        assert_eq!(of(ToolKind::Function, ""), of(ToolKind::Function, "{}"));
        assert_eq!(of(ToolKind::Custom, "ls -l"), of(ToolKind::Function, r#"{"input":"ls -l"}"#));
        assert_eq!(of(ToolKind::Custom, "{}"), of(ToolKind::Function, r#"{"input":"{}"}"#));
    }

    #[test]
    fn a_conversation_is_who_said_what() {
        let said = |role, text: &str| Message::new(role, vec![Content::text(text.to_owned()).into()]);
        let hash = |messages| conversation(&Request { messages, ..Request::default() });
        let known = hash(vec![said(Role::User, "a"), said(Role::Assistant, "b")]);
        assert_eq!(known, hash(vec![said(Role::User, "a"), said(Role::Assistant, "b")]));
        assert_ne!(known, hash(vec![said(Role::User, "a"), said(Role::User, "b")]));
        assert_ne!(known, hash(vec![said(Role::User, "a")]));
        assert_ne!(known, hash(vec![said(Role::User, "ab")]));
    }
}

//! Brings a conversation into the shape the API accepts: turns that alternate, results right after their calls.
//!
//! A conversation of this dialect keeps its shape: what is wrong with it is the client's to hear from the provider.

use std::borrow::Cow;

use super::{NAME, model::Traits};
use crate::{
    dialects::orphan,
    ir::{Block, Content, Losses, Media, Members, Message, Request, Role, Source},
};

/// One message as it will be written.
#[derive(Debug)]
pub(super) struct Turn<'r, 'a> {
    pub(super) role: Role,
    pub(super) parts: Vec<Part<'r, 'a>>,
    pub(super) extra: Option<&'r Members<'a>>,
}

/// One block with the place it came from.
#[derive(Debug, Clone)]
pub(super) struct Part<'r, 'a> {
    pub(super) message: usize,
    pub(super) at: usize,
    pub(super) block: Cow<'r, Block<'a>>,
}

impl<'a> Turn<'_, 'a> {
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Content<'a>> {
        self.parts.iter().map(|part| &part.block.content)
    }
}

/// The messages of this dialect, one turn each.
pub(super) fn as_they_stand<'r, 'a>(request: &'r Request<'a>) -> Vec<Turn<'r, 'a>> {
    let numbered = request.messages.iter().enumerate();
    let turn = |(at, message): (usize, &'r Message<'a>)| Turn {
        role: message.role,
        parts: parts(at, message).collect(),
        extra: Some(&message.extra),
    };
    numbered.map(turn).collect()
}

fn parts<'r, 'a>(message: usize, from: &'r Message<'a>) -> impl Iterator<Item = Part<'r, 'a>> {
    from.blocks.iter().enumerate().map(move |(at, block)| Part { message, at, block: Cow::Borrowed(block) })
}

/// The messages of another dialect: what cannot be said is left out as a loss, neighbours of one role are one turn, tool
/// results stand first in theirs.
pub(super) fn fitted<'r, 'a>(
    request: &'r Request<'a>,
    traits: Traits,
    losses: &mut Losses,
) -> Vec<Turn<'r, 'a>> {
    let mut turns: Vec<Turn<'r, 'a>> = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        if message.name.is_some() {
            losses.add(format!("messages[{at}].name"), "the target does not tell speakers of one role apart");
        }
        for (key, _) in &message.extra {
            losses.add(format!("messages[{at}].{key}"), "only its own dialect knows it");
        }
        let role = match message.role {
            Role::Developer | Role::System => system_role(request, at, traits, &turns),
            other => other,
        };
        let mut kept: Vec<Part<'r, 'a>> = Vec::new();
        for part in with_calls(at, message, role, &turns, losses) {
            let place = format!("messages[{at}].content[{}]", part.at);
            match unsayable(&part.block.content, role) {
                Some(why) => losses.add(&*place, why),
                None if is_blank(&part.block) => {}
                None => {
                    kept.push(part);
                    continue;
                }
            }
            let before = turns.last_mut().into_iter().flat_map(|turn| &mut turn.parts);
            move_cache(&part, before.chain(&mut kept), &place, losses);
        }
        let parts = kept;
        if role != message.role && role == Role::User && !parts.is_empty() {
            let reason = "no system message can stand there: it is said as the user";
            losses.add(format!("messages[{at}].role"), reason);
        }
        match turns.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.role == role => last.parts.extend(parts),
            _ => turns.push(Turn { role, parts, extra: None }),
        }
    }
    for turn in &mut turns {
        // A stable sort: results keep their order, and so does the rest.
        turn.parts.sort_by_key(|part| !matches!(part.block.content, Content::ToolResult(_)));
    }
    turns
}

/// The blocks of a message, with text in place of results whose calls are not in the turn of the model before.
fn with_calls<'r, 'a>(
    at: usize,
    message: &'r Message<'a>,
    role: Role,
    turns: &[Turn<'_, 'a>],
    losses: &mut Losses,
) -> Vec<Part<'r, 'a>> {
    let calls = turns.iter().rev().find(|turn| turn.role == Role::Assistant);
    let mut all = Vec::with_capacity(message.blocks.len());
    for (place, block) in message.blocks.iter().enumerate() {
        let part = |block| Part { message: at, at: place, block };
        match &block.content {
            Content::ToolResult(result)
                if role == Role::User
                    && !calls.is_some_and(|turn| orphan::is_called(turn.blocks(), result)) =>
            {
                losses.add(format!("messages[{at}].content[{place}]"), orphan::RESULT);
                all.push(part(Cow::Owned(orphan::heading(result))));
                all.extend(result.blocks.iter().map(|inner| part(Cow::Borrowed(inner))));
                if let Some(last) = all.last_mut().filter(|_| block.cache.is_some()) {
                    last.block.to_mut().cache.clone_from(&block.cache);
                }
            }
            _ => all.push(part(Cow::Borrowed(block))),
        }
    }
    all
}

/// Gives the cache hint of a block that is not sent to the one before it: the prompt up to there is the same. It is a loss
/// if there is none.
pub(super) fn move_cache<'p, 'r: 'p, 'a: 'r>(
    part: &Part<'_, 'a>,
    before: impl Iterator<Item = &'p mut Part<'r, 'a>>,
    place: &str,
    losses: &mut Losses,
) {
    let Some(hint) = &part.block.cache else { return };
    // Reasoning takes no hint of its own.
    let takes_it = |part: &&mut Part<'_, '_>| !matches!(part.block.content, Content::Thinking(_));
    match before.filter(takes_it).last() {
        Some(before) if before.block.cache.is_none() => before.block.to_mut().cache = Some(hint.clone()),
        Some(_) => {}
        None => {
            losses.add(format!("{place}.cache"), "the block it stands at is not sent, nor is any before it")
        }
    }
}

/// The role for a system message in the middle: newer models take one right after a user's turn, if the model speaks
/// next; to others it is said as the user.
fn system_role(request: &Request<'_>, at: usize, traits: Traits, turns: &[Turn<'_, '_>]) -> Role {
    let is_after_user = turns.last().is_some_and(|turn| matches!(turn.role, Role::User | Role::System));
    let next = request.messages[at + 1..].iter().map(|message| message.role);
    let mut next = next.skip_while(|role| matches!(role, Role::System | Role::Developer));
    if traits.system_messages && is_after_user && matches!(next.next(), None | Some(Role::Assistant)) {
        return Role::System;
    }
    Role::User
}

/// True for a block that says nothing: the API refuses text without a visible character.
pub(super) fn is_blank(block: &Block<'_>) -> bool {
    matches!(&block.content, Content::Text { text, .. } if text.trim().is_empty())
}

/// Why a block of another dialect cannot be said in a request, if so.
pub(super) fn unsayable(content: &Content<'_>, role: Role) -> Option<&'static str> {
    match content {
        Content::Text { .. } | Content::Refusal(_) => None,
        _ if role == Role::System => Some("the target's system prompt is text"),
        Content::Image(_) | Content::Document(_) if role == Role::Assistant => {
            Some("the target's model says no pictures or documents")
        }
        Content::Image(media) => match media.source {
            Source::Base64(_) | Source::Url(_) => None,
            Source::File(_) => Some("a file of another provider"),
            Source::Text(_) | Source::Blocks(_) => Some("not a picture"),
        },
        Content::Document(media) => unsayable_document(media),
        Content::Audio(media) if words_of(media).is_some() => None,
        Content::Audio(_) => Some("the target hears no sound"),
        Content::Video(_) => Some("the target sees no video"),
        Content::Thinking(thinking) => match &thinking.signature {
            Some(signature) if signature.at_home(NAME).is_some() => None,
            Some(_) => Some("reasoning proof of another provider"),
            None => Some("reasoning without the target's proof"),
        },
        Content::Foreign { origin, .. } if *origin == NAME => None,
        Content::Foreign { .. } => Some("only its own dialect knows it"),
        Content::ToolUse(_) if role != Role::Assistant => Some("only the model calls tools"),
        Content::ToolResult(_) if role != Role::User => Some("only the user gives results"),
        Content::ToolUse(_) | Content::ToolResult(_) => None,
    }
}

/// The words that a sound says, if they are known.
pub(super) fn words_of<'m>(media: &'m Media<'_>) -> Option<&'m str> {
    media.context.as_deref().filter(|words| !words.trim().is_empty())
}

fn unsayable_document(media: &Media<'_>) -> Option<&'static str> {
    match (&media.source, media.media_type.as_deref()) {
        (Source::File(_), _) => Some("a file of another provider"),
        (Source::Base64(_), Some(kind)) if kind != "application/pdf" && !kind.starts_with("text/") => {
            Some("the target reads PDF and plain text only")
        }
        (Source::Base64(data), Some(kind))
            if kind.starts_with("text/") && super::base64::text(data).is_none() =>
        {
            Some("not text in base64")
        }
        _ => None,
    }
}

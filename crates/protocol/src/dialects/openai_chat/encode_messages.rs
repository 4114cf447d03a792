//! The messages of a request, towards a provider, in the order that the API insists on.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::{
    NAME,
    encode_assistant::Assistant,
    encode_parts::{Part, What, cache, is_part, only_at_home, say, write},
    object::{Writer, list_into, object_into},
};
use crate::{
    dialects::orphan,
    ir::{Block, Content, Losses, Members, Message, Role, Source, ToolResult},
};

/// The longest id of a call that OpenAI takes: "string too long. Expected a string with maximum length 40".
const MAX_ID: usize = 40;

/// Writes one message after the other.
pub(super) struct Conversation<'o, 'r> {
    out: &'o mut Vec<u8>,
    losses: &'o mut Losses,
    /// The request was decoded from this dialect.
    home: bool,
    /// The client used the older `function_call` form.
    legacy: bool,
    /// The names of the calls so far, and the ids that had to be changed.
    calls: HashMap<&'r str, &'r str>,
    ids: HashMap<&'r str, String>,
    taken: HashSet<&'r str>,
    /// Media of tool results, which have to wait until all results stand behind their calls.
    moved: Vec<Part<'r>>,
    is_first: bool,
}

impl<'o, 'r> Conversation<'o, 'r> {
    pub(super) fn new(out: &'o mut Vec<u8>, losses: &'o mut Losses, home: bool, legacy: bool) -> Self {
        Self {
            out,
            losses,
            home,
            legacy,
            calls: HashMap::new(),
            ids: HashMap::new(),
            taken: HashSet::new(),
            moved: Vec::new(),
            is_first: true,
        }
    }

    /// Writes the instructions that stand before the conversation, as one message.
    pub(super) fn system(&mut self, blocks: &'r [Block<'r>], role: &str) {
        if blocks.is_empty() {
            return;
        }
        let parts = self.parts(blocks, |place| format!("system[{place}]"));
        let texts: Vec<Part<'r>> =
            parts.into_iter().filter(|(path, part)| self.is_text(path, part)).map(|(_, part)| part).collect();
        if texts.is_empty() && !self.home {
            return;
        }
        self.message(role, |object| content(object, &texts, "\"\""));
    }

    /// Instructions are text; what else stands among them is lost, unless the client sent it so.
    fn is_text(&mut self, path: &str, part: &Part<'_>) -> bool {
        let is_text = self.home || matches!(part.what, What::Text(_));
        if !is_text {
            self.losses.add(path, "instructions are text");
        }
        is_text
    }

    /// Writes the message at `place` of the conversation.
    pub(super) fn push(&mut self, place: usize, message: &'r Message<'r>) {
        let path = format!("messages[{place}]");
        if !self.home {
            for (name, _) in &message.extra {
                self.losses.add(format!("{path}.{name}"), "no such member here");
            }
        }
        match message.role {
            Role::User => self.user(&path, message),
            Role::Assistant => self.assistant(&path, message),
            // From other dialects the older word, which every server knows; OpenAI takes the two as one.
            Role::Developer if self.home => self.plain("developer", &path, message),
            Role::System | Role::Developer => self.plain("system", &path, message),
        }
    }

    /// Writes what is still held back.
    pub(super) fn finish(&mut self) {
        self.flush_moved();
        // "[] is too short - 'messages'" is what OpenAI says to a conversation of nothing.
        if self.is_first && !self.home {
            self.losses.add("messages", orphan::MODEL_FIRST);
            self.message("user", |object| object.put("content", orphan::PLACEHOLDER));
        }
    }

    fn plain(&mut self, role: &str, path: &str, message: &'r Message<'r>) {
        self.flush_moved();
        let parts = self.parts(&message.blocks, |place| format!("{path}.content[{place}]"));
        let parts: Vec<Part<'r>> =
            parts.into_iter().filter(|(path, part)| self.is_text(path, part)).map(|(_, part)| part).collect();
        if parts.is_empty() && self.is_used_up(message) {
            return;
        }
        let (name, extra) = (&message.name, self.own(&message.extra));
        self.message(role, |object| {
            content(object, &parts, "\"\"");
            object.put_some("name", name.as_ref());
            object.extra(extra, &[]);
        });
    }

    /// Results first: they have to follow the calls at once.
    fn user(&mut self, path: &str, message: &'r Message<'r>) {
        let mut rest = Vec::new();
        for (place, block) in message.blocks.iter().enumerate() {
            let path = format!("{path}.content[{place}]");
            match &block.content {
                Content::ToolResult(result) => self.result(&path, block, result),
                _ => say(block, self.home, &path, self.losses, &mut rest),
            }
        }
        let is_only_results = !message.blocks.is_empty()
            && message.blocks.iter().all(|block| matches!(block.content, Content::ToolResult(_)));
        if is_only_results {
            return;
        }
        let mut parts = std::mem::take(&mut self.moved);
        parts.append(&mut rest);
        let (name, extra) = (&message.name, self.own(&message.extra));
        self.message("user", |object| {
            content(object, &parts, "\"\"");
            object.put_some("name", name.as_ref());
            object.extra(extra, &[]);
        });
    }

    /// True for a message of another dialect that said something: when nothing of it is left, it is left out.
    fn is_used_up(&self, message: &Message<'_>) -> bool {
        !self.home && !message.blocks.is_empty()
    }

    fn assistant(&mut self, path: &str, message: &'r Message<'r>) {
        self.flush_moved();
        let mut parts = Vec::new();
        let mut said = Assistant::default();
        for (place, block) in message.blocks.iter().enumerate() {
            let path = format!("{path}.content[{place}]");
            match &block.content {
                Content::ToolUse(call) => {
                    only_at_home(block, self.home, &path, self.losses);
                    if call.signature.as_ref().is_some_and(|signature| signature.at_home(NAME).is_none()) {
                        self.losses.add(format!("{path}.signature"), "reasoning proof of another provider");
                    }
                    self.calls.insert(&call.id, &call.name);
                    self.shorten(&call.id);
                    said.calls.push((block, call));
                }
                Content::ToolResult(result) => self.result(&path, block, result),
                Content::Refusal(text) => said.refusal = Some(text),
                Content::Audio(media) => match &media.source {
                    Source::File(id) if self.home => said.audio = Some((id, media.context.as_ref())),
                    _ => {
                        self.losses.add(path, "sound of earlier answers is known by its id only");
                        if let Some(words) = &media.context {
                            parts.push(Part { what: What::Text(Cow::Borrowed(words)), block: None });
                        }
                    }
                },
                Content::Thinking(thinking) if is_part(thinking) => {
                    parts.push(Part {
                        what: What::Thinking(&thinking.text),
                        block: self.home.then_some(block),
                    });
                }
                Content::Thinking(thinking) => {
                    only_at_home(block, self.home, &path, self.losses);
                    if let Err(reason) = said.reasoning.add(thinking, self.home) {
                        self.losses.add(path, reason);
                    }
                }
                Content::Text { text, citations } => {
                    only_at_home(block, self.home, &path, self.losses);
                    let (ours, others): (Vec<_>, Vec<_>) =
                        citations.iter().partition(|citation| self.home && citation.origin == NAME);
                    said.annotations.extend(ours);
                    if !others.is_empty() {
                        self.losses.add(format!("{path}.citations"), "requests cannot say what backs a text");
                    }
                    if !text.is_empty() {
                        parts.push(Part {
                            what: What::Text(Cow::Borrowed(text)),
                            block: self.home.then_some(block),
                        });
                    }
                }
                Content::Foreign { origin, .. } if *origin == NAME && self.home => {
                    say(block, self.home, &path, self.losses, &mut parts);
                }
                Content::Foreign { .. } => self.losses.add(path, "only its own dialect has it"),
                Content::Image(_) | Content::Document(_) | Content::Video(_) if self.home => {
                    say(block, self.home, &path, self.losses, &mut parts);
                }
                Content::Image(_) | Content::Document(_) | Content::Video(_) => {
                    self.losses.add(path, "the assistant's turns are text here");
                }
            }
        }
        if !self.home {
            join(&mut parts);
        }
        if parts.is_empty() && said.is_empty() && self.is_used_up(message) {
            return;
        }
        let name = &message.name;
        let extra = self.own(&message.extra);
        let (legacy, ids) = (self.legacy, std::mem::take(&mut self.ids));
        self.message("assistant", |object| {
            content(object, &parts, if said.calls.is_empty() { "\"\"" } else { "null" });
            object.put_some("name", name.as_ref());
            said.write(object, extra, legacy, &ids);
        });
        self.ids = ids;
    }

    /// Text stays in the result; media, which tool messages do not take, go into the next message of the user.
    fn result(&mut self, path: &str, block: &'r Block<'r>, result: &'r ToolResult<'r>) {
        only_at_home(block, self.home, path, self.losses);
        let mut parts = Vec::new();
        for (place, block) in result.blocks.iter().enumerate() {
            say(block, self.home, &format!("{path}.content[{place}]"), self.losses, &mut parts);
        }
        if !self.home {
            let (texts, media): (Vec<_>, Vec<_>) =
                parts.into_iter().partition(|part| matches!(part.what, What::Text(_)));
            parts = texts;
            if !media.is_empty() {
                let id = self.ids.get(&*result.id).map_or(&*result.id, String::as_str);
                let label = format!("From the result of tool call {id}:");
                self.moved.push(Part { what: What::Text(label.into()), block: None });
                self.moved.extend(media);
                if parts.is_empty() {
                    let what = What::Text("The result is in the next message of the user.".into());
                    parts.push(Part { what, block: None });
                }
            }
        }
        if result.is_error == Some(true) {
            mark_error(&mut parts);
        }
        let known = self.calls.get(&*result.id).copied();
        let name = result.name.as_deref().filter(|_| self.legacy || (self.home && known.is_none()));
        let id = self.ids.get(&*result.id).cloned().map_or(Cow::Borrowed(&*result.id), Cow::Owned);
        let extra = self.own(&block.extra);
        let hint = block.cache.as_ref().filter(|_| self.home);
        let role = if self.legacy { "function" } else { "tool" };
        self.message(role, |object| {
            if role == "tool" {
                object.put("tool_call_id", &id);
            }
            object.put_some("name", name.as_ref());
            content(object, &parts, "\"\"");
            object.extra(extra, &[]);
            cache(object, hint);
        });
    }

    /// Gives a call a shorter id if OpenAI would refuse it. The new one counts calls, so that it stays the same on the
    /// next turn of the conversation.
    fn shorten(&mut self, id: &'r str) {
        self.taken.insert(id);
        if self.home || id.len() <= MAX_ID || self.ids.contains_key(id) {
            return;
        }
        let mut number = self.calls.len();
        let mut short = format!("call_{number}");
        while self.taken.contains(short.as_str()) {
            number += 1;
            short = format!("call_{number}");
        }
        self.ids.insert(id, short);
    }

    fn flush_moved(&mut self) {
        let parts = std::mem::take(&mut self.moved);
        if !parts.is_empty() {
            self.message("user", |object| content(object, &parts, "\"\""));
        }
    }

    fn parts(&mut self, blocks: &'r [Block<'r>], path: impl Fn(usize) -> String) -> Vec<(String, Part<'r>)> {
        let mut all = Vec::new();
        for (place, block) in blocks.iter().enumerate() {
            let mut parts = Vec::new();
            say(block, self.home, &path(place), self.losses, &mut parts);
            all.extend(parts.into_iter().map(|part| (path(place), part)));
        }
        all
    }

    fn own(&self, extra: &'r Members<'r>) -> &'r Members<'r> {
        const NONE: &Members<'static> = &Vec::new();
        if self.home { extra } else { NONE }
    }

    fn message(&mut self, role: &str, write: impl FnOnce(&mut Writer<'_>)) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(b',');
        }
        object_into(self.out, |object| {
            object.put("role", role);
            write(object);
        });
    }
}

/// Writes `content`: a string for one plain text, a list for anything more, `empty` for nothing.
fn content(object: &mut Writer<'_>, parts: &[Part<'_>], empty: &str) {
    match parts {
        [] => object.value("content").extend_from_slice(empty.as_bytes()),
        [part @ Part { what: What::Text(text), .. }] if part.is_plain() => object.put("content", text),
        parts => list_into(object.value("content"), parts, write),
    }
}

/// Joins the texts of an assistant's turn, which other dialects cut where citations or calls stand between them: many
/// servers take nothing but a string from the assistant.
fn join(parts: &mut Vec<Part<'_>>) {
    if parts.len() < 2 || parts.iter().any(|part| !matches!(part.what, What::Text(_))) {
        return;
    }
    let all: String = parts
        .iter()
        .map(|part| match &part.what {
            What::Text(text) => &**text,
            _ => "",
        })
        .collect();
    *parts = vec![Part { what: What::Text(all.into()), block: None }];
}

/// Says in words that a tool failed, since there is no other place for it; a text that says so itself stays as it is.
fn mark_error(parts: &mut Vec<Part<'_>>) {
    const WORD: &str = "Error";
    let first = parts.iter_mut().find_map(|part| match &mut part.what {
        What::Text(text) => Some(text),
        _ => None,
    });
    match first {
        Some(text) if text.get(..WORD.len()).is_some_and(|start| start.eq_ignore_ascii_case(WORD)) => {}
        Some(text) => *text = format!("{WORD}: {text}").into(),
        None => parts.insert(0, Part { what: What::Text(WORD.into()), block: None }),
    }
}

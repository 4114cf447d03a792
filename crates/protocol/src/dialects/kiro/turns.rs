//! Writes the conversation in the turns that Kiro takes: user and assistant by turns, the last one the user's.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
};

use serde_json::value::RawValue;

use super::{NAME, wire};
use crate::ir::{
    Block, Content, Loss, Losses, Media, Message, Request, Role, Source, Text, ToolKind, ToolResult, ToolUse,
    raw,
};

/// What the user sits at, for the address that requests go to (CLIProxyAPIPlus: others are refused with 403).
const ORIGIN: &str = "AI_EDITOR";
/// Longest id of a call, as with the models behind it.
const MAX_ID: usize = 64;
/// Why a cache hint is lost.
pub(super) const NO_CACHE: &str = "Kiro is sent no cache points";
/// The pictures that are taken, with their media types.
const FORMATS: &[(&str, &str)] = &[
    ("image/png", "png"),
    ("image/jpeg", "jpeg"),
    ("image/jpg", "jpeg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
];

/// The conversation so far.
pub(super) struct Turns<'r> {
    list: Vec<wire::Turn<'r>>,
    /// The turn that is being written: one of the two.
    user: Option<Box<wire::UserInput<'r>>>,
    assistant: Option<Box<wire::AssistantResponse<'r>>>,
    model: &'r str,
    /// The calls that have a result: a second one is refused.
    answered: HashSet<&'r str>,
}

/// Where a block stands, for the paths of losses.
#[derive(Clone, Copy)]
struct At {
    message: usize,
    block: usize,
    /// The block inside a tool result.
    inner: Option<usize>,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].content[{}]", self.message, self.block)?;
        self.inner.map_or(Ok(()), |inner| write!(f, ".content[{inner}]"))
    }
}

impl<'r> Turns<'r> {
    /// The turns of `request` to `model`, and what is lost of them.
    pub(super) fn of(request: &'r Request<'_>, model: &'r str, losses: &mut Losses) -> Self {
        let mut turns =
            Self { list: Vec::new(), user: None, assistant: None, model, answered: HashSet::new() };
        let system = system(&request.system, losses);
        if let Some(system) = system {
            losses.add("system", "Kiro has no system prompt: it stands in front of the first message");
            turns.user().content = system;
        }
        for (place, message) in request.messages.iter().enumerate() {
            turns.message(place, message, losses);
        }
        turns
    }

    /// Takes the last turn, which the model is to answer; `None` if nothing was said at all.
    pub(super) fn take_current(&mut self, losses: &mut Losses) -> Option<wire::UserInput<'r>> {
        if self.assistant.is_some() {
            losses.add("messages", "Kiro does not go on with an answer's beginning: the user asks for it");
            self.user().content = Cow::Borrowed("Continue");
        }
        self.user.take().map(|turn| *turn)
    }

    /// The turns before it.
    pub(super) fn into_history(self) -> Vec<wire::Turn<'r>> {
        self.list
    }

    fn message(&mut self, place: usize, message: &'r Message<'_>, losses: &mut Losses) {
        for (name, _) in &message.extra {
            losses.add(format!("messages[{place}].{name}"), Loss::CLIENTS_OWN);
        }
        if message.name.is_some() {
            losses.add(format!("messages[{place}].name"), "Kiro has no names of speakers");
        }
        if matches!(message.role, Role::System | Role::Developer) {
            let reason = "an instruction inside the conversation is said by the user";
            losses.add(format!("messages[{place}].role"), reason);
        }
        for (number, block) in message.blocks.iter().enumerate() {
            let at = At { message: place, block: number, inner: None };
            if block.cache.is_some() {
                losses.add(format!("{at}.cache"), NO_CACHE);
            }
            for (name, _) in &block.extra {
                losses.add(format!("{at}.{name}"), Loss::CLIENTS_OWN);
            }
            match message.role {
                Role::Assistant => self.said(at, block, losses),
                Role::User | Role::System | Role::Developer => self.asked(at, block, losses),
            }
        }
    }

    /// A block of the user's.
    fn asked(&mut self, at: At, block: &'r Block<'_>, losses: &mut Losses) {
        match &block.content {
            Content::Text { text, .. } => self.ask(Cow::Borrowed(text)),
            Content::Image(media) => {
                if let Some(image) = image(at, media, losses) {
                    self.user().images.push(image);
                }
            }
            Content::Document(media) if let Some(text) = media.plain_text() => {
                losses.add(at.to_string(), "a document is said as text");
                self.ask(text);
            }
            Content::ToolResult(result) if self.answered.insert(&result.id) => {
                let result = tool_result(at, result, losses);
                self.user().user_input_message_context.tool_results.push(result);
            }
            Content::ToolResult(_) => losses.add(at.to_string(), "a second result of one call is refused"),
            other => unsayable(at, other, losses),
        }
    }

    /// A block of the assistant's.
    fn said(&mut self, at: At, block: &'r Block<'_>, losses: &mut Losses) {
        match &block.content {
            Content::Text { text, citations } => {
                if !citations.is_empty() {
                    losses.add(format!("{at}.citations"), "citations of another provider are not taken back");
                }
                self.say(text);
            }
            Content::Refusal(text) => {
                losses.add(at.to_string(), "a refusal is said as text");
                self.say(text);
            }
            Content::ToolUse(call) => {
                let call = tool_use(at, call, losses);
                self.assistant().tool_uses.push(call);
            }
            Content::Thinking(thinking) => {
                let proof = thinking.signature.as_ref().and_then(|signature| signature.at_home(NAME));
                let Some(proof) = proof else {
                    return losses
                        .add(at.to_string(), "reasoning without a proof of this provider is not taken back");
                };
                let turn = self.assistant();
                if turn.reasoning_content.is_some() {
                    return losses.add(at.to_string(), "Kiro has one piece of reasoning in a turn");
                }
                turn.reasoning_content = Some(if thinking.is_redacted {
                    wire::Reasoning::RedactedContent(proof)
                } else {
                    wire::Reasoning::ReasoningText { text: &thinking.text, signature: proof }
                });
            }
            other => unsayable(at, other, losses),
        }
    }

    fn ask(&mut self, text: Cow<'r, str>) {
        if !text.trim().is_empty() {
            append(&mut self.user().content, text);
        }
    }

    fn say(&mut self, text: &'r Text<'_>) {
        if !text.trim().is_empty() {
            append(&mut self.assistant().content, Cow::Borrowed(text));
        }
    }

    /// The user's turn that is being written.
    fn user(&mut self) -> &mut wire::UserInput<'r> {
        if let Some(turn) = self.assistant.take() {
            self.list.push(wire::Turn::AssistantResponseMessage(turn));
        }
        let model_id = self.model;
        self.user.get_or_insert_with(|| {
            Box::new(wire::UserInput { model_id, origin: ORIGIN, ..wire::UserInput::default() })
        })
    }

    /// The assistant's.
    fn assistant(&mut self) -> &mut wire::AssistantResponse<'r> {
        if let Some(turn) = self.user.take() {
            self.list.push(wire::Turn::UserInputMessage(turn));
        }
        self.assistant.get_or_insert_default()
    }
}

/// Texts of one turn are told apart by a blank line; a text alone is not copied.
fn append<'r>(content: &mut Cow<'r, str>, text: Cow<'r, str>) {
    if content.is_empty() {
        *content = text;
    } else {
        let content = content.to_mut();
        content.push_str("\n\n");
        content.push_str(&text);
    }
}

/// The texts before the conversation, as one.
fn system<'r>(blocks: &'r [Block<'_>], losses: &mut Losses) -> Option<Cow<'r, str>> {
    let mut system = Cow::default();
    for (place, block) in blocks.iter().enumerate() {
        if block.cache.is_some() {
            losses.add(format!("system[{place}].cache"), NO_CACHE);
        }
        match &block.content {
            Content::Text { text, .. } if text.trim().is_empty() => {}
            Content::Text { text, .. } => append(&mut system, Cow::Borrowed(text)),
            _ => losses.add(format!("system[{place}]"), "a system prompt takes only text"),
        }
    }
    (!system.is_empty()).then_some(system)
}

fn image<'r>(at: At, media: &'r Media<'_>, losses: &mut Losses) -> Option<wire::Image<'r>> {
    let Source::Base64(bytes) = &media.source else {
        losses.add(format!("{at}.source"), "Kiro fetches nothing: send the picture's bytes");
        return None;
    };
    let said = media.media_type.as_deref().unwrap_or_default();
    let Some((_, format)) = FORMATS.iter().find(|(known, _)| known.eq_ignore_ascii_case(said)) else {
        losses.add(at.to_string(), "Kiro has no such format of pictures");
        return None;
    };
    if media.detail.is_some() {
        losses.add(format!("{at}.detail"), "Kiro has no such choice");
    }
    Some(wire::Image { format, source: wire::ImageSource { bytes } })
}

fn tool_result<'r>(at: At, result: &'r ToolResult<'_>, losses: &mut Losses) -> wire::ToolResult<'r> {
    let mut content = Vec::new();
    for (number, block) in result.blocks.iter().enumerate() {
        let at = At { inner: Some(number), ..at };
        match &block.content {
            Content::Text { text, .. } => content.push(wire::ResultContent::Text(Cow::Borrowed(text))),
            Content::Document(media) if let Some(text) = media.plain_text() => {
                losses.add(at.to_string(), "a document is said as text");
                content.push(wire::ResultContent::Text(text));
            }
            Content::Image(_) => losses.add(at.to_string(), "a tool's result takes no pictures at Kiro"),
            other => unsayable(at, other, losses),
        }
    }
    if content.is_empty() {
        content.push(wire::ResultContent::Text(Cow::default()));
    }
    let status = if result.is_error == Some(true) { "error" } else { "success" };
    wire::ToolResult { tool_use_id: id(&result.id), content, status }
}

fn tool_use<'r>(at: At, call: &'r ToolUse<'_>, losses: &mut Losses) -> wire::ToolUse<'r> {
    if call.signature.is_some() {
        losses.add(format!("{at}.signature"), "a call has no proof at Kiro");
    }
    let text = if call.input.trim().is_empty() { "{}" } else { &call.input };
    let read = serde_json::from_str::<&RawValue>(text).ok().filter(|_| call.kind == ToolKind::Function);
    let input = match read {
        Some(read) => Cow::Borrowed(read),
        None => {
            losses.add(format!("{at}.input"), "arguments that are not JSON are sent as text");
            raw(&HashMap::from([("input", &*call.input)]))
        }
    };
    wire::ToolUse { tool_use_id: id(&call.id), name: &call.name, input }
}

fn unsayable(at: At, content: &Content<'_>, losses: &mut Losses) {
    let what = match content {
        Content::Document(_) => "documents",
        Content::Audio(_) => "sound",
        Content::Video(_) => "videos",
        Content::Image(_) => "pictures here",
        Content::Text { .. } | Content::Refusal(_) => "text here",
        Content::ToolUse(_) | Content::ToolResult(_) => "calls and results here",
        Content::Thinking(_) => "reasoning here",
        Content::Foreign { kind, .. } => {
            let reason = format!("only the client's own dialect has blocks of type {kind}");
            return losses.add(at.to_string(), reason);
        }
    };
    losses.add(at.to_string(), format!("Kiro takes no {what}"));
}

/// An id as the models behind Kiro take it.
fn id<'i>(id: &'i Text<'_>) -> Cow<'i, str> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if id.len() <= MAX_ID && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    let mut mapped: String =
        id.chars().take(MAX_ID - 9).map(|letter| if fits(letter) { letter } else { '_' }).collect();
    mapped.push_str(&format!("_{:08x}", crc32fast::hash(id.as_bytes())));
    Cow::Owned(mapped)
}

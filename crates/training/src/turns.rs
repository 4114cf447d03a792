//! The conversation as turns of text, pictures, reasoning and calls: what all forms are written from.

use std::{borrow::Cow, collections::HashMap};

use lockgate_protocol::{
    dialects,
    ir::{Block, Content, Loss, Losses, Media, Message, Role, Signature, Source, ToolResult, ToolUse},
};

use crate::{Conversation, NotUsable, media};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    System,
    User,
    Assistant,
    Tool,
}

/// One turn.
#[derive(Debug)]
pub(crate) struct Turn<'t> {
    pub(crate) speaker: Speaker,
    /// Text and pictures in their order.
    pub(crate) pieces: Vec<Piece<'t>>,
    /// The readable reasoning before them; empty if there is none.
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<&'t ToolUse<'t>>,
    /// Of a tool's turn, the call that it answers; else empty.
    pub(crate) call: &'t str,
    /// The name of the speaker or of the tool; empty if nobody gave one.
    pub(crate) name: &'t str,
    /// Where it stands, as losses are named.
    pub(crate) path: String,
}

/// A piece of a turn.
#[derive(Debug)]
pub(crate) enum Piece<'t> {
    Text(Cow<'t, str>),
    Picture(Picture<'t>),
}

#[derive(Debug)]
pub(crate) struct Picture<'t> {
    /// A link or a data URL.
    pub(crate) url: Cow<'t, str>,
    /// How closely to look at it, if said.
    pub(crate) detail: Option<&'t str>,
    pub(crate) path: String,
}

/// The turns, and what of the conversation is in none of them.
#[derive(Debug)]
pub(crate) struct Turns<'t> {
    pub(crate) list: Vec<Turn<'t>>,
    /// All that is lost.
    pub(crate) losses: Losses,
    /// The first of the losses that leaves something unsaid; the others are about what only accompanies the words.
    pub(crate) gap: Option<Loss>,
}

const PROOF: &str = "a proof of reasoning has no place here";
const OWN: &str = "only its own dialect has it";

impl<'t> Turns<'t> {
    /// Reads the turns of a conversation whose tools all take JSON; `messages` and `system` are its own or what
    /// [`crate::tools::Functions`] made of them. Fails if its answer has nothing to say.
    pub(crate) fn of(
        conversation: &Conversation<'_>,
        system: &'t [Block<'t>],
        messages: &'t [Message<'t>],
    ) -> Result<Self, NotUsable> {
        let mut reader = Reader::default();
        reader.system(system);
        let last = messages.len().saturating_sub(1);
        for (at, message) in messages.iter().enumerate() {
            let begun = if at == last { conversation.begun } else { usize::MAX };
            let path = |place: usize| match place.checked_sub(begun) {
                Some(place) => format!("choices[{}].content[{place}]", conversation.choice),
                None => format!("messages[{at}].content[{place}]"),
            };
            reader.message(at, message, &path);
        }
        for other in &conversation.others {
            reader.losses.add(format!("choices[{other}]"), "a line has one answer");
        }
        let says = |turn: &Turn<'_>| !turn.pieces.is_empty() || !turn.calls.is_empty();
        match reader.list.last() {
            Some(answer) if answer.speaker == Speaker::Assistant && says(answer) => {}
            // What it says may all be lost: then that is the reason.
            _ => return Err(reader.gap.map_or(NotUsable::Empty, NotUsable::Unsaid)),
        }
        Ok(Self { list: reader.list, losses: reader.losses, gap: reader.gap })
    }

    /// The turns and losses for a form that has no place to name what is not said.
    pub(crate) fn without_gaps(self) -> Result<(Vec<Turn<'t>>, Losses), NotUsable> {
        match self.gap {
            Some(gap) => Err(NotUsable::Unsaid(gap)),
            None => Ok((self.list, self.losses)),
        }
    }
}

#[derive(Default)]
struct Reader<'t> {
    list: Vec<Turn<'t>>,
    losses: Losses,
    gap: Option<Loss>,
    /// The names of the tools that were called, by call.
    called: HashMap<&'t str, &'t str>,
}

impl<'t> Reader<'t> {
    /// Names something that is not said.
    fn lack(&mut self, path: String, reason: &'static str) {
        let loss = Loss { path, reason: reason.into() };
        self.losses.push(loss.clone());
        self.gap.get_or_insert(loss);
    }

    fn system(&mut self, blocks: &'t [Block<'t>]) {
        let mut turn = Turn::new(Speaker::System, "system".to_owned());
        for (place, block) in blocks.iter().enumerate() {
            self.block(&mut turn, block, format!("system[{place}]"));
        }
        self.push(turn, blocks.is_empty());
    }

    fn message(&mut self, at: usize, message: &'t Message<'t>, path: &dyn Fn(usize) -> String) {
        let speaker = match message.role {
            Role::System | Role::Developer => Speaker::System,
            Role::User => Speaker::User,
            Role::Assistant => Speaker::Assistant,
        };
        let mut turn = Turn::new(speaker, format!("messages[{at}]"));
        turn.name = message.name.as_deref().unwrap_or_default();
        for (name, _) in &message.extra {
            self.losses.add(format!("messages[{at}].{name}"), OWN);
        }
        let mut has_results = false;
        for (place, block) in message.blocks.iter().enumerate() {
            match &block.content {
                // Before what else the message says: results stand right behind their calls.
                Content::ToolResult(result) => {
                    has_results = true;
                    self.result(block, result, &path(place));
                }
                _ => self.block(&mut turn, block, path(place)),
            }
        }
        // A message that says nothing was sent all the same.
        self.push(turn, has_results || !message.blocks.is_empty());
    }

    fn push(&mut self, turn: Turn<'t>, may_vanish: bool) {
        let is_empty = turn.pieces.is_empty() && turn.calls.is_empty() && turn.reasoning.is_empty();
        if !(is_empty && may_vanish) {
            self.list.push(turn);
        }
    }

    fn result(&mut self, block: &'t Block<'t>, result: &'t ToolResult<'t>, path: &str) {
        self.aside(block, path);
        if result.is_error == Some(true) {
            self.losses.add(format!("{path}.is_error"), "a result has no mark of failure here");
        }
        let mut turn = Turn::new(Speaker::Tool, path.to_owned());
        turn.call = &result.id;
        let called = self.called.get(&*result.id).copied();
        turn.name = result.name.as_deref().or(called).unwrap_or_default();
        for (place, inner) in result.blocks.iter().enumerate() {
            self.block(&mut turn, inner, format!("{path}.content[{place}]"));
        }
        self.push(turn, false);
    }

    fn block(&mut self, turn: &mut Turn<'t>, block: &'t Block<'t>, path: String) {
        self.aside(block, &path);
        match &block.content {
            Content::Text { text, citations } => {
                if !citations.is_empty() {
                    self.losses.add(format!("{path}.citations"), "what backs a text has no place here");
                }
                turn.say(Cow::Borrowed(text));
            }
            Content::Image(media) => match media::picture(media) {
                Ok(url) => {
                    let detail = media.detail.as_deref();
                    turn.pieces.push(Piece::Picture(Picture { url, detail, path }));
                }
                Err(reason) => self.lack(path, reason),
            },
            Content::Document(media) => self.document(turn, media, path),
            Content::Audio(media) => {
                self.lack(path, "sound");
                if let Some(words) = &media.context {
                    turn.say(Cow::Borrowed(words));
                }
            }
            Content::Video(_) => self.lack(path, "a video"),
            Content::ToolUse(call) => {
                if call.signature.is_some() {
                    self.losses.add(format!("{path}.signature"), PROOF);
                }
                self.called.insert(&call.id, &call.name);
                turn.calls.push(call);
            }
            Content::ToolResult(_) => self.lack(path, "a tool's result inside of something else"),
            Content::Thinking(thinking) => {
                if thinking.signature.as_ref().is_some_and(is_proof) {
                    self.losses.add(format!("{path}.signature"), PROOF);
                }
                if thinking.is_summary && !thinking.text.is_empty() {
                    self.losses.add(path, "only the summary of the reasoning is known");
                }
                turn.think(&thinking.text);
            }
            Content::Refusal(text) => {
                self.losses.add(path, "a refusal is said as text");
                turn.say(Cow::Borrowed(text));
            }
            Content::Foreign { .. } => self.lack(path, OWN),
        }
    }

    fn document(&mut self, turn: &mut Turn<'t>, media: &'t Media<'t>, path: String) {
        if media.cite == Some(true) {
            self.losses.add(format!("{path}.cite"), "whether to cite has no place here");
        }
        let Source::Blocks(blocks) = &media.source else {
            match media::document(media) {
                Ok(text) => turn.say(text),
                Err(reason) => self.lack(path, reason),
            }
            return;
        };
        if let Some(heading) = media::heading(media) {
            turn.say(heading.into());
        }
        for (place, inner) in blocks.iter().enumerate() {
            self.block(turn, inner, format!("{path}.content[{place}]"));
        }
    }

    /// Names what accompanies a block.
    fn aside(&mut self, block: &Block<'_>, path: &str) {
        if block.cache.is_some() {
            self.losses.add(format!("{path}.cache"), "marks for a provider's cache have no place here");
        }
        for (name, _) in &block.extra {
            let reason = if *name == *Block::PROOF { PROOF } else { OWN };
            self.losses.add(format!("{path}.{name}"), reason);
        }
    }
}

fn is_proof(signature: &Signature<'_>) -> bool {
    dialects::find(&signature.origin).is_none_or(|home| home.codec().is_proof(&signature.value))
}

impl<'t> Turn<'t> {
    fn new(speaker: Speaker, path: String) -> Self {
        let (pieces, calls) = (Vec::new(), Vec::new());
        Self { speaker, pieces, reasoning: String::new(), calls, call: "", name: "", path }
    }

    fn say(&mut self, text: Cow<'t, str>) {
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text));
        }
    }

    /// Adds reasoning behind what is there.
    pub(crate) fn think(&mut self, text: &str) {
        if !self.reasoning.is_empty() && !text.is_empty() {
            self.reasoning.push_str("\n\n");
        }
        self.reasoning.push_str(text);
    }

    /// Whether it has pictures.
    pub(crate) fn has_pictures(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Picture(_)))
    }
}

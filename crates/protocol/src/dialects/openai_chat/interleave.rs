//! Brings what the wire interleaves into order: in this dialect calls are numbered and may go on side by side, while
//! the blocks of a choice do not overlap in the conversation model.
//!
//! The first block that is open goes out as it comes. Another one that begins waits only while the first is a call
//! whose JSON has not ended; every other block has ended when the next begins.

use std::collections::VecDeque;

use super::{
    NAME,
    decode_response::made_up_id,
    reasoning::{Detail, add_details},
};
use crate::{
    codec::Sink,
    ir::{BlockKind, Citation, Delta, Event, Raw, Signature, Text, ToolKind},
};

/// Most bytes of a choice that are held back, bookkeeping included.
const MAX_HELD: usize = 16 * 1024 * 1024;
/// Most calls of a choice.
const MAX_CALLS: usize = 1024;

/// The blocks of one choice that have not ended.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    choice: u64,
    /// The answer's id, for ids of calls that have none.
    seed: String,
    next_number: u64,
    open: VecDeque<Open>,
    calls: Vec<Known>,
    held: usize,
}

/// What a delta belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Text,
    Thinking,
    Refusal,
    Audio,
    /// A call, by its place in `calls`.
    Call(usize),
    /// A block that comes whole.
    Whole,
}

/// A call that was met, ended or not.
#[derive(Debug)]
struct Known {
    index: Option<u64>,
    id: String,
}

#[derive(Debug)]
struct Open {
    key: Key,
    what: What,
    has_started: bool,
    held: Vec<Delta<'static>>,
}

#[derive(Debug)]
enum What {
    Plain,
    Whole { kind: String, raw: Raw<'static> },
    Audio { id: Option<String> },
    Thinking(ThinkingState),
    Call(CallState),
}

/// Reasoning that is coming in.
#[derive(Debug)]
pub(super) struct ThinkingState {
    /// The name it came under.
    pub(super) name: &'static str,
    pub(super) is_summary: bool,
    pub(super) is_redacted: bool,
    pub(super) details: Vec<Detail<'static>>,
}

/// A call that is coming in.
#[derive(Debug, Default)]
struct CallState {
    name: String,
    kind: ToolKind,
    signature: Option<String>,
    json: Json,
}

/// One delta of a call.
#[derive(Debug, Default)]
pub(super) struct CallDelta<'a> {
    pub(super) index: Option<u64>,
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) kind: ToolKind,
    pub(super) input: Text<'a>,
    pub(super) signature: Option<&'a str>,
}

impl Blocks {
    pub(super) fn new(choice: u64, seed: &str) -> Self {
        Self { choice, seed: seed.to_owned(), ..Self::default() }
    }

    /// Takes a delta of a block without state of its own.
    pub(super) fn plain(&mut self, key: Key, delta: Delta<'_>, sink: Sink<'_>) -> Result<(), String> {
        self.delta(key, || What::Plain, Some(delta), sink)
    }

    /// Takes a bit of sound.
    pub(super) fn audio(
        &mut self,
        id: Option<&str>,
        delta: Option<Delta<'_>>,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        self.delta(Key::Audio, || What::Audio { id: id.map(str::to_owned) }, delta, sink)
    }

    /// Takes a block that comes whole.
    pub(super) fn whole(&mut self, kind: &str, raw: Raw<'_>, sink: Sink<'_>) -> Result<(), String> {
        let raw = Raw::Owned(raw.into_owned());
        self.hold(if self.open.is_empty() { 0 } else { raw.get().len() })?;
        self.delta(Key::Whole, || What::Whole { kind: kind.to_owned(), raw }, None, sink)
    }

    /// Takes reasoning; `state` is what it is if a new block begins.
    pub(super) fn thinking(
        &mut self,
        text: Option<Text<'_>>,
        details: Vec<Detail<'_>>,
        state: ThinkingState,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        self.delta(Key::Thinking, || What::Thinking(state), text.map(Delta::Text), sink)?;
        self.hold(details.iter().map(Detail::len).sum())?;
        if let Some(What::Thinking(state)) = self.open.back_mut().map(|open| &mut open.what) {
            add_details(&mut state.details, details);
        }
        Ok(())
    }

    /// Takes a bit of a call.
    pub(super) fn call(&mut self, delta: CallDelta<'_>, sink: Sink<'_>) -> Result<(), String> {
        let place = self.place(&delta)?;
        let key = Key::Call(place);
        let is_known = self.open.iter().any(|open| open.key == key);
        let begins = place == self.calls.len();
        if begins {
            let id = delta.id.as_deref().unwrap_or_default().to_owned();
            self.calls.push(Known { index: delta.index, id });
            self.delta(
                key,
                || What::Call(CallState { kind: delta.kind, ..CallState::default() }),
                None,
                sink,
            )?;
        } else if !is_known {
            return if delta.input.is_empty() {
                Ok(())
            } else {
                Err("a call went on after it had ended".to_owned())
            };
        }
        let known = &mut self.calls[place];
        if let (true, Some(id)) = (known.id.is_empty(), &delta.id) {
            known.id = id.to_string();
        }
        let Some(open) = self.open.iter_mut().find(|open| open.key == key) else { return Ok(()) };
        if let What::Call(state) = &mut open.what {
            if let (true, Some(name)) = (state.name.is_empty(), &delta.name) {
                state.name = name.to_string();
            }
            state.signature = delta.signature.map(str::to_owned).or(state.signature.take());
        }
        let input = (!delta.input.is_empty()).then_some(Delta::Input(delta.input));
        self.delta(key, || What::Plain, input, sink)
    }

    /// Which call a delta belongs to. Indices have gaps, and some servers leave them out or give every call the same:
    /// then a new id with a name begins a new call.
    fn place(&self, delta: &CallDelta<'_>) -> Result<usize, String> {
        let id = delta.id.as_deref().unwrap_or_default();
        let has_name = delta.name.as_deref().is_some_and(|name| !name.is_empty());
        let found = match delta.index {
            Some(_) => self.calls.iter().rposition(|known| known.index == delta.index),
            None if !id.is_empty() => self.calls.iter().rposition(|known| known.id == id),
            None if has_name => None,
            None => self.calls.len().checked_sub(1),
        };
        let is_other = |known: &Known| !id.is_empty() && !known.id.is_empty() && known.id != id && has_name;
        match found {
            Some(place) if !is_other(&self.calls[place]) => Ok(place),
            _ if self.calls.len() < MAX_CALLS => Ok(self.calls.len()),
            _ => Err("more calls than anybody makes".to_owned()),
        }
    }

    /// Hands a delta over, or holds it back if its block is not the first. Without a block of that key at the end (for
    /// calls: anywhere) one is begun.
    fn delta(
        &mut self,
        key: Key,
        what: impl FnOnce() -> What,
        delta: Option<Delta<'_>>,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        let is_open = match key {
            Key::Call(_) => self.open.iter().any(|open| open.key == key),
            Key::Whole => false,
            _ => self.open.back().is_some_and(|open| open.key == key),
        };
        if !is_open {
            self.hold(if self.open.is_empty() { 0 } else { size_of::<Open>() })?;
            self.open.push_back(Open { key, what: what(), has_started: false, held: Vec::new() });
        }
        self.advance(sink);
        let Some(position) = self.open.iter().rposition(|open| open.key == key) else { return Ok(()) };
        let Some(delta) = delta else { return Ok(()) };
        let number = self.next_number;
        let choice = self.choice;
        let open = &mut self.open[position];
        if let (What::Call(state), Delta::Input(input)) = (&mut open.what, &delta) {
            state.json.feed(input);
        }
        if position == 0 && open.has_started {
            sink(Event::Delta { choice, block: number, delta });
        } else {
            let size = size(&delta);
            open.held.push(own(delta));
            self.hold(size)?;
        }
        self.advance(sink);
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), String> {
        self.held = self.held.saturating_add(bytes);
        if self.held > MAX_HELD {
            Err(format!("more than {MAX_HELD} bytes have to be held back"))
        } else {
            Ok(())
        }
    }

    /// Begins the first block if it has not begun and can, and ends it if it has ended and another waits.
    fn advance(&mut self, sink: Sink<'_>) {
        loop {
            self.start(sink, false);
            let waits = self.open.len() > 1;
            match self.open.front() {
                Some(front) if waits && front.has_started && front.has_ended() => self.end(sink),
                _ => return,
            }
        }
    }

    fn start(&mut self, sink: Sink<'_>, is_last_chance: bool) {
        let (choice, block) = (self.choice, self.next_number);
        let Some(front) = self.open.front_mut().filter(|front| !front.has_started) else { return };
        let kind = match &mut front.what {
            What::Call(state) if state.name.is_empty() && !is_last_chance => return,
            What::Call(state) => {
                let Key::Call(place) = front.key else { return };
                let known = &mut self.calls[place];
                if known.id.is_empty() {
                    known.id = made_up_id(&self.seed, choice, place as u64, &state.name);
                }
                BlockKind::ToolUse {
                    id: known.id.as_str().into(),
                    name: state.name.as_str().into(),
                    kind: state.kind,
                    signature: state.signature.as_deref().map(|raw| Signature::new(NAME, raw)),
                    item: None,
                }
            }
            What::Thinking(state) => BlockKind::Thinking {
                is_summary: state.is_summary,
                is_redacted: state.is_redacted,
                item: None,
            },
            What::Audio { id } => BlockKind::Audio { id: id.as_deref().map(Text::from) },
            What::Whole { kind, raw } => {
                BlockKind::Foreign { origin: NAME, kind: kind.as_str().into(), raw: Raw::Borrowed(raw) }
            }
            What::Plain if front.key == Key::Refusal => BlockKind::Refusal,
            What::Plain => BlockKind::Text,
        };
        sink(Event::BlockStart { choice, block, kind });
        front.has_started = true;
        for delta in std::mem::take(&mut front.held) {
            self.held = self.held.saturating_sub(size(&delta));
            sink(Event::Delta { choice, block, delta });
        }
    }

    /// Ends the first block.
    fn end(&mut self, sink: Sink<'_>) {
        let (choice, block) = (self.choice, self.next_number);
        let Some(front) = self.open.pop_front() else { return };
        match front.what {
            What::Thinking(state) => {
                let value = if state.details.is_empty() {
                    state.name.to_owned()
                } else {
                    serde_json::to_string(&state.details).unwrap_or_default()
                };
                let delta = Delta::Signature(Signature::new(NAME, value));
                sink(Event::Delta { choice, block, delta });
            }
            What::Call(state) if state.kind == ToolKind::Function && !state.json.has_content => {
                sink(Event::Delta { choice, block, delta: Delta::Input("{}".into()) });
            }
            _ => {}
        }
        sink(Event::BlockStop { choice, block });
        self.next_number += 1;
    }

    /// Ends every block; fails if one of them is a call that never got a name.
    pub(super) fn finish(&mut self, sink: Sink<'_>) -> Result<(), String> {
        while let Some(front) = self.open.front() {
            if matches!(&front.what, What::Call(state) if state.name.is_empty()) {
                return Err("a call has no name".to_owned());
            }
            self.start(sink, true);
            self.end(sink);
        }
        Ok(())
    }

    /// True if there was any block.
    pub(super) fn has_any(&self) -> bool {
        self.next_number > 0 || !self.open.is_empty()
    }

    /// True if there was a call.
    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }
}

impl Open {
    fn has_ended(&self) -> bool {
        match &self.what {
            What::Call(state) => state.kind == ToolKind::Custom || state.json.is_whole(),
            _ => true,
        }
    }
}

/// Follows JSON text to its end.
#[derive(Debug, Default)]
struct Json {
    has_content: bool,
    has_opened: bool,
    depth: u32,
    in_string: bool,
    is_escaped: bool,
}

impl Json {
    fn feed(&mut self, text: &str) {
        for byte in text.bytes() {
            self.has_content |= !byte.is_ascii_whitespace();
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => {
                    self.has_opened = true;
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.has_opened && self.depth == 0 && !self.in_string
    }
}

fn size(delta: &Delta<'_>) -> usize {
    let text = match delta {
        Delta::Text(text) | Delta::Input(text) | Delta::Audio(text) | Delta::Transcript(text) => text.len(),
        Delta::Signature(signature) => signature.value.len(),
        Delta::Citation(citation) => citation.raw.get().len(),
    };
    text + size_of::<Delta<'_>>()
}

fn own(delta: Delta<'_>) -> Delta<'static> {
    match delta {
        Delta::Text(text) => Delta::Text(text.into_owned()),
        Delta::Input(text) => Delta::Input(text.into_owned()),
        Delta::Audio(text) => Delta::Audio(text.into_owned()),
        Delta::Transcript(text) => Delta::Transcript(text.into_owned()),
        Delta::Signature(Signature { origin, value }) => {
            Delta::Signature(Signature { origin: origin.into_owned(), value: value.into_owned() })
        }
        Delta::Citation(citation) => Delta::Citation(Citation {
            text: citation.text.map(Text::into_owned),
            url: citation.url.map(Text::into_owned),
            title: citation.title.map(Text::into_owned),
            range: citation.range,
            origin: citation.origin,
            raw: Raw::Owned(citation.raw.into_owned()),
        }),
    }
}

//! Reads a provider's stream.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    super::{
        NAME, finish, grounding, logprobs,
        part::{self, Place as PartPlace},
        time, usage,
        wire::{self, Int},
        write,
    },
    MAX_CANDIDATES,
    args::Arguments,
};
use crate::{
    codec::{Sink, Step, StreamDecoder},
    framing::sse,
    ir::{
        Block, BlockKind, Content, Delta, Event, Extras, Members, Place, Raw, Signature, Stop, StopReason,
        Text, ToolKind, Usage,
    },
};

/// Every event of a Gemini stream is a whole answer with a piece of the text; nothing marks the end but the last
/// bytes, so what ends the candidates is held back until then.
pub(in super::super) struct Decoder {
    has_started: bool,
    calls: part::Calls<'static>,
    candidates: Vec<Candidate>,
    usage: Option<Usage>,
    tier: Option<String>,
    extras: Extras,
    /// What was said about the prompt; without candidates it is the end of an answer whose prompt was blocked.
    feedback: Option<Box<RawValue>>,
}

impl Default for Decoder {
    fn default() -> Self {
        let calls = part::Calls::of_answer(None);
        Self {
            has_started: false,
            calls,
            candidates: Vec::new(),
            usage: None,
            tier: None,
            extras: Extras::default(),
            feedback: None,
        }
    }
}

/// One candidate.
struct Candidate {
    index: u64,
    open: Option<Open>,
    /// The number of the next block.
    next: u64,
    partial: Option<Partial>,
    calls_tools: bool,
    stop: Option<Stop<'static>>,
    extras: Extras,
}

/// A block that goes on.
struct Open {
    block: u64,
    kind: Kind,
    /// True once the block's signature came: what follows is another block.
    is_signed: bool,
    /// True while bytes are characters, so that ranges are the same in both.
    is_ascii: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Audio,
}

/// A call whose arguments come in pieces.
struct Partial {
    id: String,
    name: String,
    signature: Option<Signature<'static>>,
    extra: Members<'static>,
    arguments: Arguments,
}

impl StreamDecoder for Decoder {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        let event = sse::Event::parse(raw);
        let Some(data) = event.data.as_deref() else { return Step::Go };
        // Gemini has no such mark, but gateways in front of it add one.
        if data == b"[DONE]" {
            return Step::Go;
        }
        let chunk: wire::Response<'_> = match serde_json::from_slice(data) {
            Ok(chunk) => chunk,
            Err(error) => return Step::Garbled(format!("not an event of a Gemini stream: {error}")),
        };
        if chunk.error.is_some() {
            return Step::Failed(Bytes::copy_from_slice(data));
        }
        self.chunk(chunk, sink)
    }

    fn finish(&mut self, sink: Sink<'_>) -> Step {
        let is_ended = |candidate: &Candidate| candidate.stop.is_some();
        let feedback = self.feedback.take();
        let blocked = feedback.as_deref().and_then(finish::blocked);
        let is_whole =
            self.candidates.iter().all(is_ended) && !(self.candidates.is_empty() && blocked.is_none());
        if !is_whole {
            return Step::Garbled("the stream ended before every candidate had its `finishReason`".into());
        }
        for candidate in &mut self.candidates {
            candidate.end(sink);
        }
        match (blocked, &feedback) {
            (Some(stop), _) if self.candidates.is_empty() => sink(Event::Stop { choice: 0, stop }),
            (_, Some(raw)) => {
                let member = ("promptFeedback".into(), Cow::Borrowed(&**raw));
                self.extras.tell(NAME, Place::Answer, &[member], &mut *sink);
            }
            (_, None) => {}
        }
        self.candidates.clear();
        sink(Event::End);
        Step::End
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: wire::Response<'_>, sink: Sink<'_>) -> Step {
        if !std::mem::replace(&mut self.has_started, true) {
            self.calls = part::Calls::of_answer(chunk.id.clone().map(Text::into_owned));
            let created = chunk.created.as_deref().and_then(time::read);
            sink(Event::Start { id: chunk.id, model: chunk.model, created });
        }
        if let Some(feedback) = chunk.feedback {
            self.feedback = Some(feedback.to_owned());
        }
        self.extras.tell(NAME, Place::Answer, &chunk.extra, &mut *sink);
        for wire in chunk.candidates.unwrap_or_default() {
            let index = wire.index.map_or(0, Int::count);
            let at = match self.candidates.iter().position(|known| known.index == index) {
                Some(at) => at,
                None if self.candidates.len() == MAX_CANDIDATES => {
                    return Step::Garbled(format!("more than {MAX_CANDIDATES} candidates"));
                }
                None => {
                    self.candidates.push(Candidate::new(index));
                    self.candidates.len() - 1
                }
            };
            if let Err(why) = self.candidates[at].take(wire, &mut self.calls, sink) {
                return Step::Garbled(why);
            }
        }
        if let Some(wire) = &chunk.usage {
            self.extras.tell(NAME, Place::Answer, &usage::leftovers(wire), &mut *sink);
        }
        let tier = chunk.usage.as_ref().and_then(|wire| wire.tier.as_ref());
        if let Some(tier) = tier.filter(|tier| self.tier.as_deref() != Some(tier)) {
            self.tier = Some(tier.to_string());
            sink(Event::ServiceTier(tier.borrowed()));
        }
        let usage = chunk.usage.as_ref().and_then(usage::read);
        if let Some(usage) = usage.filter(|_| usage != self.usage) {
            self.usage = Some(usage);
            sink(Event::Usage(usage));
        }
        Step::Go
    }
}

impl Candidate {
    fn new(index: u64) -> Self {
        Self {
            index,
            open: None,
            next: 0,
            partial: None,
            calls_tools: false,
            stop: None,
            extras: Extras::default(),
        }
    }

    fn take(
        &mut self,
        wire: wire::Candidate<'_>,
        calls: &mut part::Calls<'static>,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        for part in wire.content.and_then(|content| content.parts).unwrap_or_default() {
            self.part(part, calls, sink)?;
        }
        if let Some(logprobs) = &wire.logprobs {
            sink(Event::Logprobs { choice: self.index, raw: logprobs::read(logprobs) });
        }
        if let Some(grounding) = wire.grounding {
            self.cite(grounding, sink);
            let member = ("groundingMetadata".into(), Cow::Borrowed(grounding));
            self.extras.tell(NAME, Place::Choice(self.index), &[member], sink);
        }
        let details = [("finishMessage", wire.message), ("safetyRatings", wire.ratings)];
        let details = details.into_iter().filter_map(|(key, raw)| Some((key.into(), Cow::Borrowed(raw?))));
        self.extras.tell(NAME, Place::Choice(self.index), &details.collect::<Members<'_>>(), sink);
        self.extras.tell(NAME, Place::Choice(self.index), &wire.extra, sink);
        if let Some(stop) = wire.finish.and_then(|raw| finish::read(raw, false)) {
            self.stop = Some(owned(stop));
        }
        Ok(())
    }

    fn part(
        &mut self,
        part: wire::Part<'_>,
        calls: &mut part::Calls<'static>,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        if let Some(call) = part.call {
            return self.call(*call, part.signature, part.extra, calls, sink);
        }
        if let Some(text) = part.text {
            let kind = if part.thought == Some(true) { Kind::Thinking } else { Kind::Text };
            self.text(kind, text, part.signature, &part.extra, sink);
            return Ok(());
        }
        self.close(sink);
        let is_audio = |blob: &wire::Blob<'_>| {
            blob.mime
                .as_deref()
                .is_some_and(|mime| mime.get(..6).is_some_and(|class| class.eq_ignore_ascii_case("audio/")))
        };
        match part.inline {
            Some(blob) if is_audio(&blob) => {
                let block = self.open(Kind::Audio, sink);
                let delta = Delta::Audio(blob.data.unwrap_or_default());
                sink(Event::Delta { choice: self.index, block, delta });
            }
            inline => self.whole(wire::Part { inline, ..part }, sink),
        }
        Ok(())
    }

    /// A part that only Gemini has, or that a stream of other dialects has no block for: handed over as it is.
    fn whole(&mut self, part: wire::Part<'_>, sink: Sink<'_>) {
        let kind = match (&part.inline, &part.file, &part.response) {
            (Some(_), ..) => Some("inlineData"),
            (None, Some(_), _) => Some("fileData"),
            (None, None, Some(_)) => Some("functionResponse"),
            (None, None, None) => None,
        };
        let block: Block<'_> = part::whole(part);
        let (kind, raw) = match (kind, &block.content) {
            (None, Content::Foreign { kind, raw, .. }) => (kind.borrowed(), raw.clone()),
            (kind, _) => {
                let mut writer = part::Writer::new(true, true);
                let part =
                    write::raw_item(|parts| writer.block(&block, PartPlace::Choice(self.index, 0), parts));
                (kind.unwrap_or("part").into(), Cow::Owned(part.unwrap_or_default()))
            }
        };
        let (choice, block) = (self.index, self.next);
        self.next += 1;
        sink(Event::BlockStart { choice, block, kind: BlockKind::Foreign { origin: NAME, kind, raw } });
        sink(Event::BlockStop { choice, block });
    }

    fn text(
        &mut self,
        kind: Kind,
        text: Text<'_>,
        signature: Option<Text<'_>>,
        extra: &Members<'_>,
        sink: Sink<'_>,
    ) {
        // Last events often have a part with an empty text and nothing else.
        if text.is_empty() && signature.is_none() && extra.is_empty() {
            return;
        }
        let block = self.open(kind, sink);
        let choice = self.index;
        self.extras.tell(NAME, Place::Block(choice, block), extra, sink);
        if let Some(open) = &mut self.open {
            open.is_ascii &= text.is_ascii();
            open.is_signed = signature.is_some();
        }
        if !text.is_empty() {
            sink(Event::Delta { choice, block, delta: Delta::Text(text) });
        }
        if let Some(written) = signature {
            let delta = Delta::Signature(part::signature(written));
            sink(Event::Delta { choice, block, delta });
        }
    }

    /// The block of that kind that goes on, or a new one.
    fn open(&mut self, kind: Kind, sink: Sink<'_>) -> u64 {
        if let Some(open) = self.open.as_ref().filter(|open| open.kind == kind && !open.is_signed)
            && self.partial.is_none()
        {
            return open.block;
        }
        self.close(sink);
        let (choice, block) = (self.index, self.next);
        self.next += 1;
        self.open = Some(Open { block, kind, is_signed: false, is_ascii: true });
        let kind = match kind {
            Kind::Text => BlockKind::Text,
            Kind::Thinking => BlockKind::Thinking { is_summary: true, is_redacted: false, item: None },
            Kind::Audio => BlockKind::Audio { id: None },
        };
        sink(Event::BlockStart { choice, block, kind });
        block
    }

    /// Ends whatever goes on: a block, or a call whose closing piece is missing.
    fn close(&mut self, sink: Sink<'_>) {
        if let Some(open) = self.open.take() {
            sink(Event::BlockStop { choice: self.index, block: open.block });
        }
        if let Some(partial) = self.partial.take() {
            let input = partial.arguments.json();
            let Partial { id, name, signature, extra, .. } = partial;
            self.called(id.into(), name.into(), signature, &extra, input.into(), sink);
        }
    }

    fn call<'w>(
        &mut self,
        call: wire::FunctionCall<'w>,
        signature: Option<Text<'_>>,
        mut extra: Members<'w>,
        calls: &mut part::Calls<'static>,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        part::keep("functionCall", call.extra, &mut extra);
        let signature = signature.map(part::signature);
        let pieces = call.partial.unwrap_or_default();
        let name = call.name.filter(|name| !name.is_empty());
        if let Some(name) = name {
            self.close(sink);
            self.calls_tools = true;
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| calls.make_up(&name).into());
            if call.args.is_some() || (pieces.is_empty() && call.will_continue != Some(true)) {
                let input = call.args.map_or("{}", RawValue::get);
                self.called(id, name, signature, &extra, input.into(), sink);
                return Ok(());
            }
            self.partial = Some(Partial {
                id: id.to_string(),
                name: name.to_string(),
                signature: signature.map(|signature| Signature {
                    origin: signature.origin.into_owned(),
                    value: signature.value.into_owned(),
                }),
                extra: own(&extra),
                arguments: Arguments::default(),
            });
        } else if pieces.is_empty() {
            // An empty call closes the one that went on.
            self.close(sink);
            return Ok(());
        }
        let Some(partial) = &mut self.partial else { return Err("arguments of no call".into()) };
        for piece in &pieces {
            if !partial.arguments.add(piece) {
                return Err("an argument's path that leads nowhere".into());
            }
        }
        Ok(())
    }

    fn called(
        &mut self,
        id: Text<'_>,
        name: Text<'_>,
        signature: Option<Signature<'_>>,
        extra: &Members<'_>,
        input: Text<'_>,
        sink: Sink<'_>,
    ) {
        let (choice, block) = (self.index, self.next);
        self.next += 1;
        let kind = BlockKind::ToolUse { id, name, kind: ToolKind::Function, signature, item: None };
        sink(Event::BlockStart { choice, block, kind });
        self.extras.tell(NAME, Place::Block(choice, block), extra, &mut *sink);
        sink(Event::Delta { choice, block, delta: Delta::Input(input) });
        sink(Event::BlockStop { choice, block });
    }

    /// Citations of the text that goes on; of a text that has ended they stay in the details.
    fn cite(&mut self, raw: &RawValue, sink: Sink<'_>) {
        let Some(open) = self.open.as_ref().filter(|open| open.kind == Kind::Text) else { return };
        for (_, mut citation) in grounding::read(raw) {
            citation.range = citation.range.filter(|_| open.is_ascii);
            sink(Event::Delta { choice: self.index, block: open.block, delta: Delta::Citation(citation) });
        }
    }

    fn end(&mut self, sink: Sink<'_>) {
        self.close(sink);
        let Some(mut stop) = self.stop.take() else { return };
        if stop.reason == StopReason::End && self.calls_tools {
            stop.reason = StopReason::ToolUse;
        }
        sink(Event::Stop { choice: self.index, stop });
    }
}

fn own(members: &Members<'_>) -> Members<'static> {
    let own = |raw: &Raw<'_>| Cow::Owned(raw.clone().into_owned());
    members.iter().map(|(name, raw)| (name.borrowed().into_owned(), own(raw))).collect()
}

fn owned(stop: Stop<'_>) -> Stop<'static> {
    Stop {
        reason: stop.reason,
        sequence: stop.sequence.map(Text::into_owned),
        word: stop.word.map(Text::into_owned),
        details: stop.details.map(|raw| Cow::Owned(raw.into_owned())),
    }
}

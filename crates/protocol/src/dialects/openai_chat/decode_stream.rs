//! A provider's stream of chunks, from the wire.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    NAME,
    decode_parts::{Call, Function, citation, part},
    decode_response::{seconds, stop},
    few::Few,
    interleave::{Blocks, CallDelta, Key, ThinkingState},
    object::{Lax, TextOr, arguments, keep_inner, object},
    reasoning::{self, Detail},
    wire::{DETAILS, Usage, usage_rest},
};
use crate::{
    codec::{Sink, Step, StreamDecoder},
    framing::sse,
    ir::{Content, Delta, Event, Extras, Place, Stop, StopReason, Text, ToolKind},
};

const DONE: &[u8] = b"[DONE]";
/// Most choices that are followed; OpenAI allows `n` up to 128.
const MAX_CHOICES: usize = 1024;
/// Stands for the index of a call in the older form, which has none.
const LEGACY: u64 = u64::MAX;

object! {
    /// One chunk. What clones spell in ways of their own is read if it can be.
    Chunk<'a> {
        id = "id": Lax<Text<'a>>,
        object = "object": &'a RawValue,
        model = "model": Lax<Text<'a>>,
        created = "created": &'a RawValue,
        choices = "choices": Few<ChoiceChunk<'a>>,
        usage = "usage": &'a RawValue,
        service_tier = "service_tier": Lax<Text<'a>>,
        error = "error": &'a RawValue,
        // Hides the length of what is said.
        obfuscation = "obfuscation": &'a RawValue,
    }
}

object! {
    ChoiceChunk<'a> {
        index = "index": u64,
        delta = "delta": DeltaChunk<'a>,
        logprobs = "logprobs": &'a RawValue,
        finish_reason = "finish_reason": Lax<Text<'a>>,
        stop_reason = "stop_reason": Lax<Text<'a>>,
    }
}

object! {
    DeltaChunk<'a> {
        role = "role": &'a RawValue,
        content = "content": TextOr<'a, &'a RawValue>,
        refusal = "refusal": Text<'a>,
        reasoning_content = "reasoning_content": Lax<Text<'a>>,
        reasoning = "reasoning": Lax<Text<'a>>,
        reasoning_details = "reasoning_details": Lax<Vec<Detail<'a>>>,
        annotations = "annotations": Vec<&'a RawValue>,
        audio = "audio": AudioChunk<'a>,
        images = "images": Vec<&'a RawValue>,
        tool_calls = "tool_calls": Few<Call<'a>>,
        function_call = "function_call": Function<'a>,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct AudioChunk<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
    #[serde(borrow, default)]
    transcript: Option<Text<'a>>,
}

/// Knows what has begun and what has ended.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The answer's id, once it began; empty if the provider gave none.
    id: Option<String>,
    choices: Vec<ChoiceState>,
    tier: Option<String>,
    extras: Extras,
    is_done: bool,
}

#[derive(Debug)]
struct ChoiceState {
    index: u64,
    blocks: Blocks,
    has_refusal: bool,
    /// The first finish reason that was given: some servers repeat it.
    word: Option<Text<'static>>,
    sequence: Option<Text<'static>>,
}

impl StreamDecoder for Decoder {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        if self.is_done {
            return Step::Go;
        }
        let event = sse::Event::parse(raw);
        let Some(data) = event.data.as_deref() else {
            if self.id.is_some() {
                sink(Event::Ping);
            }
            return Step::Go;
        };
        if data.trim_ascii() == DONE {
            return self.complete(sink);
        }
        if event.name == Some(b"error") {
            return Step::Failed(Bytes::copy_from_slice(data));
        }
        let chunk = match serde_json::from_slice::<Chunk<'_>>(data) {
            Ok(chunk) => chunk,
            // The error's own text may quote the answer.
            Err(error) => {
                return Step::Garbled(format!("a chunk cannot be read from its byte {} on", error.column()));
            }
        };
        if chunk.error.is_some() {
            return Step::Failed(Bytes::copy_from_slice(data));
        }
        match self.chunk(chunk, sink) {
            Ok(()) => Step::Go,
            Err(reason) => Step::Garbled(reason),
        }
    }

    fn finish(&mut self, sink: Sink<'_>) -> Step {
        if self.is_done {
            return Step::End;
        }
        // Some servers close the connection without `[DONE]`: with every choice finished, nothing is missing.
        let is_whole = !self.choices.is_empty() && self.choices.iter().all(|choice| choice.word.is_some());
        if is_whole {
            self.complete(sink)
        } else {
            Step::Garbled("the stream ended inside the answer".to_owned())
        }
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: Chunk<'_>, sink: Sink<'_>) -> Result<(), String> {
        let usage = chunk.usage.and_then(|raw| Usage::read(raw.get().as_bytes()));
        let mut extra = chunk.extra;
        extra.extend(chunk.usage.into_iter().flat_map(|raw| usage_rest(raw, DETAILS)));
        let choices = chunk.choices.unwrap_or_default();
        let id = lax(chunk.id).filter(|id| !id.is_empty());
        // Azure's first chunk has no choices, and nothing in its id and model.
        if self.id.is_none() && (id.is_some() || usage.is_some() || !choices.is_empty()) {
            self.id = Some(id.as_deref().unwrap_or_default().to_owned());
            let model = lax(chunk.model).filter(|model| !model.is_empty());
            sink(Event::Start { id, model, created: chunk.created.and_then(seconds) });
            // What came before the answer began.
            for (name, raw) in self.extras.of(Place::Answer) {
                sink(Event::Member { origin: NAME, place: Place::Answer, name, raw });
            }
        }
        match self.id {
            Some(_) => self.extras.tell(NAME, Place::Answer, &extra, &mut *sink),
            None => self.extras.tell(NAME, Place::Answer, &extra, &mut |_| {}),
        }
        let tier = lax(chunk.service_tier).filter(|tier| self.tier.as_deref() != Some(tier));
        if let Some(tier) = tier.filter(|_| self.id.is_some()) {
            self.tier = Some(tier.to_string());
            sink(Event::ServiceTier(tier));
        }
        for choice in choices {
            self.choice(choice, sink)?;
        }
        if let Some(usage) = usage {
            sink(Event::Usage(usage));
        }
        Ok(())
    }

    fn choice(&mut self, mut chunk: ChoiceChunk<'_>, sink: Sink<'_>) -> Result<(), String> {
        let index = chunk.index.unwrap_or(0);
        if let Some(delta) = &mut chunk.delta {
            keep_inner(&mut chunk.extra, "message", std::mem::take(&mut delta.extra));
        }
        let place = match self.choices.iter().position(|choice| choice.index == index) {
            Some(place) => place,
            None if self.choices.len() < MAX_CHOICES => {
                let blocks = Blocks::new(index, self.id.as_deref().unwrap_or_default());
                self.choices.push(ChoiceState {
                    index,
                    blocks,
                    has_refusal: false,
                    word: None,
                    sequence: None,
                });
                self.choices.len() - 1
            }
            None => return Err("more choices than anybody asks for".to_owned()),
        };
        let state = &mut self.choices[place];
        if let Some(delta) = chunk.delta {
            state.delta(delta, sink)?;
        }
        if let Some(raw) = chunk.logprobs {
            sink(Event::Logprobs { choice: index, raw: Cow::Borrowed(raw) });
        }
        if let (None, Some(word)) = (&state.word, lax(chunk.finish_reason).filter(|word| !word.is_empty())) {
            state.word = Some(word.into_owned());
            state.sequence = lax(chunk.stop_reason).map(Text::into_owned);
        }
        self.extras.tell(NAME, Place::Choice(index), &chunk.extra, sink);
        Ok(())
    }

    fn complete(&mut self, sink: Sink<'_>) -> Step {
        let says_something = |choice: &ChoiceState| choice.word.is_some() || choice.blocks.has_any();
        if !self.choices.iter().any(says_something) {
            return Step::Garbled("the stream ended without an answer".to_owned());
        }
        self.is_done = true;
        self.choices.sort_by_key(|choice| choice.index);
        for choice in &mut self.choices {
            if let Err(reason) = choice.blocks.finish(sink) {
                return Step::Garbled(reason);
            }
            sink(Event::Stop { choice: choice.index, stop: choice.stop() });
        }
        sink(Event::End);
        Step::End
    }
}

fn lax<T>(member: Option<Lax<T>>) -> Option<T> {
    member.and_then(|member| member.0)
}

impl ChoiceState {
    fn delta(&mut self, delta: DeltaChunk<'_>, sink: Sink<'_>) -> Result<(), String> {
        let details = lax(delta.reasoning_details);
        self.reasoning(lax(delta.reasoning_content), lax(delta.reasoning), details, sink)?;
        match delta.content {
            None => {}
            Some(TextOr::Text(text)) => self.text(Key::Text, text, sink)?,
            Some(TextOr::List(parts)) => {
                for raw in parts {
                    self.part(raw, sink)?;
                }
            }
        }
        if let Some(text) = delta.refusal.filter(|text| !text.is_empty()) {
            self.has_refusal = true;
            self.text(Key::Refusal, text, sink)?;
        }
        for raw in delta.annotations.into_iter().flatten() {
            self.blocks.plain(Key::Text, Delta::Citation(citation(raw)), sink)?;
        }
        if let Some(audio) = delta.audio {
            let id = audio.id.as_deref();
            self.blocks.audio(id, None, sink)?;
            let full = |text: &Text<'_>| !text.is_empty();
            if let Some(data) = audio.data.filter(full) {
                self.blocks.audio(id, Some(Delta::Audio(data)), sink)?;
            }
            if let Some(text) = audio.transcript.filter(full) {
                self.blocks.audio(id, Some(Delta::Transcript(text)), sink)?;
            }
        }
        for raw in delta.images.into_iter().flatten() {
            self.blocks.whole("image_url", Cow::Borrowed(raw), sink)?;
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.call(call, sink)?;
        }
        if let Some(function) = delta.function_call {
            self.call(Call { index: Some(LEGACY), function: Some(function), ..Call::default() }, sink)?;
        }
        Ok(())
    }

    fn text(&mut self, key: Key, text: Text<'_>, sink: Sink<'_>) -> Result<(), String> {
        if text.is_empty() { Ok(()) } else { self.blocks.plain(key, Delta::Text(text), sink) }
    }

    fn reasoning(
        &mut self,
        content: Option<Text<'_>>,
        plain: Option<Text<'_>>,
        details: Option<Vec<Detail<'_>>>,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        let full = |text: &Text<'_>| !text.is_empty();
        let details = details.unwrap_or_default();
        let (content, plain) = (content.filter(full), plain.filter(full));
        let name = if content.is_some() { reasoning::AS_CONTENT } else { reasoning::AS_REASONING };
        let text = content.or(plain).or_else(|| {
            let texts: Vec<&str> =
                details.iter().filter_map(|detail| detail.readable().map(|text| &**text)).collect();
            let text = texts.concat();
            (!text.is_empty()).then(|| text.into())
        });
        if text.is_none() && details.is_empty() {
            return Ok(());
        }
        let is_summary = details.iter().any(|detail| detail.summary.is_some());
        let state = ThinkingState { name, is_summary, is_redacted: text.is_none(), details: Vec::new() };
        self.blocks.thinking(text, details, state, sink)
    }

    /// One part of a `content` that is a list, as Mistral sends it.
    fn part(&mut self, raw: &RawValue, sink: Sink<'_>) -> Result<(), String> {
        match part(raw).map_err(|_| "a part of the content cannot be read")?.content {
            Content::Text { text, .. } => self.text(Key::Text, text, sink),
            Content::Refusal(text) => {
                self.has_refusal = true;
                self.text(Key::Refusal, text, sink)
            }
            Content::Thinking(thinking) if thinking.text.is_empty() => Ok(()),
            Content::Thinking(thinking) => {
                let name = reasoning::AS_PART;
                let state =
                    ThinkingState { name, is_summary: false, is_redacted: false, details: Vec::new() };
                self.blocks.thinking(Some(thinking.text), Vec::new(), state, sink)
            }
            Content::Foreign { kind, .. } => self.blocks.whole(&kind, Cow::Borrowed(raw), sink),
            Content::Image(_) => self.blocks.whole("image_url", Cow::Borrowed(raw), sink),
            _ => Err("a part of the content does not belong into an answer".to_owned()),
        }
    }

    fn call(&mut self, call: Call<'_>, sink: Sink<'_>) -> Result<(), String> {
        let (name, input, kind) = match (call.function, call.custom) {
            (Some(function), _) => {
                (function.name, function.arguments.map(arguments).unwrap_or_default(), ToolKind::Function)
            }
            (None, Some(custom)) => (custom.name, custom.input.unwrap_or_default(), ToolKind::Custom),
            (None, None) => (None, Text::default(), ToolKind::Function),
        };
        let signature = call.extra_content.map(RawValue::get);
        let delta = CallDelta { index: call.index, id: call.id, name, kind, input, signature };
        self.blocks.call(delta, sink)
    }

    fn stop(&mut self) -> Stop<'static> {
        let has_calls = self.blocks.has_calls();
        match self.word.take() {
            Some(word) => stop(word, self.sequence.take(), has_calls, self.has_refusal),
            None => Stop::new(if has_calls { StopReason::ToolUse } else { StopReason::End }),
        }
    }
}

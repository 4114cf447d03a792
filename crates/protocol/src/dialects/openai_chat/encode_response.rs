//! A whole answer, towards a client.

use std::borrow::Cow;

use super::{
    NAME, Spelling,
    encode_assistant::tool_call,
    encode_parts::Url,
    encode_request::TIERS,
    object::{DataUrl, Writer, inner, list_into, object_into, put},
    reasoning,
    wire::{lose_counts, write_usage},
};
use crate::{
    codec::{Encoded, Reply},
    dialects::{gpt, leftover},
    ir::{
        Block, Choice, Citation, Content, Loss, Losses, Media, Response, Signature, Source, Stop, StopReason,
        Thinking, ToolUse,
    },
};

/// How the client wants its answers, as its request shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// It used the older `functions`.
    pub(super) legacy: bool,
    /// It keeps OpenRouter's `reasoning_details`.
    pub(super) details: bool,
}

impl Manner {
    pub(super) fn of(reply: &Reply<'_>) -> Self {
        let home = reply.request.origin == NAME;
        Self {
            legacy: home && reply.request.spelling.contains(&Spelling::FUNCTIONS),
            details: reasoning::client_speaks_details(reply.request),
        }
    }

    /// Whether a call has a place for this proof: that of Google's server of this dialect, in the newer form.
    pub(super) fn takes_at_call(self, proof: &Signature<'_>) -> bool {
        !self.legacy && proof.at_home(NAME).is_some()
    }
}

/// Writes the answer to `POST /v1/chat/completions`.
pub(super) fn encode(response: &Response<'_>, reply: Reply<'_>) -> Encoded {
    let mut body = Vec::with_capacity(response.size());
    let mut losses = Losses::default();
    let (home, none) = (response.origin == NAME, Vec::new());
    let mut answer =
        Answer { home, manner: Manner::of(&reply), now: reply.now, seed: reply.seed, losses: &mut losses };
    object_into(&mut body, |object| {
        match &response.id {
            Some(id) => object.put("id", id),
            None => object.put("id", &format_args!("chatcmpl-{}", reply.seed)),
        }
        object.put("object", "chat.completion");
        object.put("created", &response.created.unwrap_or(reply.now));
        object.put("model", response.model.as_ref().unwrap_or(&reply.request.model));
        // A blocked prompt has no choices; clients read the first one unasked.
        let blocked = Choice { stop: Some(Stop::new(StopReason::ContentFilter)), ..Choice::default() };
        let choices =
            if response.choices.is_empty() { std::slice::from_ref(&blocked) } else { &response.choices };
        list_into(object.value("choices"), choices, |out, choice| {
            object_into(out, |object| answer.choice(object, choice));
        });
        if let Some(usage) = &response.usage {
            write_usage(object, usage, if home { &response.extra } else { &none });
            lose_counts(usage, answer.losses);
        }
        match response.service_tier.as_deref() {
            None => {}
            Some(tier) if home => object.put("service_tier", tier),
            Some(tier) => match gpt::tier(tier, TIERS) {
                Some(tier) => object.put("service_tier", tier),
                None => answer.losses.add("service_tier", "no such tier here"),
            },
        }
        if home {
            object.extra(&response.extra, &["usage"]);
        }
    });
    if !home {
        leftover::lose(&response.extra, Loss::PROVIDERS_OWN, &mut losses);
    }
    Encoded { body, losses }
}

struct Answer<'r> {
    /// The answer was decoded from this dialect.
    home: bool,
    manner: Manner,
    now: u64,
    seed: &'r str,
    losses: &'r mut Losses,
}

/// What the blocks of one choice become.
#[derive(Default)]
struct Said<'r> {
    texts: Vec<&'r str>,
    /// Each citation with where the text that it backs stands, in characters.
    citations: Vec<(&'r Citation<'r>, (u64, u64))>,
    refusal: Vec<&'r str>,
    thinking: Vec<&'r Thinking<'r>>,
    audio: Option<(&'r Block<'r>, &'r Media<'r>)>,
    images: Vec<(&'r Block<'r>, &'r Media<'r>)>,
    calls: Vec<(&'r Block<'r>, &'r ToolUse<'r>)>,
}

impl Answer<'_> {
    fn choice(&mut self, object: &mut Writer<'_>, choice: &Choice<'_>) {
        let path = format!("choices[{}]", choice.index);
        let said = self.sort(&path, &choice.blocks);
        object.put("index", &choice.index);
        object.object("message", |object| {
            self.message(object, &said);
            if self.home {
                object.inner_extra(&choice.extra, "message");
            }
        });
        object.put("logprobs", &choice.logprobs);
        let end = Stop::new(StopReason::End);
        let stop = choice.stop.as_ref().unwrap_or(&end);
        let has = Has { calls: !said.calls.is_empty(), refusal: !said.refusal.is_empty() };
        finish(object, stop, self.home, has, self.manner, &path, self.losses);
        if self.home {
            object.extra(&choice.extra, &["message"]);
        } else {
            for (name, _) in &choice.extra {
                self.losses.add(format!("{path}.{name}"), Loss::PROVIDERS_OWN);
            }
        }
    }

    fn sort<'r>(&mut self, path: &str, blocks: &'r [Block<'r>]) -> Said<'r> {
        let mut said = Said::default();
        let is_cited = |block: &Block<'_>| matches!(&block.content, Content::Text { citations, .. } if !citations.is_empty());
        let counts = blocks.iter().any(is_cited);
        let mut length = 0;
        for (place, block) in blocks.iter().enumerate() {
            let path = || format!("{path}.content[{place}]");
            if !self.home {
                for (name, _) in &block.extra {
                    self.losses.add(format!("{}.{name}", path()), Loss::PROVIDERS_OWN);
                }
            }
            match &block.content {
                Content::Text { text, citations } => {
                    let start = length;
                    length += if counts { text.chars().count() as u64 } else { 0 };
                    for citation in citations {
                        if let Some(lost) = unsaid(citation) {
                            self.losses.add(format!("{}.citations", path()), lost);
                        }
                        if is_sayable(citation) {
                            said.citations.push((citation, (start, length)));
                        }
                    }
                    said.texts.push(text);
                }
                Content::Refusal(text) => said.refusal.push(text),
                Content::Thinking(thinking) => {
                    if !self.manner.details
                        && thinking.signature.as_ref().is_some_and(reasoning::is_lost_proof)
                    {
                        self.losses.add(format!("{}.signature", path()), reasoning::NO_PROOFS);
                    }
                    said.thinking.push(thinking);
                }
                Content::Audio(media) => match (&media.source, said.audio) {
                    (Source::Base64(_), None) => said.audio = Some((block, media)),
                    _ => self.losses.add(path(), "an answer has one sound, as bytes"),
                },
                Content::Image(media) => match &media.source {
                    Source::Base64(_) | Source::Url(_) => said.images.push((block, media)),
                    _ => self.losses.add(path(), "pictures are bytes or a URL here"),
                },
                Content::ToolUse(_) if self.manner.legacy && !said.calls.is_empty() => {
                    self.losses.add(path(), "the older form has one call");
                }
                Content::ToolUse(call) => {
                    if call.signature.as_ref().is_some_and(|proof| !self.manner.takes_at_call(proof)) {
                        self.losses.add(format!("{}.signature", path()), reasoning::NO_PROOFS);
                    }
                    said.calls.push((block, call));
                }
                Content::Foreign { kind, .. } => {
                    self.losses.add(path(), format!("`{}` is only in its own dialect", shown(kind)));
                }
                Content::Document(_) | Content::Video(_) | Content::ToolResult(_) => {
                    self.losses.add(path(), "no place in an answer");
                }
            }
        }
        said
    }

    fn message(&self, object: &mut Writer<'_>, said: &Said<'_>) {
        object.put("role", "assistant");
        let is_other = !said.calls.is_empty() || !said.refusal.is_empty() || said.audio.is_some();
        match &said.texts[..] {
            [] if is_other => object.put("content", &None::<&str>),
            [one] => object.put("content", one),
            texts => object.put("content", &texts.concat()),
        }
        object.put("refusal", &(!said.refusal.is_empty()).then(|| said.refusal.concat()));
        write_thinking(object, &said.thinking, self.manner.details);
        if !said.citations.is_empty() {
            list_into(object.value("annotations"), &said.citations, |out, (citation, range)| {
                annotation(out, citation, *range);
            });
        }
        if let Some((block, media)) = said.audio {
            self.audio(object, block, media);
        }
        if !said.images.is_empty() {
            list_into(object.value("images"), &said.images, |out, (block, media)| {
                object_into(out, |object| image(object, block, media, self.home));
            });
        }
        self.calls(object, &said.calls);
    }

    fn calls(&self, object: &mut Writer<'_>, calls: &[(&Block<'_>, &ToolUse<'_>)]) {
        let none = Vec::new();
        match calls {
            [] => {}
            [(_, call)] if self.manner.legacy => object.object("function_call", |object| {
                object.put("name", &call.name);
                object.put("arguments", &call.input);
            }),
            calls => list_into(object.value("tool_calls"), calls, |out, (block, call)| {
                let extra = if self.home { &block.extra } else { &none };
                object_into(out, |object| tool_call(object, &call.id, call, extra));
            }),
        }
    }

    /// The SDKs require an id, a time after which it is forgotten, and a transcript.
    fn audio(&self, object: &mut Writer<'_>, block: &Block<'_>, media: &Media<'_>) {
        let Source::Base64(data) = &media.source else { return };
        object.object("audio", |object| {
            match &media.name {
                Some(id) => object.put("id", id),
                None => object.put("id", &format_args!("audio_{}", self.seed)),
            }
            object.put("data", data);
            object.put("transcript", media.context.as_deref().unwrap_or_default());
            match inner(&block.extra, "audio").next() {
                Some(_) if self.home => object.inner_extra(&block.extra, "audio"),
                _ => object.put("expires_at", &self.now),
            }
        });
    }
}

/// Writes reasoning under `reasoning_content`, which has no place for proofs, or the way a client of OpenRouter keeps it.
pub(super) fn write_thinking(object: &mut Writer<'_>, thinking: &[&Thinking<'_>], details: bool) {
    let texts: Vec<&str> =
        thinking.iter().map(|thinking| &*thinking.text).filter(|text| !text.is_empty()).collect();
    let name = if details { reasoning::AS_REASONING } else { reasoning::AS_CONTENT };
    if !texts.is_empty() {
        object.put(name, &texts.join("\n\n"));
    }
    if details {
        let mut list = Vec::new();
        for thinking in thinking {
            write_details(&mut list, thinking);
        }
        if !list.is_empty() {
            let out = object.value("reasoning_details");
            out.push(b'[');
            out.extend_from_slice(&list);
            out.push(b']');
        }
    }
}

/// Appends the details of one block, separated by commas.
pub(super) fn write_details(out: &mut Vec<u8>, thinking: &Thinking<'_>) {
    let mut push = |write: &dyn Fn(&mut Vec<u8>)| {
        if !out.is_empty() {
            out.push(b',');
        }
        write(out);
    };
    if let Some(details) = reasoning::home_details(thinking) {
        for raw in details {
            push(&|out| put(out, raw));
        }
    } else if let Some(detail) = reasoning::foreign_detail(thinking) {
        push(&|out| put(out, &detail));
    }
}

/// True for a citation that this dialect has a form for.
pub(super) fn is_sayable(citation: &Citation<'_>) -> bool {
    citation.origin == NAME || citation.url.is_some()
}

/// What of a citation this dialect has no form for.
pub(super) fn unsaid(citation: &Citation<'_>) -> Option<&'static str> {
    if !is_sayable(citation) {
        return Some("only URLs can be cited here");
    }
    (citation.origin != NAME && citation.text.is_some()).then_some(gpt::CITED_WORDS)
}

/// Appends one annotation; `range` is the text that a citation without a range of its own backs.
pub(super) fn annotation(out: &mut Vec<u8>, citation: &Citation<'_>, range: (u64, u64)) {
    if citation.origin == NAME {
        return put(out, &citation.raw);
    }
    let (start, end) = citation.range.unwrap_or(range);
    object_into(out, |object| {
        object.put("type", "url_citation");
        object.object("url_citation", |object| {
            object.put("start_index", &start);
            object.put("end_index", &end);
            object.put("url", citation.url.as_deref().unwrap_or_default());
            object.put("title", citation.title.as_deref().unwrap_or_default());
        });
    });
}

fn image(object: &mut Writer<'_>, block: &Block<'_>, media: &Media<'_>, home: bool) {
    object.put("type", "image_url");
    object.object("image_url", |object| match &media.source {
        Source::Base64(data) => {
            let media_type = media.media_type.as_deref().unwrap_or("image/png");
            object.put("url", &Url::Data(DataUrl { media_type, data }));
        }
        Source::Url(url) => object.put("url", url),
        Source::Text(_) | Source::Blocks(_) | Source::File(_) => {}
    });
    if home {
        object.extra(&block.extra, &["image_url"]);
    }
}

/// What an answer holds, as far as its finish reason depends on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Has {
    pub(super) calls: bool,
    pub(super) refusal: bool,
}

/// Writes why a choice ended. A stop sequence goes where vLLM has it.
pub(super) fn finish(
    object: &mut Writer<'_>,
    stop: &Stop<'_>,
    home: bool,
    has: Has,
    manner: Manner,
    path: &str,
    losses: &mut Losses,
) {
    let calls = if manner.legacy { "function_call" } else { "tool_calls" };
    let word = match (&stop.word, stop.reason) {
        (Some(word), _) if home => return finish_word(object, word, stop),
        (_, StopReason::End | StopReason::StopSequence) if has.calls => calls,
        (_, StopReason::End | StopReason::StopSequence) => "stop",
        (_, StopReason::ToolUse) => calls,
        (_, StopReason::MaxTokens | StopReason::ContextFull) => "length",
        (_, StopReason::ContentFilter) => "content_filter",
        // A refusal in words is an answer; one without is a filter's doing.
        (_, StopReason::Refusal) if has.refusal => "stop",
        (_, StopReason::Refusal) => "content_filter",
        (_, reason @ (StopReason::Pause | StopReason::Malformed | StopReason::Other)) => {
            let word = stop.word.as_deref().map(shown).unwrap_or_default();
            losses.add(format!("{path}.stop_reason"), format!("no such reason here: {word}"));
            // What is to be continued must not look whole.
            if reason == StopReason::Pause { "length" } else { "stop" }
        }
    };
    if stop.details.is_some() {
        losses.add(format!("{path}.stop_details"), "no such member here");
    }
    finish_word(object, word, stop);
}

fn finish_word(object: &mut Writer<'_>, word: &str, stop: &Stop<'_>) {
    object.put("finish_reason", word);
    object.put_some("stop_reason", stop.sequence.as_ref());
}

/// A foreign word, short and plain enough for a header.
pub(super) fn shown(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if word.len() <= 40 && word.chars().all(is_plain) { word.into() } else { "?".into() }
}

//! A stream of chunks, towards a client.

use super::{
    NAME,
    encode_assistant::extra_content,
    encode_request::TIERS,
    encode_response::{Has, Manner, annotation, finish, is_sayable, shown, unsaid, write_details},
    error,
    object::{Writer, list_into, object_into, put},
    reasoning,
    wire::{lose_counts, write_usage},
};
use crate::{
    codec::{Reply, StreamEncoder},
    dialects::{gpt, leftover},
    framing::sse,
    ir::{
        BlockKind, Citation, Delta, Event, Extras, Fault, Loss, Losses, Place, Raw, Signature, Stop,
        StopReason, Text, Thinking, ToolKind, ToolUse, Usage,
    },
};

/// Most bytes that are held back until a block ends.
const MAX_HELD: usize = 16 * 1024 * 1024;

/// Writes what an OpenAI SDK expects: a chunk with the role first, one finish reason for each choice, usage only for
/// those who asked, then `[DONE]`.
pub(super) struct Encoder {
    id: String,
    model: String,
    created: u64,
    now: u64,
    seed: String,
    manner: Manner,
    wants_usage: bool,
    choices: Vec<ChoiceState>,
    usage: Option<Usage>,
    tier: Option<String>,
    /// Members that only this dialect knows, of an answer that comes from it.
    extras: Extras,
    is_over: bool,
    losses: Losses,
}

/// What has been said of one choice.
#[derive(Default)]
struct ChoiceState {
    index: u64,
    /// The number of the latest block.
    block: u64,
    has: Has,
    has_stopped: bool,
    /// How many calls have begun.
    calls: u64,
    /// How many blocks of reasoning have shown text.
    thoughts: u64,
    /// Length of the text so far, in characters.
    length: u64,
    open: Open,
}

/// The block that is open.
#[derive(Default)]
enum Open {
    #[default]
    Nothing,
    Text {
        start: u64,
        /// Citations, which wait for the text that they back.
        citations: Vec<Citation<'static>>,
    },
    Thinking(Thinking<'static>, bool),
    Call(ToolKind),
    Refusal,
    Audio,
    /// What is not said.
    Lost,
}

impl Encoder {
    pub(super) fn new(reply: Reply<'_>) -> Self {
        Self {
            id: format!("chatcmpl-{}", reply.seed),
            model: reply.request.model.to_string(),
            created: reply.now,
            now: reply.now,
            seed: reply.seed.to_owned(),
            manner: Manner::of(&reply),
            wants_usage: reply.request.stream_usage == Some(true),
            choices: Vec::new(),
            usage: None,
            tier: None,
            extras: Extras::default(),
            is_over: false,
            losses: Losses::default(),
        }
    }

    /// Appends one chunk; `write` writes what stands in its list of choices.
    fn chunk(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>), usage: Option<&Usage>) {
        out.extend_from_slice(b"data: ");
        let start = out.len();
        let extra = self.extras.of(Place::Answer);
        object_into(out, |object| {
            object.put("id", &self.id);
            object.put("object", "chat.completion.chunk");
            object.put("created", &self.created);
            object.put("model", &self.model);
            let list = object.value("choices");
            list.push(b'[');
            write(list);
            list.push(b']');
            match usage {
                Some(usage) => write_usage(object, usage, &extra),
                None if self.wants_usage => object.put("usage", &None::<u64>),
                None => {}
            }
            object.put_some("service_tier", self.tier.as_ref());
            object.extra(&extra, &["usage"]);
        });
        sse::one_line(out, start);
        out.extend_from_slice(b"\n\n");
    }

    /// Appends a chunk of one choice.
    fn delta(&self, out: &mut Vec<u8>, choice: u64, write: impl FnOnce(&mut Writer<'_>)) {
        let list = |out: &mut Vec<u8>| {
            object_into(out, |object| {
                object.put("index", &choice);
                object.object("delta", write);
                object.put("logprobs", &None::<u64>);
                object.put("finish_reason", &None::<u64>);
            });
        };
        self.chunk(out, list, None);
    }

    /// The state of a choice; one that is new is opened with its role.
    fn choice(&mut self, index: u64, out: &mut Vec<u8>) -> usize {
        if let Some(place) = self.choices.iter().position(|choice| choice.index == index) {
            return place;
        }
        self.choices.push(ChoiceState { index, ..ChoiceState::default() });
        self.delta(out, index, |object| {
            object.put("role", "assistant");
            object.put("content", "");
            object.put("refusal", &None::<&str>);
        });
        self.choices.len() - 1
    }

    fn start_block(&mut self, choice: u64, block: u64, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        let place = self.choice(choice, out);
        let state = &mut self.choices[place];
        state.block = block;
        state.open = match kind {
            BlockKind::Text => Open::Text { start: state.length, citations: Vec::new() },
            BlockKind::Refusal => {
                state.has.refusal = true;
                Open::Refusal
            }
            BlockKind::Thinking { is_summary, is_redacted, .. } => {
                let (is_summary, is_redacted) = (*is_summary, *is_redacted);
                Open::Thinking(Thinking { is_summary, is_redacted, ..Thinking::default() }, false)
            }
            BlockKind::ToolUse { .. } if self.manner.legacy && state.has.calls => {
                self.losses.add(format!("choices[{choice}].content[{block}]"), "the older form has one call");
                Open::Lost
            }
            BlockKind::ToolUse { id, name, kind, signature, .. } => {
                if signature.as_ref().is_some_and(|proof| !self.manner.takes_at_call(proof)) {
                    let path = format!("choices[{choice}].content[{block}].signature");
                    self.losses.add(path, reasoning::NO_PROOFS);
                }
                state.has.calls = true;
                let number = state.calls;
                state.calls += 1;
                state.open = Open::Call(*kind);
                let call = ToolUse {
                    id: id.borrowed(),
                    name: name.borrowed(),
                    input: Text::default(),
                    kind: *kind,
                    signature: signature.clone(),
                    item: None,
                };
                return self.start_call(choice, number, &call, out);
            }
            BlockKind::Audio { id } => {
                let id = id.as_deref().map_or_else(|| format!("audio_{}", self.seed), str::to_owned);
                state.open = Open::Audio;
                return self.delta(out, choice, |object| {
                    object.object("audio", |object| object.put("id", &id));
                });
            }
            BlockKind::Foreign { origin, raw, kind } if *origin == NAME && *kind == *"image_url" => {
                state.open = Open::Lost;
                return self.delta(out, choice, |object| {
                    list_into(object.value("images"), [raw], put);
                });
            }
            BlockKind::Foreign { kind, .. } => {
                let reason = format!("`{}` is only in its own dialect", shown(kind));
                self.losses.add(format!("choices[{choice}].content[{block}]"), reason);
                Open::Lost
            }
        };
    }

    fn start_call(&self, choice: u64, number: u64, call: &ToolUse<'_>, out: &mut Vec<u8>) {
        let (kind, input) = words(call.kind);
        self.delta(out, choice, |object| {
            let start = |object: &mut Writer<'_>| {
                object.put("name", &call.name);
                object.put(input, "");
            };
            if self.manner.legacy {
                return object.object("function_call", start);
            }
            list_into(object.value("tool_calls"), [call], |out, call| {
                object_into(out, |object| {
                    object.put("index", &number);
                    object.put("id", &call.id);
                    object.put("type", kind);
                    object.object(kind, start);
                    extra_content(object, call);
                });
            });
        });
    }

    fn go_on(&mut self, choice: u64, delta: &Delta<'_>, out: &mut Vec<u8>) {
        let place = self.choice(choice, out);
        let state = &mut self.choices[place];
        let block = state.block;
        match (&mut state.open, delta) {
            (Open::Lost | Open::Nothing, _) => {}
            (Open::Text { .. }, Delta::Text(text)) => {
                state.length += text.chars().count() as u64;
                self.delta(out, choice, |object| object.put("content", text));
            }
            (Open::Text { citations, .. }, Delta::Citation(citation)) => {
                let held: usize = citations.iter().map(|citation| citation.raw.get().len()).sum();
                let path = || format!("choices[{choice}].content[{block}].citations");
                if let Some(lost) = unsaid(citation) {
                    self.losses.add(path(), lost);
                }
                if held >= MAX_HELD {
                    self.losses.add(path(), "too many to hold back");
                } else if is_sayable(citation) {
                    citations.push(own(citation));
                }
            }
            (Open::Thinking(thinking, has_text), Delta::Text(text)) => {
                let details = self.manner.details;
                if details && thinking.text.len() < MAX_HELD {
                    thinking.text.0.to_mut().push_str(text);
                }
                // Thoughts that were apart stay apart.
                let gap = if !*has_text && state.thoughts > 0 { "\n\n" } else { "" };
                state.thoughts += u64::from(!*has_text);
                *has_text = true;
                let name = if details { reasoning::AS_REASONING } else { reasoning::AS_CONTENT };
                self.delta(out, choice, |object| object.put(name, &format_args!("{gap}{text}")));
            }
            (Open::Thinking(thinking, _), Delta::Signature(signature)) => {
                if !self.manner.details && reasoning::is_lost_proof(signature) {
                    let path = format!("choices[{choice}].content[{block}].signature");
                    self.losses.add(path, reasoning::NO_PROOFS);
                }
                let (origin, value) = (signature.origin.borrowed(), signature.value.borrowed());
                thinking.signature =
                    Some(Signature { origin: origin.into_owned(), value: value.into_owned() });
            }
            (Open::Text { .. }, Delta::Signature(_)) => {
                let path = format!("choices[{choice}].content[{block}].signature");
                self.losses.add(path, reasoning::NO_PROOFS);
            }
            (_, Delta::Signature(_)) => {}
            (Open::Call(kind), Delta::Input(input)) => {
                let (kind, member) = words(*kind);
                let number = state.calls.saturating_sub(1);
                let legacy = self.manner.legacy;
                self.delta(out, choice, |object| {
                    if legacy {
                        return object.object("function_call", |object| object.put(member, input));
                    }
                    list_into(object.value("tool_calls"), [number], |out, number| {
                        object_into(out, |object| {
                            object.put("index", &number);
                            object.object(kind, |object| object.put(member, input));
                        });
                    });
                });
            }
            (Open::Refusal, Delta::Text(text)) => {
                self.delta(out, choice, |object| object.put("refusal", text))
            }
            (Open::Audio, Delta::Audio(data)) => {
                self.delta(out, choice, |object| object.object("audio", |object| object.put("data", data)));
            }
            (Open::Audio, Delta::Transcript(text)) => {
                self.delta(out, choice, |object| {
                    object.object("audio", |object| object.put("transcript", text))
                });
            }
            (_, Delta::Citation(_)) => {
                self.losses
                    .add(format!("choices[{choice}].content[{block}].citations"), "only text is cited here");
            }
            (_, Delta::Text(_) | Delta::Input(_) | Delta::Audio(_) | Delta::Transcript(_)) => {}
        }
    }

    fn end_block(&mut self, choice: u64, out: &mut Vec<u8>) {
        let place = self.choice(choice, out);
        let length = self.choices[place].length;
        match std::mem::take(&mut self.choices[place].open) {
            Open::Text { start, citations } if !citations.is_empty() => {
                self.delta(out, choice, |object| {
                    list_into(object.value("annotations"), &citations, |out, citation| {
                        annotation(out, citation, (start, length));
                    });
                });
            }
            Open::Thinking(thinking, _) if self.manner.details => {
                let mut list = Vec::new();
                write_details(&mut list, &thinking);
                if !list.is_empty() {
                    self.delta(out, choice, |object| {
                        let out = object.value("reasoning_details");
                        out.push(b'[');
                        out.extend_from_slice(&list);
                        out.push(b']');
                    });
                }
            }
            Open::Audio => {
                let now = self.now;
                self.delta(out, choice, |object| {
                    object.object("audio", |object| object.put("expires_at", &now))
                });
            }
            _ => {}
        }
    }

    fn logprobs(&mut self, choice: u64, raw: &Raw<'_>, out: &mut Vec<u8>) {
        self.choice(choice, out);
        let list = |out: &mut Vec<u8>| {
            object_into(out, |object| {
                object.put("index", &choice);
                object.object("delta", |_| {});
                object.put("logprobs", raw);
                object.put("finish_reason", &None::<u64>);
            });
        };
        self.chunk(out, list, None);
    }

    fn stop(&mut self, choice: u64, stop: &Stop<'_>, out: &mut Vec<u8>) {
        let place = self.choice(choice, out);
        let state = &mut self.choices[place];
        state.has_stopped = true;
        let (has, manner) = (state.has, self.manner);
        let mut losses = std::mem::take(&mut self.losses);
        let path = format!("choices[{choice}]");
        let extra = self.extras.of(Place::Choice(choice));
        let list = |out: &mut Vec<u8>| {
            object_into(out, |object| {
                object.put("index", &choice);
                object.object("delta", |object| object.inner_extra(&extra, "message"));
                object.put("logprobs", &None::<u64>);
                finish(object, stop, false, has, manner, &path, &mut losses);
                object.extra(&extra, &["message"]);
            });
        };
        self.chunk(out, list, None);
        self.losses = losses;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.choices.iter().all(|choice| !choice.has_stopped) {
            // A blocked prompt has no choices; clients read the first one unasked.
            self.stop(0, &Stop::new(StopReason::ContentFilter), out);
        }
        if let Some(usage) = self.usage.filter(|_| self.wants_usage) {
            self.chunk(out, |_| {}, Some(&usage));
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.is_over = true;
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start { id, model, created } => {
                if let Some(id) = id {
                    self.id = id.to_string();
                }
                if let Some(model) = model {
                    self.model = model.to_string();
                }
                self.created = created.unwrap_or(self.created);
                self.choice(0, out);
            }
            Event::BlockStart { choice, block, kind } => self.start_block(*choice, *block, kind, out),
            Event::Delta { choice, delta, .. } => self.go_on(*choice, delta, out),
            Event::BlockStop { choice, .. } => self.end_block(*choice, out),
            Event::Logprobs { choice, raw } => self.logprobs(*choice, raw, out),
            Event::Stop { choice, stop } => self.stop(*choice, stop, out),
            Event::Usage(usage) => {
                lose_counts(usage, &mut self.losses);
                self.usage = Some(*usage);
            }
            Event::ServiceTier(tier) => match gpt::tier(tier, TIERS) {
                Some(tier) => self.tier = Some(tier.to_owned()),
                None => self.losses.add("service_tier", "no such class of service here"),
            },
            Event::Member { origin, place: place @ (Place::Answer | Place::Choice(_)), name, raw }
                if *origin == NAME =>
            {
                self.extras.put(*place, name, raw);
            }
            Event::Member { place, name, raw, .. } => {
                let path = match place {
                    Place::Answer => {
                        return leftover::lose_one(name, raw, Loss::PROVIDERS_OWN, &mut self.losses);
                    }
                    Place::Choice(choice) => format!("choices[{choice}].{name}"),
                    Place::Block(choice, block) => format!("choices[{choice}].content[{block}].{name}"),
                };
                self.losses.add(path, Loss::PROVIDERS_OWN);
            }
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::End => self.end(out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&error::translated(fault));
        out.extend_from_slice(b"\n\n");
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

/// What a call of this kind is called, and where its input stands.
fn words(kind: ToolKind) -> (&'static str, &'static str) {
    match kind {
        ToolKind::Function => ("function", "arguments"),
        ToolKind::Custom => ("custom", "input"),
    }
}

fn own(citation: &Citation<'_>) -> Citation<'static> {
    let own = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.borrowed().into_owned());
    Citation {
        text: own(&citation.text),
        url: own(&citation.url),
        title: own(&citation.title),
        range: citation.range,
        origin: citation.origin,
        raw: Raw::Owned(citation.raw.clone().into_owned()),
    }
}

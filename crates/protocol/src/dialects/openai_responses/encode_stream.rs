//! Writes a client's answer, streamed or whole: the response object around the items.

use super::{
    HERE,
    echo::{Echo, Moment},
    encode_output::Output,
    encode_request::TIERS,
    items::{append_logprobs, is_part},
    openai_chat,
    stream::failure_code,
    write::{self, Object},
};
use crate::{
    codec::{Encoded, Reply, StreamEncoder},
    dialects::{gpt, leftover},
    ir::{
        Block, BlockKind, Content, Delta, Event, Extras, Fault, Loss, Losses, Members, Place, Raw, Response,
        Stop, StopReason, Usage,
    },
};

/// Tells the answer's beginning, its items and its end.
pub(super) struct ResponseEncoder {
    output: Output,
    echo: Echo,
    now: u64,
    id: String,
    model: String,
    created: u64,
    tier: Option<String>,
    is_begun: bool,
    is_over: bool,
    stop: Option<StopReason>,
    /// What the answer is instead of ended.
    pending: Option<&'static str>,
    usage: Option<Usage>,
    /// Members that only this dialect knows, of an answer that comes from it.
    extras: Extras,
}

/// What a background answer is before it has ended, or if it was cancelled.
const PENDING: &[&str] = &["queued", "in_progress", "cancelled"];

impl StreamEncoder for ResponseEncoder {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start { id, model, created } => {
                self.begin(id.as_deref(), model.as_deref(), *created);
                self.tell_begin(out);
            }
            Event::BlockStart { choice: 0, block, kind } => {
                self.tell_begin(out);
                self.output.block_start(*block, kind, out);
            }
            Event::Delta { choice: 0, delta, .. } => self.output.delta(delta, out),
            Event::BlockStop { choice: 0, .. } => self.output.block_stop(out),
            Event::Logprobs { choice: 0, raw } => self.output.logprobs(&entries(raw), out),
            Event::Stop { choice: 0, stop } => self.stop(stop),
            Event::BlockStart { choice, .. } => self.other_choice(*choice),
            Event::Delta { .. } | Event::BlockStop { .. } | Event::Logprobs { .. } | Event::Stop { .. } => {}
            Event::Usage(usage) => self.count(*usage),
            Event::ServiceTier(tier) => self.served(tier),
            Event::Member { origin, place: Place::Answer, name, raw } if *origin == HERE => {
                self.extras.put(Place::Answer, name, raw);
            }
            Event::Member { origin, place: Place::Block(0, _), name, raw } if *origin == HERE => {
                self.output.message_member(name, raw);
            }
            Event::Member { place, name, raw, .. } => {
                let path = match place {
                    Place::Answer => {
                        return leftover::lose_one(name, raw, Loss::PROVIDERS_OWN, &mut self.output.losses);
                    }
                    Place::Choice(0) => format!("choices[0].{name}"),
                    Place::Block(0, block) => format!("choices[0].content[{block}].{name}"),
                    // Named as a whole.
                    Place::Choice(_) | Place::Block(..) => return,
                };
                self.output.losses.add(path, Loss::PROVIDERS_OWN);
            }
            Event::Ping => out.extend_from_slice(b": keep-alive\n\n"),
            Event::End => {
                self.tell_begin(out);
                // A whole answer may be one to wait for; a stream that ended is not, whatever status it names.
                let (status, reason) = match self.pending.take() {
                    Some(_) => ("incomplete", None),
                    None => self.outcome(),
                };
                self.output.close(status, out);
                self.is_over = true;
                self.tell(&format!("response.{status}"), status, reason, None, out);
            }
        }
    }

    /// `response.failed` (OpenAI API description, schema `ResponseFailedEvent`): the response as far as it came.
    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        self.tell_begin(out);
        self.is_over = true;
        let error = serde_json::to_value(openai_chat::error_object(fault)).unwrap_or_default();
        let said = |name: &str, default: &str| error[name].as_str().unwrap_or(default).to_owned();
        let message = said("message", &fault.public);
        self.tell("response.failed", "failed", None, Some((failure_code(fault), &message)), out);
    }

    fn losses(&self) -> &Losses {
        &self.output.losses
    }
}

impl ResponseEncoder {
    /// Starts a stream.
    pub(super) fn new(reply: Reply<'_>) -> Self {
        Self::with(reply, false)
    }

    fn with(reply: Reply<'_>, is_quiet: bool) -> Self {
        Self {
            output: Output::new(reply, is_quiet),
            echo: Echo::new(reply),
            now: reply.now,
            id: format!("resp_{}", reply.seed),
            model: reply.request.model.to_string(),
            created: reply.now,
            tier: None,
            is_begun: false,
            is_over: false,
            stop: None,
            pending: None,
            usage: None,
            extras: Extras::default(),
        }
    }

    /// Takes over what the provider says of its answer.
    fn begin(&mut self, id: Option<&str>, model: Option<&str>, created: Option<u64>) {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            id.clone_into(&mut self.id);
        }
        if let Some(model) = model.filter(|model| !model.is_empty()) {
            model.clone_into(&mut self.model);
        }
        self.created = created.filter(|created| *created > 0).unwrap_or(self.created);
    }

    fn tell_begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.tell("response.created", "in_progress", None, None, out);
            self.tell("response.in_progress", "in_progress", None, None, out);
        }
    }

    /// One event with the response object as it is now.
    fn tell(
        &mut self,
        event: &str,
        status: &str,
        reason: Option<&str>,
        error: Option<(&str, &str)>,
        out: &mut Vec<u8>,
    ) {
        let mut json = Vec::with_capacity(2048);
        let extra = self.extras.of(Place::Answer);
        write::object(&mut json, |o| self.response(status, reason, error, &extra, o));
        self.output.frames.emit(out, event, |o| o.json("response", &json));
    }

    fn response(
        &self,
        status: &str,
        reason: Option<&str>,
        error: Option<(&str, &str)>,
        extra: &Members<'_>,
        o: &mut Object<'_>,
    ) {
        let moment = Moment {
            id: &self.id,
            model: &self.model,
            created: self.created,
            status,
            completed: (status == "completed").then_some(self.now.max(self.created)),
            error,
            reason,
            output: &self.output.items,
            usage: self.usage,
            tier: self.tier.as_deref(),
            extra,
        };
        self.echo.write(&moment, o);
    }

    fn served(&mut self, tier: &str) {
        match gpt::tier(tier, TIERS) {
            Some(tier) => self.tier = Some(tier.to_owned()),
            None => self.output.losses.add("service_tier", "the dialect has no such class of service"),
        }
    }

    fn other_choice(&mut self, choice: u64) {
        self.output.losses.add(format!("choices[{choice}]"), "the dialect has one answer only");
    }

    fn count(&mut self, usage: Usage) {
        let said = ["cache_read", "cache_write", "reasoning"];
        usage.lose_parts(&said, "the dialect does not count it by itself", &mut self.output.losses);
        self.usage = Some(usage);
    }

    fn stop(&mut self, stop: &Stop<'_>) {
        let word = stop.word.as_deref();
        if stop.sequence.is_some() {
            self.output.losses.add("choices[0].stop_sequence", "no such member here");
        }
        if stop.details.is_some() {
            self.output.losses.add("choices[0].stop_details", "no such member here");
        }
        self.pending = PENDING.iter().copied().find(|status| word == Some(status));
        match stop.reason {
            StopReason::Other if self.pending.is_some() => {}
            StopReason::Pause => {
                self.lose_reason("the provider paused; the dialect has no such end");
            }
            StopReason::Other => {
                self.lose_reason("an end that only the provider's dialect has");
            }
            StopReason::Malformed => {
                self.lose_reason("a call nobody can read; the answer is incomplete without a reason here");
            }
            _ => {}
        }
        self.stop = Some(stop.reason);
    }

    fn lose_reason(&mut self, why: &'static str) {
        self.output.losses.add("choices[0].stop_reason", why);
    }

    /// The status, and why the answer is not complete.
    fn outcome(&self) -> (&'static str, Option<&'static str>) {
        if let Some(status) = self.pending {
            return (status, None);
        }
        match self.stop {
            Some(StopReason::MaxTokens | StopReason::ContextFull) => {
                ("incomplete", Some("max_output_tokens"))
            }
            Some(StopReason::ContentFilter) => ("incomplete", Some("content_filter")),
            // A refusal is a part of the message here; one without words would look like an end.
            Some(StopReason::Refusal) if !self.output.has_refusal => ("incomplete", Some("content_filter")),
            // None of the documented reasons, but neither was the answer complete.
            Some(StopReason::Malformed) => ("incomplete", None),
            _ => ("completed", None),
        }
    }
}

/// The elements of the chat endpoint's `logprobs`.
fn entries(raw: &Raw<'_>) -> String {
    #[derive(serde::Deserialize)]
    struct Logprobs<'a> {
        #[serde(borrow, default)]
        content: Option<&'a serde_json::value::RawValue>,
    }
    let mut entries = String::new();
    if let Ok(Logprobs { content: Some(content) }) = serde_json::from_str(raw.get()) {
        append_logprobs(&mut entries, content.get());
    }
    entries
}

/// Names members that only the provider's dialect has.
fn lose_members(path: &str, members: &Members<'_>, losses: &mut Losses) {
    for (name, _) in members {
        losses.add(format!("{path}.{name}"), Loss::PROVIDERS_OWN);
    }
}

/// Writes a whole answer: what a stream ends with.
pub(super) fn encode(response: &Response<'_>, reply: Reply<'_>) -> Encoded {
    let mut encoder = ResponseEncoder::with(reply, true);
    let home = response.origin == HERE;
    encoder.begin(response.id.as_deref(), response.model.as_deref(), response.created);
    match &response.service_tier {
        Some(tier) if home => encoder.tier = Some(tier.to_string()),
        Some(tier) => encoder.served(tier),
        None => {}
    }
    if let Some(usage) = response.usage {
        encoder.count(usage);
    }
    if !home {
        leftover::lose(&response.extra, Loss::PROVIDERS_OWN, &mut encoder.output.losses);
    }
    for choice in &response.choices {
        if choice.index != 0 {
            encoder.other_choice(choice.index);
            continue;
        }
        if !home {
            lose_members("choices[0]", &choice.extra, &mut encoder.output.losses);
        }
        let text = choice.blocks.iter().position(|block| matches!(block.content, Content::Text { .. }));
        for (at, block) in choice.blocks.iter().enumerate() {
            let logprobs = choice.logprobs.as_ref().filter(|_| Some(at) == text);
            encoder.block(at, block, logprobs, response.origin);
        }
        if let Some(stop) = &choice.stop {
            encoder.stop(stop);
        }
    }
    if response.choices.is_empty() {
        // A prompt that was blocked: there is an answer, and nothing in it.
        encoder.stop = Some(StopReason::ContentFilter);
    }
    let (status, reason) = encoder.outcome();
    encoder.output.close(status, &mut Vec::new());
    let mut body = Vec::with_capacity(encoder.output.items.len() + 2048);
    let none = Members::new();
    let extra = if home { &response.extra } else { &none };
    write::object(&mut body, |o| encoder.response(status, reason, None, extra, o));
    Encoded { body, losses: encoder.output.losses }
}

impl ResponseEncoder {
    /// Takes one block of a whole answer, in the steps that a stream has.
    fn block(&mut self, at: usize, block: &Block<'_>, logprobs: Option<&Raw<'_>>, origin: &'static str) {
        let path = format!("choices[0].content[{at}]");
        let none = &mut Vec::new();
        let output = &mut self.output;
        if origin != HERE {
            lose_members(&path, &block.extra, &mut output.losses);
        } else if !block.extra.is_empty()
            && matches!(block.content, Content::Text { .. } | Content::Refusal(_))
        {
            output.close("completed", none);
            write::members(&mut output.message_extra, |o| o.extra(&block.extra));
        }
        let kind = match &block.content {
            Content::Text { .. } => BlockKind::Text,
            Content::Refusal(_) => BlockKind::Refusal,
            Content::Thinking(thinking) => BlockKind::Thinking {
                is_summary: thinking.is_summary,
                is_redacted: thinking.is_redacted,
                item: thinking.item.clone(),
            },
            Content::ToolUse(call) => BlockKind::ToolUse {
                id: call.id.clone(),
                name: call.name.clone(),
                kind: call.kind,
                signature: call.signature.clone(),
                item: call.item.clone(),
            },
            Content::Foreign { origin, kind, raw } if !is_part(kind) => {
                BlockKind::Foreign { origin, kind: kind.borrowed(), raw: raw.clone() }
            }
            Content::Audio(_) => BlockKind::Audio { id: None },
            _ => {
                output.losses.add(path, "the dialect answers in text only");
                return;
            }
        };
        output.block_start(at as u64, &kind, none);
        match &block.content {
            Content::Text { text, citations } => {
                output.delta(&Delta::Text(text.borrowed()), none);
                for citation in citations {
                    output.delta(&Delta::Citation(citation.clone()), none);
                }
                if let Some(raw) = logprobs {
                    output.logprobs(&entries(raw), none);
                }
            }
            Content::Refusal(text) => output.delta(&Delta::Text(text.borrowed()), none),
            Content::Thinking(thinking) => {
                if !thinking.text.is_empty() {
                    output.delta(&Delta::Text(thinking.text.borrowed()), none);
                }
                if let Some(signature) = &thinking.signature {
                    output.delta(&Delta::Signature(signature.clone()), none);
                }
            }
            Content::ToolUse(call) => output.delta(&Delta::Input(call.input.borrowed()), none),
            Content::Audio(media) => {
                if let Some(words) = &media.context {
                    output.delta(&Delta::Transcript(words.borrowed()), none);
                }
            }
            _ => {}
        }
        output.block_stop(none);
    }
}

//! From events to lines.

use std::borrow::Cow;

use crate::{
    codec::{Reply, StreamEncoder},
    dialects::leftover,
    dialects::ollama::{
        NAME, error, is_generate, logprobs,
        response::{done_reason, write_usage},
        say::{self, BETWEEN_THOUGHTS, NO_PLACE, PROOF},
        time,
        write::Object,
    },
    framing::ndjson,
    ir::{BlockKind, Delta, Event, Extras, Fault, Loss, Losses, Place, Stop, Text, ToolKind, ToolUse, Usage},
};

/// What the block that is being received becomes.
enum Open {
    Text,
    Thinking,
    /// A call is sent whole: arguments are an object here.
    Call {
        id: String,
        name: String,
        kind: ToolKind,
        input: String,
    },
    Lost,
}

/// Writes a client's stream.
pub(in crate::dialects::ollama) struct Encoder {
    is_generate: bool,
    /// `"model":...,"created_at":...`, the same on every line.
    front: Front,
    open: Option<Open>,
    /// The number of the latest block.
    block: u64,
    calls: u64,
    has_thought: bool,
    stop: Option<Stop<'static>>,
    usage: Option<Usage>,
    /// Members that only this dialect knows, of an answer that comes from it.
    extras: Extras,
    losses: Losses,
}

struct Front {
    model: String,
    created_at: String,
}

impl Encoder {
    pub(in crate::dialects::ollama) fn new(reply: Reply<'_>) -> Self {
        Self {
            is_generate: is_generate(reply.path),
            front: Front { model: reply.request.model.to_string(), created_at: time::write(reply.now) },
            open: None,
            block: 0,
            calls: 0,
            has_thought: false,
            stop: None,
            usage: None,
            extras: Extras::default(),
            losses: Losses::default(),
        }
    }

    /// Appends a line with this text and whatever `more` says in the message.
    fn line(
        &self,
        text: &str,
        out: &mut Vec<u8>,
        more: impl FnOnce(&mut Object<'_>),
        rest: impl FnOnce(&mut Object<'_>),
    ) {
        let start = out.len();
        Object::write(out, |out| {
            out.member("model", &self.front.model);
            out.member("created_at", &self.front.created_at);
            if self.is_generate {
                out.member("response", text);
                more(out);
            } else {
                out.object("message", |out| {
                    out.member("role", "assistant");
                    out.member("content", text);
                    more(out);
                });
            }
            rest(out);
        });
        ndjson::end_line(out, start);
    }

    /// Appends a line that is not the last.
    fn chunk(&self, text: &str, out: &mut Vec<u8>, more: impl FnOnce(&mut Object<'_>)) {
        self.line(text, out, more, |out| out.member("done", &false));
    }

    /// Names what cannot be said of the latest block.
    fn lose(&mut self, field: &str, reason: impl Into<Cow<'static, str>>) {
        self.losses.add(format!("choices[0].content[{}]{field}", self.block), reason);
    }

    fn begin(&mut self, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        self.open = Some(match kind {
            BlockKind::Text => Open::Text,
            BlockKind::Thinking { .. } => {
                if std::mem::replace(&mut self.has_thought, true) {
                    self.chunk("", out, |out| out.member("thinking", BETWEEN_THOUGHTS));
                }
                Open::Thinking
            }
            BlockKind::ToolUse { id, name, kind, signature, .. } => {
                if signature.is_some() {
                    self.lose(".signature", PROOF);
                }
                Open::Call { id: id.to_string(), name: name.to_string(), kind: *kind, input: String::new() }
            }
            BlockKind::Refusal => {
                self.lose(".refusal", "ollama has no refusals: it is said as text");
                Open::Text
            }
            BlockKind::Audio { .. } => {
                self.lose(".audio", "ollama answers in text only: the words are said");
                Open::Text
            }
            BlockKind::Foreign { origin, kind, raw } => {
                if *origin == NAME && *kind == "image" {
                    self.chunk("", out, |out| out.member("images", &[raw]));
                } else {
                    let reason = format!("a block `{kind}` that only its own dialect has");
                    self.lose("", reason);
                }
                Open::Lost
            }
        });
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match (delta, &mut self.open) {
            (Delta::Text(text), _) if text.is_empty() => {}
            (Delta::Text(text) | Delta::Transcript(text), Some(Open::Text)) => self.chunk(text, out, |_| {}),
            (Delta::Text(text), Some(Open::Thinking)) => {
                self.chunk("", out, |out| out.member("thinking", text));
            }
            (Delta::Input(part), Some(Open::Call { input, .. })) => input.push_str(part),
            (Delta::Signature(_), _) => self.lose(".signature", PROOF),
            (Delta::Citation(_), _) => self.lose(".citations", NO_PLACE),
            // Of a block that is lost as a whole.
            _ => {}
        }
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        let Some(Open::Call { id, name, kind, input }) = self.open.take() else { return };
        let call = ToolUse {
            id: id.into(),
            name: name.into(),
            input: input.into(),
            kind,
            signature: None,
            item: None,
        };
        let index = self.calls;
        self.calls += 1;
        let mut losses = std::mem::take(&mut self.losses);
        let path = format!("choices[0].content[{}]", self.block);
        self.chunk("", out, |out| {
            out.list("tool_calls", |out| {
                out.object(|out| {
                    say::call(&call, Some(&call.id), Some(index), &[], &path, &mut losses, out);
                });
            });
        });
        self.losses = losses;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let (answer, message) = (self.extras.of(Place::Answer), self.extras.of(Place::Choice(0)));
        let mut losses = std::mem::take(&mut self.losses);
        self.line(
            "",
            out,
            |out| message.iter().for_each(|(key, value)| out.member(key, value)),
            |out| {
                out.member("done", &true);
                if let Some(stop) = &self.stop {
                    out.member("done_reason", done_reason(stop, false, &mut losses));
                }
                if let Some(usage) = &self.usage {
                    write_usage(usage, out, &mut losses);
                }
                answer.iter().for_each(|(key, value)| out.member(key, value));
            },
        );
        self.losses = losses;
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { model, created, .. } => {
                if let Some(model) = model.as_deref().filter(|model| !model.is_empty()) {
                    model.clone_into(&mut self.front.model);
                }
                if let Some(created) = created {
                    self.front.created_at = time::write(*created);
                }
            }
            // A blank line breaks the SDKs; a line that says nothing is what the server itself sends now and then.
            Event::Ping => self.chunk("", out, |_| {}),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::ServiceTier(_) => self.losses.add("service_tier", NO_PLACE),
            Event::Member { origin, place, name, raw } if *origin == NAME => {
                self.extras.put(*place, name, raw);
            }
            Event::Member { place, name, raw, .. } => {
                let path = match place {
                    Place::Answer => {
                        return leftover::lose_one(name, raw, Loss::PROVIDERS_OWN, &mut self.losses);
                    }
                    Place::Choice(0) => format!("choices[0].{name}"),
                    Place::Block(0, block) => format!("choices[0].content[{block}].{name}"),
                    // Named as a whole.
                    Place::Choice(_) | Place::Block(..) => return,
                };
                self.losses.add(path, Loss::PROVIDERS_OWN);
            }
            Event::End => self.end(out),
            Event::BlockStart { choice: other @ 1.., .. }
            | Event::Delta { choice: other @ 1.., .. }
            | Event::BlockStop { choice: other @ 1.., .. }
            | Event::Logprobs { choice: other @ 1.., .. }
            | Event::Stop { choice: other @ 1.., .. } => {
                self.losses.add(format!("choices[{other}]"), "ollama gives one answer");
            }
            Event::BlockStart { block, kind, .. } => {
                self.block = *block;
                self.begin(kind, out);
            }
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::BlockStop { .. } => self.end_block(out),
            Event::Logprobs { raw, .. } => match logprobs::write(raw) {
                Some(list) => self.line(
                    "",
                    out,
                    |_| {},
                    |out| {
                        out.member("done", &false);
                        out.member("logprobs", &list);
                    },
                ),
                None => self.losses.add("choices[0].logprobs", NO_PLACE),
            },
            Event::Stop { stop, .. } => {
                if stop.details.is_some() {
                    self.losses.add("choices[0].stop_details", NO_PLACE);
                }
                self.stop = Some(Stop {
                    reason: stop.reason,
                    sequence: stop.sequence.clone().map(Text::into_owned),
                    word: stop.word.clone().map(Text::into_owned),
                    details: None,
                });
            }
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        out.extend_from_slice(&error::line(fault));
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

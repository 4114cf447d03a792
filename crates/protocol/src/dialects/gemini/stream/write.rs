//! Writes a client's stream.

use super::{
    super::{
        NAME, error, finish,
        grounding::Collected,
        logprobs,
        part::{self, Place as PartPlace},
        proof, response, usage,
        write::{self, Object},
    },
    MAX_CANDIDATES,
};
use crate::{
    codec::{Reply, StreamEncoder},
    dialects::leftover,
    framing::sse,
    ir::{
        Block, BlockKind, Content, Delta, Event, Extras, Fault, Losses, Members, Place, Signature, Stop,
        Text, ToolKind, ToolUse, Usage,
    },
};

/// Writes each event as a whole answer with a piece of the text, as server-sent events or, for a path without
/// `alt=sse`, as the items of one JSON array. Ends of candidates are written when the answer is complete, with its
/// usage.
pub(in super::super) struct Encoder {
    is_sse: bool,
    /// How many items were written.
    items: usize,
    id: String,
    model: Option<String>,
    created: Option<u64>,
    audio_type: String,
    usage: Option<Usage>,
    tier: Option<String>,
    /// Members that only this dialect knows, of an answer that comes from it.
    extras: Extras,
    choices: Vec<Choice>,
    losses: Losses,
}

struct Choice {
    number: u64,
    /// The number of the latest block.
    block: u64,
    kind: Kind,
    /// The text so far, which citations point into.
    said: String,
    /// Where in it the latest block begins.
    from: usize,
    citations: Collected,
    /// Members of the next part that only this dialect knows.
    part: Members<'static>,
    stop: Option<Stop<'static>>,
}

/// What the block that goes on is.
enum Kind {
    Text,
    Thinking { is_redacted: bool },
    ToolUse(ToolUse<'static>),
    Other,
}

impl Choice {
    /// The place of the latest block.
    fn place(&self) -> PartPlace {
        PartPlace::Choice(self.number, usize::try_from(self.block).unwrap_or(usize::MAX))
    }
}

impl Encoder {
    /// Writes nothing yet.
    pub(in super::super) fn new(reply: Reply<'_>) -> Self {
        let format = reply.request.audio.as_ref().and_then(|audio| audio.format.as_deref());
        Self {
            is_sse: asks_for_sse(reply.path),
            items: 0,
            id: reply.seed.to_owned(),
            model: None,
            created: None,
            audio_type: format!("audio/{}", format.unwrap_or("pcm")),
            usage: None,
            tier: None,
            extras: Extras::default(),
            choices: Vec::new(),
            losses: Losses::default(),
        }
    }

    fn choice(&mut self, number: u64) -> Option<&mut Choice> {
        let at = match self.choices.iter().position(|known| known.number == number) {
            Some(at) => at,
            None if self.choices.len() < MAX_CANDIDATES => {
                let (kind, citations) = (Kind::Other, Collected::default());
                let part = Members::new();
                let said = String::new();
                self.choices.push(Choice {
                    number,
                    block: 0,
                    kind,
                    said,
                    from: 0,
                    citations,
                    part,
                    stop: None,
                });
                self.choices.len() - 1
            }
            None => return None,
        };
        self.choices.get_mut(at)
    }

    /// Writes one item.
    fn item(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        self.items += 1;
        out.extend_from_slice(match (self.is_sse, self.items) {
            (true, _) => b"data: ",
            (false, 1) => b"[",
            (false, _) => b",\r\n",
        });
        let start = out.len();
        write::object(out, write);
        if self.is_sse {
            sse::one_line(out, start);
            out.extend_from_slice(b"\r\n\r\n");
        }
    }

    /// Writes an item that is a piece of the answer.
    fn piece(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        let (id, model, created) = (std::mem::take(&mut self.id), self.model.take(), self.created);
        self.item(out, |object| {
            write(object);
            response::head(object, &id, model.as_deref(), created);
        });
        (self.id, self.model) = (id, model);
    }

    /// Writes an item with parts of one candidate.
    fn parts(&mut self, number: u64, out: &mut Vec<u8>, write: impl FnOnce(&mut write::Array<'_>)) {
        self.piece(out, |object| {
            object.array("candidates", |candidates| {
                candidates.object(|object| candidate(number, object, write))
            });
        });
    }

    fn delta(&mut self, number: u64, delta: &Delta<'_>, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(number) else { return };
        let (is_thought, is_redacted) = match choice.kind {
            Kind::Thinking { is_redacted } => (true, is_redacted),
            _ => (false, false),
        };
        match delta {
            Delta::Text(text) => {
                if matches!(choice.kind, Kind::Text) {
                    choice.said.push_str(text);
                }
                let extra = std::mem::take(&mut choice.part);
                self.parts(number, out, |parts| {
                    parts.object(|part| {
                        said(part, text, is_thought, None);
                        part.members(&extra);
                    });
                });
            }
            Delta::Input(input) => {
                if let Kind::ToolUse(call) = &mut choice.kind {
                    call.input.0.to_mut().push_str(input);
                }
            }
            Delta::Signature(signature) => {
                let written = proof::write(signature, is_redacted);
                self.parts(number, out, |parts| {
                    parts.object(|part| said(part, "", is_thought, Some(&written)))
                });
            }
            // Said whole with the member that it came from.
            Delta::Citation(citation) if citation.origin == NAME => {}
            Delta::Citation(citation) => {
                let place = choice.place();
                let mut losses = Losses::default();
                choice.citations.add(citation, place, &mut losses);
                self.losses.append(losses);
            }
            Delta::Audio(data) => {
                let mime = self.audio_type.clone();
                self.parts(number, out, |parts| {
                    parts.object(|part| {
                        part.object("inlineData", |blob| {
                            blob.text("mimeType", &mime);
                            blob.text("data", data);
                        });
                    });
                });
            }
            Delta::Transcript(_) => {
                let path = format!("{}.transcript", choice.place());
                self.losses.add(path, "Gemini has no such field");
            }
        }
    }

    fn start(&mut self, number: u64, block: u64, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        let path = || format!("choices[{number}].content[{block}]");
        let begun = match kind {
            BlockKind::Text => Kind::Text,
            BlockKind::Refusal => {
                self.losses.add(format!("{}.refusal", path()), "said as text");
                Kind::Text
            }
            BlockKind::Thinking { is_redacted, .. } => Kind::Thinking { is_redacted: *is_redacted },
            BlockKind::ToolUse { id, name, kind, signature, .. } => Kind::ToolUse(ToolUse {
                id: id.clone().into_owned(),
                name: name.clone().into_owned(),
                input: Text::default(),
                kind: *kind,
                signature: signature.as_ref().map(|signature| Signature {
                    origin: signature.origin.clone().into_owned(),
                    value: signature.value.clone().into_owned(),
                }),
                item: None,
            }),
            BlockKind::Audio { id } => {
                if id.is_some() {
                    self.losses.add(format!("{}.id", path()), "Gemini has no such field");
                }
                Kind::Other
            }
            BlockKind::Foreign { origin, raw, .. } if *origin == NAME => {
                self.parts(number, out, |parts| parts.item().extend_from_slice(raw.get().as_bytes()));
                Kind::Other
            }
            BlockKind::Foreign { kind, .. } => {
                self.losses.add(path(), format!("Gemini has no `{}`", part::short(kind)));
                Kind::Other
            }
        };
        if let Some(choice) = self.choice(number) {
            (choice.kind, choice.block, choice.from) = (begun, block, choice.said.len());
        }
    }

    /// A call is written when its arguments are whole: official SDKs read it in one part.
    fn stop(&mut self, number: u64, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(number) else { return };
        choice.citations.close(0, &choice.said[choice.from..], choice.from);
        let Kind::ToolUse(mut call) = std::mem::replace(&mut choice.kind, Kind::Other) else { return };
        if call.input.is_empty() && call.kind == ToolKind::Function {
            call.input = "{}".into();
        }
        let extra = std::mem::take(&mut choice.part);
        let place = choice.place();
        let mut writer = part::Writer::new(!extra.is_empty(), true);
        let block = Block { extra, ..Content::ToolUse(call).into() };
        self.parts(number, out, |parts| writer.block(&block, place, parts));
        self.losses.append(writer.losses);
    }

    /// The last items: each candidate's end, the usage with the last of them.
    fn end(&mut self, out: &mut Vec<u8>) {
        let choices = std::mem::take(&mut self.choices);
        let mut ended: Vec<(u64, Stop<'_>, Collected)> = choices
            .into_iter()
            .filter_map(|choice| Some((choice.number, choice.stop?, choice.citations)))
            .collect();
        let last = ended.pop();
        for (number, stop, citations) in ended {
            self.last_piece(Some((number, &stop, &citations)), false, out);
        }
        let last = last.as_ref().map(|(number, stop, citations)| (*number, stop, citations));
        self.last_piece(last, true, out);
    }

    fn last_piece(&mut self, end: Option<(u64, &Stop<'_>, &Collected)>, is_last: bool, out: &mut Vec<u8>) {
        let usage = self.usage;
        let mut losses = Losses::default();
        let (tier, extra) = (self.tier.clone(), self.extras.of(Place::Answer));
        let of_choice = end.map_or_else(Members::new, |(number, ..)| self.extras.of(Place::Choice(number)));
        self.piece(out, |object| {
            if let Some((number, stop, citations)) = end {
                match finish::feedback(stop) {
                    Some(feedback) => object.raw("promptFeedback", feedback),
                    None => object.array("candidates", |candidates| {
                        candidates.object(|object| {
                            candidate(number, object, |parts| {
                                parts.object(|part| said(part, "", false, None))
                            });
                            // Details are Gemini's if the word is.
                            let at_home = stop.word.as_deref() == Some(&finish::write(stop));
                            response::end(object, number, stop, at_home, &mut losses);
                            citations.write(object);
                            object.members_under("", &of_choice);
                        });
                    }),
                }
            }
            if is_last {
                object.object_if_any("usageMetadata", |object| {
                    if let Some(usage) = usage {
                        usage::write(object, usage, &extra, &mut losses);
                    }
                    response::tier(object, tier.as_deref(), !extra.is_empty(), &mut losses);
                    object.members_under("usageMetadata.", &extra);
                });
                object.members_under("", &extra);
            }
        });
        self.losses.append(losses);
    }
}

/// True if the query asks for server-sent events; Google takes its own parameters with a dollar sign before them too.
pub(in super::super) fn asks_for_sse(path: &str) -> bool {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|pair| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse"))
}

/// Writes the members of a candidate that goes on.
fn candidate(number: u64, object: &mut Object<'_>, write: impl FnOnce(&mut write::Array<'_>)) {
    object.object("content", |content| {
        content.text("role", "model");
        content.array("parts", write);
    });
    object.plain("index", number);
}

fn said(part: &mut Object<'_>, text: &str, is_thought: bool, signature: Option<&str>) {
    part.text("text", text);
    if is_thought {
        part.plain("thought", true);
    }
    if let Some(signature) = signature {
        part.text("thoughtSignature", signature);
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created } => {
                if let Some(id) = id.as_deref().filter(|id| !id.is_empty()) {
                    id.clone_into(&mut self.id);
                }
                self.model = model.as_deref().map(str::to_owned);
                self.created = *created;
            }
            Event::BlockStart { choice, block, kind } => self.start(*choice, *block, kind, out),
            Event::Delta { choice, delta, .. } => self.delta(*choice, delta, out),
            Event::BlockStop { choice, .. } => self.stop(*choice, out),
            Event::Logprobs { choice, raw } => {
                let mut is_known = false;
                self.piece(out, |object| {
                    object.array("candidates", |candidates| {
                        candidates.object(|object| {
                            candidate(*choice, object, |parts| {
                                parts.object(|part| said(part, "", false, None))
                            });
                            is_known = logprobs::write(object, raw);
                        });
                    });
                });
                if !is_known {
                    self.losses.add(format!("choices[{choice}].logprobs"), "not in a shape that is known");
                }
            }
            Event::Stop { choice, stop } => {
                let stop = Stop {
                    reason: stop.reason,
                    sequence: stop.sequence.clone().map(Text::into_owned),
                    word: stop.word.clone().map(Text::into_owned),
                    details: stop.details.clone().map(|raw| std::borrow::Cow::Owned(raw.into_owned())),
                };
                if let Some(choice) = self.choice(*choice) {
                    choice.stop = Some(stop);
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::ServiceTier(tier) => self.tier = Some(tier.to_string()),
            Event::Member { origin, place: Place::Block(choice, _), name, raw } if *origin == NAME => {
                if let Some(choice) = self.choice(*choice) {
                    let raw = std::borrow::Cow::Owned(raw.clone().into_owned());
                    choice.part.push((name.clone().into_owned(), raw));
                }
            }
            Event::Member { origin, place, name, raw } if *origin == NAME => {
                self.extras.put(*place, name, raw);
            }
            Event::Member { place, name, raw, .. } => {
                let path = match place {
                    Place::Answer => {
                        return leftover::lose_one(name, raw, "Gemini has no such field", &mut self.losses);
                    }
                    Place::Choice(choice) => format!("choices[{choice}].{name}"),
                    Place::Block(choice, block) => format!("choices[{choice}].content[{block}].{name}"),
                };
                self.losses.add(path, "Gemini has no such field");
            }
            // Official SDKs take every line for data.
            Event::Ping => {}
            Event::End => {
                self.end(out);
                if !self.is_sse {
                    out.extend_from_slice(b"]");
                }
            }
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        self.item(out, |object| object.object("error", |object| error::write(object, fault)));
        if !self.is_sse {
            out.extend_from_slice(b"]");
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

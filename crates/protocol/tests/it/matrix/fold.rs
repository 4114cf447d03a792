//! Reads a stream as the gateway does, holds its events to their promises, and folds them into a whole answer.

use std::collections::BTreeMap;

use lockgate_protocol::{
    codec::{Step, StreamDecoder},
    ir::{
        Block, BlockKind, Choice, Citation, Content, Delta, Event, Media, Place, Raw, Response, Signature,
        Source, Stop, Text, Thinking, ToolUse,
    },
};
use serde_json::{Value, value::RawValue};

/// The answer so far.
#[derive(Default)]
pub(super) struct Fold {
    pub(super) response: Response<'static>,
    /// Number of the block that is open in each choice.
    open: BTreeMap<u64, u64>,
    has_started: bool,
    pub(super) has_ended: bool,
}

/// Feeds events to a decoder; `each` sees what they mean before it is folded.
pub(super) fn read<R: AsRef<[u8]>>(
    origin: &'static str,
    mut decoder: Box<dyn StreamDecoder>,
    events: &[R],
    mut each: impl FnMut(&Event<'_>),
) -> (Fold, Step) {
    let mut fold = Fold::default();
    fold.response.origin = origin;
    let mut take = |event: Event<'_>| {
        each(&event);
        fold.take(&event);
    };
    for raw in events {
        match decoder.event(raw.as_ref(), &mut take) {
            Step::Go => {}
            step => return (fold, step),
        }
    }
    let step = decoder.finish(&mut take);
    (fold, step)
}

impl Fold {
    fn choice(&mut self, index: u64) -> &mut Choice<'static> {
        let choices = &mut self.response.choices;
        let place = choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            choices.push(Choice { index, ..Choice::default() });
            choices.len() - 1
        });
        &mut choices[place]
    }

    pub(super) fn take(&mut self, event: &Event<'_>) {
        assert!(!self.has_ended, "after the end: {event:?}");
        assert_eq!(
            matches!(event, Event::Start { .. }),
            !self.has_started,
            "start first and once: {event:?}"
        );
        match event {
            Event::Start { id, model, created } => {
                self.has_started = true;
                let response = &mut self.response;
                (response.id, response.model, response.created) = (own(id), own(model), *created);
            }
            Event::BlockStart { choice, block, kind } => {
                assert!(self.open.insert(*choice, *block).is_none(), "blocks overlap: {event:?}");
                let choice = self.choice(*choice);
                assert!(choice.stop.is_none(), "a block after the stop: {event:?}");
                assert_eq!(choice.blocks.len() as u64, *block, "numbers count up");
                choice.blocks.push(start(kind));
            }
            Event::Delta { choice, block, delta } => {
                assert_eq!(self.open.get(choice), Some(block), "not the open block: {event:?}");
                add(self.choice(*choice).blocks.last_mut().unwrap(), delta);
            }
            Event::BlockStop { choice, block } => {
                assert_eq!(self.open.remove(choice), Some(*block));
                if let Some(Block { content: Content::ToolUse(call), .. }) =
                    self.choice(*choice).blocks.last()
                {
                    assert!(!call.input.is_empty() && !call.id.is_empty(), "{call:?}");
                }
            }
            Event::Logprobs { choice, raw } => {
                let choice = self.choice(*choice);
                choice.logprobs = Some(join_logprobs(choice.logprobs.take(), raw));
            }
            Event::Stop { choice, stop } => {
                assert!(!self.open.contains_key(choice), "a block is open: {event:?}");
                let choice = self.choice(*choice);
                assert!(choice.stop.is_none(), "a second stop");
                choice.stop = Some(Stop {
                    reason: stop.reason,
                    sequence: own(&stop.sequence),
                    word: own(&stop.word),
                    details: stop.details.as_ref().map(raw),
                });
            }
            Event::Usage(usage) => self.response.usage = Some(*usage),
            Event::ServiceTier(tier) => self.response.service_tier = Some(text(tier)),
            Event::Member { place, name, raw: value, .. } => {
                let members = match *place {
                    Place::Answer => &mut self.response.extra,
                    Place::Choice(choice) => &mut self.choice(choice).extra,
                    Place::Block(choice, block) => {
                        let blocks = &mut self.choice(choice).blocks;
                        let block = usize::try_from(block).ok().and_then(|block| blocks.get_mut(block));
                        &mut block.unwrap_or_else(|| panic!("no such block: {event:?}")).extra
                    }
                };
                members.retain(|(known, _)| known != name);
                members.push((text(name), raw(value)));
            }
            Event::Ping => {}
            Event::End => {
                assert!(self.response.choices.iter().all(|choice| choice.stop.is_some()), "no stop");
                self.has_ended = true;
                self.response.choices.sort_by_key(|choice| choice.index);
            }
        }
    }
}

fn own(text: &Option<Text<'_>>) -> Option<Text<'static>> {
    text.as_ref().map(|text| text.borrowed().into_owned())
}

fn text(text: &Text<'_>) -> Text<'static> {
    text.borrowed().into_owned()
}

fn signature(signature: &Signature<'_>) -> Signature<'static> {
    Signature { origin: text(&signature.origin), value: text(&signature.value) }
}

fn raw(raw: &Raw<'_>) -> Raw<'static> {
    Raw::Owned(raw.clone().into_owned())
}

fn start(kind: &BlockKind<'_>) -> Block<'static> {
    match kind {
        BlockKind::Text => Content::text(""),
        BlockKind::Refusal => Content::Refusal(Text::default()),
        BlockKind::Thinking { is_summary, is_redacted, item } => Content::Thinking(Thinking {
            is_summary: *is_summary,
            is_redacted: *is_redacted,
            item: own(item),
            ..Thinking::default()
        }),
        BlockKind::ToolUse { id, name, kind, signature: proof, item } => Content::ToolUse(ToolUse {
            id: text(id),
            name: text(name),
            input: Text::default(),
            kind: *kind,
            signature: proof.as_ref().map(signature),
            item: own(item),
        }),
        BlockKind::Audio { id } => Content::Audio(Media {
            source: Source::Base64(Text::default()),
            name: own(id),
            context: Some(Text::default()),
            ..Media::default()
        }),
        BlockKind::Foreign { origin, kind, raw: all } => {
            Content::Foreign { origin, kind: text(kind), raw: raw(all) }
        }
    }
    .into()
}

fn add(block: &mut Block<'static>, delta: &Delta<'_>) {
    match (&mut block.content, delta) {
        (Content::Text { text, .. }, Delta::Text(more)) | (Content::Refusal(text), Delta::Text(more)) => {
            text.0.to_mut().push_str(more);
        }
        (Content::Thinking(thinking), Delta::Text(more)) => thinking.text.0.to_mut().push_str(more),
        (Content::Thinking(thinking), Delta::Signature(proof)) => thinking.signature = Some(signature(proof)),
        // As a whole answer of the only dialect that has this is decoded: beside the text.
        (Content::Text { .. }, Delta::Signature(proof)) => {
            block.extra.push((Block::PROOF.into(), lockgate_protocol::ir::raw(&proof.value)));
        }
        (Content::ToolUse(call), Delta::Input(more)) => call.input.0.to_mut().push_str(more),
        (Content::Text { citations, .. }, Delta::Citation(citation)) => citations.push(Citation {
            text: own(&citation.text),
            url: own(&citation.url),
            title: own(&citation.title),
            range: citation.range,
            origin: citation.origin,
            raw: raw(&citation.raw),
        }),
        (Content::Audio(Media { source: Source::Base64(data), .. }), Delta::Audio(more)) => {
            data.0.to_mut().push_str(more);
        }
        (Content::Audio(Media { context: Some(text), .. }), Delta::Transcript(more)) => {
            text.0.to_mut().push_str(more);
        }
        (content, delta) => panic!("{delta:?} of {content:?}"),
    }
}

/// The lists of `content` and `refusal` one behind the other.
fn join_logprobs(before: Option<Raw<'_>>, more: &RawValue) -> Raw<'static> {
    let mut all: Value = before.map_or(Value::Null, |raw| serde_json::from_str(raw.get()).unwrap());
    let more: Value = serde_json::from_str(more.get()).unwrap();
    if all.is_null() {
        all = more;
    } else {
        for key in ["content", "refusal"] {
            match (all[key].as_array_mut(), more[key].as_array()) {
                (Some(all), Some(more)) => all.extend(more.clone()),
                (None, Some(_)) => all[key] = more[key].clone(),
                _ => {}
            }
        }
    }
    lockgate_protocol::ir::raw(&all)
}

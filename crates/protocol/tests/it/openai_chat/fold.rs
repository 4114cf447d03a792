//! Reads a stream as the gateway does, holds its events to their promises, and folds them into a whole answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Codec, Step},
    framing::sse::Framer,
    ir::{
        Block, BlockKind, Choice, Citation, Content, Delta, Event, Media, Raw, Response, Signature, Source,
        Stop, Text, Thinking, ToolUse,
    },
};
use serde_json::value::RawValue;

/// The answer so far.
#[derive(Default)]
pub(super) struct Fold {
    pub(super) response: Response<'static>,
    /// Block number that is open in each choice.
    open: BTreeMap<u64, u64>,
    has_started: bool,
    pub(super) has_ended: bool,
    /// One line for each event, for goldens.
    pub(super) log: Vec<String>,
}

/// Feeds `pieces` of a stream to a decoder; returns what was folded and how it ended.
pub(super) fn read(codec: &dyn Codec, pieces: &[&[u8]]) -> (Fold, Step) {
    let mut fold = Fold::default();
    let mut decoder = codec.decoder();
    let mut framer = Framer::default();
    let mut feed = |raw: &[u8], fold: &mut Fold| decoder.event(raw, &mut |event| fold.take(&event));
    for piece in pieces {
        let batch = framer.push(&Bytes::copy_from_slice(piece)).unwrap();
        for raw in batch.events() {
            match feed(raw, &mut fold) {
                Step::Go => {}
                step => return (fold, step),
            }
        }
    }
    if let Some(rest) = framer.finish() {
        match feed(&rest, &mut fold) {
            Step::Go => {}
            step => return (fold, step),
        }
    }
    let step = decoder.finish(&mut |event| fold.take(&event));
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

    fn take(&mut self, event: &Event<'_>) {
        self.log.push(line(event));
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
                response.origin = "openai-chat";
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
                add(&mut self.choice(*choice).blocks.last_mut().unwrap().content, delta);
            }
            Event::BlockStop { choice, block } => assert_eq!(self.open.remove(choice), Some(*block)),
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
                    details: None,
                });
            }
            Event::Usage(usage) => self.response.usage = Some(*usage),
            Event::ServiceTier(_) | Event::Member { .. } | Event::Ping => {}
            Event::End => {
                assert!(self.response.choices.iter().all(|choice| choice.stop.is_some()));
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

fn add(content: &mut Content<'static>, delta: &Delta<'_>) {
    match (content, delta) {
        (Content::Text { text, .. }, Delta::Text(more)) | (Content::Refusal(text), Delta::Text(more)) => {
            text.0.to_mut().push_str(more);
        }
        (Content::Thinking(thinking), Delta::Text(more)) => thinking.text.0.to_mut().push_str(more),
        (Content::Thinking(thinking), Delta::Signature(proof)) => thinking.signature = Some(signature(proof)),
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
    let mut all: serde_json::Value =
        before.map_or(serde_json::Value::Null, |raw| serde_json::from_str(raw.get()).unwrap());
    let more: serde_json::Value = serde_json::from_str(more.get()).unwrap();
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
    Raw::Owned(serde_json::value::to_raw_value(&all).unwrap())
}

fn line(event: &Event<'_>) -> String {
    match event {
        Event::Start { id, model, created } => format!("start {id:?} {model:?} {created:?}"),
        Event::BlockStart { choice, block, kind } => format!("{choice}.{block} start {kind:?}"),
        Event::Delta { choice, block, delta: Delta::Citation(citation) } => {
            format!("{choice}.{block} cites {:?} {:?}", citation.url, citation.range)
        }
        Event::Delta { choice, block, delta } => format!("{choice}.{block} {delta:?}"),
        Event::BlockStop { choice, block } => format!("{choice}.{block} stop"),
        Event::Logprobs { choice, raw } => format!("{choice} logprobs {}", raw.get()),
        Event::Stop { choice, stop } => {
            format!("{choice} ends: {:?} ({:?}, {:?})", stop.reason, stop.word, stop.sequence)
        }
        other => format!("{other:?}"),
    }
}

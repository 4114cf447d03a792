//! Folds a stream into the whole answer it stands for: for providers that only stream and clients that do not.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    codec::{Codec, Step},
    estimate::Meter,
    framing::Framer,
    ir::{
        Block, BlockKind, Choice, Citation, Content, Delta, Event, Extras, Media, Place, Raw, Response,
        Signature, Source, Stop, Text, Thinking, ToolUse, raw,
    },
};

/// What a stream that has ended comes to.
#[derive(Debug)]
pub enum Folded {
    /// The whole answer.
    Whole(Box<Response<'static>>),
    /// The provider failed; the bytes are its error body.
    Failed(Bytes),
    /// It is not whole, or not what the dialect allows; the text says why.
    Garbled(String),
}

/// Reads all of a stream of `codec`, the dialect `origin`; `meter` says what it cost where the provider does not.
pub fn fold(origin: &'static str, codec: &dyn Codec, bytes: &Bytes, mut meter: Option<&mut Meter>) -> Folded {
    let mut framer = Framer::new(codec.framing());
    let Ok(batch) = framer.push(bytes) else {
        return Folded::Garbled("the stream cannot be cut into events".to_owned());
    };
    let rest = framer.finish();
    let mut fold = Fold::default();
    let mut decoder = codec.decoder();
    let mut take = |event: Event<'_>| match &mut meter {
        Some(meter) => meter.pass(event, &mut |event| fold.take(&event)),
        None => fold.take(&event),
    };
    let mut step = Step::Go;
    for event in batch.events().chain(rest.as_deref()) {
        step = decoder.event(event, &mut take);
        if step != Step::Go {
            break;
        }
    }
    if step == Step::Go {
        step = decoder.finish(&mut take);
    }
    match step {
        Step::End => Folded::Whole(Box::new(fold.whole(origin))),
        Step::Failed(body) => Folded::Failed(body),
        Step::Garbled(why) => Folded::Garbled(why),
        Step::Go => Folded::Garbled("the stream ended before its answer did".to_owned()),
    }
}

/// The answer so far.
#[derive(Default)]
struct Fold {
    response: Response<'static>,
    choices: BTreeMap<u64, Part>,
    extras: Extras,
}

/// One choice so far: its last block is the one that goes on.
#[derive(Default)]
struct Part {
    choice: Choice<'static>,
    logprobs: Option<Logprobs>,
}

/// Log probabilities in OpenAI's shape.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Logprobs {
    content: Option<Vec<Box<RawValue>>>,
    refusal: Option<Vec<Box<RawValue>>>,
}

impl Fold {
    fn choice(&mut self, index: u64) -> &mut Choice<'static> {
        &mut self.choices.entry(index).or_default().choice
    }

    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { id, model, created } => {
                let response = &mut self.response;
                (response.id, response.model, response.created) =
                    (own(id.as_ref()), own(model.as_ref()), *created);
            }
            Event::BlockStart { choice, kind, .. } => self.choice(*choice).blocks.push(begun(kind)),
            Event::Delta { choice, delta, .. } => {
                if let Some(block) = self.choice(*choice).blocks.last_mut() {
                    add(block, delta);
                }
            }
            Event::BlockStop { .. } | Event::Ping | Event::End => {}
            Event::Logprobs { choice, raw } => {
                let more: Logprobs = serde_json::from_str(raw.get()).unwrap_or_default();
                let all = self.choices.entry(*choice).or_default().logprobs.get_or_insert_default();
                for (all, more) in [(&mut all.content, more.content), (&mut all.refusal, more.refusal)] {
                    if let Some(more) = more {
                        all.get_or_insert_default().extend(more);
                    }
                }
            }
            Event::Stop { choice, stop } => {
                self.choice(*choice).stop = Some(Stop {
                    reason: stop.reason,
                    sequence: own(stop.sequence.as_ref()),
                    word: own(stop.word.as_ref()),
                    details: stop.details.as_ref().map(owned),
                });
            }
            Event::Usage(usage) => self.response.usage = Some(*usage),
            Event::ServiceTier(tier) => self.response.service_tier = Some(text(tier)),
            Event::Member { place, name, raw, .. } => {
                self.extras.put(*place, name, raw);
            }
        }
    }

    fn whole(self, origin: &'static str) -> Response<'static> {
        let Self { mut response, choices, extras } = self;
        response.origin = origin;
        response.extra = extras.of(Place::Answer);
        let choices = choices.into_iter().map(|(index, Part { mut choice, logprobs })| {
            for (number, block) in (0..).zip(&mut choice.blocks) {
                block.extra.extend(extras.of(Place::Block(index, number)));
            }
            let logprobs = logprobs.as_ref().map(raw);
            Choice { index, logprobs, extra: extras.of(Place::Choice(index)), ..choice }
        });
        response.choices = choices.collect();
        response
    }
}

fn begun(kind: &BlockKind<'_>) -> Block<'static> {
    match kind {
        BlockKind::Text => Content::text(""),
        BlockKind::Refusal => Content::Refusal(Text::default()),
        BlockKind::Thinking { is_summary, is_redacted, item } => Content::Thinking(Thinking {
            is_summary: *is_summary,
            is_redacted: *is_redacted,
            item: own(item.as_ref()),
            ..Thinking::default()
        }),
        BlockKind::ToolUse { id, name, kind, signature, item } => Content::ToolUse(ToolUse {
            id: text(id),
            name: text(name),
            input: Text::default(),
            kind: *kind,
            signature: signature.as_ref().map(proof),
            item: own(item.as_ref()),
        }),
        BlockKind::Audio { id } => Content::Audio(Media {
            source: Source::Base64(Text::default()),
            name: own(id.as_ref()),
            ..Media::default()
        }),
        BlockKind::Foreign { origin, kind, raw } => {
            Content::Foreign { origin, kind: text(kind), raw: owned(raw) }
        }
    }
    .into()
}

/// Adds to a block.
fn add(block: &mut Block<'static>, delta: &Delta<'_>) {
    match (&mut block.content, delta) {
        (Content::Text { text, .. } | Content::Refusal(text), Delta::Text(more)) => append(text, more),
        (Content::Thinking(thinking), Delta::Text(more)) => append(&mut thinking.text, more),
        (Content::Thinking(thinking), Delta::Signature(signature)) => {
            thinking.signature = Some(proof(signature));
        }
        (Content::ToolUse(call), Delta::Input(more)) => append(&mut call.input, more),
        (Content::Text { citations, .. }, Delta::Citation(citation)) => citations.push(cited(citation)),
        (Content::Audio(Media { source: Source::Base64(data), .. }), Delta::Audio(more)) => {
            append(data, more);
        }
        (Content::Audio(media), Delta::Transcript(more)) => {
            append(media.context.get_or_insert_default(), more);
        }
        (_, Delta::Signature(signature)) => {
            block.extra.push((Block::PROOF.into(), raw(&*signature.value)));
        }
        // No decoder hands these over: a delta is of its block's kind.
        (_, _) => {}
    }
}

fn append(to: &mut Text<'static>, more: &str) {
    to.0.to_mut().push_str(more);
}

fn own(text: Option<&Text<'_>>) -> Option<Text<'static>> {
    text.map(self::text)
}

fn text(text: &Text<'_>) -> Text<'static> {
    text.borrowed().into_owned()
}

fn proof(signature: &Signature<'_>) -> Signature<'static> {
    Signature { origin: text(&signature.origin), value: text(&signature.value) }
}

fn owned(raw: &Raw<'_>) -> Raw<'static> {
    Raw::Owned(raw.clone().into_owned())
}

fn cited(citation: &Citation<'_>) -> Citation<'static> {
    Citation {
        text: own(citation.text.as_ref()),
        url: own(citation.url.as_ref()),
        title: own(citation.title.as_ref()),
        range: citation.range,
        origin: citation.origin,
        raw: owned(&citation.raw),
    }
}

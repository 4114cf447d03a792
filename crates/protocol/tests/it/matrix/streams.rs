//! Every stream to every dialect: the same answer as the whole one, and never whole when cut.

use std::collections::BTreeSet;

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Codec, Step},
    dialect::Dialect,
    dialects::DIALECTS,
    framing::{Framer, Framing},
    ir::{Choice, Fault, FaultKind, Loss, Losses, Request, Response, Usage},
};

use super::{
    answers,
    cases::{self, Said, Source},
    differ::{self, Differences},
    fold::{self, Fold},
    gist,
};

/// One stream in one dialect, and what became of it.
pub(super) struct Translated {
    pub(super) bytes: Vec<u8>,
    pub(super) losses: Losses,
    pub(super) fold: Fold,
    pub(super) step: Step,
}

/// The events, unless nothing but whole answers is there.
fn events(source: &Source) -> Option<&[Vec<u8>]> {
    match &source.answer {
        Said::Stream(events, _) => Some(events),
        Said::Whole(_) => None,
    }
}

/// The recorded stream folded into a whole answer, if it is one and complete.
pub(super) fn decode(source: &Source) -> Option<Response<'static>> {
    let (fold, step) = fold::read(source.dialect.name(), source.decoder(), events(source)?, |_| {});
    (step == Step::End).then_some(fold.response)
}

/// Reads `events` of the source and writes them as a stream of `dialect`.
pub(super) fn translate(
    source: &Source,
    events: &[Vec<u8>],
    dialect: &dyn Dialect,
    request: &Request<'_>,
) -> Translated {
    let mut encoder = dialect.codec().encoder(cases::reply(dialect, request));
    let mut bytes = Vec::new();
    let (fold, step) = fold::read(source.dialect.name(), source.decoder(), events, |event| {
        encoder.event(event, &mut bytes);
    });
    match &step {
        Step::End => {}
        _ => encoder.fail(&Fault::new(FaultKind::Cut, "the stream was cut"), &mut bytes),
    }
    Translated { bytes, losses: encoder.losses().clone(), fold, step }
}

/// Reads a translated stream as its client does.
fn again(cell: &str, dialect: &dyn Dialect, bytes: &[u8]) -> (Fold, Step) {
    let framing = dialect.codec().framing();
    let events = cases::cut(framing, bytes);
    for event in &events {
        let payload = framing.payload(event);
        let is_json = serde_json::from_slice::<serde_json::Value>(&payload).is_ok();
        let is_mark = framing == Framing::Sse && *payload == *b"[DONE]";
        assert!(is_json || is_mark || payload.is_empty(), "{cell}: {}", String::from_utf8_lossy(event));
    }
    fold::read(dialect.name(), dialect.codec().decoder(), &events, |_| {})
}

/// A stream, its whole answer, and the same two in the client's dialect.
pub(super) struct Cell {
    pub(super) translated: Translated,
    pub(super) differences: Differences,
}

pub(super) fn cell(source: &Source, dialect: &dyn Dialect) -> Option<Cell> {
    let events = events(source)?;
    let cell = format!("{} -> {}", source.id, dialect.name());
    let body = answers::request_body(source, dialect);
    let request = answers::request(body.as_deref(), dialect);
    let translated = translate(source, events, dialect, &request);
    if let Step::Failed(error) = &translated.step {
        let is_said = |codec: &dyn Codec, error: &[u8]| {
            codec.decode_error(error).is_some_and(|complaint| complaint.message.is_some())
        };
        assert!(is_said(source.dialect.codec(), error), "{cell}");
        let (_, step) = again(&cell, dialect, &translated.bytes);
        let Step::Failed(error) = step else { panic!("{cell}: {step:?}") };
        assert!(is_said(dialect.codec(), &error), "{cell}");
        return None;
    }
    assert_eq!(translated.step, Step::End, "{cell}");
    let Translated { bytes, losses, fold, .. } = &translated;
    let differences = differences(&cell, dialect, &fold.response, bytes, losses, &request);
    Some(Cell { translated, differences })
}

/// What differs between an answer, its stream in the client's dialect, and its whole form there.
pub(super) fn differences(
    cell: &str,
    dialect: &dyn Dialect,
    response: &Response<'_>,
    bytes: &[u8],
    losses: &Losses,
    request: &Request<'_>,
) -> Differences {
    let (again, step) = again(cell, dialect, bytes);
    assert_eq!(step, Step::End, "{cell}");
    let mut found = answers::compare(response, &again.response, losses);
    let whole = answers::translate(cell, response, dialect, request);
    let read = dialect.codec().decode_response(&whole.encoded.body).unwrap();
    let (read_gist, again_gist) = (gist::of_response(&read), gist::of_response(&again.response));
    let streamed = differ::compare(&read_gist, &again_gist, losses).silent;
    let written = differ::compare(&again_gist, &read_gist, &whole.encoded.losses).silent;
    // There, what reasoning is proved by is the name of its member: two pieces of it are one in a whole answer.
    let is_mark = |line: &String| line.starts_with("proof of openai-chat");
    let written = written.into_iter().filter(|line| !is_mark(line));
    found.silent.extend(whole.differences.silent.into_iter().map(|line| format!("whole: {line}")));
    found.silent.extend(streamed.into_iter().map(|line| format!("whole, but not streamed: {line}")));
    found.silent.extend(written.map(|line| format!("streamed, but not whole: {line}")));
    let end = |response: &Response<'_>| -> (Vec<_>, Option<Usage>) {
        let reason = |choice: &Choice<'_>| choice.stop.as_ref().map(|stop| stop.reason);
        (response.choices.iter().map(reason).collect(), response.usage)
    };
    // Arguments that were cut off are said as they came in a stream.
    let path = |loss: &Loss| loss.path.clone();
    let is_cut = |path: &String| path.ends_with(".input");
    let paths = |losses: &Losses| -> BTreeSet<String> {
        losses.iter().map(path).filter(|path| !is_cut(path)).collect()
    };
    let (told, streamed) = (paths(&whole.encoded.losses), paths(losses));
    found.silent.extend(told.difference(&streamed).map(|path| format!("lost whole, not streamed: {path}")));
    found.silent.extend(streamed.difference(&told).map(|path| format!("lost streamed, not whole: {path}")));
    let (whole, streamed) = (end(&read), end(&again.response));
    if whole != streamed {
        found.silent.push(format!("whole {whole:?}, streamed {streamed:?}"));
    }
    found
}

#[test]
fn every_stream_says_in_every_dialect_what_the_whole_answer_says() {
    let mut silent = Vec::new();
    for source in cases::all() {
        for dialect in DIALECTS {
            let Some(cell) = cell(&source, *dialect) else { continue };
            for line in cell.differences.silent {
                silent.push(format!(
                    "{} -> {}: {line} [{}]",
                    source.id,
                    dialect.name(),
                    cell.translated.losses
                ));
            }
        }
    }
    assert!(silent.is_empty(), "{}:\n{}", silent.len(), silent.join("\n"));
}

/// Most places at which one stream is cut: the first events, the last, and some between.
const CUTS: usize = 12;

#[test]
fn no_cut_stream_is_whole_in_any_dialect() {
    for source in cases::all() {
        let Some(events) = events(&source) else { continue };
        for dialect in DIALECTS {
            let body = answers::request_body(&source, *dialect);
            let request = answers::request(body.as_deref(), *dialect);
            let step = (events.len() / CUTS).max(1);
            let last = events.len().saturating_sub(4);
            for place in (0..events.len()).filter(|place| place % step == 0 || *place >= last) {
                let cell = format!("{} -> {}, cut behind {place} events", source.id, dialect.name());
                let translated = translate(&source, &events[..place], *dialect, &request);
                if translated.step == Step::End {
                    // All that the provider had to say was said, but for events that change nothing.
                    assert!(!translated.fold.response.choices.is_empty(), "{cell}");
                    continue;
                }
                let (_, step) = again(&cell, *dialect, &translated.bytes);
                assert!(matches!(step, Step::Failed(_)), "{cell}: {step:?}");
            }
        }
    }
}

/// Steps between the places at which a whole stream is split: a prime, so that they fall everywhere in its events.
const STRIDE: usize = 1009;

/// The events of `pieces`, as the framing cuts them.
fn framed(framing: Framing, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut framer = Framer::new(framing);
    let mut events = Vec::new();
    for piece in pieces {
        let batch = framer.push(&Bytes::copy_from_slice(piece)).unwrap();
        events.extend(batch.events().map(<[u8]>::to_vec));
    }
    events.extend(framer.finish().map(|last| last.to_vec()));
    events
}

/// What the decoder makes of a stream's events, one line each.
fn heard(source: &Source, events: &[Vec<u8>]) -> Vec<String> {
    let mut heard = Vec::new();
    let (_, step) = fold::read(source.dialect.name(), source.decoder(), events, |event| {
        heard.push(format!("{event:?}"));
    });
    heard.push(format!("{step:?}"));
    heard
}

/// A decoder sees a stream through its framing only, so that the same events of the framing are the same answer. Each
/// byte of each stream is a place to split: of its own event and its neighbours, since a framing begins anew behind each
/// event. Whole streams are split at every [`STRIDE`]th byte, and come byte by byte once.
#[test]
fn every_stream_gives_the_same_events_wherever_it_is_split() {
    let mut count = 0;
    for source in cases::all() {
        let Said::Stream(events, is_wrapped) = &source.answer else { continue };
        count += 1;
        let framing = if *is_wrapped { Framing::EventStream } else { source.dialect.codec().framing() };
        let bytes = events.concat();
        let whole = framed(framing, &[&bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let (by_byte, recorded) = (heard(&source, &framed(framing, &single)), heard(&source, events));
        assert_eq!(by_byte, recorded, "{}, byte by byte", source.id);
        for at in (0..=bytes.len()).step_by(STRIDE) {
            let (left, right) = bytes.split_at(at);
            assert!(framed(framing, &[left, right]) == whole, "{}, split at byte {at}", source.id);
        }
        for at in 0..events.len() {
            let near = events[at.saturating_sub(1)..(at + 2).min(events.len())].concat();
            let expected = framed(framing, &[&near]);
            let before = if at == 0 { 0 } else { events[at - 1].len() };
            for byte in before..=before + events[at].len() {
                let (left, right) = near.split_at(byte);
                let got = framed(framing, &[left, right]);
                assert!(got == expected, "{}, event {at} split at byte {}", source.id, byte - before);
            }
        }
    }
    assert!(count > 0 || cases::all().len() == DIALECTS.len(), "no streams were recorded");
}

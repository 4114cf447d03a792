//! Every recorded text, cut at many places and gone on with by another provider, is the answer that was recorded.

use bytes::Bytes;
use lockgate_protocol::{
    codec::Step,
    dialect::Dialect,
    dialects::{self, DIALECTS},
    fold::{Folded, fold},
    ir::{Content, Delta, Event, Request, Response, StopReason, Usage},
    resume::{Manner, Prefill},
    translate::{Continuation, Pair, Stream},
};

use super::{
    cases::{self, Said, Source},
    fold,
};

/// Cuts of each stream.
const CUTS: usize = 6;
/// How much a continuation repeats, in characters; at words where the model was told to.
const OVERLAPS: &[usize] = &[0, 40];

/// What of an answer does not change by its being in several parts.
#[derive(Debug, PartialEq)]
struct Gist {
    id: Option<String>,
    model: Option<String>,
    thoughts: Vec<String>,
    text: String,
    stop: Option<StopReason>,
}

fn gist(response: &Response<'_>) -> Gist {
    let [choice] = &*response.choices else { panic!("{} choices", response.choices.len()) };
    let thoughts = choice.blocks.iter().filter_map(|block| match &block.content {
        Content::Thinking(thinking) => Some(thinking.text.to_string()),
        _ => None,
    });
    let texts = choice.blocks.iter().filter_map(|block| match &block.content {
        Content::Text { text, .. } => Some(&**text),
        _ => None,
    });
    Gist {
        id: response.id.as_ref().map(ToString::to_string),
        model: response.model.as_ref().map(ToString::to_string),
        thoughts: thoughts.collect(),
        text: texts.collect(),
        stop: choice.stop.as_ref().map(|stop| match stop.reason {
            // Not every dialect tells the two.
            StopReason::StopSequence => StopReason::End,
            reason => reason,
        }),
    }
}

#[track_caller]
fn whole(dialect: &dyn Dialect, bytes: Vec<u8>) -> Response<'static> {
    match fold(dialect.name(), dialect.codec(), &bytes.into(), None) {
        Folded::Whole(response) => *response,
        other => panic!("{other:?}"),
    }
}

/// The stream in which a provider of `dialect` goes on: the recording without the first `said` bytes of its text.
fn rest(source: &Source, events: &[Vec<u8>], dialect: &dyn Dialect, said: usize) -> Bytes {
    let request = Request { stream: true, ..Request::default() };
    let mut encoder = dialect.codec().encoder(cases::reply(dialect, &request));
    let (mut left, mut out) = (said, Vec::new());
    let mut is_text = false;
    fold::read(source.dialect.name(), source.decoder(), events, |event| match event {
        Event::BlockStart { kind, .. } => {
            is_text = matches!(kind, lockgate_protocol::ir::BlockKind::Text);
            encoder.event(event, &mut out);
        }
        Event::Delta { choice, block, delta: Delta::Text(text) } if is_text => {
            let cut = left.min(text.len());
            left -= cut;
            let delta = Delta::Text(text[cut..].into());
            if cut < text.len() {
                encoder.event(&Event::Delta { choice: *choice, block: *block, delta }, &mut out);
            }
        }
        event => encoder.event(event, &mut out),
    });
    out.into()
}

fn push(stream: &mut Stream, bytes: &Bytes, out: &mut Vec<u8>) -> Step {
    match stream.push(bytes, &mut |_| {}, out) {
        Step::Go => stream.finish(&mut |_| {}, out),
        step => step,
    }
}

/// A recorded stream that could be gone on with at each of its places.
fn is_text(source: &Source, events: &[Vec<u8>]) -> bool {
    let codec = source.dialect.codec();
    let request = Request::default();
    let mut stream =
        Pair::new(codec, codec).stream(cases::reply(source.dialect, &request), None).resumable(&request);
    let step = push(&mut stream, &events.concat().into(), &mut Vec::new());
    let said = stream.said().unwrap();
    step == Step::End
        && said.obstacle().map(|obstacle| obstacle.to_string()) == Some("all of its content was sent".into())
        && said.text().len() > 100
}

#[test]
fn recorded_texts_survive_a_break() {
    let mut resumed = 0;
    for source in cases::all() {
        let Said::Stream(events, false) = &source.answer else { continue };
        if !is_text(&source, events) {
            continue;
        }
        for (at, client) in DIALECTS.iter().enumerate() {
            // Each recording meets several others as providers, the client's own among them.
            let next = DIALECTS[(at + events.len()) % DIALECTS.len()];
            resumed += check(&source, events, *client, next);
        }
    }
    assert!(lockgate_testkit::fixtures::open().is_none() || resumed > 500, "only {resumed}");
}

fn check(source: &Source, events: &[Vec<u8>], client: &dyn Dialect, next: &'static dyn Dialect) -> usize {
    let request = Request { stream: true, ..Request::default() };
    let pair = Pair::new(dialects::find(client.name()).unwrap().codec(), source.dialect.codec());
    let start = || pair.stream(cases::reply(client, &request), None).resumable(&request);
    let mut out = Vec::new();
    assert_eq!(push(&mut start(), &events.concat().into(), &mut out), Step::End, "{}", source.id);
    let expect = gist(&whole(client, out));
    let mut resumed = 0;
    for cut in (1..=CUTS).map(|part| events.len() * part / (CUTS + 1)) {
        for (manner, overlap) in [Manner::Prefill(Prefill::Plain), Manner::Instruction]
            .into_iter()
            .flat_map(|manner| OVERLAPS.iter().map(move |overlap| (manner, *overlap)))
        {
            let (mut stream, mut out) = (start(), Vec::new());
            let step = push(&mut stream, &events[..cut].concat().into(), &mut out);
            let said = stream.said().unwrap();
            let text = said.text().to_owned();
            if step == Step::End || said.obstacle().is_some() || text.trim().len() < 20 {
                continue;
            }
            let back = text.trim_end().char_indices().rev().nth(overlap).map_or(0, |(at, _)| at);
            let from = match manner {
                // There is no last word to repeat, or the model begins with it.
                Manner::Instruction if overlap > 0 || !text.ends_with(char::is_whitespace) => {
                    text[..back].rfind(char::is_whitespace).map_or(0, |at| at + 1)
                }
                _ if overlap == 0 => text.trim_end().len(),
                _ => back,
            };
            // Who is told to go on and says nothing is not believed.
            if manner == Manner::Instruction && expect.text[from..].trim().is_empty() {
                continue;
            }
            let spent = Usage { input: 100, output: 10, ..Usage::default() };
            stream.resume(Continuation { upstream: next.codec(), manner, mask: None, meter: None, spent });
            let cell = format!(
                "{} to {}, cut at {cut} after {text:?}, {manner:?} by {} from {from}",
                source.id,
                client.name(),
                next.name()
            );
            assert_eq!(push(&mut stream, &rest(source, events, next, from), &mut out), Step::End, "{cell}");
            assert!(stream.losses().iter().any(|loss| loss.path == "usage"), "{cell}");
            let response = whole(client, out);
            let found = gist(&response);
            assert_eq!(found, expect, "{cell}");
            if let Some(usage) = response.usage {
                assert!(usage.total_input() >= 100 && usage.output >= 10, "{cell}: {usage:?}");
            }
            resumed += 1;
        }
    }
    resumed
}

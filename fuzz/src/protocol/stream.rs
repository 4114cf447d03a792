//! Streams: cut anywhere they give the same events, the events keep their promises, and no cut answer looks whole.

use std::collections::BTreeMap;

use bytes::Bytes;
use lockgate_protocol::{
    codec::Step,
    dialect::{Dialect, Operation},
    dialects::DIALECTS,
    framing::{Framer, Framing, event_stream},
    ir::{BlockKind, Delta, Event, Fault, FaultKind, Place, Request, ToolKind},
};

/// Most positions at which an input is cut in two.
const MOST_CUTS: usize = 64;

/// All ways to cut the input give the same events, with nothing added.
pub(super) fn framing(framing: Framing, input: &[u8]) {
    let whole = cut(framing, &[input]);
    let kept: usize = whole.0.iter().map(Bytes::len).sum();
    assert!(kept <= input.len(), "bytes were added");
    for raw in &whole.0 {
        let _ = framing.payload(raw);
        let _ = framing.closed(raw);
    }
    let stride = input.len() / MOST_CUTS + 1;
    for at in (0..=input.len()).step_by(stride) {
        let (left, right) = input.split_at(at);
        assert_eq!(cut(framing, &[left, right]), whole, "cut at byte {at}");
    }
    let single: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(cut(framing, &single), whole, "byte by byte");
    if framing == Framing::EventStream {
        wrapped(input);
    }
}

/// The events of a stream that comes in `pieces`, and whether it stayed readable.
fn cut(framing: Framing, pieces: &[&[u8]]) -> (Vec<Bytes>, bool) {
    let mut framer = Framer::new(framing);
    let mut events = Vec::new();
    for piece in pieces {
        match framer.push(&Bytes::copy_from_slice(piece)) {
            Ok(batch) => events.extend(batch.events().map(Bytes::copy_from_slice)),
            Err(_) => return (events, false),
        }
    }
    // Where good messages stand before a broken one, the break is told with the next call.
    if framer.push(&Bytes::new()).is_err() {
        return (events, false);
    }
    events.extend(framer.finish());
    (events, true)
}

/// Whatever is put into a binary message comes out of it.
fn wrapped(input: &[u8]) {
    let mut message = Vec::new();
    event_stream::write(&[(":event-type", "x")], &mut message, |out| out.extend_from_slice(input));
    let read =
        event_stream::Message::parse(&message).map(|found| (found.header(":event-type"), found.payload));
    assert_eq!(read, Some((Some("x"), input)));
    assert_eq!(cut(Framing::EventStream, &[&message]), (vec![message.into()], true));
}

/// A provider's stream, written for a client of each dialect and read again there.
pub(super) fn stream(dialect: &dyn Dialect, input: &[u8]) {
    let framed = framed(dialect.codec().framing(), input);
    watch(dialect, &framed);
    for to in DIALECTS {
        translate(dialect, *to, &framed);
    }
}

/// The events of an input. Checksums keep random bytes out of a binary stream, so there each line is one message: its
/// type, a blank, its payload.
fn framed(framing: Framing, input: &[u8]) -> Vec<Bytes> {
    if framing != Framing::EventStream {
        return cut(framing, &[input]).0;
    }
    let message = |line: &[u8]| {
        let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let name = String::from_utf8_lossy(&line[..end]).into_owned();
        let kind = if name.ends_with("Exception") {
            (":exception-type", "exception")
        } else {
            (":event-type", "event")
        };
        let mut out = Vec::new();
        let headers = [(kind.0, name.as_str()), (":message-type", kind.1)];
        event_stream::write(&headers, &mut out, |out| {
            out.extend_from_slice(line.get(end + 1..).unwrap_or_default());
        });
        Bytes::from(out)
    };
    input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(message).collect()
}

fn watch(dialect: &dyn Dialect, framed: &[Bytes]) {
    for spare_usage in [false, true] {
        let mut watch = dialect.watch(Operation::Generate, spare_usage);
        for raw in framed {
            watch.event(raw);
        }
        let _ = (watch.usage(), watch.finish());
        let _ = watch.fail(&Fault::new(FaultKind::Cut, "the answer was cut"));
    }
}

fn translate(from: &dyn Dialect, to: &dyn Dialect, framed: &[Bytes]) {
    let request = Request { stream: true, stream_usage: Some(true), ..Request::default() };
    let mut decoder = from.codec().decoder();
    let mut encoder = to.codec().encoder(super::conversation::reply(&request));
    let mut promises = Promises::default();
    let mut written = Vec::new();
    let mut step = Step::Go;
    for raw in framed {
        step = decoder.event(raw, &mut |event| {
            promises.check(&event);
            encoder.event(&event, &mut written);
        });
        if step != Step::Go {
            break;
        }
    }
    if step == Step::Go {
        step = decoder.finish(&mut |event| {
            promises.check(&event);
            encoder.event(&event, &mut written);
        });
    }
    assert_ne!(step, Step::Go, "the end of the bytes left the stream open");
    let is_whole = step == Step::End;
    assert_eq!(promises.ended, is_whole, "`Event::End` and `Step::End` contradict each other");
    if !is_whole {
        encoder.fail(&Fault::new(FaultKind::Cut, "the answer was cut"), &mut written);
    }
    let read = read_again(to, &written);
    assert_eq!(read == Step::End, is_whole, "{} reads {read:?} in: {}", to.name(), written.escape_ascii());
}

/// How a client of the dialect takes what was written.
fn read_again(dialect: &dyn Dialect, written: &[u8]) -> Step {
    let framing = dialect.codec().framing();
    let (events, readable) = cut(framing, &[written]);
    assert!(readable, "{} wrote what cannot be cut: {}", dialect.name(), written.escape_ascii());
    let mut decoder = dialect.codec().decoder();
    for raw in &events {
        let payload = framing.payload(raw);
        if !payload.is_empty() && *payload != *b"[DONE]" {
            super::assert_json(&payload, dialect.name());
        }
        let step = decoder.event(raw, &mut |_| {});
        if step != Step::Go {
            return step;
        }
    }
    decoder.finish(&mut |_| {})
}

/// What a decoder promises of its events; see [`Event`].
#[derive(Default)]
struct Promises {
    started: bool,
    ended: bool,
    choices: BTreeMap<u64, Choice>,
}

#[derive(Default)]
struct Choice {
    next: u64,
    open: Option<u64>,
    stopped: bool,
    /// True while the open block is a call whose JSON arguments have not begun.
    awaits_input: bool,
}

impl Promises {
    fn check(&mut self, event: &Event<'_>) {
        assert!(!self.ended, "after the end: {event:?}");
        if matches!(event, Event::Ping) {
            return;
        }
        let is_start = matches!(event, Event::Start { .. });
        assert_eq!(is_start, !self.started, "the start comes first and once: {event:?}");
        self.started = true;
        match event {
            Event::BlockStart { choice, block, kind } => {
                let choice = self.choices.entry(*choice).or_default();
                assert!(choice.open.is_none() && !choice.stopped, "blocks overlap: {event:?}");
                assert_eq!(*block, choice.next, "blocks count up");
                choice.open = Some(*block);
                choice.next += 1;
                choice.awaits_input = matches!(kind, BlockKind::ToolUse { kind: ToolKind::Function, .. });
                if let BlockKind::ToolUse { id, .. } = kind {
                    assert!(!id.is_empty(), "a call without an id");
                }
            }
            Event::Delta { choice, block, delta } => {
                let choice = self.choices.entry(*choice).or_default();
                assert_eq!(choice.open, Some(*block), "no such block is open: {event:?}");
                if matches!(delta, Delta::Input(text) if !text.is_empty()) {
                    choice.awaits_input = false;
                }
            }
            Event::BlockStop { choice, block } => {
                let choice = self.choices.entry(*choice).or_default();
                assert_eq!(choice.open.take(), Some(*block), "no such block is open: {event:?}");
                assert!(!choice.awaits_input, "a call without arguments");
            }
            Event::Stop { choice, .. } => {
                let choice = self.choices.entry(*choice).or_default();
                assert!(
                    choice.open.is_none() && !choice.stopped,
                    "a block is open, or it stopped before: {event:?}"
                );
                choice.stopped = true;
            }
            Event::End => {
                assert!(self.choices.values().all(|choice| choice.open.is_none()), "ended inside a block");
                self.ended = true;
            }
            Event::Start { .. }
            | Event::Logprobs { .. }
            | Event::Usage(_)
            | Event::ServiceTier(_)
            | Event::Ping => {}
            Event::Member { place, .. } => {
                if let Place::Block(choice, block) = place {
                    let choice = self.choices.entry(*choice).or_default();
                    assert!(*block < choice.next, "no such block has begun: {event:?}");
                }
            }
        }
    }
}

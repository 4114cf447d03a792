//! Recorded streams, cut everywhere: the same meaning however they are split, and never whole when cut.

use bytes::Bytes;
use lockgate_protocol::{
    dialect::{Dialect, Ending, Meaning, Operation},
    dialects::DIALECTS,
    framing::{self, sse::Framer},
    ir::{BlockKind, Event, Usage},
};
use lockgate_testkit::{
    fixtures::{self, Answer, Framing, Kind},
    split,
};

/// What a watch made of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    meanings: Vec<Meaning>,
    ending: Ending,
    usage: Option<Usage>,
}

fn watch<'a>(dialect: &dyn Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> Seen {
    let mut framer = Framer::default();
    let mut watch = dialect.watch(Operation::Generate, false);
    let mut meanings = Vec::new();
    for piece in pieces {
        let batch = framer.push(&Bytes::copy_from_slice(piece)).unwrap();
        meanings.extend(batch.events().map(|event| watch.event(event)));
    }
    // Half an event at the end is judged as the relay judges it.
    if let Some(rest) = framer.finish() {
        let meaning = watch.event(&rest);
        meanings.extend((meaning != Meaning::Garbled).then_some(meaning));
    }
    Seen { meanings, ending: watch.finish(), usage: watch.usage() }
}

/// The recorded streams of every dialect that is framed as server-sent events.
fn recorded(mut check: impl FnMut(&'static dyn Dialect, &str, &[u8], &[usize])) {
    let Some(recorded) = fixtures::open() else { return };
    let mut seen = 0;
    for dialect in DIALECTS {
        for case in recorded.cases(dialect.name(), Kind::Stream) {
            let case = case.unwrap();
            if let Answer::Stream(Framing::Sse, bytes) = &case.answer {
                check(*dialect, &case.id(), bytes, &case.awkward_cuts);
                seen += 1;
            }
        }
    }
    assert!(seen >= 25, "only {seen} recorded streams were found");
}

#[test]
fn any_split_of_a_recorded_stream_means_the_same() {
    recorded(|dialect, id, bytes, awkward| {
        let whole = watch(dialect, [bytes]);
        let failed = whole.meanings.iter().any(|meaning| matches!(meaning, Meaning::Failed));
        assert!(failed || whole.ending != Ending::Cut, "{id}: {whole:?}");
        assert!(!whole.meanings.contains(&Meaning::Garbled), "{id}");
        assert_eq!(watch(dialect, split::pieces(bytes, 1)), whole, "{id}, byte by byte");
        assert_eq!(watch(dialect, split::at(bytes, awkward)), whole, "{id}, at awkward places");
        // Every place of a long stream would take minutes; a step without common factors meets them all in time.
        let step = 1 + bytes.len() / 499;
        for place in (0..bytes.len()).step_by(step) {
            let (left, right) = bytes.split_at(place);
            assert_eq!(watch(dialect, [left, right]), whole, "{id}, cut at byte {place}");
        }
    });
}

#[test]
fn a_cut_recorded_stream_is_never_whole() {
    recorded(|dialect, id, bytes, _| {
        let text = std::str::from_utf8(bytes).unwrap();
        // Where the answer has said all: the last event in Responses, the finish reason in chat, which some servers
        // repeat; of two choices the second one's.
        let find = |mark: &&str| if id.contains("n-two") { text.rfind(*mark) } else { text.find(*mark) };
        let said = [
            "\"finish_reason\":\"",
            "event: response.completed",
            "event: response.incomplete",
            "\"finishReason\"",
        ]
        .iter()
        .filter_map(find)
        .max()
        .unwrap_or(bytes.len());
        let step = 1 + said / 499;
        for place in (0..said).step_by(step).chain(said.saturating_sub(200)..said) {
            assert_eq!(watch(dialect, [&bytes[..place]]).ending, Ending::Cut, "{id}, cut at byte {place}");
        }
    });
}

/// The number of the first event that says something, and of the first that says more than thinking.
#[derive(Debug, Default, PartialEq, Eq)]
struct Firsts {
    something: Option<usize>,
    answer: Option<usize>,
}

impl Firsts {
    fn note(&mut self, number: usize, is_answer: bool) {
        self.something = self.something.or(Some(number));
        self.answer = self.answer.or(is_answer.then_some(number));
    }
}

fn watched(dialect: &dyn Dialect, events: &[&[u8]]) -> Firsts {
    let mut watch = dialect.watch(Operation::Generate, false);
    let mut firsts = Firsts::default();
    for (number, raw) in events.iter().enumerate() {
        match watch.event(raw) {
            Meaning::Thinking => firsts.note(number, false),
            // What is told at once comes with the end.
            Meaning::Output | Meaning::End => firsts.note(number, true),
            _ => {}
        }
    }
    firsts
}

/// The same by what the stream's decoder hands over: where blocks begin, and where they have content.
fn decoded(dialect: &dyn Dialect, events: &[&[u8]]) -> [Firsts; 2] {
    let mut decoder = dialect.codec().decoder();
    let [mut begun, mut said] = <[Firsts; 2]>::default();
    let mut thinks = false;
    for (number, raw) in events.iter().enumerate() {
        decoder.event(raw, &mut |event| match event {
            Event::BlockStart { kind, .. } => {
                thinks = matches!(kind, BlockKind::Thinking { .. });
                begun.note(number, !thinks);
            }
            Event::Delta { .. } => said.note(number, !thinks),
            Event::Stop { .. } => {
                [&mut begun, &mut said].into_iter().for_each(|firsts| firsts.note(number, true))
            }
            _ => {}
        });
    }
    [begun, said]
}

/// No later than a decoder hands something over, or an error behind it would be told late; and where there is thinking, no
/// earlier than the first other block begins, but for a finish reason, which decoders hold back.
#[test]
fn the_answer_of_a_recorded_stream_begins_behind_its_thinking() {
    let Some(recorded) = fixtures::open() else { return };
    let mut thinking = 0;
    for dialect in DIALECTS {
        let folders = ["", "-messages", "-converse"].map(|rest| format!("{}{rest}", dialect.name()));
        for case in folders.iter().flat_map(|folder| recorded.cases(folder, Kind::Stream)) {
            let case = case.unwrap();
            let Answer::Stream(_, bytes) = &case.answer else { continue };
            let mut framer = framing::Framer::new(dialect.codec().framing());
            let Ok(batch) = framer.push(&Bytes::copy_from_slice(bytes)) else { continue };
            let events: Vec<&[u8]> = batch.events().collect();
            let (watched, [begun, said]) = (watched(*dialect, &events), decoded(*dialect, &events));
            let what = format!("{}: {watched:?}, begun {begun:?}, said {said:?}", case.id());
            let later = |seen: Option<usize>, handed: Option<usize>| {
                handed.is_some_and(|handed| seen.is_none_or(|seen| seen > handed))
            };
            assert!(
                !later(watched.something, said.something) && !later(watched.answer, said.answer),
                "{what}"
            );
            if watched.something == watched.answer {
                continue;
            }
            thinking += 1;
            let first = watched.answer.map_or(&b""[..], |number| events[number]);
            let is_finish = String::from_utf8_lossy(first).contains("\"finish_reason\":\"");
            assert!(is_finish || begun.answer <= watched.answer, "{what}");
        }
    }
    assert!(thinking >= 13, "only {thinking} recorded streams that think were found");
}

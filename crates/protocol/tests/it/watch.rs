//! Recorded streams, cut everywhere: the same meaning however they are split, and never whole when cut.

use bytes::Bytes;
use lockgate_protocol::{
    dialect::{Dialect, Ending, Meaning, Operation},
    dialects::DIALECTS,
    framing::sse::Framer,
    ir::Usage,
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

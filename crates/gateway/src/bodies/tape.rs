//! What a client sent and received, as it passes.

use bytes::{Bytes, BytesMut};
use lockgate_protocol::dialect::{Dialect, Operation};
use lockgate_store::{Bodies, Body, CallRecord, Ended};
use lockgate_training::{Call, assemble};

use super::{Shelf, Wanted};

/// The longest answer that is noted, as it was sent: of what is longer nothing is kept.
const LONGEST: usize = 16 << 20;

/// One call under way.
pub(crate) struct Tape {
    wanted: Wanted,
    dialect: &'static dyn Dialect,
    operation: Operation,
    request: Bytes,
    answer: Vec<Bytes>,
    /// What of the answer is noted.
    length: usize,
    /// Whether there was more than could be noted.
    is_over: bool,
    shelf: Shelf,
}

impl Tape {
    pub(crate) fn new(
        wanted: Wanted,
        shelf: &Shelf,
        dialect: &'static dyn Dialect,
        operation: Operation,
        request: &Bytes,
    ) -> Self {
        let (request, shelf) = (request.clone(), shelf.clone());
        Self { wanted, dialect, operation, request, answer: Vec::new(), length: 0, is_over: false, shelf }
    }

    /// Notes what leaves for the client. The bytes are shared, not copied.
    pub(crate) fn note(&mut self, piece: &Bytes) {
        if self.is_over {
            return;
        }
        let length = self.length.saturating_add(piece.len());
        if length > LONGEST || !self.shelf.take(piece.len()) {
            self.is_over = true;
            self.forget();
            return;
        }
        self.length = length;
        self.answer.push(piece.clone());
    }

    fn forget(&mut self) {
        self.shelf.give_back(std::mem::take(&mut self.length));
        self.answer.clear();
    }

    /// What is kept of the call of `record`, and whether it is to be a line of the training files.
    pub(crate) fn bodies(self, record: &CallRecord) -> (Option<Bodies>, bool) {
        let answer = self.answer();
        let is_answered = record.ended == Ended::Answered && record.status < 300;
        let whole = answer.as_ref().filter(|_| is_answered).and_then(|answer| {
            let call = Call {
                dialect: self.dialect,
                operation: self.operation,
                path: &record.path,
                model: record.model.as_deref().unwrap_or_default(),
                id: &record.id,
                started_ms: record.started_ms,
                micros: record.micros,
            };
            assemble(&call, &self.request, answer)
        });
        let training = self.wanted.training && whole.is_some();
        let Some(limit) = (if training { Some(usize::MAX) } else { self.wanted.limit }) else {
            return (None, false);
        };
        let mut truncated = self.is_over;
        let mut kept = |bytes: &Bytes| {
            truncated |= bytes.len() > limit;
            Body::of(bytes.get(..limit).unwrap_or(bytes))
        };
        let request = (!self.request.is_empty()).then(|| kept(&self.request));
        // What is no whole answer is kept as it was sent.
        let answer = whole.or(answer).filter(|answer| !answer.is_empty()).map(|answer| kept(&answer));
        (Some(Bodies { request, answer, truncated }), training)
    }

    /// All that was received; `None` if that was too long.
    fn answer(&self) -> Option<Bytes> {
        match self.answer.as_slice() {
            _ if self.is_over => None,
            [only] => Some(only.clone()),
            pieces => {
                let mut whole = BytesMut::with_capacity(self.length);
                pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                Some(whole.freeze())
            }
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use lockgate_protocol::dialects;

    use super::*;

    const REQUEST: &[u8] = br#"{"model":"m","messages":[]}"#;
    const WHOLE: &[u8] = br#"{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello there"},"finish_reason":"stop"}]}"#;

    fn tape(wanted: Wanted, shelf: &Shelf, pieces: &[&[u8]]) -> Tape {
        let dialect = dialects::find("openai-chat").unwrap();
        let mut tape = Tape::new(wanted, shelf, dialect, Operation::Generate, &Bytes::from_static(REQUEST));
        for piece in pieces {
            tape.note(&Bytes::copy_from_slice(piece));
        }
        tape
    }

    fn record(ended: Ended, status: u16) -> CallRecord {
        let path = "/v1/chat/completions".to_owned();
        CallRecord { ended, status, path, model: Some("m".into()), ..CallRecord::default() }
    }

    /// What is kept of the answer, whether something is missing, and whether it makes a line.
    #[track_caller]
    fn check(
        (limit, training): (Option<usize>, bool),
        pieces: &[&[u8]],
        (ended, status): (Ended, u16),
        expect: Option<(Option<&[u8]>, bool, bool)>,
    ) {
        let shelf = Shelf::default();
        let tape = tape(Wanted { limit, training }, &shelf, pieces);
        let (bodies, line) = tape.bodies(&record(ended, status));
        let found = bodies
            .as_ref()
            .map(|bodies| (bodies.answer.as_ref().map(Body::as_bytes), bodies.truncated, line));
        assert_eq!(found, expect);
        assert_eq!(shelf.0.load(std::sync::atomic::Ordering::Relaxed), 0, "all room is given back");
    }

    const ANSWERED: (Ended, u16) = (Ended::Answered, 200);

    #[test]
    fn as_much_is_kept_as_is_wanted() {
        let halves = WHOLE.split_at(40);
        let pieces = [halves.0, halves.1];
        check((Some(10_000), false), &pieces, ANSWERED, Some((Some(WHOLE), false, false)));
        check((Some(100), false), &pieces, ANSWERED, Some((Some(&WHOLE[..100]), true, false)));
        check((Some(100), true), &pieces, ANSWERED, Some((Some(WHOLE), false, true)));
        check((None, true), &pieces, ANSWERED, Some((Some(WHOLE), false, true)));
    }

    #[test]
    fn what_is_no_whole_answer_is_kept_as_it_was_sent_and_makes_no_line() {
        let cut: &[u8] = b"data: {\"choices\":[";
        check((Some(10_000), true), &[cut], (Ended::Broken, 200), Some((Some(cut), false, false)));
        check((None, true), &[cut], (Ended::Broken, 200), None);
        check((None, true), &[b"{}"], (Ended::Refused, 400), None);
        check((Some(9), true), &[], (Ended::ClientGone, 499), Some((None, true, false)));
    }

    #[test]
    fn of_what_is_too_long_nothing_is_kept() {
        let piece = vec![b' '; LONGEST / 4];
        let pieces = [&*piece; 5];
        check((Some(10), true), &pieces, ANSWERED, Some((None, true, false)));
    }
}

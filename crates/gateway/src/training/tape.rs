//! What a client sent and received, as it passes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use lockgate_protocol::dialect::{Dialect, Operation};

use super::Wish;

/// The longest answer that is kept: what is longer makes no line.
const LONGEST: usize = 16 << 20;

/// One call under way.
pub(crate) struct Tape {
    pub(super) wish: Arc<Wish>,
    pub(super) dialect: &'static dyn Dialect,
    pub(super) operation: Operation,
    pub(super) request: Bytes,
    answer: Vec<Bytes>,
    length: usize,
}

/// What is on record of it beside.
pub(crate) struct About {
    pub(crate) path: String,
    pub(crate) model: String,
    pub(crate) id: String,
    pub(crate) started_ms: u64,
    pub(crate) micros: u64,
}

impl Tape {
    pub(crate) fn new(
        wish: &Arc<Wish>,
        dialect: &'static dyn Dialect,
        operation: Operation,
        request: &Bytes,
    ) -> Self {
        let (wish, request) = (Arc::clone(wish), request.clone());
        Self { wish, dialect, operation, request, answer: Vec::new(), length: 0 }
    }

    /// Notes what leaves for the client. The bytes are shared, not copied.
    pub(crate) fn note(&mut self, piece: &Bytes) {
        self.length = self.length.saturating_add(piece.len());
        if self.length <= LONGEST {
            self.answer.push(piece.clone());
        } else {
            self.answer.clear();
        }
    }

    /// How much memory it keeps.
    pub(super) fn size(&self) -> usize {
        self.request.len() + self.length.min(LONGEST)
    }

    /// All that was received; `None` if that was too long.
    pub(super) fn answer(&self) -> Option<Bytes> {
        match self.answer.as_slice() {
            _ if self.length > LONGEST => None,
            [only] => Some(only.clone()),
            pieces => {
                let mut whole = BytesMut::with_capacity(self.length);
                pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                Some(whole.freeze())
            }
        }
    }
}

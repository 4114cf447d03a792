//! The bodies that go out: to clients as answers, to providers as requests.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Frame, SizeHint};

/// The answer broke off in a way that only breaking the connection can tell the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Broken {}

/// The pieces of an answer as they come.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Broken>> + Send>>;

/// An answer to a client.
pub(crate) enum AnswerBody {
    /// All there is.
    Whole(Bytes),
    /// What comes; of that length, if the provider said so.
    Streamed {
        /// The pieces.
        pieces: Pieces,
        /// Bytes still to come.
        length: Option<u64>,
    },
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streamed { pieces, length } => pieces.as_mut().poll_next(cx).map(|next| {
                next.map(|piece| {
                    let piece = piece?;
                    *length = length.map(|length| length.saturating_sub(piece.len() as u64));
                    Ok(Frame::data(piece))
                })
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed { length: Some(length), .. } => SizeHint::with_exact(*length),
            Self::Streamed { length: None, .. } => SizeHint::default(),
        }
    }
}

/// A request to a provider: views of the client's bytes with the gateway's edits between them. A clone shares the bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestBody {
    pieces: VecDeque<Bytes>,
}

/// Up to so many bytes several pieces are made one: to copy them is less work than to send them one by one.
const SMALL: usize = 8 << 10;

impl RequestBody {
    pub(crate) fn new(pieces: Vec<Bytes>) -> Self {
        let length: usize = pieces.iter().map(Bytes::len).sum();
        let is_small = pieces.len() > 1 && length <= SMALL;
        let pieces = if is_small { vec![pieces.concat().into()] } else { pieces };
        Self { pieces: pieces.into() }
    }

    /// All there is of it.
    pub(crate) fn pieces(&mut self) -> &[Bytes] {
        self.pieces.make_contiguous()
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum())
    }
}

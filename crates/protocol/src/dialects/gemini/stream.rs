//! Streams: how they pass, how they are read and how they are written.

mod args;
mod read;
mod watch;
mod write;

pub(super) use read::Decoder;
pub(super) use watch::{ChunkWatch, whole};
pub(super) use write::{Encoder, asks_for_sse};

/// Most candidates whose state is kept; Gemini gives eight at most.
const MAX_CANDIDATES: usize = 128;

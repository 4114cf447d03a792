//! The side of the seam that faces clients, of which there are none: nothing is written, and that is named.

use bytes::Bytes;

use crate::{
    codec::{Encoded, StreamEncoder},
    dialect::{Ending, Meaning, Watch},
    ir::{Event, Fault, Losses, Usage},
};

/// An answer for nobody.
pub(super) fn nothing() -> Encoded {
    Encoded { body: Vec::new(), losses: lost() }
}

fn lost() -> Losses {
    let mut losses = Losses::default();
    losses.add("content", "no client speaks this dialect");
    losses
}

/// A stream for nobody.
pub(super) struct Unwritten(Losses);

impl Default for Unwritten {
    fn default() -> Self {
        Self(lost())
    }
}

impl StreamEncoder for Unwritten {
    fn event(&mut self, _: &Event<'_>, _: &mut Vec<u8>) {}

    fn fail(&mut self, _: &Fault, _: &mut Vec<u8>) {}

    fn losses(&self) -> &Losses {
        &self.0
    }
}

/// A stream that passes to nobody as it is.
pub(super) struct Unwatched;

impl Watch for Unwatched {
    fn event(&mut self, _: &[u8]) -> Meaning {
        Meaning::Garbled
    }

    fn finish(&mut self) -> Ending {
        Ending::Cut
    }

    fn fail(&mut self, _: &Fault) -> Bytes {
        Bytes::new()
    }

    fn usage(&self) -> Option<Usage> {
        None
    }
}

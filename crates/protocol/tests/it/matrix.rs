//! Every dialect to every dialect, over every exchange that was recorded or written by hand: what holds in each cell.

use lockgate_protocol::{
    codec::{Codec, Step},
    ir::Response,
};

mod answers;
mod cases;
mod cloaked;
mod counts;
mod differ;
mod fold;
mod generated;
mod gist;
mod goldens;
mod requests;
mod resumed;
mod streams;
mod unsaid;

pub(crate) use generated::events;

/// Reads a stream of a dialect, and folds it into a whole answer.
pub(crate) fn read(codec: &dyn Codec, bytes: &[u8]) -> (Response<'static>, Step) {
    let (fold, step) = fold::read("", codec.decoder(), &cases::cut(codec.framing(), bytes), |_| {});
    (fold.response, step)
}

//! Pure: whole answers out of what clients received, and lines of training files out of calls.
//!
//! Nothing here reads a socket, a clock or a file. [`assemble`] makes of the bytes that a client received, streamed or not,
//! the whole answer in its own dialect. [`Conversation::of`] reads request and answer into one conversation;
//! [`Conversation::line`] says it in a [`Form`], for those calls that the [`Settings`] want.
//!
//! Nothing is invented. What a form cannot say is named: as losses of the line where the words of the conversation are
//! still the same or the form has a place to name it, else as the reason why there is no line ([`NotUsable`]).

mod assemble;
mod call;
mod card;
mod chat;
mod conversation;
mod forms;
mod media;
mod parameters;
mod settings;
mod tools;
mod turns;

pub use assemble::assemble;
pub use call::Call;
pub use conversation::{Conversation, NotUsable};
pub use forms::{Form, Line};
pub use settings::{Reasoning, Settings};

/// The line of a call in the form and manner of `settings`: [`Conversation::of`] and [`Conversation::line`] in one.
///
/// # Errors
/// When the call makes no line; see [`NotUsable`].
pub fn line(call: &Call<'_>, request: &[u8], answer: &[u8], settings: &Settings) -> Result<Line, NotUsable> {
    Conversation::of(call, request, answer)?.line(call, settings)
}

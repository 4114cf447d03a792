//! Pure: what operators are told, how often, and in which words each receiver takes it.
//!
//! Reading order: [`Kind`] (what alerts are about), [`Memory`] (who was told what, and when it is told again), [`ErrorRate`]
//! (how many calls fail), [`Notice`] and [`Message`] (what is told), [`Outbox`] (what is yet to be told), [`Form`] and its
//! files in `forms/` (how each receiver takes it).

mod error_rate;
mod form;
mod forms;
mod kind;
mod memory;
mod message;
mod notice;
mod outbox;
mod sign;

pub use error_rate::{Counts, ErrorRate, Turn};
pub use form::{Failure, Form, Place, Post};
pub use kind::Kind;
pub use memory::{Memory, News};
pub use message::{Letter, Message};
pub use notice::{Alert, Notice, Status};
pub use outbox::Outbox;

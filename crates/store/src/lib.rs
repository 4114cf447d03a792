//! What must outlive a request: the journal of all calls, and what is made of it.

mod body;
mod calendar;
mod clock;
mod hourly;
mod journal;
pub mod keys;
mod memory;
mod projection;
mod record;
pub mod sqlite;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use body::{Bodies, Body};
pub use hourly::{Describe, Hourly, KeepFor, MakeLine};
pub use journal::{
    Batch, Depth, Durable, Entry, Event, Health, Keep, Line, Most, OpenError, Position, Reader, Segments,
    Settings, Skipped, VERSION, Watcher, read_line, record_at,
};
pub use memory::Recent;
pub use projection::{Driver, Progress, Projection, ProjectionError};
pub use record::{AttemptRecord, Begin, CallRecord, Ended, Price, Tokens};

/// Takes the record of each call, once, when the call is settled.
pub trait Journal: Send + Sync {
    /// Notes that a call has begun, so that it is on record even if the process ends before the call. It is enough to say
    /// so as soon as the call's key and model are known.
    fn begin(&self, begin: Begin) {
        let _ = begin;
    }

    /// The client is about to see that the call of that id has begun: from here on it is on record, however the process
    /// ends.
    fn shows(&self, id: &str) {
        let _ = id;
    }

    /// Comes when the disk has all that was appended by now; `None` where nobody is to wait for that.
    fn durable(&self) -> Option<Durable> {
        None
    }

    /// Keeps `record`. Called before the last byte of the answer is sent, so it must be quick.
    fn append(&self, record: CallRecord);
}

//! What must outlive a request: the record of every call.

mod memory;
mod record;

pub use memory::Recent;
pub use record::{AttemptRecord, CallRecord, Ended, Tokens};

/// Takes the record of each call, once, when the call is settled.
pub trait Journal: Send + Sync {
    /// Keeps `record`. Called before the last byte of the answer is sent, so it must be quick.
    fn append(&self, record: CallRecord);
}

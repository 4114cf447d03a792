//! A provider that needs no key: strict as the real ones, deterministic, with faults on demand.
//!
//! The mock is what tests, benchmarks and the demo talk to instead of a provider. The same request to a fresh
//! mock gives the same bytes: ids and times are counted, not drawn. It refuses what the real provider refuses,
//! with the same status and error body, so that a gateway that sends nonsense is found out.
//!
//! What happens to one request, top to bottom: `server` accepts the connection through its `door`, `service` reads the
//! request, asks the `schedule` for the fault due and the dialect that claims the path for an answer, `pacing` turns both
//! into steps, `spoil` changes what they look like on the wire, `body` performs them, and the `ledger` keeps what was seen
//! and how it ended.
//!
//! A new dialect is one folder in `dialects/` and one line in `dialects::DIALECTS`.

mod answer;
mod body;
mod clock;
mod control;
mod credential;
mod dialects;
mod door;
mod fault;
mod ledger;
mod multipart;
mod pacing;
#[cfg(test)]
mod recorded;
mod reply;
mod schedule;
mod schema;
mod server;
mod service;
mod settings;
mod shared;
mod spoil;
mod text;

pub use door::Door;
pub use fault::{Fault, UnknownFault};
pub use ledger::{Counts, Ended, Entry, Usage};
pub use schedule::Rule;
pub use server::{Mock, start};
pub use settings::{AwsKey, Behaviour, LineEnd, Pause, Prefill, RateLimit, ScriptedCall, Settings, Window};

/// The key file of the service account that the mock's token endpoint knows: worthless anywhere else.
pub fn service_account() -> String {
    dialects::google::service_account()
}

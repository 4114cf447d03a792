//! A provider that needs no key: strict as the real ones, deterministic, with faults on demand.
//!
//! The mock is what tests, benchmarks and the demo talk to instead of a provider. The same request to a fresh
//! mock gives the same bytes: ids and times are counted, not drawn. It refuses what the real provider refuses,
//! with the same status and error body, so that a gateway that sends nonsense is found out.
//!
//! What happens to one request, top to bottom: `server` accepts the connection, `service` reads the request and
//! asks the dialect that claims the path, `pacing` turns the reply and the fault due into steps, `body` performs
//! the steps, and the `ledger` keeps what was seen and how it ended.
//!
//! A new dialect is one folder in `dialects/` and one line in `dialects::DIALECTS`.

mod answer;
mod body;
mod clock;
mod control;
mod dialects;
mod fault;
mod ledger;
mod multipart;
mod pacing;
#[cfg(test)]
mod recorded;
mod reply;
mod schema;
mod server;
mod service;
mod settings;
mod shared;
mod text;

pub use fault::{Fault, UnknownFault};
pub use ledger::{Counts, Ended, Entry, Usage};
pub use server::{Mock, start};
pub use settings::{AwsKey, Behaviour, ScriptedCall, Settings};

/// The key file of the service account that the mock's token endpoint knows: worthless anywhere else.
pub fn service_account() -> String {
    dialects::google::service_account()
}

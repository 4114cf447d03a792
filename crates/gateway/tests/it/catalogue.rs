//! The catalogue of faults: one named test for each, against providers that do just that.
//!
//! While a healthy deployment is left, nothing that goes wrong before the first byte may reach the client; what goes wrong
//! after it must reach the client as its dialect's own error and as nothing else. [`bench`] asks in four client dialects,
//! whole and streamed, providers of the same dialect and of another; `LOCKGATE_CATALOGUE` is the number of requests for
//! each fault, 50 where it is not set.

mod after;
mod before;
pub(crate) mod bench;
mod bodies;
mod client;
mod health;
mod large;
mod owed;
mod readers;
mod resume;
// What a thread has used is only told by Linux.
#[cfg(target_os = "linux")]
mod spin;
pub(crate) mod verdict;

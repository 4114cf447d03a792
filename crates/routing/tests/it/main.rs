//! Routing against a simulated fleet: the very pool, health, course and budget of the gateway, in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests stop at what is wrong, and print their figures"
)]

mod affinity;
mod docs;
mod faults;
mod fleet;
mod one_left;
mod outage;
mod overload;
mod properties;
mod shares;
mod tally;

//! The real binary, as people run it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says what it leaves out"
)]

mod alerts;
mod budgets;
mod clock;
mod disk;
mod foreign;
mod import;
mod journal;
mod kills;
mod load;
mod seen;
mod shim;
mod sync;

use std::process::Command;

/// The binary, with no variables but these.
fn lockgate(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command
}

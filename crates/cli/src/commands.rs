//! One file for each command, and what they share.

mod admin;
pub(crate) mod alerts;
pub(crate) mod check;
mod config;
pub(crate) mod demo;
pub(crate) mod deployments;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod logs;
pub(crate) mod mock;
pub(crate) mod run;
pub(crate) mod schema;
mod screen;
pub(crate) mod top;
pub(crate) mod translate;

use std::{io, process::ExitCode};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

/// Wrong usage or config, as clap has it too.
pub(crate) const USAGE: u8 = 2;

/// One environment variable; one that is not text counts as not set.
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of all environment variables; one that is not text counts as not there.
pub(crate) fn names() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

/// Says what went wrong and gives the exit code for it.
pub(crate) fn failed(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Listens for SIGTERM and SIGINT from here on, and gives what waits for one; a second one ends the process at once. Called
/// before anybody can know that the program runs: a signal before that ends it as the system does.
pub(crate) fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Detached on purpose: it only ends the process.
        #[allow(clippy::disallowed_methods, reason = "nothing waits for a task whose only act is to exit")]
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(130);
        });
    })
}

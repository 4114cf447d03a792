//! `lockgate run [FILE]`: the gateway itself.

use std::{future::Future, path::Path, pin::pin, process::ExitCode};

use lockgate_gateway::{Origin, ReloadError, Serving, Store};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    USAGE,
    config::{self, Found},
    env, failed, names, runtime, told_to_stop,
};
use crate::logging;

pub(crate) fn run(file: Option<&Path>) -> ExitCode {
    let found = match config::find(file) {
        Ok(found) => found,
        Err(unfit) => {
            eprintln!("{unfit}");
            return ExitCode::from(USAGE);
        }
    };
    logging::start(&found.config().log);
    match runtime() {
        Ok(runtime) => runtime.block_on(serve(found)),
        Err(error) => failed(error),
    }
}

async fn serve(found: Found) -> ExitCode {
    let config = found.config().clone();
    // Before anybody can ask it whether it runs: who starts it may stop it as soon as it does.
    let signals = told_to_stop().and_then(|end| Ok((end, signal(SignalKind::hangup())?)));
    let (end, hangup) = match signals {
        Ok(signals) => signals,
        Err(error) => return failed(format!("cannot listen for signals: {error}")),
    };
    let source = match found.overrides() {
        [] => found.source(),
        overrides => format!("{}, overridden by {}", found.source(), overrides.join(", ")),
    };
    for note in found.notes() {
        tracing::warn!("config: {note}");
    }
    for note in lockgate_gateway::unpriced(&config) {
        tracing::warn!("config: {note}");
    }
    let store = match Store::open(&config) {
        Ok(store) => store,
        Err(error) => return failed(error),
    };
    let started = match found {
        Found::File(file, loaded) => {
            lockgate_gateway::start_from(Origin::new(file, env, names), *loaded, store).await
        }
        Found::OtherVariables(_) | Found::Variables(_) => lockgate_gateway::start(&config, store).await,
    };
    let serving = match started {
        Ok(serving) => serving,
        Err(error) => return failed(error),
    };
    let guard = match (serving.needs_key(), config.access.open) {
        (true, _) => "clients need a key",
        (false, true) => "open to everybody who can reach it",
        (false, false) => "no keys: answers local programs only",
    };
    println!(
        "lockgate {} listens on {} ({guard}; config: {source})",
        env!("CARGO_PKG_VERSION"),
        serving.places().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    );
    reloading(&serving, hangup, end).await;
    tracing::info!("told to stop: running requests may finish; a second signal ends at once");
    if serving.stop().await {
        tracing::info!("all requests finished");
    } else {
        tracing::warn!("some requests took longer than `server.drain` and were cut off");
    }
    ExitCode::SUCCESS
}

/// Has the config read anew on each SIGHUP, until `end`.
async fn reloading(serving: &Serving, mut hangup: Signal, end: impl Future<Output = ()>) {
    let mut end = pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return,
            _ = hangup.recv() => {
                // What came of it is in the log, but that there is nothing to read.
                if let Err(error @ ReloadError::NoFile) = serving.reload().await {
                    tracing::warn!("SIGHUP: {error}");
                }
            }
        }
    }
}

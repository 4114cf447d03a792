//! `lockgate run [FILE]`: the gateway itself.

use std::{path::Path, process::ExitCode, sync::Arc};

use lockgate_config::Config;
use lockgate_store::Recent;

use super::{USAGE, config, failed, runtime, told_to_stop};
use crate::logging;

/// Calls that are remembered.
const RECENT: usize = 1000;

pub(crate) fn run(file: Option<&Path>) -> ExitCode {
    let (config, source) = match config::find(file) {
        Ok(found) => found,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(USAGE);
        }
    };
    logging::start(&config.log);
    match runtime() {
        Ok(runtime) => runtime.block_on(serve(&config, &source)),
        Err(error) => failed(error),
    }
}

async fn serve(config: &Config, source: &str) -> ExitCode {
    let serving = match lockgate_gateway::start(config, Arc::new(Recent::new(RECENT))).await {
        Ok(serving) => serving,
        Err(error) => return failed(error),
    };
    let guard = match (config.access.keys.len(), config.access.open) {
        (0, true) => "open to everybody who can reach it",
        (0, false) => "no keys configured: answers local programs only",
        _ => "clients need a key",
    };
    println!(
        "lockgate {} listens on {} ({guard}; config: {source})",
        env!("CARGO_PKG_VERSION"),
        serving.places().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    );
    if let Err(error) = told_to_stop().await {
        return failed(format!("cannot listen for signals: {error}"));
    }
    tracing::info!("told to stop: running requests may finish; a second signal ends at once");
    if serving.stop().await {
        tracing::info!("all requests finished");
    } else {
        tracing::warn!("some requests took longer than `server.drain` and were cut off");
    }
    ExitCode::SUCCESS
}

//! `lockgate run [FILE]`: the gateway itself.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use lockgate_config::Config;
use lockgate_store::Recent;

use super::{USAGE, env, failed, runtime, told_to_stop};
use crate::logging;

/// Where the config is looked for when nobody says.
const DEFAULT_FILE: &str = "lockgate.yaml";
/// Calls that are remembered.
const RECENT: usize = 1000;

pub(crate) fn run(file: Option<&Path>) -> ExitCode {
    let found = file
        .map(Path::to_path_buf)
        .or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()));
    let (config, source) = match found {
        Some(file) => match lockgate_config::load(&file, &env) {
            Ok(config) => (config, file.display().to_string()),
            Err(errors) => {
                eprintln!("{errors}");
                return ExitCode::from(USAGE);
            }
        },
        None => match from_environment() {
            Ok(found) => found,
            Err(text) => {
                eprintln!("{text}");
                return ExitCode::from(USAGE);
            }
        },
    };
    logging::start(&config.log);
    match runtime() {
        Ok(runtime) => runtime.block_on(serve(&config, &source)),
        Err(error) => failed(error),
    }
}

/// Without a file the usual variables are the config.
fn from_environment() -> Result<(Config, String), String> {
    let rows = lockgate_provider::environment();
    let found = lockgate_config::from_env(&rows, &env);
    for skipped in &found.skipped {
        eprintln!("warning: {skipped}");
    }
    if found.config.providers.is_empty() {
        let variables: Vec<_> = rows.iter().map(|row| row.api_key).take(4).collect();
        return Err(format!(
            "error: there is no config file and no API key in the environment\n\
             hint: write ./{DEFAULT_FILE}, or name a file: lockgate run FILE\n\
             hint: or set one of {}, ...\n\
             hint: or try it without any key: lockgate demo",
            variables.join(", ")
        ));
    }
    let source = format!("environment ({})", found.variables.join(", "));
    Ok((found.config, source))
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
        "lockgate {} listens on http://{} ({guard}; config: {source})",
        env!("CARGO_PKG_VERSION"),
        serving.address
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

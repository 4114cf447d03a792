//! `lockgate check FILE`: is this config fit to run.

use std::{path::Path, process::ExitCode};

use lockgate_config::Loaded;

use super::{USAGE, env};

pub(crate) fn run(file: &Path) -> ExitCode {
    match lockgate_config::load(file, &env) {
        Ok(Loaded { config, notes, .. }) => match lockgate_gateway::check(&config) {
            Ok(()) => {
                for note in notes {
                    eprintln!("note: {note}");
                }
                let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
                let (providers, models) =
                    (count(config.providers.len(), "provider"), count(config.models.len(), "model"));
                println!(
                    "{}: fit to run: {providers}, {models}, listens on {}",
                    file.display(),
                    config.server.listen
                );
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                ExitCode::from(USAGE)
            }
        },
        Err(errors) => {
            eprintln!("{errors}");
            ExitCode::from(USAGE)
        }
    }
}

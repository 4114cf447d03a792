//! Which config counts where nobody has to name one.

use std::path::{Path, PathBuf};

use lockgate_config::{Config, Loaded};

use super::env;

/// Where the config is looked for when nobody says.
const DEFAULT_FILE: &str = "lockgate.yaml";

/// The config that counts, and where it comes from.
pub(crate) enum Found {
    /// A file.
    File(PathBuf, Box<Loaded>),
    /// The usual variables, and what to call them.
    Variables(Box<Config>, String),
}

impl Found {
    pub(crate) fn config(&self) -> &Config {
        match self {
            Self::File(_, loaded) => &loaded.config,
            Self::Variables(config, _) => config,
        }
    }

    /// What to call the place it comes from.
    pub(crate) fn source(&self) -> String {
        match self {
            Self::File(file, _) => file.display().to_string(),
            Self::Variables(_, source) => source.clone(),
        }
    }
}

/// The config of that file, else of ./lockgate.yaml, else of the usual variables. Fails with what to tell a person.
pub(crate) fn find(file: Option<&Path>) -> Result<Found, String> {
    let found = file
        .map(Path::to_path_buf)
        .or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()));
    match found {
        Some(file) => match lockgate_config::load(&file, &env) {
            Ok(loaded) => Ok(Found::File(file, Box::new(loaded))),
            Err(errors) => Err(errors.to_string()),
        },
        None => from_environment(),
    }
}

/// Without a file the usual variables are the config.
fn from_environment() -> Result<Found, String> {
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
    Ok(Found::Variables(Box::new(found.config), source))
}

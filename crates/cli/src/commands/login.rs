//! `lockgate login SERVICE`: a person signs in, and the credential goes into a file that a config can name.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use lockgate_config::Secret;
use lockgate_gateway::SignIn;

use super::{failed, runtime};

/// Where to sign in, and with what.
#[derive(Args)]
pub(crate) struct Options {
    /// The service.
    #[arg(value_parser = services())]
    service: String,
    /// The file the credential goes into; without it where the service's own programs keep theirs, or one under
    /// ~/.config/lockgate.
    #[arg(long)]
    file: Option<PathBuf>,
    /// The client to sign in with, as the service has it registered; for Google also the variable
    /// GOOGLE_OAUTH_CLIENT_ID, for Qwen that of Qwen Code if none is named.
    #[arg(long)]
    client_id: Option<String>,
    /// That client's secret; better in the variable GOOGLE_OAUTH_CLIENT_SECRET, where no list of processes shows it.
    #[arg(long)]
    client_secret: Option<String>,
    /// Another address than the service's own, by what it replaces: for private clouds and tests.
    #[arg(long, value_name = "NAME=URL", value_parser = endpoint, hide = true)]
    endpoint: Vec<(String, String)>,
}

fn services() -> clap::builder::PossibleValuesParser {
    lockgate_gateway::logins().into()
}

fn endpoint(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("write NAME=URL")?;
    Ok((name.to_owned(), url.to_owned()))
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let wish = SignIn {
        file: options.file.clone(),
        client_id: options.client_id.clone(),
        client_secret: options.client_secret.clone().map(Secret::new),
        endpoints: options.endpoint.iter().cloned().collect(),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    let said = |text: &str| println!("{text}");
    match runtime.block_on(lockgate_gateway::login(&options.service, &wish, &said)) {
        Ok(file) => {
            println!("Signed in. A provider's config takes it as: auth: {{ file: \"{}\" }}", file.display());
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

//! The binary `lockgate`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

mod commands;
mod logging;

use std::ffi::OsString;
use std::{env, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// The allocator that measured best for small short-lived buffers shared between threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The variable that names the config file where the command line does not.
const CONFIG: &str = "LOCKGATE_CONFIG";

/// Any AI client, in the API it already speaks, to any provider.
#[derive(Parser)]
#[command(name = "lockgate", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Run {
        /// The config file; without one ./lockgate.yaml, .yml, .json5, .json or .toml, else the usual variables such as
        /// OPENAI_API_KEY.
        #[arg(env = CONFIG)]
        file: Option<PathBuf>,
    },
    /// Run the gateway with a built-in provider: no key, no file.
    Demo(commands::demo::Options),
    /// Check a config file and say what is wrong with it.
    Check(commands::check::Options),
    /// List the last alerts of a running gateway, or see whether alerts arrive.
    Alerts(commands::alerts::Options),
    /// List the deployments of a running gateway, or reset, drain or test one.
    Deployments(commands::deployments::Options),
    /// Say why which deployment answers a model now; without a running gateway, what the config alone comes to.
    Explain(commands::explain::Options),
    /// Write answered calls as lines that models are trained with, from what the journal has of them.
    Export(commands::export::Options),
    /// Turn the config file of another gateway into Lockgate's own form; what has no meaning here goes to standard error.
    Import(commands::import::Options),
    /// List the client keys of a running gateway, or create, revoke or rotate one.
    Keys(commands::keys::Options),
    /// Sign in at a service and write the credential file for a provider.
    Login(commands::login::Options),
    /// List the calls of clients, the latest last, or follow them as they end.
    Logs(commands::logs::Options),
    /// Run only the built-in provider, to try clients and failures against.
    Mock(commands::mock::Options),
    /// Print the JSON Schema (2020-12) of the config file.
    Schema(commands::schema::Options),
    /// Watch a running gateway: requests, tokens, times, deployments and the latest errors.
    Top(commands::top::Options),
    /// Show what a request, answer, stream or error becomes in another dialect; losses go to standard error.
    Translate(commands::translate::Options),
}

/// Exit codes: 0 done, 1 failed while running, 2 wrong usage or config.
fn main() -> ExitCode {
    if let Some(file) = plain_run(env::args_os().skip(1), env::var_os(CONFIG)) {
        return commands::run::run(file.as_deref());
    }
    match Cli::parse().command {
        Command::Run { file } => commands::run::run(file.as_deref()),
        Command::Demo(options) => commands::demo::run(&options),
        Command::Check(options) => commands::check::run(&options),
        Command::Alerts(options) => commands::alerts::run(&options),
        Command::Deployments(options) => commands::deployments::run(&options),
        Command::Explain(options) => commands::explain::run(&options),
        Command::Export(options) => commands::export::run(&options),
        Command::Import(options) => commands::import::run(&options),
        Command::Keys(options) => commands::keys::run(&options),
        Command::Login(options) => commands::login::run(&options),
        Command::Logs(options) => commands::logs::run(&options),
        Command::Mock(options) => commands::mock::run(&options),
        Command::Schema(options) => commands::schema::run(&options),
        Command::Top(options) => commands::top::run(&options),
        Command::Translate(options) => commands::translate::run(&options),
    }
}

/// The file of a `lockgate run` without anything special about it, which is how gateways are started: putting together the
/// parser of all commands first would stay in their memory. What is not certain is left to that parser.
fn plain_run(
    mut arguments: impl Iterator<Item = OsString>,
    variable: Option<OsString>,
) -> Option<Option<PathBuf>> {
    if arguments.next()? != "run" {
        return None;
    }
    let file = arguments.next().or(variable);
    let is_plain = |file: &OsString| !file.is_empty() && !file.as_encoded_bytes().starts_with(b"-");
    (arguments.next().is_none() && file.as_ref().is_none_or(is_plain)).then(|| file.map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parser of all commands makes of the same.
    fn parsed(arguments: &[&str]) -> Option<Option<PathBuf>> {
        let line = ["lockgate"].iter().chain(arguments);
        match Cli::try_parse_from(line).ok()?.command {
            Command::Run { file } => Some(file),
            _ => None,
        }
    }

    #[track_caller]
    fn check(arguments: &[&str], expect: Option<Option<&str>>) {
        let expect = expect.map(|file| file.map(PathBuf::from));
        assert_eq!(plain_run(arguments.iter().map(OsString::from), None), expect, "{arguments:?}");
        if expect.is_some() && env::var_os(CONFIG).is_none() {
            assert_eq!(parsed(arguments), expect, "{arguments:?}");
        }
    }

    #[test]
    fn a_plain_run_is_known_without_the_parser_and_means_the_same() {
        check(&["run"], Some(None));
        check(&["run", "a.yaml"], Some(Some("a.yaml")));
        check(&["run", "help"], Some(Some("help")));
        check(&["run", "run"], Some(Some("run")));
        check(&[], None);
        check(&["demo"], None);
        check(&["--version"], None);
        check(&["run", "--help"], None);
        check(&["run", "--", "a.yaml"], None);
        check(&["run", "-"], None);
        check(&["run", ""], None);
        check(&["run", "a.yaml", "b.yaml"], None);
    }

    #[test]
    fn the_variable_counts_where_no_file_is_named() {
        let run = |arguments: &[&str], variable: &str| {
            plain_run(arguments.iter().map(OsString::from), Some(variable.into()))
        };
        assert_eq!(run(&["run"], "b.yaml"), Some(Some("b.yaml".into())));
        assert_eq!(run(&["run", "a.yaml"], "b.yaml"), Some(Some("a.yaml".into())));
        assert_eq!(run(&["run"], ""), None);
    }
}

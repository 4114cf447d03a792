//! `lockgate schema`: what a config file may say, for editors and for people.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Args;

use super::failed;

/// For whom it is said.
#[derive(Args)]
pub(crate) struct Options {
    /// Print the page for people, docs/reference/config.md, in place of the JSON Schema.
    #[arg(long)]
    reference: bool,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let text = match options.reference {
        true => lockgate_config::reference(),
        false => format!("{:#}\n", lockgate_config::json_schema()),
    };
    match io::stdout().write_all(text.as_bytes()) {
        // Who reads only the beginning has what they wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => failed(error),
        _ => ExitCode::SUCCESS,
    }
}

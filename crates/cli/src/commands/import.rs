//! `lockgate import FILE`: the config of another gateway in Lockgate's own form.

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{USAGE, env, failed, names};

/// What is imported, and where to.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The config file of another gateway; which one it is of shows in its shape.
    file: PathBuf,
    /// The file to write; without it the result goes to standard output.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long, requires = "output")]
    force: bool,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let shown = options.file.display();
    let imported = match lockgate_config::import(&options.file, &env) {
        Ok(imported) => imported,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::from(USAGE);
        }
    };
    let Some(form) = imported.form else {
        eprintln!("error: {shown} is in Lockgate's own form already: there is nothing to import");
        eprintln!("hint: lockgate check {shown} says whether it is fit to run");
        return ExitCode::from(USAGE);
    };
    eprintln!("{shown}: the form of {form}");
    for note in &imported.notes {
        eprintln!("note: {note}");
    }
    // The same file as it stands: what would keep it from running is better known now.
    if let Err(errors) = lockgate_config::load(&options.file, &env, &names) {
        eprintln!("warning: this is not fit to run yet:\n{errors}");
    }
    match &options.output {
        None => print(&imported.text),
        Some(output) => write(output, &imported.text, options.force),
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

/// Writes a file that only its owner may read: it may hold keys.
fn write(output: &Path, text: &str, force: bool) -> ExitCode {
    let shown = output.display();
    let mut options = OpenOptions::new();
    options.write(true).create(true).create_new(!force).truncate(force).mode(0o600);
    match options.open(output).and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => {
            eprintln!("written to {shown}: lockgate run {shown}");
            ExitCode::SUCCESS
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            eprintln!("error: {shown} is there already");
            eprintln!("hint: name another file, or add --force to write over it");
            ExitCode::from(USAGE)
        }
        Err(error) => failed(format!("{shown} cannot be written: {error}")),
    }
}

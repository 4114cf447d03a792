//! Where things are in the workspace, and how its tools are run.

use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a task failed, as a text for the person at the terminal.
pub(crate) type Failure = Box<dyn Error>;

/// How a binary is built.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Profile {
    Debug,
    Release,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(
        // Run without cargo, as the load generator is: the place it was built at.
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        PathBuf::from,
    );
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_owned)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |target| root().join(target))
}

/// A program this workspace builds.
pub(crate) fn binary(profile: Profile, name: &str) -> PathBuf {
    target()
        .join(match profile {
            Profile::Debug => "debug",
            Profile::Release => "release",
        })
        .join(name)
}

/// Cargo in the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // `cargo run` told this program about its own package. A cargo started from here would see that as a change of
    // environment, and build scripts that watch these variables would run, and recompile, every time.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The command as somebody would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Builds these packages as they are released.
///
/// # Errors
/// When one of them does not build.
pub(crate) fn build_release(packages: &[&str]) -> Result<(), Failure> {
    let mut build = cargo(&["build", "--release", "--locked"]);
    run(build.args(packages.iter().flat_map(|package| ["--package", package])))
}

/// Prints the command and runs it to its end, its output going to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let line = shown(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| format!("cannot start `{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}").into()) }
}

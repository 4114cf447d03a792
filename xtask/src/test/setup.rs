//! What suites need beyond Rust, made when it is missing: the gateway's binary, and a Python with the pinned SDKs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::workspace::{self, Failure};

/// Something a suite cannot run without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// The debug build of the binary `lockgate`.
    Binary,
    /// A virtual environment with `tests/sdk/requirements.txt` installed.
    Python,
}

impl Need {
    /// Makes it, or finds it made.
    pub(super) fn prepare(self) -> Result<(), Failure> {
        match self {
            Self::Binary => {
                workspace::run(&mut workspace::cargo(&["build", "--locked", "--package", "lockgate-cli"]))
            }
            Self::Python => prepare_python(),
        }
    }
}

fn environment() -> PathBuf {
    workspace::target().join("venv")
}

/// The Python of the virtual environment, in the root of the repository.
pub(super) fn python() -> Command {
    let mut command = Command::new(environment().join("bin/python"));
    command.current_dir(workspace::root());
    command
}

/// A copy of the requirements inside the environment says for which pins it was made.
fn prepare_python() -> Result<(), Failure> {
    let wanted = fs::read_to_string(workspace::root().join("tests/sdk/requirements.txt"))?;
    let stamp = environment().join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && succeeds(python().arg("--version")) {
        return Ok(());
    }
    create_environment()?;
    // Wheels only: without one for this machine, pip would look for compilers and fail in a less clear way.
    let mut install = python();
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ]);
    install.args(["--requirement", "tests/sdk/requirements.txt"]);
    workspace::run(&mut install)?;
    fs::write(stamp, wanted)?;
    Ok(())
}

/// Debian and Ubuntu ship Python without the part that makes environments; as root it is installed, else named.
fn create_environment() -> Result<(), Failure> {
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(environment());
    if succeeds(&mut create) {
        return Ok(());
    }
    const INSTALL: &str = "apt-get update && apt-get install --yes python3 python3-venv";
    let is_root =
        Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !is_root || !succeeds(Command::new("apt-get").arg("--version")) {
        return Err(format!(
            "python3 with its venv module is missing; on Debian or Ubuntu install it with: sudo sh -c '{INSTALL}'"
        )
        .into());
    }
    workspace::run(Command::new("sh").args(["-c", INSTALL]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    workspace::run(&mut create)
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

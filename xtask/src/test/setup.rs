//! What suites need beyond Rust, made when it is missing: the gateway's binary, and the pinned SDKs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::workspace::{self, Failure};

/// Something a suite cannot run without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// The debug build of the binary `lockgate`.
    Binary,
    /// A virtual environment with `tests/{suite}/requirements.txt` installed.
    Python(&'static str),
    /// These packages of Debian, which are installed where that is possible. Without them the suite runs, and says what
    /// it has to leave out.
    Debian(&'static [&'static str]),
    /// Node, and in `tests/{suite}/node` the packages of its lock file.
    Node(&'static str),
}

impl Need {
    /// Makes it, or finds it made.
    pub(super) fn prepare(self) -> Result<(), Failure> {
        match self {
            Self::Binary => {
                workspace::run(&mut workspace::cargo(&["build", "--locked", "--package", "lockgate-cli"]))
            }
            Self::Debian(packages) => {
                prepare_debian(packages);
                Ok(())
            }
            Self::Python(suite) => prepare_python(suite),
            Self::Node(suite) => prepare_node(suite),
        }
    }
}

/// One per suite: SDKs that are tested together need not agree with those of another suite on what they depend on.
fn environment(suite: &str) -> PathBuf {
    workspace::target().join("venv").join(suite)
}

/// The Python of a suite's virtual environment, in the root of the repository.
pub(super) fn python(suite: &str) -> Command {
    let mut command = Command::new(environment(suite).join("bin/python"));
    command.current_dir(workspace::root());
    command
}

/// A copy of the requirements inside the environment says for which pins it was made.
fn prepare_python(suite: &str) -> Result<(), Failure> {
    let requirements = format!("tests/{suite}/requirements.txt");
    let wanted = fs::read_to_string(workspace::root().join(&requirements))?;
    let stamp = environment(suite).join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && succeeds(python(suite).arg("--version"))
    {
        return Ok(());
    }
    create_environment(suite)?;
    // Wheels only: without one for this machine, pip would look for compilers and fail in a less clear way.
    let mut install = python(suite);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ]);
    install.args(["--requirement", &requirements]);
    workspace::run(&mut install)?;
    fs::write(stamp, wanted)?;
    Ok(())
}

/// A copy of the lock file beside the packages says for which pins they were installed.
fn prepare_node(suite: &str) -> Result<(), Failure> {
    let folder = workspace::root().join("tests").join(suite).join("node");
    let wanted = fs::read_to_string(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules").join("installed-lock.json");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    if !succeeds(Command::new("npm").arg("--version")) {
        return Err("node with npm is missing: install node 20 or newer".into());
    }
    // No package here needs its scripts, and what is not run can do no harm.
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    workspace::run(Command::new("npm").args(install).current_dir(&folder))?;
    fs::write(stamp, wanted)?;
    Ok(())
}

/// Debian and Ubuntu ship Python without the part that makes environments; as root it is installed, else named.
fn create_environment(suite: &str) -> Result<(), Failure> {
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(environment(suite));
    if succeeds(&mut create) {
        return Ok(());
    }
    const INSTALL: &str = "apt-get update && apt-get install --yes python3 python3-venv";
    if !can_install() {
        return Err(format!(
            "python3 with its venv module is missing; on Debian or Ubuntu install it with: sudo sh -c '{INSTALL}'"
        )
        .into());
    }
    workspace::run(Command::new("sh").args(["-c", INSTALL]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    workspace::run(&mut create)
}

fn prepare_debian(packages: &[&str]) {
    if succeeds(Command::new("dpkg").arg("--status").args(packages)) {
        return;
    }
    let install = format!("apt-get update && apt-get install --yes {}", packages.join(" "));
    let outcome = match can_install() {
        true => {
            workspace::run(Command::new("sh").args(["-c", &install]).env("DEBIAN_FRONTEND", "noninteractive"))
        }
        false => Err("only root of a Debian or Ubuntu can".into()),
    };
    if let Err(failure) = outcome {
        println!(
            "!! not installed: {} ({failure}); install with: sudo sh -c '{install}'",
            packages.join(", ")
        );
    }
}

/// Whether packages of the system can be installed: by root, on Debian and what is made of it.
fn can_install() -> bool {
    let is_root =
        Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    is_root && succeeds(Command::new("apt-get").arg("--version"))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

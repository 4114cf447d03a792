//! Which core the program under test has, and which one everything else shares.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::workspace::Failure;

/// Open files of a program that holds both ends of ten thousand streams, with room to spare.
const MOST_FILES: u32 = 65_536;

/// Two cores of this machine, by number.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cores {
    /// For the gateway or nginx, alone.
    pub(crate) subject: u32,
    /// For the mock provider and the load generator.
    pub(crate) rest: u32,
    /// Files that each program may have open.
    pub(crate) files: u32,
}

impl Cores {
    /// The first two cores this process may use.
    ///
    /// # Errors
    /// When there are fewer: the figures would say nothing.
    pub(crate) fn of_this_machine() -> Result<Self, Failure> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let mut allowed = list.trim().split(',').filter_map(range).flatten();
        match (allowed.next(), allowed.next()) {
            (Some(subject), Some(rest)) => Ok(Self { subject, rest, files: files()? }),
            _ => Err("a benchmark needs two cores: one for the program under test, one for the load".into()),
        }
    }

    /// A command pinned to one core. `taskset` replaces itself by the program, so the process id is the program's.
    pub(crate) fn pinned(core: u32, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program);
        command
    }

    /// The same for a program that holds thousands of connections. `prlimit` replaces itself too.
    pub(crate) fn with_many_files(&self, core: u32, program: impl AsRef<OsStr>) -> Command {
        let mut command = Self::pinned(core, "prlimit");
        command.arg(format!("--nofile={}", self.files)).arg(program);
        command
    }
}

/// How many files a program may have open here: as many as are needed, or what the system allows.
fn files() -> Result<u32, Failure> {
    let wanted = format!("--nofile={MOST_FILES}");
    if succeeds(Command::new("prlimit").args([wanted.as_str(), "true"])) {
        return Ok(MOST_FILES);
    }
    // proc_pid_limits(5): the name, the soft limit, the hard limit, the unit.
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    hard.ok_or_else(|| "/proc/self/limits does not say how many files may be open".into())
}

fn range(text: &str) -> Option<std::ops::RangeInclusive<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// Whether a command can be run and ends well.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

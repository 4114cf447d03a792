//! A program under valgrind's callgrind, whose instructions are counted from dump to dump.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockgate_testkit::process::Process;
use serde::{Deserialize, Serialize};

use crate::workspace::Failure;

/// Instructions between two dumps, or their part for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instructions {
    /// Of the thread that executed most: the one worker.
    pub(super) path: u64,
    /// Of all others together.
    pub(super) beside: u64,
}

impl Instructions {
    /// The part of one in `parts`, rounded.
    pub(super) fn each(self, parts: u64) -> Self {
        let part = |all: u64| all.saturating_add(parts / 2).checked_div(parts).unwrap_or_default();
        Self { path: part(self.path), beside: part(self.beside) }
    }
}

/// A running program.
pub(super) struct Callgrind {
    pub(super) process: Process,
    out: PathBuf,
    dumps: u32,
}

/// Whether valgrind is on this machine.
///
/// # Errors
/// When it is not, with what to do.
pub(super) fn is_there() -> Result<(), Failure> {
    let mut look = Command::new("valgrind");
    look.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    match look.status() {
        Ok(status) if status.success() => Ok(()),
        _ => {
            Err("NOTHING WAS COUNTED: valgrind is missing; install it with: apt-get install valgrind".into())
        }
    }
}

impl Callgrind {
    /// Starts `program` with one worker thread: with several, how often they wake each other is a matter of chance.
    ///
    /// # Errors
    /// When `folder` cannot be made or valgrind cannot be started.
    pub(super) fn start(folder: &Path, program: &Path, arguments: &[&OsStr]) -> Result<Self, Failure> {
        // Dumps of an earlier run have the same names.
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let out = folder.join("out");
        let mut command = Command::new("valgrind");
        command
            .args(["--tool=callgrind", "--separate-threads=yes", "-q"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(program)
            .args(arguments)
            .env("TOKIO_WORKER_THREADS", "1");
        Ok(Self { process: Process::spawn(&mut command)?, out, dumps: 0 })
    }

    /// What was executed since the last dump, or since the start.
    ///
    /// # Errors
    /// When callgrind does not take the order, or writes something else than expected.
    pub(super) fn dump(&mut self, name: &str) -> Result<Instructions, Failure> {
        let output = Command::new("callgrind_control")
            .arg(format!("--dump={name}"))
            .arg(self.process.id().to_string())
            .output()?;
        self.dumps += 1;
        let mut threads = Vec::new();
        for thread in 1..=64 {
            let file = format!("{}.{}-{thread:02}", self.out.display(), self.dumps);
            match fs::read_to_string(&file) {
                Ok(text) => threads.push(totals(&text).ok_or_else(|| format!("{file} has no totals"))?),
                // A thread that has ended has none.
                Err(_) => continue,
            }
        }
        let path = threads.iter().copied().max().ok_or_else(|| {
            format!(
                "callgrind wrote no figures: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        Ok(Instructions { path, beside: threads.iter().sum::<u64>() - path })
    }
}

/// The sum at the end of a dump.
fn totals(dump: &str) -> Option<u64> {
    dump.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_ends_in_its_sum() {
        assert_eq!(
            totals("version: 1\nthread: 2\nevents: Ir\nfn=(1)\n0 7\n\ntotals: 186918863\n"),
            Some(186_918_863)
        );
        assert_eq!(totals("version: 1\n"), None);
    }

    #[test]
    fn parts_are_rounded() {
        let all = Instructions { path: 1999, beside: 10 };
        assert_eq!(all.each(1000), Instructions { path: 2, beside: 0 });
        assert_eq!(all.each(0), Instructions { path: 0, beside: 0 });
    }
}

//! Under what conditions a run was made: what figures are worth without that, nobody knows.

use std::fmt;
use std::fs;
use std::process::Command;

use serde::Serialize;

use super::cores::Cores;
use crate::workspace;

/// The machine and the programs; what cannot be found out is empty.
#[derive(Debug, Serialize)]
pub(crate) struct Conditions {
    processor: String,
    kernel: String,
    /// The mean number of programs that wanted a core in the last minute, before anything was measured.
    load: String,
    /// The commit that was built, with a mark where files differ from it.
    commit: String,
    nginx: String,
    haproxy: String,
    cores: Cores,
}

impl Conditions {
    /// Those of now.
    pub(crate) fn now(cores: Cores) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            processor: processor.map_or_else(String::new, |(_, name)| name.trim().to_owned()),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            commit: first_line(
                Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(workspace::root()),
            ),
            nginx: first_line(Command::new("nginx").arg("-v")),
            haproxy: first_line(Command::new("haproxy").arg("-v")),
            cores,
        }
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, kernel, load, commit, nginx, haproxy, cores } = self;
        write!(
            f,
            "{processor}; Linux {kernel}; load {load}; commit {commit}; {nginx}; {haproxy}; subjects on core {}, mock and load \
             on core {}",
            cores.subject, cores.rest
        )
    }
}

/// The first line that a command prints, wherever to; empty where it cannot be run.
fn first_line(command: &mut Command) -> String {
    let Ok(output) = command.output() else { return String::new() };
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
}

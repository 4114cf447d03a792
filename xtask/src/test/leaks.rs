//! Looks for the secrets of each suite's run in everything that the gateway wrote and answered during it.

use lockgate_testkit::canary::Run;

use crate::workspace::{self, Failure};

/// Where a suite leaves its secrets and what is looked through.
pub(super) fn run_of(suite: &str) -> Run {
    Run::at(workspace::target().join("runs").join(suite))
}

/// Looks through what the last run of each of these suites left.
pub(super) fn hunt(suites: &[&str]) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for suite in suites {
        match run_of(suite).hunt() {
            Ok(report) => {
                let (secrets, files, size) = (report.secrets, report.files, report.bytes / 1024);
                println!("{suite}: {secrets} secrets looked for in {files} files, {size} KiB");
                failures.extend(report.leaks);
            }
            Err(why) => failures.push(format!("{why}; run the suite first: cargo xtask test --only {suite}")),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

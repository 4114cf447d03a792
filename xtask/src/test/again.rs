//! A second try, alone, for the few tests that failed beside all others: on a busy machine some measure the machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use crate::workspace::{self, Failure};

/// Most tests that are tried again: where more fail, it is not the machine.
const MOST: usize = 3;

/// What failed in a run of `cargo test --no-fail-fast`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Failed {
    /// The tests' names.
    tests: Vec<String>,
    /// The targets they are of, as cargo's own options.
    targets: Vec<Vec<String>>,
}

impl Failed {
    /// Notes a line of the tests' own output.
    fn test(&mut self, line: &str) {
        let name = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        self.tests.extend(name.map(str::to_owned));
    }

    /// Notes a line of cargo's, which names the targets at its end.
    fn target(&mut self, line: &str) {
        let options = line.trim().strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        if let Some(options) = options.filter(|options| options.starts_with("-p ")) {
            self.targets.push(options.split_whitespace().map(str::to_owned).collect());
        }
    }
}

/// Runs `tests`, a `cargo test --no-fail-fast`; what failed there is tried once more, each target for itself and one test
/// after the other. That it took a second try is said.
///
/// # Errors
/// When a test failed twice, more than a few failed, or something else than tests did.
pub(super) fn run(tests: &mut Command, prepare: impl Fn(&mut Command)) -> Result<(), Failure> {
    prepare(tests);
    let (failed, first) = watched(tests)?;
    let Err(failure) = first else { return Ok(()) };
    if failed.tests.is_empty() || failed.tests.len() > MOST || failed.targets.is_empty() {
        return Err(failure);
    }
    println!("\n== a second try, alone: {}", failed.tests.join(", "));
    let mut passed = 0;
    for target in &failed.targets {
        let mut again = workspace::cargo(&["test", "--locked"]);
        again.args(target).args(["--", "--exact", "--test-threads=1"]).args(&failed.tests);
        prepare(&mut again);
        passed += count_passed(&mut again)?;
    }
    if passed < failed.tests.len() {
        return Err(failure);
    }
    println!("== UNSTEADY: passed only alone: {}", failed.tests.join(", "));
    Ok(())
}

/// Runs `command` with its output on the terminal, and notes what failed.
fn watched(command: &mut Command) -> Result<(Failed, Result<(), Failure>), Failure> {
    let line = workspace::shown(command);
    println!("$ {line}");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let told =
        child.stderr.take().map(|stderr| std::thread::spawn(move || copied(stderr, std::io::stderr())));
    let mut failed = Failed::default();
    if let Some(stdout) = child.stdout.take() {
        copied(stdout, std::io::stdout()).iter().for_each(|line| failed.test(line));
    }
    let told = told.and_then(|told| told.join().ok()).unwrap_or_default();
    told.iter().for_each(|line| failed.target(line));
    let status = child.wait()?;
    let result = if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}").into()) };
    Ok((failed, result))
}

/// Copies lines; returns those that may say that something failed.
fn copied(from: impl Read, mut to: impl Write) -> Vec<String> {
    let mut kept = Vec::new();
    let mut lines = BufReader::new(from).split(b'\n');
    while let Some(Ok(line)) = lines.next() {
        let line = String::from_utf8_lossy(&line).into_owned();
        // A terminal that is gone does not stop the tests.
        let _ = writeln!(to, "{line}");
        if line.ends_with(" ... FAILED") || line.trim_start().starts_with('`') {
            kept.push(line);
        }
    }
    kept
}

/// How many tests pass in a run.
fn count_passed(command: &mut Command) -> Result<usize, Failure> {
    println!("$ {}", workspace::shown(command));
    let output = command.stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    Ok(said.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ... ok")).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_and_their_targets_are_found() {
        let mut failed = Failed::default();
        for line in
            ["test outage::herd ... FAILED", "test a ... ok", "    outage::herd", "test result: FAILED. 1"]
        {
            failed.test(line);
        }
        for line in
            ["error: 2 targets failed:", "    `-p lockgate-gateway --test it`", "    `-p x --lib`", "`a`"]
        {
            failed.target(line);
        }
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let targets = vec![words("-p lockgate-gateway --test it"), words("-p x --lib")];
        assert_eq!(failed, Failed { tests: vec!["outage::herd".to_owned()], targets });
    }
}

//! A second try, alone, for the few tests that failed beside all others: on a busy machine some measure the machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use crate::workspace::{self, Failure};

/// Most tests that are tried again: where more fail, it is not the machine.
const MOST: usize = 3;

/// The name of the test that failed, if a line of the tests' own output says so.
fn failed(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
    name.map(str::to_owned)
}

/// Runs `tests`, a `cargo test --no-fail-fast`; what failed there is tried once more, one test after the other. That it
/// took a second try is said.
///
/// # Errors
/// When a test failed twice, more than a few failed, or something else than tests did.
pub(super) fn run(tests: &mut Command, prepare: impl Fn(&mut Command)) -> Result<(), Failure> {
    prepare(tests);
    let (failed, first) = watched(tests)?;
    let Err(failure) = first else { return Ok(()) };
    if failed.is_empty() || failed.len() > MOST {
        return Err(failure);
    }
    println!("\n== a second try, alone: {}", failed.join(", "));
    // Of the whole workspace again, although most of it has none of them: chosen crates would be built with other features.
    let mut again = workspace::cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    again.args(["--", "--exact", "--test-threads=1"]).args(&failed);
    prepare(&mut again);
    if count_passed(&mut again)? < failed.len() {
        return Err(failure);
    }
    println!("== UNSTEADY: passed only alone: {}", failed.join(", "));
    Ok(())
}

/// Runs `command` with its output on the terminal; the tests that failed, and how it ended.
fn watched(command: &mut Command) -> Result<(Vec<String>, Result<(), Failure>), Failure> {
    let line = workspace::shown(command);
    println!("$ {line}");
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let failed = child.stdout.take().map(|stdout| copied(stdout, std::io::stdout())).unwrap_or_default();
    let status = child.wait()?;
    let result = if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}").into()) };
    Ok((failed, result))
}

/// Copies lines; returns the names of the tests that failed.
fn copied(from: impl Read, mut to: impl Write) -> Vec<String> {
    let mut names = Vec::new();
    let mut lines = BufReader::new(from).split(b'\n');
    while let Some(Ok(line)) = lines.next() {
        let line = String::from_utf8_lossy(&line).into_owned();
        // A terminal that is gone does not stop the tests.
        let _ = writeln!(to, "{line}");
        names.extend(failed(&line));
    }
    names
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
    fn tests_that_failed_are_found() {
        let output =
            "test outage::herd ... FAILED\ntest a ... ok\n    outage::herd\ntest result: FAILED. 1\n";
        assert_eq!(copied(output.as_bytes(), std::io::sink()), ["outage::herd"]);
    }
}

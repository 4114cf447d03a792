//! `cargo xtask layout`: makes `crates/cli/layout.ld`, which has the linker put together what a start and calls run.
//!
//! The kernel maps a program's file in pieces of 64 KiB: a function that runs costs memory for all that stands around it.
//! Of 19 MiB of code a start runs 3, spread over so many pieces that 11 MiB are resident. Which functions run is seen by
//! valgrind's callgrind.

mod calls;
mod functions;
mod places;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use lockgate_testkit::process::{Process, free_address};
use places::{Patterns, Places};

use crate::workspace::{self, Failure, Profile};

/// A program under callgrind is about fifty times slower.
const START_LIMIT: Duration = Duration::from_secs(120);
/// What goes on in the background when nothing is asked: connections are looked after, the journal is read.
const IDLE: Duration = Duration::from_secs(3);

/// There is nothing to choose.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Builds a binary with the names of its functions, watches one that only starts and one that is called, and writes down
/// which functions ran.
pub(crate) fn run(_: &Arguments) -> Result<(), Failure> {
    let folder = workspace::target().join("layout");
    fs::create_dir_all(&folder)?;
    let map = folder.join("lockgate.map");
    // Only the last step is done differently from a plain build, so that what it is made of need not be built again.
    workspace::run(&mut workspace::cargo(&[
        "rustc",
        "--release",
        "--package",
        "lockgate-cli",
        "--bin",
        "lockgate",
        "--",
        "--codegen=strip=none",
        &format!("--codegen=link-arg=-Wl,-Map={}", map.display()),
    ]))?;
    let map = read(&map)?;
    let places = Places::read(&map);
    let seen = watched(&folder, "starting", |_| Ok(()))?;
    let starting = places.of(&seen);
    let mut seen_later = watched(&folder, "serving", calls::make)?;
    seen_later.retain(|name| !seen.contains(name));
    let serving = places.of(&seen_later);
    let file = workspace::root().join("crates/cli/layout.ld");
    fs::write(&file, script(&starting, &serving))?;
    println!("{}: {} functions of a start, {} of calls", file.display(), seen.len(), seen_later.len());
    Ok(())
}

/// The names of the functions of the gateway that run from its start to its end, with `calls` between.
fn watched(
    folder: &Path,
    name: &str,
    calls: impl Fn(SocketAddr) -> Result<(), Failure>,
) -> Result<BTreeSet<String>, Failure> {
    let (listen, upstream) = (free_address()?, free_address()?);
    let binary = workspace::binary(Profile::Release, "lockgate");
    let mut mock = Process::spawn(
        Command::new(&binary).args(["mock", "--lenient", "--listen"]).arg(upstream.to_string()),
    )?;
    mock.wait_ready(upstream, "/_mock/counts", START_LIMIT)?;
    let config = calls::config(folder, name, listen, upstream)?;
    let seen = folder.join(format!("{name}.callgrind"));
    let mut gateway = Process::spawn(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--demangle=no", "--compress-strings=no"])
            .arg(format!("--callgrind-out-file={}", seen.display()))
            .arg(&binary)
            .arg("run")
            .arg(config),
    )?;
    gateway.wait_ready(listen, "/health/ready", START_LIMIT)?;
    calls(listen)?;
    thread::sleep(IDLE);
    gateway.terminate()?;
    let status = gateway.wait_exit(START_LIMIT)?;
    if !status.success() {
        return Err(format!("the gateway ended with {status}; it printed:\n{}", gateway.output()).into());
    }
    Ok(functions::of(&read(&seen)?, &binary))
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()).into())
}

/// The linker script. `INSERT` has the linker do all else as without one: other code comes behind, in the same section.
fn script(starting: &Patterns, serving: &Patterns) -> String {
    let mut script = "/* Which functions stand together in the binary: those that a start runs, then those of calls.\n   \
         Made by `cargo xtask layout`, never by hand. A function that is missing is where it would be anyway. */\n\
         SECTIONS {\n  .text : {\n"
        .to_owned();
    for (name, patterns) in [("starting", starting), ("serving", serving)] {
        script.push_str(&format!("    /* {name} */\n"));
        for (objects, sections) in patterns {
            script.push_str(&format!("    {objects}(\n"));
            sections.iter().for_each(|section| script.push_str(&format!("      {section}\n")));
            script.push_str("    )\n");
        }
    }
    script.push_str("  }\n}\nINSERT BEFORE .init;\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_start_runs_comes_first_and_all_else_stays() {
        let patterns = |objects: &str, section: &str| {
            Patterns::from([(objects.to_owned(), BTreeSet::from([section.to_owned()]))])
        };
        let script = script(&patterns("*", ".text.main"), &patterns("*.h2-*-cgu.*", ".text._ZN2h217h*"));
        let script = script.split_once("*/\n").expect("a remark").1;
        assert_eq!(
            script,
            "SECTIONS {\n  .text : {\n    /* starting */\n    *(\n      .text.main\n    )\n    /* serving */\n    \
             *.h2-*-cgu.*(\n      .text._ZN2h217h*\n    )\n  }\n}\nINSERT BEFORE .init;\n"
        );
    }
}

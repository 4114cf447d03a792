//! `cargo xtask test`: the table of suites, run in order, each with the set-up it needs.

mod again;
mod leaks;
mod setup;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use lockgate_testkit::{canary, clock};

use crate::workspace::{self, Failure, Profile};
use setup::Need;

/// Which suites to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the suite of this name, which may be one that is run on demand.
    #[arg(long, value_name = "NAME", value_parser = names())]
    only: Option<String>,
}

/// A set of tests that passes or fails as one.
struct Suite {
    name: &'static str,
    about: &'static str,
    needs: &'static [Need],
    /// Left out unless it is asked for by name.
    on_demand: bool,
    run: fn() -> Result<(), Failure>,
}

/// Every suite, in running order: what is quick to fail comes first, and `leaks` reads what the suites before it left.
const SUITES: &[Suite] = &[
    Suite {
        name: "rust",
        about: "unit, fixture and integration tests of every crate",
        needs: &[],
        on_demand: false,
        run: rust,
    },
    Suite {
        name: "sdk",
        about: "the official OpenAI SDK and boto3's signatures through the real binary",
        needs: &[Need::Binary, Need::Python("sdk")],
        on_demand: false,
        run: sdk,
    },
    Suite {
        name: "matrix",
        about: "every official SDK on every upstream dialect, through the real binary",
        needs: &[Need::Binary, Need::Python("matrix"), Need::Node("matrix")],
        on_demand: false,
        run: matrix,
    },
    Suite {
        name: "proxies",
        about: "tinyproxy and microsocks between the real binary and TLS",
        needs: &[Need::Binary, Need::Python("proxies"), Need::Debian(&["tinyproxy-bin", "microsocks"])],
        on_demand: false,
        run: proxies,
    },
    Suite {
        name: "seeing",
        about: "Prometheus' parsers and OpenTelemetry's own messages read what the real binary shows",
        needs: &[Need::Binary, Need::Python("seeing")],
        on_demand: false,
        run: seeing,
    },
    Suite {
        name: "openapi",
        about: "the admin API's own description, by a validator of OpenAPI and in real answers",
        needs: &[Need::Binary, Need::Python("openapi")],
        on_demand: false,
        run: openapi,
    },
    Suite {
        name: "training",
        about: "Hugging Face datasets loads training files of recorded conversations",
        needs: &[Need::Python("training")],
        on_demand: false,
        run: training,
    },
    Suite {
        name: "leaks",
        about: "no secret in any log or answer of the suites before",
        needs: &[],
        on_demand: false,
        run: leaks,
    },
    // On demand: it installs a few hundred MB of packages, and runs for a minute.
    Suite {
        name: "agents",
        about: "Claude Code, Codex and Gemini CLI at work, on every upstream dialect",
        needs: &[Need::Binary, Need::Python("agents")],
        on_demand: true,
        run: agents,
    },
    // On demand: it makes a release build, which takes longer than all other suites.
    Suite {
        name: "counts",
        about: "instructions per request and event of the release binary, under valgrind",
        needs: &[Need::Debian(&["valgrind"])],
        on_demand: true,
        run: counts,
    },
];

/// The suites that leave their secrets, and what the gateway wrote and answered, to be looked through.
const LEAVING: &[&str] = &["rust", "sdk", "matrix", "proxies", "seeing", "openapi"];

fn rust() -> Result<(), Failure> {
    let run = leaks::run_of("rust");
    run.clear()?;
    again::run(&mut workspace::cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]), |tests| {
        tests.env(canary::FOLDER, run.folder());
    })
}

fn sdk() -> Result<(), Failure> {
    workspace::run(&mut pytest("sdk"))
}

fn matrix() -> Result<(), Failure> {
    // The table at its end says more than the traces of many cells, which take minutes to write.
    workspace::run(pytest("matrix").arg("--tb=line"))
}

fn proxies() -> Result<(), Failure> {
    // What was left out and why is part of the result.
    workspace::run(pytest("proxies").arg("-rs"))
}

fn seeing() -> Result<(), Failure> {
    workspace::run(&mut pytest("seeing"))
}

fn openapi() -> Result<(), Failure> {
    workspace::run(&mut pytest("openapi"))
}

fn training() -> Result<(), Failure> {
    let folder = workspace::target().join("training");
    // What an older build wrote would be loaded too.
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut write = workspace::cargo(&["run", "--locked", "--package", "lockgate-training"]);
    workspace::run(write.args(["--example", "recorded", "--"]).arg(&folder))?;
    // What was left out and why is part of the result.
    workspace::run(pytest("training").arg("-rs").env("LOCKGATE_TRAINING", &folder))
}

fn agents() -> Result<(), Failure> {
    workspace::run(pytest("agents").env("LOCKGATE_AGENTS", workspace::target().join("agents")))?;
    leaks::hunt(&["agents"])
}

fn counts() -> Result<(), Failure> {
    crate::bench::counts::run(false, true)
}

fn leaks() -> Result<(), Failure> {
    leaks::hunt(LEAVING)
}

/// Runs `tests/{suite}` against the debug build.
fn pytest(suite: &str) -> Command {
    let mut pytest = setup::python(suite);
    pytest
        .args(["-m", "pytest", "-q", "--tb=short"])
        .arg(format!("tests/{suite}"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env(canary::FOLDER, leaks::run_of(suite).folder())
        .env("LOCKGATE_BINARY", workspace::binary(Profile::Debug, "lockgate"));
    pytest
}

fn names() -> clap::builder::PossibleValuesParser {
    SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().into()
}

/// How one suite ended.
struct Outcome {
    suite: &'static Suite,
    took: Duration,
    failure: Option<String>,
}

/// Runs the suites and prints the table.
///
/// # Errors
/// When any suite failed.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let chosen = SUITES
        .iter()
        .filter(|suite| arguments.only.as_ref().map_or(!suite.on_demand, |only| only == suite.name));
    let mut prepared = BTreeMap::new();
    let outcomes: Vec<Outcome> = chosen.map(|suite| run_suite(suite, &mut prepared)).collect();
    print_table(&outcomes);
    match outcomes.iter().filter(|outcome| outcome.failure.is_some()).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} suites failed", outcomes.len()).into()),
    }
}

/// Set-up is done once, whichever suite needs it first, and is counted to that suite's time.
fn run_suite(suite: &'static Suite, prepared: &mut BTreeMap<Need, Result<(), String>>) -> Outcome {
    println!("\n== {}: {}", suite.name, suite.about);
    let started = clock::now();
    let ready = suite.needs.iter().try_for_each(|need| {
        prepared.entry(*need).or_insert_with(|| need.prepare().map_err(|failure| failure.to_string())).clone()
    });
    let failure = ready.and_then(|()| (suite.run)().map_err(|failure| failure.to_string())).err();
    if let Some(failure) = &failure {
        println!("{failure}");
    }
    Outcome { suite, took: since(started), failure }
}

fn since(started: Instant) -> Duration {
    clock::now().duration_since(started)
}

/// The closing line is of the form that readers of test output look for.
fn print_table(outcomes: &[Outcome]) {
    println!("\n{:<8} {:<7} {:>8}  what", "suite", "result", "time");
    for Outcome { suite, took, failure } in outcomes {
        let result = if failure.is_none() { "passed" } else { "FAILED" };
        println!("{:<8} {result:<7} {:>6.1} s  {}", suite.name, took.as_secs_f64(), suite.about);
        if let Some(failure) = failure {
            println!("{:<8} {}", "", failure.lines().next().unwrap_or_default());
        }
    }
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    println!("\nsuites: {} passed, {failed} failed", outcomes.len() - failed);
}

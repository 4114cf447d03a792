//! `cargo xtask bench`: the gateway, nginx and whoever else is there in front of the same mock provider, measured in turn on
//! this machine.
//!
//! The program under test has one core, the mock and the load generator share another. CPU time per request is the
//! figure to trust on a shared machine; requests per second and latencies move with the neighbours.

mod asks;
mod conditions;
mod cores;
pub(crate) mod counts;
mod goals;
mod house;
pub(crate) mod load;
mod median;
mod memory;
mod overload;
mod plan;
mod results;
mod scenarios;
mod startup;
mod steady;
mod subjects;
mod usage;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use lockgate_testkit::clock;

use crate::workspace::{self, Failure};
use conditions::Conditions;
use cores::Cores;
use load::Load;
use plan::{Apart, Plan};
use results::{Results, Row, Sample};
use scenarios::{Pace, SCENARIOS, Scenario};
use subjects::{LOCKGATE, NGINX, Subject, Subjects};
use usage::Usage;

/// How much to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rounds; in each, every scenario goes once over every subject. Medians are reported.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: Option<u32>,
    /// Seconds of load per scenario, subject and round.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: Option<u64>,
    /// Minutes of steady load in which memory is watched.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=240))]
    minutes: Option<u64>,
    /// A quick look in less than three minutes: one round, the scenarios that say most.
    #[arg(long, conflicts_with = "only")]
    short: bool,
    /// Measure only what has this name; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = plan::names())]
    only: Vec<String>,
    /// List what can be measured.
    #[arg(long)]
    list: bool,
    /// Measure the gateway that this file describes too; may be given several times.
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Measure the release binaries as they lie there.
    #[arg(long)]
    no_build: bool,
    /// Count instructions under valgrind instead of measuring times, and hold them against the accepted ones.
    #[arg(long)]
    counts: bool,
    /// Write the counts down as the accepted ones.
    #[arg(long, requires = "counts")]
    accept: bool,
}

/// The first run over a subject, which is not counted.
const WARM_UP: Duration = Duration::from_millis(500);
/// A subject that needs less than a fiftieth of a core for so long is at rest: the journal is read every 200 ms.
const REST: Duration = Duration::from_millis(250);
/// How long that is waited for.
const MOST_REST: Duration = Duration::from_secs(10);

/// Builds, starts, measures, prints the tables and writes `target/bench.json`.
///
/// # Errors
/// When something cannot be built or started, or when no run of a scenario over the gateway was free of errors.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.list {
        plan::list();
        return Ok(());
    }
    if arguments.counts {
        return counts::run(arguments.accept, !arguments.no_build);
    }
    let plan = Plan::of(arguments);
    if !arguments.no_build {
        workspace::build_release(&["lockgate-cli", "xtask"])?;
    }
    let cores = Cores::of_this_machine()?;
    clear(&house::folder()?)?;
    let subjects = Subjects::start(&cores, &arguments.with)?;
    let conditions = Conditions::now(cores);
    println!("{conditions}");
    println!("this takes about {} minutes", plan.length(&subjects).as_secs().div_ceil(60));
    let mut results = Results::default();
    measure(&plan, &subjects, &mut results)?;

    // Journals of millions of calls are of no more use.
    drop(subjects);
    clear(&house::folder()?)?;

    results.print();
    println!("\nfigures that stand alone");
    for (name, figure) in results.all_alone() {
        println!("  {name:<42} {figure:.2}");
    }
    let verdicts = goals::verdicts(&results);
    goals::print(&verdicts);
    let path = workspace::target().join("bench.json");
    let json = serde_json::json!({
        "conditions": conditions,
        "rounds": plan.rounds,
        "seconds": plan.time.as_secs(),
        "goals": verdicts,
        "alone": results.all_alone().collect::<std::collections::BTreeMap<_, _>>(),
        "results": results.summaries().collect::<Vec<_>>(),
    });
    fs::write(&path, serde_json::to_string_pretty(&json)?)?;
    println!(
        "\nmedians of {} rounds of {} s; written to {}",
        plan.rounds,
        plan.time.as_secs(),
        path.display()
    );
    match results.without_figures().as_slice() {
        [] => Ok(()),
        failed => Err(format!("no run without errors: {}", failed.join("; ")).into()),
    }
}

fn measure(plan: &Plan, subjects: &Subjects, results: &mut Results) -> Result<(), Failure> {
    if plan.apart.contains(&Apart::Start) {
        startup::measure(results)?;
    }
    let capacity = if plan.needs_capacity() { capacity(subjects)? } else { 0.0 };
    for round in 1..=plan.rounds {
        for scenario in &plan.scenarios {
            for subject in subjects.asked(&scenario.ask) {
                if round == 1 {
                    once(subjects, scenario, subject, capacity, WARM_UP)?.ok();
                }
                let row = once(subjects, scenario, subject, capacity, plan.time)?;
                let shown = match &row {
                    Ok(row) => format!(
                        "{:>9.1} us/request {:>8.0} requests/s",
                        row.cpu_us_per_request, row.requests_per_second
                    ),
                    Err(why) => format!("does not count: {why}"),
                };
                println!("round {round} {:<26} {:<12} {shown}", scenario.name, subject.name);
                results.add(scenario, &subject.name, row);
            }
        }
        for scenario in &plan.yardsticks {
            if let Ok(nginx) = subjects.named(NGINX) {
                let row = once(subjects, scenario, nginx, capacity, plan.time)?;
                results.add(scenario, NGINX, row);
            }
        }
        if plan.apart.contains(&Apart::LargeBodies) {
            memory::large_bodies(subjects, results)?;
        }
        if plan.apart.contains(&Apart::Overload) {
            overload::measure(subjects, plan.time, results)?;
        }
    }
    if plan.apart.contains(&Apart::IdleStreams) {
        memory::idle_streams(subjects, results)?;
    }
    if plan.apart.contains(&Apart::Steady) {
        steady::measure(subjects, capacity, plan.steady, results)?;
    }
    Ok(())
}

/// One run of load, with the usage of the subject read before and after it.
fn once(
    subjects: &Subjects,
    scenario: &Scenario,
    subject: &Subject,
    capacity: f64,
    time: Duration,
) -> Result<Result<Row, String>, Failure> {
    let load = match scenario.pace {
        Pace::Closed(connections) => Load::Closed { connections },
        Pace::Due(connections, rate) => Load::Due { connections, rate },
        Pace::Part(connections, part) => Load::Due { connections, rate: capacity * part },
    };
    let expected = subjects::expected(subjects.mock(), &scenario.ask)?;
    let order = subject.order(&scenario.ask, expected, load, time);
    let before = subject.usage()?;
    let figures = load::in_its_own_process(subjects.cores(), &order, || Ok(()))?;
    let after = settled(subject)?;
    Ok(Sample { figures, cpu: after.since(&before), resident: after.resident }.row())
}

/// The usage once the subject is at rest: what it does behind its answers, such as reading its journal, is their cost too.
fn settled(subject: &Subject) -> Result<Usage, Failure> {
    let began = clock::now();
    let mut usage = subject.usage()?;
    loop {
        thread::sleep(REST);
        let later = subject.usage()?;
        let busy = later.since(&usage);
        usage = later;
        if busy < REST / 50 || clock::now().duration_since(began) > MOST_REST {
            return Ok(usage);
        }
    }
}

/// Requests in a second that the gateway answers in the scenario `chat`.
fn capacity(subjects: &Subjects) -> Result<f64, Failure> {
    let chat =
        SCENARIOS.iter().find(|scenario| scenario.name == "chat").ok_or("there is no scenario `chat`")?;
    let gateway = subjects.named(LOCKGATE)?;
    once(subjects, chat, gateway, 0.0, WARM_UP)?.ok();
    let row = once(subjects, chat, gateway, 0.0, Duration::from_secs(2))??;
    println!("the gateway's capacity is taken to be {:.0} requests/s", row.requests_per_second);
    Ok(row.requests_per_second)
}

/// Removes what an earlier run left.
fn clear(folder: &Path) -> Result<(), Failure> {
    fs::remove_dir_all(folder)?;
    fs::create_dir_all(folder)?;
    Ok(())
}

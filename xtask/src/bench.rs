//! `cargo xtask bench`: the gateway and nginx in front of the same mock provider, measured in turn on this machine.
//!
//! The program under test has one core, the mock and the load generator share another. CPU time per request is the
//! figure to trust on a shared machine; requests per second and latencies move with the neighbours.

mod cores;
pub(crate) mod load;
mod median;
mod report;
mod scenarios;
mod servers;
mod startup;

use std::time::Duration;

use crate::workspace::{self, Failure};
use cores::Cores;
use report::{Report, Sample};
use scenarios::{SCENARIOS, Scenario};
use servers::{Route, Servers};

/// How much to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rounds; in each, every scenario goes once over every route. Medians are reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Seconds of load per scenario, route and round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Measure only the scenario of this name.
    #[arg(long, value_name = "NAME", value_parser = SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>())]
    only: Option<String>,
}

/// Builds, starts, measures, prints the table and writes `target/bench.json`.
///
/// # Errors
/// When something cannot be built or started, or when no run of a scenario over the gateway was free of errors.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    workspace::run(&mut workspace::cargo(&[
        "build",
        "--release",
        "--locked",
        "--package",
        "lockgate-cli",
        "--package",
        "xtask",
    ]))?;
    let cores = Cores::of_this_machine()?;
    let servers = Servers::start(&cores)?;
    let mut report = Report::new(arguments.rounds, arguments.seconds, &cores);
    report.startup = Some(startup::measure()?);

    let time = Duration::from_secs(arguments.seconds);
    let chosen: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| arguments.only.as_deref().is_none_or(|only| only == scenario.name))
        .collect();
    for round in 1..=arguments.rounds {
        for scenario in &chosen {
            for route in servers.routes() {
                if round == 1 {
                    measure(&cores, &servers, scenario, route, Duration::from_millis(500))?;
                }
                let sample = measure(&cores, &servers, scenario, route, time)?;
                println!("round {round} {:<7} {:<8} {sample}", scenario.name, route.name());
                report.add(scenario, route, sample);
            }
        }
    }
    report.print();
    report.write(&workspace::target().join("bench.json"))?;
    report.verdict()
}

/// One run of load, with the usage of the program under test read before and after it.
fn measure(
    cores: &Cores,
    servers: &Servers,
    scenario: &Scenario,
    route: Route,
    time: Duration,
) -> Result<Sample, Failure> {
    let expected = servers.expected(scenario)?;
    let before = servers.process(route)?.usage()?;
    let target = servers.address(route, scenario);
    let figures = load::in_its_own_process(cores, target, route.model(), scenario, &expected, time)?;
    let after = servers.process(route)?.usage()?;
    Ok(Sample { figures, cpu: after.cpu.saturating_sub(before.cpu), resident: after.resident })
}

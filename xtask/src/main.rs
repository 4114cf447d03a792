//! Project automation: `cargo xtask test` sets up and runs every suite, `cargo xtask bench` measures against nginx,
//! `cargo xtask prices` makes the table of prices,
//! `cargo xtask layout` the list of functions that stand together in the binary.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks through them")]

mod bench;
mod layout;
mod prices;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project automation")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up what is missing, run every suite, print a table of results.
    Test(test::Arguments),
    /// Measure the gateway against nginx on this machine, on loopback.
    Bench(bench::Arguments),
    /// Watch which functions a start and calls run, and make the linker script that puts them together.
    Layout(layout::Arguments),
    /// Make the table of prices out of a public list that is a file.
    Prices(prices::Arguments),
    /// Send load to a loopback address and print figures as JSON; `bench` runs this as a process of its own.
    #[command(hide = true)]
    Load(bench::load::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(arguments) => test::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Layout(arguments) => layout::run(&arguments),
        Task::Prices(arguments) => prices::run(&arguments),
        Task::Load(arguments) => bench::load::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

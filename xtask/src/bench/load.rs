//! The load generator, a process of its own that verifies every answer.
//!
//! One core is shared with the mock provider, and what is spent there the program under test does not get as load: sockets
//! without an HTTP library, and requests that are encoded once.

mod closed;
mod connection;
mod due;
mod flood;
mod hold;
mod order;
mod reading;
mod tally;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

pub(crate) use order::{Expected, Load, Order};
pub(crate) use tally::Figures;

use super::cores::Cores;
use crate::workspace::{self, Failure, Profile};

/// Reads an [`Order`] from standard input, sends the load, and prints [`Figures`]; both as a line of JSON.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// The line that says that all streams are held.
const HELD: &str = "held";

/// Runs the release build of this program with the given load, pinned beside the mock provider. `while_held` is called once
/// all streams are open, where the load is to hold them.
///
/// # Errors
/// When the generator cannot be run, or `while_held` fails.
pub(crate) fn in_its_own_process(
    cores: &Cores,
    order: &Order,
    while_held: impl FnOnce() -> Result<(), Failure>,
) -> Result<Figures, Failure> {
    let mut child = cores
        .with_many_files(cores.rest, workspace::binary(Profile::Release, "xtask"))
        .arg("load")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the load generator has no pipes".into());
    };
    stdin.write_all(serde_json::to_string(order)?.as_bytes())?;
    drop(stdin);
    let mut lines = BufReader::new(stdout).lines();
    let mut line = lines.next().transpose()?;
    let mut looked = Ok(());
    if line.as_deref() == Some(HELD) {
        looked = while_held();
        line = lines.next().transpose()?;
    }
    let status = child.wait()?;
    looked?;
    match line {
        Some(line) if status.success() => Ok(serde_json::from_str(&line)?),
        _ => Err(format!("the load generator ended with {status}").into()),
    }
}

/// Sends the load and prints what came of it.
///
/// # Errors
/// When the order makes no sense or is for another machine.
pub(crate) fn run(_: &Arguments) -> Result<(), Failure> {
    let mut text = String::new();
    std::io::stdin().take(1 << 20).read_to_string(&mut text)?;
    let order: Order = serde_json::from_str(&text)?;
    if !order.target.ip().is_loopback() {
        return Err(
            format!("{} is not a loopback address: load is sent to this machine only", order.target).into()
        );
    }
    println!("{}", serde_json::to_string(&send(&order)?)?);
    Ok(())
}

fn send(order: &Order) -> Result<Figures, Failure> {
    Ok(match order.load {
        Load::Closed { connections } => closed::send(order, connections)?,
        Load::Due { connections, rate } => due::send(order, connections, rate)?,
        Load::Flood { connections, rate } => flood::send(order, connections, rate)?,
        Load::Hold { streams } => hold::send(order, streams, || println!("{HELD}"))?,
    })
}

//! Three times as much as the gateway can do: what is still answered, and how fast the rest is told.

use std::time::Duration;

use super::goals::alone;
use super::load::{self, Load};
use super::results::Results;
use super::scenarios::apart::WORK;
use super::subjects::{self, LOCKGATE, Subjects};
use crate::workspace::Failure;

/// Connections at the peak.
const AT_PEAK: usize = 64;
/// Connections of those who offer too much: many clients, each of which waits for its answer.
const TOO_MANY: usize = 2_000;
const TIMES: f64 = 3.0;

/// Finds the peak, then offers three times as much.
///
/// # Errors
/// When an answer at the peak is wrong, or none is right beyond it.
pub(crate) fn measure(subjects: &Subjects, time: Duration, results: &mut Results) -> Result<(), Failure> {
    let expected = subjects::expected(subjects.mock(), &WORK)?;
    let subject = subjects.named(LOCKGATE)?;
    let send = |load| {
        let order = subject.order(&WORK, expected.clone(), load, time);
        load::in_its_own_process(subjects.cores(), &order, || Ok(()))
    };
    let at_peak = send(Load::Closed { connections: AT_PEAK })?;
    if let Some(error) = at_peak.first_error {
        return Err(format!("overload: at the peak: {error}").into());
    }
    let peak = at_peak.requests as f64 / at_peak.seconds;
    let over = send(Load::Flood { connections: TOO_MANY, rate: TIMES * peak })?;
    let goodput = over.requests as f64 / over.seconds;
    let refused: usize = over.refusals.values().map(|answers| answers.count).sum();
    let offered = (over.requests + refused + over.errors) as f64 / over.seconds;
    println!(
        "overload    peak {peak:.0}/s; offered {offered:.0}/s ({:.1}x): {goodput:.0}/s answered ({:.2} of the peak), p99 {:.0} ms",
        offered / peak,
        goodput / peak,
        over.whole.p99_us / 1e3
    );
    for (status, answers) in &over.refusals {
        println!(
            "            {status}: {} in {:.2} ms, p99 {:.2} ms",
            answers.count,
            answers.times.p50_us / 1e3,
            answers.times.p99_us / 1e3
        );
        results.add_alone(
            format!("overload {status}, part of all"),
            answers.count as f64 / offered / over.seconds,
        );
    }
    if let Some(error) = &over.first_error {
        println!("            {} errors, the first: {error}", over.errors);
    }
    results.add_alone("overload offered x peak", offered / peak);
    results.add_alone("overload errors", over.errors as f64);
    results.add_alone(alone::GOODPUT, goodput / peak);
    let slowest = over.refusals.values().map(|answers| answers.times.p99_us / 1e3).reduce(f64::max);
    if let Some(slowest) = slowest {
        results.add_alone(alone::REFUSAL, slowest);
    }
    Ok(())
}

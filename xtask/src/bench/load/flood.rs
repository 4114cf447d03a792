//! More than can be answered: requests that are due at fixed times on many connections, where a refusal is an answer too.

use std::rc::Rc;
use std::time::{Duration, Instant};

use lockgate_testkit::clock;
use tokio::task::{JoinSet, LocalSet};

use super::connection::Connection;
use super::order::Order;
use super::reading::Plan;
use super::tally::{Figures, Tally};
use crate::workspace::Failure;

/// Sends the load.
///
/// # Errors
/// When the order makes no sense.
pub(super) fn send(order: &Order, connections: usize, rate: f64) -> Result<Figures, Failure> {
    let plan = Rc::new(Plan::of(order, true)?);
    let period = Duration::try_from_secs_f64(connections as f64 / rate)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = clock::now();
    let until = began + order.time();
    let tallies = LocalSet::new().block_on(&runtime, async {
        let mut asking = JoinSet::new();
        for index in 0..connections {
            let first = began + period.mul_f64(index as f64 / connections as f64);
            asking.spawn_local(ask_when_due(Rc::clone(&plan), first, period, until));
        }
        asking.join_all().await
    });
    Ok(Figures::of(tallies, clock::now().duration_since(began)))
}

/// What was due while an answer was waited for is left out: clients that wait ask for no more. Times count from the sending,
/// since those who offer more than can be taken are late by their own doing.
async fn ask_when_due(plan: Rc<Plan>, first: Instant, period: Duration, until: Instant) -> Tally {
    let (mut tally, mut connection) = (Tally::default(), Connection::default());
    let mut due = first;
    while due < until && tally.goes_on(usize::MAX) {
        tokio::time::sleep_until(due.into()).await;
        let now = clock::now();
        tally.late(now.saturating_duration_since(due));
        connection.ask(&plan, now, &mut tally).await;
        let missed = clock::now().saturating_duration_since(due).div_duration_f64(period).floor();
        due += period.mul_f64(missed + 1.0);
    }
    tally
}

//! Many streams held open at once.

use std::cell::Cell;
use std::rc::Rc;

use lockgate_testkit::clock;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use super::connection::Connection;
use super::order::Order;
use super::reading::Plan;
use super::tally::{Figures, Tally};
use crate::workspace::Failure;

/// Streams that are opened at a time: queues of connections are bounded.
const AT_A_TIME: usize = 64;

/// Opens the streams, calls `held` once each has begun or failed, and reads them to their ends.
///
/// # Errors
/// When the order makes no sense.
pub(super) fn send(order: &Order, streams: usize, held: impl Fn() + 'static) -> Result<Figures, Failure> {
    let plan = Rc::new(Plan::of(order, false)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (missing, door) = (Rc::new(Cell::new(streams)), Rc::new(Semaphore::new(AT_A_TIME)));
    let held = Rc::new(held);
    let began = clock::now();
    let tallies = LocalSet::new().block_on(&runtime, async {
        let mut holding = JoinSet::new();
        for _ in 0..streams {
            let (plan, missing, door, held) =
                (Rc::clone(&plan), Rc::clone(&missing), Rc::clone(&door), Rc::clone(&held));
            holding.spawn_local(async move {
                let mut connection = Connection::default();
                let place = door.acquire().await;
                let since = clock::now();
                let begun = connection.begin(&plan).await;
                drop(place);
                missing.set(missing.get() - 1);
                if missing.get() == 0 {
                    held();
                }
                let outcome = match begun {
                    Ok(()) => connection.finish().await,
                    Err(error) => Err(error),
                };
                let mut tally = Tally::default();
                connection.note(&plan, since, outcome, &mut tally);
                tally
            });
        }
        holding.join_all().await
    });
    Ok(Figures::of(tallies, clock::now().duration_since(began)))
}

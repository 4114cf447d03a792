//! Requests that are due at fixed times, whose latency counts from then on: a slow answer makes the next one late, and that
//! counts too.
//!
//! A thread for each connection: a runtime's timers know milliseconds, a thread's sleep microseconds.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use lockgate_testkit::clock;

use super::order::Order;
use super::reading::{Plan, Reading, closed};
use super::tally::{Figures, Tally};
use crate::workspace::Failure;

/// An answer that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(20);
/// So that all threads are there when their first request is due.
const HEAD_START: Duration = Duration::from_millis(20);
const ROOM: usize = 16 * 1024;

/// When a connection's requests are due.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    first: Instant,
    period: Duration,
    until: Instant,
}

/// Sends the load.
///
/// # Errors
/// When the order makes no sense.
pub(super) fn send(order: &Order, connections: usize, rate: f64) -> Result<Figures, Failure> {
    // Sleeps may be rounded up by 50 us otherwise. Where that is not allowed, what comes of it is in `late`.
    let _ = fs::write("/proc/self/timerslack_ns", "1000");
    let period = Duration::try_from_secs_f64(connections as f64 / rate)?;
    let plan = Plan::of(order, false)?;
    let start = clock::now() + HEAD_START;
    let tallies = thread::scope(|scope| {
        let asking: Vec<_> = (0..connections)
            .map(|index| {
                let first = start + period.mul_f64(index as f64 / connections as f64);
                let schedule = Schedule { first, period, until: start + order.time() };
                let plan = &plan;
                scope.spawn(move || ask_when_due(plan, schedule))
            })
            .collect();
        asking.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    Ok(Figures::of(tallies, clock::now().saturating_duration_since(start)))
}

fn ask_when_due(plan: &Plan, Schedule { first, period, until }: Schedule) -> Tally {
    let (mut tally, mut socket, mut reading) = (Tally::default(), None, Reading::default());
    let mut due = first;
    while due < until && tally.goes_on(usize::MAX) {
        let wait = due.saturating_duration_since(clock::now());
        if !wait.is_zero() {
            thread::sleep(wait);
            tally.late(clock::now().saturating_duration_since(due));
        }
        let outcome = ask(&mut socket, &mut reading, plan);
        if !reading.note(plan, due, outcome, &mut tally) {
            socket = None;
        }
        due += period;
    }
    tally
}

fn ask(socket: &mut Option<TcpStream>, reading: &mut Reading, plan: &Plan) -> io::Result<()> {
    let socket = match socket {
        Some(socket) => socket,
        none => {
            let stream = TcpStream::connect_timeout(&plan.target, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            none.insert(stream)
        }
    };
    reading.clear();
    socket.write_all(&plan.request)?;
    let mut room = [0; ROOM];
    while !reading.take()? {
        match socket.read(&mut room)? {
            0 => return Err(closed()),
            count => reading.received.extend_from_slice(&room[..count]),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::order::{Expected, Load};
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_slow_answer_is_counted_by_those_that_wait_behind_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut asked = [0; 4096];
            let mut pause = Duration::from_millis(300);
            while socket.read(&mut asked).is_ok_and(|count| count > 0) {
                thread::sleep(std::mem::take(&mut pause));
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nahoi").unwrap();
            }
        });
        let load = Load::Due { connections: 1, rate: 100.0 };
        let order = Order {
            target,
            tongue: "openai-chat".to_owned(),
            path: None,
            headers: Vec::new(),
            model: "fast".to_owned(),
            bytes: 300,
            picture: false,
            stream: false,
            expected: Expected { text: "ahoi".to_owned(), events: (0, 0) },
            load,
            milliseconds: 400,
        };
        let figures = send(&order, 1, 100.0).unwrap();
        assert_eq!((figures.requests, figures.errors), (40, 0), "{figures:?}");
        // Of forty requests the first thirty were due before the first answer came, ten milliseconds apart.
        assert!(figures.whole.p50_us > 50_000.0, "{figures:?}");
    }
}

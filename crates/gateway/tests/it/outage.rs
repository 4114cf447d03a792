//! Outages, failover and balance, as `lockgate-routing`'s simulated fleet has them, but over real connections.
//!
//! What clients ask comes on schedule, whether or not what came before is answered: [`load`]. The short form takes seconds;
//! `LOCKGATE_OUTAGE=long` has the full rate, length and number. `cargo test outage -- --nocapture` prints the tables.

mod balance;
mod conversations;
mod cost;
mod herd;
mod load;
mod total;

use std::{
    fmt::Display,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lockgate_mock::{Behaviour, Mock, Settings};
use tokio::task::AbortHandle;

use crate::house::{House, loopback, tell};

/// A mock whose ledger is large enough for the long form.
struct Upstream {
    mock: Mock,
    /// When its ledger began.
    since: Instant,
}

/// A mock that takes `latency` for each answer, errors included.
async fn upstream(latency: Duration) -> Upstream {
    let behaviour = Behaviour { latency, words: Some(3), ..Behaviour::default() };
    let settings = Settings { behaviour, ledger_entries: 500_000, ..Settings::default() };
    let since = Instant::now();
    Upstream { mock: lockgate_mock::start(loopback(), settings).await.unwrap(), since }
}

/// Whether the long form is wanted.
fn is_long() -> bool {
    std::env::var("LOCKGATE_OUTAGE").is_ok_and(|form| form == "long")
}

/// The value for the form that runs.
fn form<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// The time below which that part of them is.
fn quantile(times: impl IntoIterator<Item = Duration>, part: f64) -> Duration {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort();
    let place = (times.len() as f64 * part).ceil() as usize;
    times.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// A time in milliseconds.
fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// The most that come within a tenth of a second.
fn busiest(times: impl IntoIterator<Item = Duration>) -> usize {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort();
    let within = |(first, at): (usize, &Duration)| {
        times[first..].iter().take_while(|later| **later - *at < Duration::from_millis(100)).count()
    };
    times.iter().enumerate().map(within).max().unwrap_or(0)
}

/// How late this machine is while it lives: what nobody who is tested is to blame for.
struct Lag {
    late: Arc<Mutex<Vec<Duration>>>,
    task: AbortHandle,
}

impl Lag {
    fn new() -> Self {
        const PAUSE: Duration = Duration::from_millis(5);
        let late = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&late);
        let watching = async move {
            loop {
                let start = Instant::now();
                tokio::time::sleep(PAUSE).await;
                noted.lock().unwrap().push(start.elapsed().saturating_sub(PAUSE));
            }
        };
        Self { late, task: tokio::spawn(watching).abort_handle() }
    }

    /// All but a hundredth of what should have happened since it was made has happened sooner.
    fn p99(&self) -> Duration {
        quantile(self.late.lock().unwrap().iter().copied(), 0.99)
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is not as it must be, by what it is about.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, is_so: bool, about: impl Display, what: impl FnOnce() -> String) {
        if !is_so {
            self.0.push(format!("{about}: {}", what()));
        }
    }

    /// Tells the table, and fails if anything is wrong.
    #[track_caller]
    fn judge(&self, table: &str) {
        tell(table);
        assert!(self.0.is_empty(), "{}\n{table}", self.0.join("\n"));
    }
}

/// The counters of a model's deployments as operators see them.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    requests: u64,
    probes: u64,
}

async fn counters(house: &House) -> Vec<Counters> {
    let said = house.get("/admin/v1/deployments").await.json();
    let number = |row: &serde_json::Value, name: &str| row[name].as_u64().unwrap();
    let of = |row| Counters { requests: number(row, "requests"), probes: number(row, "probes") };
    said["deployments"].as_array().unwrap().iter().map(of).collect()
}

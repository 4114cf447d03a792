//! The open loop: requests leave when it is their time, whatever became of those before them.

use std::time::{Duration, Instant};

use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;

use super::{busiest, quantile};
use crate::house::{CHAT, CHAT_PATH, House};

/// One request and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    /// When it was sent, since the load began.
    pub(super) at: Duration,
    /// How much later than it should have been.
    pub(super) late: Duration,
    /// From there to the end of its answer.
    pub(super) took: Duration,
    /// Absent if no whole answer came.
    pub(super) answer: Option<Answer>,
}

/// What an answer's head says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Attempts at deployments.
    pub(super) attempts: u64,
    /// Seconds until it may be worth another try.
    pub(super) retry_after: Option<u64>,
}

/// All requests of one load, in the order of sending.
pub(super) struct Shots {
    pub(super) all: Vec<Shot>,
    pub(super) since: Instant,
}

impl Shots {
    /// Those sent from `from` to `to`.
    pub(super) fn between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &Shot> {
        self.all.iter().filter(move |shot| (from..to).contains(&(self.since + shot.at)))
    }

    /// How late requests left: what the machine, and not the gateway, is to blame for. All but a hundredth of them left
    /// sooner.
    pub(super) fn lateness(&self) -> Duration {
        quantile(self.all.iter().map(|shot| shot.late), 0.99)
    }

    /// The most of them that a tenth of a second brings at this rate: as many as left then, or piled up while the machine
    /// stood still.
    pub(super) fn normal(&self, rate: u32) -> usize {
        let still = self.all.iter().map(|shot| shot.late).max().unwrap_or_default();
        let piled_up = (f64::from(rate) * (0.1 + still.as_secs_f64())).ceil() as usize;
        busiest(self.all.iter().map(|shot| shot.at)).max(piled_up)
    }
}

/// `rate` requests a second, until `script` is over; then the answers that are still to come.
pub(super) async fn fire<T>(house: &House, rate: u32, script: impl Future<Output = T>) -> (Shots, T) {
    let since = Instant::now();
    let pace = Duration::from_secs(1) / rate;
    let mut under_way = JoinSet::new();
    let mut all = Vec::new();
    let mut script = std::pin::pin!(script);
    let mut due = Duration::ZERO;
    let told = loop {
        tokio::select! {
            told = &mut script => break told,
            () = tokio::time::sleep_until((since + due).into()) => {
                let at = since.elapsed();
                under_way.spawn(shot(house, at, at.saturating_sub(due)));
                due += pace;
            }
        }
        while let Some(shot) = under_way.try_join_next() {
            all.push(shot.unwrap());
        }
    };
    all.extend(under_way.join_all().await);
    all.sort_by_key(|shot| shot.at);
    (Shots { all, since }, told)
}

fn shot(house: &House, at: Duration, late: Duration) -> impl Future<Output = Shot> + use<> {
    let request = Request::post(house.url(CHAT_PATH)).header("content-type", "application/json");
    let asking = house.client.request(request.body(Full::from(CHAT)).unwrap());
    async move {
        let start = Instant::now();
        let answer = async {
            let (head, body) = asking.await.ok()?.into_parts();
            body.collect().await.ok()?;
            let attempts = number(&head.headers, "x-lockgate-attempts").unwrap_or(0);
            let retry_after = number(&head.headers, "retry-after");
            Some(Answer { status: head.status.as_u16(), attempts, retry_after })
        };
        let answer = answer.await;
        Shot { at, late, took: start.elapsed(), answer }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

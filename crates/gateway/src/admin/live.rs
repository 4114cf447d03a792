//! Calls as they end, told to whoever listens: server-sent events that can be gone on with.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tokio::{
    sync::broadcast::error::{RecvError, TryRecvError},
    time::{Instant, Interval, interval_at},
};

use super::{
    CallLine, Missed, Refusal,
    calls::{self, Sought},
    requests::{self, Place},
    table::{Ask, Said},
};
use crate::{
    body::{AnswerBody, Broken},
    feed::Listener,
};

/// How often a sign of life comes where no call does.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Who was away is told of at most so many calls.
const MOST_AGAIN: usize = 1000;
/// How long a client waits before it asks again, in milliseconds.
const RETRY: &str = "retry: 1000\n\n";

/// What one listener is being told.
struct Telling {
    listener: Listener,
    sought: Sought,
    heartbeat: Interval,
    /// What is ready to go out.
    ready: VecDeque<Bytes>,
    /// Calls of the past that may come once more.
    told: HashSet<String>,
    is_over: bool,
}

pub(super) async fn answer(ask: Ask) -> Result<Said, Refusal> {
    let sought = Sought::of(&ask.query)?;
    let last = ask.head.headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let listener = ask.setup.gateway.feed.listen().ok_or_else(|| {
        let message = "as many listen to calls as may: close one of them, or ask for `/admin/v1/requests`";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_listeners", message)
    })?;
    let mut telling = Telling::new(listener, sought, HEARTBEAT);
    // It listens already, so that nothing is lost between the past and the present.
    if let Some(last) = last.filter(|last| !last.is_empty()) {
        let (past, is_all) = since(&ask, last, &telling.sought).await?;
        if !is_all {
            telling.ready.push_back(event("missed", &Missed { count: None }));
        }
        for line in past {
            telling.tell(&line);
            telling.told.insert(line.id);
        }
    }
    let pieces = Box::pin(stream::unfold(telling, |mut telling| async move {
        let piece = telling.next().await?;
        Some((Ok::<_, Broken>(piece), telling))
    }));
    Ok(Said {
        status: StatusCode::OK,
        body: AnswerBody::Streamed { pieces, length: None },
        media: HeaderValue::from_static("text/event-stream"),
        tag: None,
    })
}

impl Telling {
    fn new(listener: Listener, sought: Sought, heartbeat: Duration) -> Self {
        Self {
            listener,
            sought,
            heartbeat: interval_at(Instant::now() + heartbeat, heartbeat),
            ready: VecDeque::from([Bytes::from_static(RETRY.as_bytes())]),
            told: HashSet::new(),
            is_over: false,
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                call = self.listener.calls.recv() => match call {
                    Ok(line) => self.hear(&line),
                    Err(RecvError::Lagged(count)) => self.miss(count),
                    Err(RecvError::Closed) => self.end(),
                },
                () = self.listener.ending.cancelled() => self.end(),
                _ = self.heartbeat.tick() => self.ready.push_back(Bytes::from_static(b":\n\n")),
            }
        }
    }

    fn hear(&mut self, line: &Arc<CallLine>) {
        if !self.told.remove(&line.id) && self.sought.fits(line) {
            self.tell(line);
        }
    }

    fn tell(&mut self, line: &CallLine) {
        let id = Bytes::from(format!("id: {}\n", line.id));
        self.ready.extend([id, event("call", line)]);
    }

    fn miss(&mut self, count: u64) {
        self.ready.push_back(event("missed", &Missed { count: Some(count) }));
    }

    /// Tells what has ended by now, and that no more comes.
    fn end(&mut self) {
        loop {
            match self.listener.calls.try_recv() {
                Ok(line) => self.hear(&line),
                Err(TryRecvError::Lagged(count)) => self.miss(count),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.ready.push_back(Bytes::from_static(b"event: end\ndata: {}\n\n"));
        self.is_over = true;
    }
}

fn event(name: &str, said: &impl Serialize) -> Bytes {
    // What is said has text for names, so that nothing of it can fail.
    let data = serde_json::to_string(said).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// The calls since the one of that id, in the order in which they ended, and whether those are all.
async fn since(ask: &Ask, last: String, sought: &Sought) -> Result<(Vec<CallLine>, bool), Refusal> {
    match Place::of(&ask.setup)? {
        Place::Memory(recent) => {
            let records = recent.all();
            let place = records.iter().position(|record| record.id == last);
            let behind = records.iter().skip(place.map_or(0, |place| place + 1)).map(calls::line);
            let lines: Vec<_> = behind.filter(|line| sought.fits(line)).collect();
            let too_many = lines.len().saturating_sub(MOST_AGAIN);
            Ok((lines.into_iter().skip(too_many).collect(), place.is_some() && too_many == 0))
        }
        Place::Journal(queries, segments) => {
            let filter = sought.filter();
            requests::blocking(&ask.setup, move || {
                let Some(position) = requests::find(&queries, &last)? else { return Ok((Vec::new(), false)) };
                let page = queries.calls(&filter, None, MOST_AGAIN)?;
                let is_all = page.next.is_none_or(|next| next <= position);
                let rows = page.calls.iter().filter(|row| row.position > position);
                let mut lines: Vec<_> =
                    rows.map(|row| requests::line(row, &requests::segments_of(&segments))).collect();
                lines.reverse();
                Ok((lines, is_all))
            })
            .await
        }
    }
}

#[cfg(test)]
mod tests {
    use lockgate_store::CallRecord;

    use super::*;
    use crate::{clock, feed::Feed};

    async fn text(telling: &mut Telling) -> String {
        let piece = telling.next().await.unwrap_or_default();
        String::from_utf8(piece.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_how_many_went_by() {
        let feed = Feed::new(clock::now());
        let mut telling = Telling::new(feed.listen().unwrap(), Sought::default(), HEARTBEAT);
        assert_eq!(text(&mut telling).await, RETRY);
        for number in 0..3000 {
            feed.settled(&CallRecord { id: format!("r{number}"), ..CallRecord::default() }, clock::now());
        }
        assert_eq!(text(&mut telling).await, "event: missed\ndata: {\"count\":1976}\n\n");
        assert_eq!(text(&mut telling).await, "id: r1976\n");
        // What has ended is told before the end, and nothing behind it.
        feed.end();
        let mut last = String::new();
        while let Some(piece) = telling.next().await {
            last = String::from_utf8(piece.to_vec()).unwrap();
        }
        assert_eq!(last, "event: end\ndata: {}\n\n");
    }

    #[tokio::test]
    async fn a_sign_of_life_comes_where_no_call_does() {
        let feed = Feed::new(clock::now());
        let mut telling = Telling::new(feed.listen().unwrap(), Sought::default(), Duration::from_millis(5));
        assert_eq!(text(&mut telling).await, RETRY);
        assert_eq!((text(&mut telling).await, text(&mut telling).await), (":\n\n".into(), ":\n\n".into()));
    }
}

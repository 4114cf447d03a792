//! The list of calls and each of them: from the journal, or from memory where there is none.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use lockgate_config::Config;
use lockgate_store::{
    CallRecord, Ended, Position, Recent, Segments, record_at,
    sqlite::{CallRow, DatabaseError, Filter, Queries},
};
use tokio::sync::Semaphore;

use super::{
    AdminError, CallDetail, CallLine, Calls, Refusal,
    calls::{self, DEPLOYMENT, ENDING, KEY, MODEL, STATUS, Sought, TAG, TEXT},
    live,
    query::{Kind, Parameter, Query, may, shown},
    table::{Ask, Row, Said},
};
use crate::{Setup, clock, store};

/// Calls on a page that says nothing else.
const PAGE: u64 = 100;
/// Most calls on a page.
const LONGEST_PAGE: u64 = 1000;
/// Questions that are asked of the database at once.
static TURNS: Semaphore = Semaphore::const_new(8);
/// How long the database may need to know of the latest calls.
const CATCH_UP: Duration = Duration::from_millis(500);

/// What the list takes.
const LIST: &[Parameter] = &[
    may("from", Kind::Moment, "calls that ended then or later"),
    may("to", Kind::Moment, "calls that ended before then"),
    KEY,
    MODEL,
    DEPLOYMENT,
    TAG,
    STATUS,
    ENDING,
    TEXT,
    may("limit", Kind::Count(1, LONGEST_PAGE), "most calls on the page, 100 by default"),
    may("before", Kind::Text, "goes on behind another page: its `next`"),
];

pub(super) const ROWS: &[Row] = &[
    Row::new::<Calls>(Method::GET, "/admin/v1/requests", "The calls of clients, newest first.", |ask| {
        Box::pin(async move { Ok(Said::json(&list(&ask).await?)) })
    })
    .asked(LIST),
    Row::new::<CallLine>(
        Method::GET,
        "/admin/v1/requests/live",
        "The calls of clients as they end, as server-sent events: `call`, `missed` and `end`.",
        |ask| Box::pin(live::answer(ask)),
    )
    .says_events::<CallLine>()
    .asked(&[KEY, MODEL, DEPLOYMENT, TAG, STATUS, ENDING, TEXT]),
    Row::new::<CallDetail>(
        Method::GET,
        "/admin/v1/requests/{id}",
        "All that is on record of a call, with what was said in it where that is kept.",
        |ask| Box::pin(async move { Ok(Said::json(&one(&ask).await?)) }),
    ),
];

/// Where calls are looked for.
pub(super) enum Place {
    Journal(Arc<Queries>, Arc<Segments>),
    Memory(Arc<Recent>),
}

impl Place {
    pub(super) fn of(setup: &Setup) -> Result<Self, Refusal> {
        let store = &setup.gateway.store;
        match (store.queries(), store.segments(), store.recent()) {
            (Some(queries), Some(segments), _) => {
                Ok(Self::Journal(Arc::clone(queries), Arc::clone(segments)))
            }
            (.., Some(recent)) => Ok(Self::Memory(Arc::clone(recent))),
            _ => Err(no_journal()),
        }
    }
}

/// Of what only the journal knows.
pub(super) fn no_journal() -> Refusal {
    let message = "there is no journal: set `log.journal` to true and start the gateway anew";
    Refusal::new(StatusCode::NOT_FOUND, "no_journal", message)
}

/// Asks the database, in a thread that may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    setup: &Arc<Setup>,
    ask: impl FnOnce() -> Result<T, DatabaseError> + Send + 'static,
) -> Result<T, Refusal> {
    let turn = TURNS.acquire().await;
    let setup = Arc::clone(setup);
    let asked = tokio::task::spawn_blocking(move || {
        // What has just ended is to be found.
        setup.gateway.store.catch_up(CATCH_UP);
        ask()
    });
    let asked = asked.await;
    drop(turn);
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "the list of calls cannot be read");
        let message = "the database of calls cannot be read: the gateway's log says why";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", message)
    };
    asked.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

async fn list(ask: &Ask) -> Result<Calls, Refusal> {
    let sought = Sought::of(&ask.query)?;
    let limit = limit(&ask.query);
    let before = ask.query.get("before").map(str::to_owned);
    match Place::of(&ask.setup)? {
        Place::Memory(recent) => Ok(page_of(&recent, &sought, before.as_deref(), limit)),
        Place::Journal(queries, segments) => {
            let before = before.as_deref().map(position).transpose()?;
            blocking(&ask.setup, move || page(&queries, &segments_of(&segments), &sought, before, limit))
                .await
        }
    }
}

/// The same as `GET /admin/v1/requests?{query}` says, of what a gateway of `config` has left on disk, whether it runs or not.
///
/// # Errors
/// A query that cannot be, no database, or one that cannot be read.
pub fn calls_on_disk(config: &Config, query: &str) -> Result<Calls, AdminError> {
    read_disk(config, query).map_err(|refusal| *refusal.error)
}

fn read_disk(config: &Config, query: &str) -> Result<Calls, Refusal> {
    let query = Query::read(query, LIST, "/admin/v1/requests", clock::wall())?;
    let sought = Sought::of(&query)?;
    let before = query.get("before").map(position).transpose()?;
    let (queries, folder) = store::on_disk(config).ok_or_else(|| {
        let folder = config.data_dir.0.display();
        let message = format!("no gateway has kept calls in `{folder}`: `log.journal` says whether it does");
        Refusal::new(StatusCode::NOT_FOUND, "no_journal", message)
    })?;
    let record = |position| record_at(&folder, position).ok().flatten();
    page(&queries, &record, &sought, before, limit(&query))
        .map_err(|error| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", error.to_string()))
}

fn limit(query: &Query) -> usize {
    usize::try_from(query.count("limit").unwrap_or(PAGE)).unwrap_or(usize::MAX)
}

/// Reads records of the journal.
pub(super) fn segments_of(segments: &Segments) -> impl Fn(Position) -> Option<CallRecord> + '_ {
    |position| segments.record_at(position).ok().flatten()
}

fn page(
    queries: &Queries,
    record: &dyn Fn(Position) -> Option<CallRecord>,
    sought: &Sought,
    before: Option<Position>,
    limit: usize,
) -> Result<Calls, DatabaseError> {
    let page = queries.calls(&sought.filter(), before, limit)?;
    Ok(Calls {
        requests: page.calls.iter().map(|row| line(row, record)).collect(),
        next: page.next.map(|position| position.key().to_string()),
        source: "journal".to_owned(),
    })
}

/// A call of the list, with what went wrong in it, which its record says.
pub(super) fn line(row: &CallRow, record: &dyn Fn(Position) -> Option<CallRecord>) -> CallLine {
    let mut line = calls::line_of_row(row);
    if row.ended != Ended::Answered {
        // A record that cannot be read leaves the line without it.
        line.error = record(row.position).as_ref().and_then(calls::error);
    }
    line
}

fn position(before: &str) -> Result<Position, Refusal> {
    let key = before.parse().ok().filter(|key| *key >= 0).map(Position::of_key);
    key.ok_or_else(|| {
        let before = shown(before);
        Refusal::bad(format!("`before={before}` cannot be: `before` is what a page has for `next`"))
    })
}

/// A page of what is in memory: it goes on behind the call of that id.
fn page_of(recent: &Recent, sought: &Sought, before: Option<&str>, limit: usize) -> Calls {
    let mut lines: Vec<CallLine> = recent.all().iter().rev().map(calls::line).collect();
    if let Some(before) = before {
        let behind = lines.iter().position(|line| line.id == before).map_or(lines.len(), |place| place + 1);
        lines.drain(..behind);
    }
    lines.retain(|line| sought.fits(line));
    let next = lines.len() > limit;
    lines.truncate(limit);
    let next = lines.last().filter(|_| next).map(|line| line.id.clone());
    Calls { requests: lines, next, source: "memory".to_owned() }
}

async fn one(ask: &Ask) -> Result<CallDetail, Refusal> {
    let id = ask.name.clone();
    let found = match Place::of(&ask.setup)? {
        Place::Memory(recent) => recent.all().into_iter().rev().find(|record| record.id == id),
        Place::Journal(queries, segments) => {
            blocking(&ask.setup, move || {
                let position = find(&queries, &id)?;
                Ok(position.and_then(|position| segments.record_at(position).ok().flatten()))
            })
            .await?
        }
    };
    found.map(calls::detail).ok_or_else(|| {
        let message = "there is no call of this id: it never was, or the journal does not keep it any longer (`log.keep`)";
        Refusal::new(StatusCode::NOT_FOUND, "unknown_request", message)
    })
}

/// Where the call of an id is.
pub(super) fn find(queries: &Queries, id: &str) -> Result<Option<Position>, DatabaseError> {
    let page = queries.calls(&Filter { text: Some(id.to_owned()), ..Filter::default() }, None, 10)?;
    Ok(page.calls.iter().find(|call| call.id == id).map(|call| call.position))
}

//! The list of calls: any combination of filters, newest first, page by page.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet},
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{
    bundles::{Bundle, Bundles, Place},
    ids,
    names::BETWEEN_TAGS,
    queries::Queries,
    row::{self, CallRow},
    schema::DatabaseError,
};
use crate::{Ended, Position, clock};

/// A page is returned unfinished rather than later.
const LONGEST: Duration = Duration::from_millis(150);
/// More calls than this are not on one page.
const LONGEST_PAGE: usize = 1_000;
const MINUTE_MS: i64 = 60_000;

/// Which calls are asked for. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Ended then or later, in milliseconds since 1970.
    pub from_ms: Option<u64>,
    /// Ended before then.
    pub until_ms: Option<u64>,
    /// The name of the client's key.
    pub key: Option<String>,
    /// The model the client asked for.
    pub model: Option<String>,
    /// The deployment that answered.
    pub deployment: Option<String>,
    /// The HTTP status.
    pub status: Option<RangeInclusive<u16>>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// One of its tags.
    pub tag: Option<String>,
    /// All of these in its metadata: parts of names and paths, or whole words of faults and of names that nobody
    /// configured; or the call's whole id.
    pub text: Option<String>,
}

/// A part of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The calls, newest first.
    pub calls: Vec<CallRow>,
    /// Ask for what is before this to go on; absent at the end. A page may be short and go on all the same, where a search
    /// would take too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Position>,
}

impl Queries {
    /// The latest `limit` calls that `filter` lets through and that are before a position.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn calls(
        &self,
        filter: &Filter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Page, DatabaseError> {
        self.ask(|connection| Search::new(connection, filter, before)?.page(limit.clamp(1, LONGEST_PAGE)))
    }
}

/// A kind that the filter lets through.
struct Kind {
    id: i64,
    newest: i64,
}

struct Search<'a> {
    connection: &'a Connection,
    bundles: Bundles<'a>,
    filter: &'a Filter,
    start: Instant,
    /// Calls have positions from `first` on and below `before`.
    first: i64,
    before: i64,
    /// Kinds all of whose calls are asked for; `None`: all kinds are.
    kinds: Option<Vec<Kind>>,
    /// What finds calls by their own words, and in which kinds: those whose names say the other words.
    words: BTreeMap<String, HashSet<i64>>,
    /// Calls that are asked for by their id.
    ids: Vec<i64>,
}

impl<'a> Search<'a> {
    fn new(
        connection: &'a Connection,
        filter: &'a Filter,
        before: Option<Position>,
    ) -> rusqlite::Result<Self> {
        let (first, last) = bounds(connection, filter)?;
        let mut search = Self {
            connection,
            bundles: Bundles::new(connection),
            filter,
            start: clock::now(),
            first,
            before: before.map_or(i64::MAX, Position::key).min(last.saturating_add(1)),
            kinds: None,
            words: BTreeMap::new(),
            ids: Vec::new(),
        };
        search.choose()?;
        Ok(search)
    }

    fn choose(&mut self) -> rusqlite::Result<()> {
        let filter = self.filter;
        let by_time_only = Filter { from_ms: filter.from_ms, until_ms: filter.until_ms, ..Filter::default() };
        if *filter == by_time_only {
            return Ok(());
        }
        let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
        let (mut kinds, mut others) = (Vec::new(), HashSet::new());
        let mut all = self.connection.prepare_cached(KINDS)?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let (id, named) = (row.get(0)?, Named::of(row)?);
            if !named.is_in(filter) {
                continue;
            }
            let unsaid = named.unsaid(&text);
            if unsaid.is_empty() {
                kinds.push(Kind { id, newest: row.get(1)? });
            } else {
                others.insert(id);
                if let Some(expression) = expression(&unsaid) {
                    self.words.entry(expression).or_default().insert(id);
                }
            }
        }
        self.kinds = Some(kinds);
        if !text.is_empty() {
            let mut journal =
                self.connection.prepare_cached("SELECT coalesce(max(position), 0) FROM journal")?;
            let unfinished = Position::of_key(journal.query_row([], |row| row.get(0))?);
            for position in ids::find(
                self.connection,
                &self.bundles,
                filter.text.as_deref().unwrap_or_default().trim(),
                unfinished,
            )? {
                if self.kind_of(position)?.is_some_and(|kind| others.contains(&kind)) {
                    self.ids.push(position);
                }
            }
        }
        Ok(())
    }

    fn page(mut self, limit: usize) -> rusqlite::Result<Page> {
        let mut page = Page::default();
        loop {
            // One more than fits says whether there is a next page.
            let wanted = limit - page.calls.len() + 1;
            let candidates = self.candidates(wanted)?;
            let is_all = candidates.positions.len() < wanted;
            for position in candidates.positions.into_iter().rev() {
                if page.calls.len() == limit {
                    page.next = page.calls.last().map(|call| call.position);
                    return Ok(page);
                }
                self.before = position;
                page.calls.extend(self.call(position)?.filter(|call| self.is_in_time(call)));
            }
            if let Some(cut) = candidates.cut {
                page.next = Some(Position::of_key(cut));
                return Ok(page);
            }
            if is_all {
                return Ok(page);
            }
            if clock::now() - self.start >= LONGEST {
                page.next = Some(Position::of_key(self.before));
                return Ok(page);
            }
        }
    }

    /// The latest positions, at most `most`, in their order.
    fn candidates(&self, most: usize) -> rusqlite::Result<Latest> {
        let mut latest = Latest { most, first: self.first, positions: BTreeSet::new(), cut: None };
        match &self.kinds {
            None => self.add_all(&mut latest)?,
            Some(kinds) => self.add_by_kinds(kinds, &mut latest)?,
        }
        for id in self.ids.iter().filter(|id| **id < self.before) {
            latest.add(*id);
        }
        for (expression, kinds) in &self.words {
            self.add_by_words(expression, kinds, &mut latest)?;
        }
        Ok(latest)
    }

    fn add_all(&self, latest: &mut Latest) -> rusqlite::Result<()> {
        let mut before = self.before;
        while !latest.is_full()
            && let Some(bundle) = self.bundles.holding(before.saturating_sub(1))?
        {
            latest.add_of(&bundle, self.before, |_| true);
            before = bundle.first();
            if before <= self.first {
                break;
            }
        }
        Ok(())
    }

    /// From one bundle to the next that has calls of one of the kinds.
    fn add_by_kinds(&self, kinds: &[Kind], latest: &mut Latest) -> rusqlite::Result<()> {
        let wanted: HashSet<i64> = kinds.iter().map(|kind| kind.id).collect();
        // Of each kind its next bundle; until that is known, a place that is not before it.
        let mut next: BinaryHeap<(i64, bool, i64)> = kinds
            .iter()
            .map(|kind| (kind.newest.min(self.before.saturating_sub(1)), false, kind.id))
            .collect();
        let mut read = i64::MAX;
        while let Some((first, is_bundle, kind)) = next.pop() {
            if is_bundle && first < read {
                if latest.is_full() {
                    break;
                }
                let Some(bundle) = self.bundles.holding(first)? else { break };
                latest.add_of(&bundle, self.before, |kind| wanted.contains(&kind));
                read = first;
            }
            let before = if is_bundle { first } else { first.saturating_add(1) };
            if before > self.first
                && let Some(first) = self.bundles.before(before, kind)?
            {
                next.push((first, true, kind));
            }
        }
        Ok(())
    }

    fn add_by_words(
        &self,
        expression: &str,
        kinds: &HashSet<i64>,
        latest: &mut Latest,
    ) -> rusqlite::Result<()> {
        let mut found = self.connection.prepare_cached(
            "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? AND rowid >= ? ORDER BY rowid DESC",
        )?;
        let mut rows = found.query(params![expression, self.before, latest.least()])?;
        while let Some(row) = rows.next()? {
            let position = row.get(0)?;
            if position < latest.least() {
                break;
            }
            if clock::now() - self.start >= LONGEST {
                latest.cut(position);
                break;
            }
            if self.kind_of(position)?.is_some_and(|kind| kinds.contains(&kind)) {
                latest.add(position);
            }
        }
        Ok(())
    }

    fn kind_of(&self, position: i64) -> rusqlite::Result<Option<i64>> {
        let bundle = self.bundles.holding(position)?;
        Ok(bundle.and_then(|bundle| bundle.at(position).map(|call| call.kind)))
    }

    fn call(&self, position: i64) -> rusqlite::Result<Option<CallRow>> {
        let bundle = self.bundles.holding(position)?;
        let call = bundle.as_ref().and_then(|bundle| bundle.at(position));
        call.map_or(Ok(None), |call| row::call(self.connection, &call))
    }

    fn is_in_time(&self, call: &CallRow) -> bool {
        let ended = call.started_ms.saturating_add(call.micros / 1000);
        self.filter.from_ms.is_none_or(|from| ended >= from)
            && self.filter.until_ms.is_none_or(|until| ended < until)
    }
}

/// The greatest positions that were added.
struct Latest {
    most: usize,
    first: i64,
    positions: BTreeSet<i64>,
    /// Where the search was given up: it goes on with what is before.
    cut: Option<i64>,
}

impl Latest {
    /// What is below this need not be added.
    fn least(&self) -> i64 {
        match self.positions.first() {
            Some(least) if self.positions.len() >= self.most => (*least).max(self.first),
            _ => self.first,
        }
    }

    /// Gives up at `position`: what was found before it would hide what was not.
    fn cut(&mut self, position: i64) {
        self.positions = self.positions.split_off(&(position + 1));
        self.cut = Some(position + 1);
    }

    fn is_full(&self) -> bool {
        self.positions.len() >= self.most
    }

    /// The calls of a bundle that are before a place and of the right kinds.
    fn add_of(&mut self, bundle: &Bundle, before: i64, is_wanted: impl Fn(i64) -> bool) {
        let wanted = |place: &&Place| place.position < before && is_wanted(place.kind);
        for place in bundle.places().iter().rev().filter(wanted) {
            if place.position < self.least() {
                break;
            }
            self.add(place.position);
        }
    }

    fn add(&mut self, position: i64) {
        if position >= self.least() && self.positions.insert(position) && self.positions.len() > self.most {
            self.positions.pop_first();
        }
    }
}

/// Between which positions all calls of the time are; others are there, too, where a clock was set back.
fn bounds(connection: &Connection, filter: &Filter) -> rusqlite::Result<(i64, i64)> {
    if filter.from_ms.is_none() && filter.until_ms.is_none() {
        return Ok((0, i64::MAX - 1));
    }
    let minute = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX) / MINUTE_MS;
    let bounds = params![filter.from_ms.map_or(0, minute), filter.until_ms.map_or(i64::MAX, minute)];
    let mut minutes = connection.prepare_cached(
        "SELECT coalesce(min(first), 1), coalesce(max(last), 0) FROM minute WHERE minute >= ? AND minute <= ?",
    )?;
    minutes.query_row(bounds, |row| Ok((row.get(0)?, row.get(1)?)))
}

/// For the full text index: all of the words, whole. The beginnings of words would be quick to write and slow to find.
fn expression(words: &[&str]) -> Option<String> {
    let mut parts = Vec::new();
    for word in words {
        let before = parts.len();
        let letters = word.split(|letter: char| !letter.is_alphanumeric()).filter(|part| !part.is_empty());
        parts.extend(letters.map(|part| format!("\"{part}\"")));
        if parts.len() == before {
            // Signs alone are in no index.
            return None;
        }
    }
    Some(parts.join(" AND "))
}

const KINDS: &str = "
SELECT kind.id, newest, status, ended, coalesce(key.text, ''), coalesce(model.text, ''), coalesce(deployment.text, ''),
    coalesce(path.text, ''), coalesce(dialect.text, ''), coalesce(tags.text, ''), coalesce(node.text, '')
FROM kind LEFT JOIN name key ON key.id = kind.key LEFT JOIN name model ON model.id = kind.model
    LEFT JOIN name deployment ON deployment.id = kind.deployment LEFT JOIN name path ON path.id = kind.path
    LEFT JOIN name dialect ON dialect.id = kind.dialect LEFT JOIN name tags ON tags.id = kind.tags
    LEFT JOIN name node ON node.id = kind.node";

/// What a kind is called.
struct Named {
    status: u16,
    ended: u8,
    /// In the order of [`KINDS`]: key, model, deployment, path, dialect, tags, node.
    names: [String; 7],
}

impl Named {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut names: [String; 7] = Default::default();
        for (place, name) in names.iter_mut().enumerate() {
            *name = row.get(4 + place)?;
        }
        Ok(Self { status: row.get(2)?, ended: row.get(3)?, names })
    }

    fn is_in(&self, filter: &Filter) -> bool {
        let [key, model, deployment, _, _, tags, _] = &self.names;
        let is = |wanted: &Option<String>, name: &String| wanted.as_ref().is_none_or(|wanted| wanted == name);
        is(&filter.key, key)
            && is(&filter.model, model)
            && is(&filter.deployment, deployment)
            && filter.status.as_ref().is_none_or(|status| status.contains(&self.status))
            && filter.ended.is_none_or(|ended| ended as u8 == self.ended)
            && filter.tag.as_ref().is_none_or(|wanted| tags.split(BETWEEN_TAGS).any(|tag| tag == wanted))
    }

    /// The words of a text in small letters that are in none of the names.
    fn unsaid<'t>(&self, text: &'t str) -> Vec<&'t str> {
        if text.is_empty() {
            return Vec::new();
        }
        let names = self.names.each_ref().map(|name| name.to_lowercase());
        text.split_whitespace().filter(|word| !names.iter().any(|name| name.contains(word))).collect()
    }
}

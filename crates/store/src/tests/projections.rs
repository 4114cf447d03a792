//! What follows a journal on disk: it goes on where it was, and comes to the same whenever it begins.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, types::Value};

use crate::{
    Batch, Driver, Journal, Most, Position, Projection, Reader, Segments, Settings,
    sqlite::{Filter, Ledger, Queries},
    testing,
};

/// The ids of all calls that are found.
fn found(queries: &Queries, text: Option<&str>) -> Vec<String> {
    let filter = Filter { text: text.map(str::to_owned), ..Filter::default() };
    let (mut found, mut before) = (vec![], None);
    loop {
        let page = queries.calls(&filter, before, 700).unwrap();
        found.extend(page.calls.into_iter().map(|call| call.id));
        before = page.next;
        if before.is_none() {
            return found;
        }
    }
}

/// Everything in the tables but words, which are asked for.
fn dump(path: &Path) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut rows = vec![];
    for table in [
        "name",
        "kind",
        "bundle",
        "bundle_of_kind",
        "minute",
        "id_part",
        "usage_hour",
        "usage_recent",
        "usage_minute",
    ] {
        let mut all = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = all.column_count();
        let read = all.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
        let before = rows.len();
        rows.extend(read.map(|row: rusqlite::Result<Vec<Value>>| row.unwrap()));
        assert!(rows.len() > before, "{table} is empty");
    }
    rows
}

#[test]
fn made_again_from_the_journal_the_tables_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_segment_bytes: 40_000, ..Settings::default() };
    let segments = Segments::open(&folder.path().join("journal"), settings).unwrap();
    let live = folder.path().join("live.db");
    let records = testing::calls(2_000);
    // One follows the calls with pauses and a restart; the other reads all at once.
    for part in records.chunks(500) {
        let driver = Driver::start(&segments, Box::new(Ledger::open(&live).unwrap())).unwrap();
        for record in part {
            segments.append(record.clone());
        }
        std::thread::sleep(Duration::from_millis(120));
        assert!(driver.catch_up(Duration::from_secs(20)), "{:?}", driver.progress());
        assert_eq!(driver.progress().behind_lines, 0);
    }
    let again = folder.path().join("again.db");
    let follow = |path: &Path| Driver::start(&segments, Box::new(Ledger::open(path).unwrap())).unwrap();
    let (_one, other) = (follow(&live), follow(&again));
    assert!(other.catch_up(Duration::from_secs(20)));
    // What is written of a segment once it is finished comes with the next look.
    for _ in 0..500 {
        if dump(&live) == dump(&again) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(dump(&live), dump(&again));
    for text in ["fault", "key-1", "p2"] {
        let calls = found(&Queries::new(&live), Some(text));
        assert!(!calls.is_empty());
        assert_eq!(calls, found(&Queries::new(&again), Some(text)));
    }
    let listed = found(&Queries::new(&live), None);
    assert!(listed.iter().eq(records.iter().rev().map(|record| &record.id)));
    // A row says where its record is.
    let page = Queries::new(&live).calls(&Filter::default(), None, 1).unwrap();
    assert_eq!(segments.record_at(page.calls[0].position).unwrap().as_ref(), records.last());
}

#[test]
fn a_place_behind_the_journals_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let segments = Segments::open(&folder.path().join("journal"), Settings::default()).unwrap();
    let path = folder.path().join("lockgate.db");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.position(segments.identity()).unwrap();
    ledger.apply(&Batch { end: Position::start_of(77), ..Batch::default() }).unwrap();
    let driver = Driver::start(&segments, Box::new(ledger)).unwrap();
    for _ in 0..400 {
        if driver.progress().failures > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(driver.progress().error.is_some_and(|error| error.contains("up to segment 77")));
}

#[test]
fn what_was_read_through_a_file_is_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let segments = Segments::open(folder.path(), Settings::default()).unwrap();
    let records = testing::calls(200);
    for record in &records {
        segments.append(record.clone());
    }
    let most = Most { records: usize::MAX, bytes: u64::MAX };
    let read = Reader::open(folder.path(), Position::default()).batch(most).unwrap();
    assert!(read.entries.into_iter().map(|entry| entry.record).eq(records));
}

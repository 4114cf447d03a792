//! How long questions take, on as many calls as `LOCKGATE_ROWS` says.

use std::time::Duration;

use crate::{
    Batch, Entry, Position, Projection, clock,
    sqlite::{By, Filter, Ledger, Queries},
    testing,
};

const ROWS: &str = "LOCKGATE_ROWS";
/// What a page may take.
const LONGEST: Duration = Duration::from_millis(200);
const BATCH: u64 = 1_000;
/// What a record takes in the journal.
const RECORD: u64 = 500;
const SEGMENT: u64 = 64 * 1024 * 1024 / RECORD;

fn position(number: u64) -> Position {
    Position { segment: 1 + number / SEGMENT, offset: number % SEGMENT * RECORD }
}

#[test]
fn pages_come_quickly_however_many_calls_there_are() {
    let rows: u64 = std::env::var(ROWS).ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lockgate.db");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.position("j").unwrap();
    let start = clock::now();
    let mut applying = Duration::ZERO;
    for first in (0..rows).step_by(usize::try_from(BATCH).unwrap()) {
        let numbers = first..rows.min(first + BATCH);
        let end = position(numbers.end);
        let entries =
            numbers.map(|number| Entry { position: position(number), record: testing::call(number) });
        let batch = Batch { entries: entries.collect(), end, ..Batch::default() };
        let start = clock::now();
        ledger.apply(&batch).unwrap();
        applying += clock::now() - start;
    }
    println!(
        "{rows} calls in {:?}, of which {:?} in the tables ({:?} a call)",
        clock::now() - start,
        applying,
        applying / u32::try_from(rows).unwrap()
    );
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |meta| meta.len());
    println!("{} MiB, {} bytes a call", size("lockgate.db") >> 20, size("lockgate.db") / rows);

    let queries = Queries::new(&path);
    let (middle, late) = (testing::call(rows / 2), testing::call(rows - 1));
    let none = Filter::default;
    let some = |text: &str| Some(text.to_owned());
    let one_key = Filter { key: some("key-1"), ..none() };
    let questions = [
        ("newest", none(), None, 50),
        ("deep page", none(), Some(rows / 3), 50),
        ("one key", one_key.clone(), None, 50),
        ("one key, deep page", one_key, Some(rows / 3), 50),
        (
            "key, model, deployment, status",
            Filter {
                key: some("key-1"),
                model: some("model-1"),
                deployment: some("p1/model-1#0"),
                status: Some(400..=599),
                ..none()
            },
            None,
            50,
        ),
        ("nothing fits", Filter { key: some("key-1"), model: some("model-9"), ..none() }, None, 0),
        (
            "an hour in the middle",
            Filter {
                from_ms: Some(middle.ended_ms() - 3_600_000),
                until_ms: Some(middle.ended_ms()),
                status: Some(200..=200),
                ..none()
            },
            None,
            50,
        ),
        ("a name", Filter { text: some("model-2"), ..none() }, None, 50),
        ("a word of a fault", Filter { text: some("fault 77"), ..none() }, None, 1),
        ("a common word, deep", Filter { text: some("fault"), ..none() }, Some(rows / 3), 50),
        ("a word nobody says", Filter { text: some("nonsense"), ..none() }, None, 0),
        ("an id", Filter { text: Some(middle.id.clone()), ..none() }, None, 1),
        ("a late id", Filter { text: Some(late.id.clone()), ..none() }, None, 1),
    ];
    for (name, filter, before, least) in questions {
        let mut times = vec![];
        let mut found = 0;
        for _ in 0..5 {
            let start = clock::now();
            let page = queries.calls(&filter, before.map(position), 50).unwrap();
            times.push(clock::now() - start);
            found = page.calls.len();
        }
        println!("{name}: {found} calls; the first time {:?}, then {:?}", times[0], &times[1..]);
        assert!(found >= least, "{name}: {found} calls");
        // What neighbours on the machine take is not the question's.
        assert!(times.iter().min().is_some_and(|time| *time < LONGEST), "{name}: {times:?}");
    }
    let start = clock::now();
    let groups = queries.usage(0, u64::MAX, &[By::Day, By::Key]).unwrap().len();
    println!("usage by day and key: {groups} groups in {:?}", clock::now() - start);
    let start = clock::now();
    queries.spent("key-1", late.ended_ms() - 30 * 24 * 3_600_000).unwrap();
    println!("a month's budget of a key: {:?}", clock::now() - start);
    assert!(clock::now() - start < LONGEST);
}

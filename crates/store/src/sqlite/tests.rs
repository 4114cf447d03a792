//! The tables against a plain look through the same records.

use std::{collections::BTreeMap, path::Path};

use rusqlite::Connection;

use super::*;
use crate::{AttemptRecord, Batch, CallRecord, Ended, Entry, Position, Price, Projection, Tokens, testing};

/// A ledger of that journal, and what asks it.
fn ledger(folder: &Path) -> (Ledger, Queries) {
    let path = folder.join("lockgate.db");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.position("j").unwrap();
    (ledger, Queries::new(&path))
}

/// `records` at places of their own, some hundred to a segment.
fn batches(records: &[CallRecord], size: usize) -> Vec<Batch> {
    let entries: Vec<Entry> = records
        .iter()
        .enumerate()
        .map(|(place, record)| Entry {
            position: Position { segment: 1 + place as u64 / 128, offset: (place as u64 % 128) * 300 },
            record: record.clone(),
        })
        .collect();
    entries
        .chunks(size)
        .map(|chunk| {
            let last = chunk[chunk.len() - 1].position;
            let end = Position { offset: last.offset + 300, ..last };
            Batch { entries: chunk.to_vec(), end, lines: chunk.len() as u64, ..Batch::default() }
        })
        .collect()
}

/// What the list must say, by looking at each record.
fn expected(records: &[CallRecord], filter: &Filter) -> Vec<String> {
    let is = |wanted: &Option<String>, name: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| name == Some(wanted))
    };
    records
        .iter()
        .rev()
        .filter(|record| {
            filter.from_ms.is_none_or(|from| record.ended_ms() >= from)
                && filter.until_ms.is_none_or(|until| record.ended_ms() < until)
                && is(&filter.key, record.key.as_deref())
                && is(&filter.model, record.model.as_deref())
                && is(&filter.deployment, record.deployment.as_deref())
                && filter.status.as_ref().is_none_or(|status| status.contains(&record.status))
                && filter.ended.is_none_or(|ended| ended == record.ended)
                && filter.tag.as_ref().is_none_or(|wanted| record.tags.iter().any(|tag| **tag == **wanted))
        })
        .map(|record| record.id.clone())
        .collect()
}

/// All pages of so many calls.
fn all(queries: &Queries, filter: &Filter, limit: usize) -> Vec<String> {
    let (mut found, mut before) = (vec![], None);
    loop {
        let page = queries.calls(filter, before, limit).unwrap();
        assert!(page.calls.len() <= limit);
        found.extend(page.calls.into_iter().map(|call| call.id));
        before = page.next;
        if before.is_none() {
            return found;
        }
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn any_filters_let_through_what_they_say_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    // The clock goes back an hour in the middle.
    let records = testing::calls(1_000);
    for batch in batches(&records, 77) {
        ledger.apply(&batch).unwrap();
    }
    let middle = records[500].ended_ms();
    let none = Filter::default;
    let filters = [
        none(),
        Filter { key: some("key-1"), ..none() },
        Filter { key: some("nobody"), ..none() },
        Filter { model: some("model-2"), status: Some(400..=599), ..none() },
        Filter { key: some("key-1"), model: some("model-2"), deployment: some("p1/model-2#0"), ..none() },
        Filter { tag: some("team-1"), ended: Some(Ended::Broken), ..none() },
        Filter { from_ms: Some(middle), ..none() },
        Filter { until_ms: Some(middle), key: some("key-0"), ..none() },
        Filter {
            from_ms: Some(middle - 90_001),
            until_ms: Some(middle + 7),
            status: Some(200..=200),
            ..none()
        },
        Filter { from_ms: Some(0), until_ms: Some(1), ..none() },
    ];
    for filter in filters {
        for limit in [1, 50, 1_000] {
            assert_eq!(all(&queries, &filter, limit), expected(&records, &filter), "{filter:?}");
        }
    }
}

#[test]
fn words_are_found_in_names_and_faults_and_an_id_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    let attempt = |fault: Option<&str>| AttemptRecord {
        deployment: "openly/m-large#0".into(),
        fault: fault.map(|fault| fault.to_owned().into()),
        micros: 1,
    };
    let call = |id: &str| CallRecord {
        id: id.into(),
        dialect: "d".into(),
        path: "/v1/p".into(),
        ..Default::default()
    };
    let records = [
        CallRecord {
            key: Some("alice".into()),
            attempts: vec![attempt(None)],
            model: some("m-large"),
            ..call("a")
        },
        CallRecord {
            attempts: vec![attempt(Some("rate limited: Slow down, please")), attempt(None)],
            key: Some("bob".into()),
            model: some("m-large"),
            ..call("b")
        },
        CallRecord { model: some("guessed-name"), ..call("c") },
        CallRecord { error: Some("the key is not known".into()), tags: vec!["team x".into()], ..call("d") },
        CallRecord { path: "/v1/files/file-77".into(), ..call("e") },
    ];
    for batch in batches(&records, 2) {
        ledger.apply(&batch).unwrap();
    }
    for (text, ids) in [
        ("alice", "a"),
        ("ALI", "a"),
        ("m-large", "ba"),
        ("large bob", "b"),
        ("rate slow", "b"),
        ("rate alice", ""),
        ("guessed", "c"),
        ("known", "d"),
        ("x", "d"),
        ("file-77", "e"),
        ("/v1/files", "e"),
        ("c", "ca"),
        ("\"", ""),
        ("* OR", ""),
        ("", "edcba"),
    ] {
        let filter = Filter { text: some(text), ..Filter::default() };
        for limit in [1, 50] {
            assert_eq!(all(&queries, &filter, limit).concat(), ids, "{text}");
        }
    }
    let both = Filter { text: some("m-large"), key: some("bob"), ..Filter::default() };
    assert_eq!(all(&queries, &both, 50), ["b"]);
    let not_that_one = Filter { text: some("rate"), key: some("alice"), ..Filter::default() };
    assert_eq!(all(&queries, &not_that_one, 50), [""; 0]);
}

#[test]
fn every_call_is_found_by_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    let records = testing::calls(600);
    for batch in batches(&records, 100) {
        ledger.apply(&batch).unwrap();
    }
    for record in &records {
        let page = queries.calls(&Filter { text: some(&record.id), ..Filter::default() }, None, 5).unwrap();
        let found: Vec<&str> = page.calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(found, [&record.id]);
    }
}

#[test]
fn usage_is_the_sum_of_its_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    let records = testing::calls(3_000);
    for batch in batches(&records, 123) {
        ledger.apply(&batch).unwrap();
    }
    let mut by_key: BTreeMap<String, Used> = BTreeMap::new();
    for record in &records {
        let used = by_key.entry(record.key.as_deref().unwrap_or_default().to_owned()).or_default();
        let usage = record.usage.unwrap_or_default();
        used.requests += 1;
        used.errors += u64::from(record.ended != Ended::Answered);
        used.estimated += u64::from(usage.is_estimated);
        used.unpriced += u64::from(record.price == Price::Unknown);
        used.input += usage.input;
        used.cache_read += usage.cache_read;
        used.cache_write += usage.cache_write;
        used.output += usage.output;
        used.reasoning += usage.reasoning;
        used.cost += record.cost.unwrap_or(0);
        used.micros += record.micros;
        used.first_tokens += u64::from(record.first_token_micros.is_some());
        used.first_token_micros += record.first_token_micros.unwrap_or(0);
    }
    let found = queries.usage(0, u64::MAX, &[By::Key]).unwrap();
    let expected: Vec<Group> =
        by_key.iter().map(|(key, used)| Group { of: vec![key.clone()], used: *used }).collect();
    assert_eq!(found, expected);
    for by in [By::Hour, By::Day, By::Model, By::Deployment, By::Tags, By::Tag("team".to_owned())] {
        let groups = queries.usage(0, u64::MAX, &[by, By::Key]).unwrap();
        assert!(groups.len() >= expected.len());
        let cost: u64 = records.iter().filter_map(|record| record.cost).sum();
        assert_eq!(groups.iter().map(|group| group.used.cost).sum::<u64>(), cost);
    }
    assert_eq!(queries.usage(0, u64::MAX, &[]).unwrap()[0].used.requests, 3_000);
    assert_eq!(queries.usage(0, 1, &[]).unwrap(), []);
    // Since a full minute, what a key has spent is exact.
    let since = records[1_500].ended_ms() / 60_000 * 60_000;
    for key in ["key-0", "key-3", "", "nobody"] {
        let of_key = || {
            let calls = records.iter().filter(|record| record.ended_ms() >= since);
            calls.filter(|record| record.key.as_deref().unwrap_or_default() == key)
        };
        let spent = Spent {
            requests: of_key().count() as u64,
            unpriced: of_key().filter(|record| record.price == Price::Unknown).count() as u64,
            tokens: of_key()
                .filter_map(|record| record.usage)
                .map(|usage| usage.input + usage.cache_read + usage.cache_write + usage.output)
                .sum(),
            cost: of_key().filter_map(|record| record.cost).sum(),
        };
        assert_eq!(queries.spent(key, since).unwrap(), spent, "{key}");
    }
    let in_all = queries.spent("key-0", 0).unwrap();
    assert_eq!((in_all.requests, in_all.cost), (by_key["key-0"].requests, by_key["key-0"].cost));
}

#[test]
fn usage_by_the_minute_is_the_sum_of_its_calls_whoever_it_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    let mut records = testing::calls(1_000);
    for (place, record) in records.iter_mut().enumerate() {
        record.tags = match place % 4 {
            0 => vec!["team:search".into(), "env:prod".into()],
            1 => vec!["env:test".into(), "team:search".into()],
            2 => vec!["team:sea".into()],
            _ => vec![],
        };
    }
    for batch in batches(&records, 97) {
        ledger.apply(&batch).unwrap();
    }
    let team = |record: &CallRecord| {
        record.tags.iter().find_map(|tag| tag.strip_prefix("team:").map(str::to_owned)).unwrap_or_default()
    };
    let (from, until) = (records[600].ended_ms(), records[900].ended_ms());
    let minute = |record: &CallRecord| record.ended_ms() / 60_000;
    let is_in = |record: &&CallRecord| (from / 60_000..=until / 60_000).contains(&minute(record));
    let mut expected: BTreeMap<Vec<String>, (u64, u64)> = BTreeMap::new();
    for record in records.iter().filter(is_in).filter(|record| record.model.as_deref() == Some("model-1")) {
        let sums = expected.entry(vec![minute(record).to_string(), team(record)]).or_default();
        *sums = (sums.0 + 1, sums.1 + record.cost.unwrap_or(0));
    }
    let wanted = Wanted { from_ms: from, until_ms: until, model: some("model-1"), ..Wanted::default() };
    let found = queries.usage_of(&wanted, &[By::Minute, By::Tag("team".to_owned())]).unwrap();
    let found: BTreeMap<_, _> =
        found.into_iter().map(|group| (group.of, (group.used.requests, group.used.cost))).collect();
    assert_eq!(found, expected);

    // Every filter lets through what it says, to the minute too.
    let count = |wanted: &Wanted| {
        queries.usage_of(wanted, &[]).unwrap().first().map_or(0, |group| group.used.requests)
    };
    let all = || Wanted { until_ms: u64::MAX, ..Wanted::default() };
    let of = |is: &dyn Fn(&CallRecord) -> bool| records.iter().filter(|record| is(record)).count() as u64;
    for is_fine in [false, true] {
        let all = || Wanted { is_fine, ..all() };
        assert_eq!(count(&all()), 1_000);
        assert_eq!(count(&Wanted { key: some(""), ..all() }), of(&|record| record.key.is_none()));
        assert_eq!(
            count(&Wanted { tag: some("team:sea"), ..all() }),
            of(&|record| record.tags.iter().any(|tag| &**tag == "team:sea"))
        );
        assert_eq!(count(&Wanted { key: some("nobody"), ..all() }), 0);
        assert_eq!(
            count(&Wanted { deployment: some("p1/model-2#0"), ..all() }),
            of(&|record| record.deployment.as_deref() == Some("p1/model-2#0"))
        );
    }
    let fine = Wanted { from_ms: from, until_ms: until, is_fine: true, ..Wanted::default() };
    assert_eq!(count(&fine), records.iter().filter(is_in).count() as u64);
}

#[test]
fn no_figure_of_a_record_can_stop_the_sums() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    let most = u64::MAX;
    let usage =
        Tokens { input: most, cache_read: most, cache_write: most, output: most, ..Tokens::default() };
    let record = CallRecord {
        started_ms: most,
        micros: most,
        overhead_micros: most,
        first_token_micros: Some(most),
        usage: Some(usage),
        cost: Some(most),
        ..CallRecord::default()
    };
    for batch in batches(&[record.clone(), record], 1) {
        ledger.apply(&batch).unwrap();
    }
    assert_eq!(queries.usage(0, most, &[]).unwrap()[0].used.requests, 2);
    assert_eq!(queries.calls(&Filter::default(), None, 9).unwrap().calls.len(), 2);
}

#[test]
fn what_leaves_the_journal_leaves_the_list_and_stays_in_the_sums() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    let mut records = testing::calls(1_000);
    records[0].key = Some("left".into());
    for batch in batches(&records, 100) {
        ledger.apply(&batch).unwrap();
    }
    let used = queries.usage(0, u64::MAX, &[By::Key, By::Model]).unwrap();
    ledger.forget(Position::start_of(4)).unwrap();
    assert_eq!(all(&queries, &Filter::default(), 100), expected(&records[3 * 128..], &Filter::default()));
    for text in ["left", &records[0].id, &records[200].id] {
        assert_eq!(all(&queries, &Filter { text: some(text), ..Filter::default() }, 100), [""; 0]);
    }
    assert_eq!(queries.usage(0, u64::MAX, &[By::Key, By::Model]).unwrap(), used);
    // A kind that was forgotten comes back with its next call.
    let next = Entry { position: Position { segment: 90, offset: 0 }, record: records[0].clone() };
    let end = Position { segment: 90, offset: 9 };
    ledger.apply(&Batch { entries: vec![next], end, ..Batch::default() }).unwrap();
    assert_eq!(
        all(&queries, &Filter { key: some("left"), ..Filter::default() }, 100),
        [records[0].id.clone()]
    );
}

#[test]
fn another_journal_begins_a_new_list_and_goes_on_with_the_sums() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    let records = testing::calls(300);
    let batches = batches(&records, 100);
    ledger.apply(&batches[0]).unwrap();
    assert_eq!(ledger.position("j").unwrap(), batches[0].end);
    assert_eq!(ledger.position("k").unwrap(), Position::default());
    ledger.apply(&batches[1]).unwrap();
    assert_eq!(all(&queries, &Filter::default(), 100), expected(&records[100..200], &Filter::default()));
    assert_eq!(queries.usage(0, u64::MAX, &[]).unwrap()[0].used.requests, 200);
}

#[test]
fn names_that_only_refused_calls_say_fill_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, queries) = ledger(folder.path());
    let records: Vec<CallRecord> = (0..500)
        .map(|count| CallRecord {
            id: format!("r{count}"),
            model: Some(format!("guess-{count}")),
            path: format!("/v1/guess/{count}"),
            status: 404,
            ended: Ended::Refused,
            ..CallRecord::default()
        })
        .collect();
    for batch in batches(&records, 100) {
        ledger.apply(&batch).unwrap();
    }
    let connection = Connection::open(folder.path().join("lockgate.db")).unwrap();
    let count = |table| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
    };
    assert_eq!((count("name").unwrap(), count("kind").unwrap()), (0, 1));
    assert_eq!(all(&queries, &Filter { text: some("guess-77"), ..Filter::default() }, 10), ["r77"]);
}

#[test]
fn a_database_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lockgate.db");
    drop(Ledger::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Ledger::open(&path), Err(DatabaseError::Later { found: 99, .. })));
}

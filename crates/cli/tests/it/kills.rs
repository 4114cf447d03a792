//! The gateway is killed at random moments under load: what a client received whole is on record once, and usage is the
//! provider's own to the token.

use std::{collections::BTreeMap, fs, sync::atomic::Ordering, thread, time::Duration};

use lockgate_mock::Usage;
use lockgate_store::{
    CallRecord, Ended, Tokens,
    sqlite::{Filter, Queries, Used},
};

use crate::load::{House, Known, LIMIT, as_told, ask, check_once, records};

/// How often it is killed.
const KILLS: &str = "LOCKGATE_KILLS";
/// Clients at once.
const CLIENTS: usize = 6;
/// Calls that are answered whole between two kills, at least.
const CALLS: usize = 110;

/// The mark that a call's message has.
fn mark(record: &CallRecord) -> u64 {
    let bodies = record.bodies.as_ref().unwrap();
    let request: serde_json::Value =
        serde_json::from_slice(bodies.request.as_ref().unwrap().as_bytes()).unwrap();
    let text = request["messages"][0]["content"].as_str().unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

fn same(tokens: Tokens, usage: Usage) -> bool {
    let input = tokens.input + tokens.cache_read + tokens.cache_write;
    (input, tokens.output, tokens.reasoning) == (usage.input, usage.output, usage.reasoning)
}

fn used(data: &std::path::Path) -> (Used, usize) {
    let queries = Queries::new(&data.join("calls.db"));
    let (mut listed, mut before) = (0, None);
    loop {
        let page = queries.calls(&Filter::default(), before, 1_000).unwrap();
        listed += page.calls.len();
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    (queries.usage(0, u64::MAX, &[]).unwrap()[0].used, listed)
}

/// Starts the gateway once more and ends it in peace, by when all is made of the journal.
fn settle(house: &House) {
    let mut gateway = house.start();
    gateway.terminate().unwrap();
    assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
}

fn round(house: &House, known: &Known, round: u64) {
    let gateway = house.start();
    let before = known.whole.lock().unwrap().len();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| ask(house.address, known));
        }
        for _ in 0..3_000 {
            if known.whole.lock().unwrap().len() >= before + CALLS {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // At any moment of what is under way then.
        thread::sleep(Duration::from_micros(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 49));
        drop(gateway);
    });
}

fn check(house: &House, known: &Known) {
    settle(house);
    let records = records(&house.data());
    check_once(known, &records);
    assert!(known.failed.lock().unwrap().is_empty(), "{:?}", known.failed.lock().unwrap());

    let ledger = house.ledger();
    let mut marks: BTreeMap<u64, &CallRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| record.ended == Ended::Answered) {
        let mark = mark(record);
        assert!(marks.insert(mark, record).is_none(), "two answered calls were the same one: {record:?}");
        let (tokens, usage) = (record.usage.unwrap(), ledger[&mark]);
        assert!(same(tokens, usage), "{record:?}: {usage:?}");
    }
    for (id, mark) in &*known.whole.lock().unwrap() {
        assert_eq!(&marks[mark].id, id, "on record as answered");
    }

    let sum = |of: fn(&Tokens) -> u64| {
        records.iter().filter_map(|record| record.usage.as_ref()).map(of).sum::<u64>()
    };
    let (total, listed) = used(&house.data());
    assert_eq!(listed, records.len());
    assert_eq!(total.requests, records.len() as u64);
    assert_eq!(total.input, sum(|tokens| tokens.input));
    assert_eq!(total.output, sum(|tokens| tokens.output));
    assert_eq!(total.reasoning, sum(|tokens| tokens.reasoning));

    // Made again, all is the same.
    for file in ["calls.db", "calls.db-wal", "calls.db-shm"] {
        drop(fs::remove_file(house.data().join(file)));
    }
    settle(house);
    assert_eq!(used(&house.data()), (total, listed));

    let count = |ended: Ended| records.iter().filter(|record| record.ended == ended).count();
    eprintln!(
        "{} calls received whole, {} on record: {} answered, {} interrupted",
        known.whole.lock().unwrap().len(),
        records.len(),
        count(Ended::Answered),
        count(Ended::Interrupted)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_what_was_received_is_on_record_once() {
    let kills = as_told(KILLS, 6);
    let house = House::new("log: { bodies: true, level: warn }\n").await;
    tokio::task::spawn_blocking(move || {
        let known = Known::default();
        for number in 0..kills {
            round(&house, &known, number);
        }
        known.ends.store(true, Ordering::Relaxed);
        let whole = known.whole.lock().unwrap().len();
        assert!(whole as u64 >= kills * CALLS as u64, "{whole} calls: the clients did not get to work");
        check(&house, &known);
    })
    .await
    .unwrap();
}

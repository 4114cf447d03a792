//! What a record costs the call that it is of.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop at what it cannot do")]

use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use lockgate_store::{
    AttemptRecord, Batch, Begin, Bodies, Body, CallRecord, Depth, Ended, Entry, Journal, Most, Position,
    Projection, Segments, Settings, Tokens, sqlite::Ledger,
};

fn main() {
    divan::main();
}

fn record(bodies: usize) -> CallRecord {
    let body = || {
        let text = "a word of a conversation ".repeat(bodies / 2 / 25);
        Body::of(format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#).as_bytes())
    };
    CallRecord {
        id: "req_0123456789abcdef0123456789abcdef".into(),
        started_ms: 1_763_757_000_000,
        micros: 1_234_567,
        overhead_micros: 45,
        first_token_micros: Some(234_567),
        key: Some("alice".into()),
        dialect: "a-dialect".into(),
        path: "/v1/talk".into(),
        model: Some("model-1".into()),
        deployment: Some("p1/model-1#0".into()),
        status: 200,
        ended: Ended::Answered,
        attempts: vec![AttemptRecord { deployment: "p1/model-1#0".into(), fault: None, micros: 1_230_000 }],
        usage: Some(Tokens { input: 1_000, output: 500, ..Tokens::default() }),
        cost: Some(12_345),
        bodies: (bodies > 0).then(|| Bodies {
            request: Some(body()),
            answer: Some(body()),
            truncated: false,
        }),
        ..CallRecord::default()
    }
}

/// One record, with that many bytes of bodies.
#[divan::bench(args = [0, 8 * 1024])]
fn append(bencher: Bencher<'_, '_>, bodies: usize) {
    let folder = tempfile::tempdir().unwrap();
    let segments = Segments::open(folder.path(), Settings::default()).unwrap();
    let record = record(bodies);
    bencher
        .counter(BytesCount::new(bodies))
        .with_inputs(|| record.clone())
        .bench_values(|record| segments.append(record));
}

/// The beginning and the record of a short call.
#[divan::bench]
fn begin_and_append(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let segments = Segments::open(folder.path(), Settings::default()).unwrap();
    let record = record(0);
    let begin =
        Begin { id: record.id.clone(), started_ms: 1, key: record.key.clone(), model: record.model.clone() };
    bencher.with_inputs(|| (begin.clone(), record.clone())).bench_values(|(begin, record)| {
        segments.begin(begin);
        segments.append(record);
    });
}

/// What it costs to read a thousand records again, as the tables do: without their bodies.
#[divan::bench(args = [0, 8 * 1024])]
fn thousand_read_again(bencher: Bencher<'_, '_>, bodies: usize) {
    let folder = tempfile::tempdir().unwrap();
    let segments = Segments::open(folder.path(), Settings::default()).unwrap();
    let start = segments.end();
    for _ in 0..1_000 {
        segments.append(record(bodies));
    }
    let most = Most { records: 1_000, bytes: u64::MAX };
    bencher.counter(ItemsCount::new(1_000_usize)).bench_local(|| {
        segments.records_from(start).with_depth(Depth::Metadata).batch(most).unwrap().entries.len()
    });
}

/// What a record costs in the tables, beside the calls: a thousand at once, as under load, of 120 kinds.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn thousand_into_the_tables(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("lockgate.db")).unwrap();
    ledger.position("j").unwrap();
    let mut offset = 0;
    bencher.counter(ItemsCount::new(1_000_usize)).bench_local(|| {
        let entries = (0..1_000).map(|number| {
            offset += 400;
            let (key, model) = (format!("key-{}", number % 24).into(), format!("model-{}", number % 20));
            let record = CallRecord { key: Some(key), model: Some(model), ..record(0) };
            Entry { position: Position { segment: 1, offset }, record }
        });
        let entries = entries.collect();
        ledger
            .apply(&Batch { entries, end: Position { segment: 1, offset: offset + 1 }, ..Batch::default() })
            .unwrap();
    });
}

/// Making a body of what was sent, which is done before.
#[divan::bench]
fn body_of_4_kib(bencher: Bencher<'_, '_>) {
    let text = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "a word ".repeat(580));
    bencher.bench(|| Body::of(divan::black_box(text.as_bytes())));
}

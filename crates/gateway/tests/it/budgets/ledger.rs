//! What is on record as spent is what the providers have in their books.

use super::*;

/// How many percent of the calls fail over, at least.
const FAILED_OVER: usize = 10;
/// How much more the fallback costs.
const DEARER: u64 = 3;
/// A token in is a dollar, one out ten; three times as much at the fallback.
const TWO_PRICES: &str = "prices: { \"d/*\": { input: 3000000, output: 30000000 }, \
                          \"*/*\": { input: 1000000, output: 10000000 } }\n";
/// What the failing provider does to calls beside those that it answers well.
const FAULTS: [&str; 8] =
    ["500", "reset", "error-in-200", "truncated", "empty", "lifecycle", "cut:3", "cut:1"];
/// How many it answers well for all of these.
const WELL: usize = 16;

/// What a mock has in its books for answers that were read whole, in micro-dollars.
fn books(mock: &Mock) -> u64 {
    let entries = mock.ledger();
    assert_eq!(mock.counts().entries_dropped, 0);
    let whole = entries.iter().filter(|entry| entry.ended == lockgate_mock::Ended::Complete);
    whole.filter_map(|entry| entry.usage).map(|usage| (usage.input + usage.output * 10) * MICROS).sum()
}

/// Two accounts at a provider that fails in every way, one that does not, a dearer one behind them, and a slow one of which
/// clients go away.
fn house_text([bad, good, dear, slow]: [&Mock; 4]) -> String {
    let provider = |name: &str, mock: &Mock, keys: &str| {
        format!("  {name}: {{ kind: openai, base_url: \"{}\", {keys} }}\n", mock.base_url())
    };
    let one = "api_key: key";
    let providers = [
        provider("a", bad, "credentials: [{ api_key: k1 }, { api_key: k2 }]"),
        provider("b", good, one),
        provider("d", dear, one),
        provider("s", slow, one),
    ];
    format!(
        "server: {{ listen: \"127.0.0.1:0\", drain: 5s }}\nproviders:\n{}models: {{ \
         fast: {{ targets: [a/gpt-4o-mini, b/gpt-4o-mini] }}, \
         frail: {{ targets: [a/gpt-4o-mini], fallback: [d/gpt-4o-mini] }}, \
         slow: {{ targets: [s/gpt-4o-mini] }} }}\n\
         strategy: round_robin\nretry: {{ attempts: 4, extra_load: 1000 }}\nhealth: {{ error_threshold: 1000, error_window: 1s }}\n\
         access: {{ keys: [{{ name: alice, key: {ALICE}, budget: {{ usd: 900000000, per: total }} }}] }}\n{TWO_PRICES}",
        providers.concat()
    )
}

/// Asks so many times, some of them at once, of providers that fail in every way; clients go away from slow ones.
#[tokio::test(flavor = "multi_thread")]
async fn records_and_books_agree() {
    let count = many("LOCKGATE_LEDGER_CALLS", 1_000);
    let settings =
        lockgate_mock::Settings { ledger_entries: count * 4, ..lockgate_mock::Settings::default() };
    let start = || async { lockgate_mock::start(loopback(), settings.clone()).await.unwrap() };
    let (bad, good, dear, slow) = (start().await, start().await, start().await, start().await);
    let faults = FAULTS.iter().map(|fault| Some(fault.parse::<Fault>().unwrap()));
    bad.cycle(std::iter::repeat_n(None, WELL).chain(faults).collect());
    slow.set_behaviour(Behaviour {
        between_events: Duration::from_millis(50),
        words: Some(2000),
        ..Behaviour::default()
    });
    let journal = Arc::new(lockgate_store::Recent::new(count + 10));
    let text = house_text([&bad, &good, &dear, &slow]);
    let config =
        lockgate_config::parse("test.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    let house = House::around(lockgate_gateway::start(&config, Arc::clone(&journal)).await.unwrap());
    let mut dice = Dice::new(7);
    let calls: Vec<u64> = (0..count).map(|_| dice.below(20) as u64).collect();
    let stayed = calls.iter().filter(|kind| **kind > 1).count();
    const SLOW: &str = r#"{"model":"slow","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    const FRAIL: &str = r#"{"model":"frail","max_tokens":8,"messages":[{"role":"user","content":"hello"}]}"#;
    const FRAIL_STREAM: &str =
        r#"{"model":"frail","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let house = &house;
    stream::iter(calls)
        .for_each_concurrent(32, |kind| async move {
            match kind {
                // Goes away before the commit, or behind it: the whole answer takes much longer.
                0 | 1 => {
                    drop(tokio::time::timeout(Duration::from_millis(5 + kind * 150), ask(house, SLOW)).await)
                }
                kind => {
                    let bodies = [SHORT, SHORT_STREAM, CHAT, STREAM, FRAIL, FRAIL_STREAM];
                    drop(ask(house, bodies[kind as usize % bodies.len()]).await);
                }
            }
        })
        .await;
    // Who goes away at once may not have been heard.
    let is_over = || slow.counts().in_flight == 0 && journal.all().len() >= stayed;
    let records = eventually(|| is_over().then(|| journal.all())).await;
    assert!(records.len() <= count);
    let of = |ended: Ended| records.iter().filter(move |record| record.ended == ended);
    let (gone, broken) = (of(Ended::ClientGone).count(), of(Ended::Broken).count());
    let answered: Vec<CallRecord> = of(Ended::Answered).cloned().collect();
    let later = |record: &&CallRecord| record.attempts.len() > 1;
    let failed_over = answered.iter().filter(later).count();
    let at_dearer = answered
        .iter()
        .filter(|record| record.deployment.as_deref().is_some_and(|name| name.starts_with("d/")))
        .count();
    tell(&format!(
        "{count} calls: {} answered, {failed_over} of them not by the first, {at_dearer} by a dearer one, {broken} broken \
         off, {gone} given up; {} micro-dollars",
        answered.len(),
        spent(&answered)
    ));
    assert_eq!(spent(&answered), books(&bad) + books(&good) + books(&dear) * DEARER + books(&slow));
    assert!(failed_over * 100 / count >= FAILED_OVER, "{failed_over} of {count} failed over");
    assert!(gone > 0 && broken > 0 && at_dearer > 0 && answered.len() > count / 2);
    let others = records.iter().filter(|record| record.ended != Ended::Answered);
    for record in others.filter(|record| record.cost.is_some_and(|cost| cost > 0)) {
        assert!(
            record.usage.is_some_and(|usage| usage.is_estimated) || record.ended == Ended::ClientGone,
            "{record:?}"
        );
    }
}

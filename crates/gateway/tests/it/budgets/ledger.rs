//! What is on record as spent is what the providers have in their books.

use super::*;

/// What a mock has in its books for answers that were read whole, in micro-dollars.
fn books(mock: &Mock) -> u64 {
    let entries = mock.ledger();
    assert_eq!(mock.counts().entries_dropped, 0);
    let whole = entries.iter().filter(|entry| entry.ended == lockgate_mock::Ended::Complete);
    whole.filter_map(|entry| entry.usage).map(|usage| (usage.input + usage.output * 10) * MICROS).sum()
}

/// Asks so many times, some of them at once, of providers that fail in every way; clients go away from slow ones.
#[tokio::test(flavor = "multi_thread")]
async fn records_and_books_agree() {
    let count = many("LOCKGATE_LEDGER_CALLS", 1_000);
    let settings =
        lockgate_mock::Settings { ledger_entries: count * 4, ..lockgate_mock::Settings::default() };
    let start = || lockgate_mock::start(loopback(), settings.clone());
    let (bad, good, slow) = (start().await.unwrap(), start().await.unwrap(), start().await.unwrap());
    let faults = ["500", "reset", "error-in-200", "truncated", "empty", "429;retry-after=0", "lifecycle"];
    let faults = faults.iter().map(|fault| Some(fault.parse::<Fault>().unwrap()));
    bad.cycle([None, None].into_iter().chain(faults).collect());
    slow.set_behaviour(Behaviour {
        between_events: Duration::from_millis(50),
        words: Some(2000),
        ..Behaviour::default()
    });
    let yaml = with(&[&bad, &good], "{ usd: 900000000, per: total }")
        .replace("models:\n", &format!("  s: {{ kind: openai, base_url: \"{}\", api_key: key }}\nmodels:\n  slow: {{ targets: [s/gpt-4o-mini] }}\n", slow.base_url()))
        .replace("gpt-4o-mini] }\nacc", "gpt-4o-mini], retry: { extra_load: 1000 } }\nacc");
    let journal = Arc::new(lockgate_store::Recent::new(count + 10));
    let config = lockgate_config::parse("test.yaml", &yaml, &|_| None).unwrap();
    let house = House::around(lockgate_gateway::start(&config, Arc::clone(&journal)).await.unwrap());
    let mut dice = Dice::new(7);
    let calls: Vec<u64> = (0..count).map(|_| dice.below(20) as u64).collect();
    let stayed = calls.iter().filter(|kind| **kind > 1).count();
    const SLOW: &str = r#"{"model":"slow","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let house = &house;
    stream::iter(calls)
        .for_each_concurrent(32, |kind| async move {
            match kind {
                // Goes away before the commit, or behind it: the whole answer takes much longer.
                0 | 1 => {
                    drop(tokio::time::timeout(Duration::from_millis(5 + kind * 150), ask(house, SLOW)).await)
                }
                kind => drop(ask(house, [SHORT, SHORT_STREAM, CHAT, STREAM][kind as usize % 4]).await),
            }
        })
        .await;
    // Who goes away at once may not have been heard.
    let is_over = || slow.counts().in_flight == 0 && journal.all().len() >= stayed;
    let records = eventually(|| is_over().then(|| journal.all())).await;
    assert!(records.len() <= count);
    let answered: Vec<CallRecord> =
        records.iter().filter(|record| record.ended == Ended::Answered).cloned().collect();
    let gone = records.iter().filter(|record| record.ended == Ended::ClientGone).count();
    let retried = answered.iter().filter(|record| record.attempts.len() > 1).count();
    tell(&format!(
        "{count} calls: {} answered, {retried} of them not by the first, {gone} given up; {} micro-dollars",
        answered.len(),
        spent(&answered)
    ));
    assert!(gone > 0 && retried > 0 && answered.len() > count / 2);
    assert_eq!(spent(&answered), books(&bad) + books(&good) + books(&slow));
    let others = records.iter().filter(|record| record.ended != Ended::Answered);
    for record in others.filter(|record| record.cost.is_some_and(|cost| cost > 0)) {
        assert!(
            record.usage.is_some_and(|usage| usage.is_estimated) || record.ended == Ended::ClientGone,
            "{record:?}"
        );
    }
}

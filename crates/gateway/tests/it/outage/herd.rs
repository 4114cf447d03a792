//! F25: all keys of a provider are at their limits, and what waits does not come back all at once.

use std::time::{Duration, Instant};

use lockgate_mock::{Fault, Rule};

use super::{Wrong, busiest, form, load::fire, ms, quantile, upstream};
use crate::house::House;

const LATENCY: Duration = Duration::from_millis(100);
const KEYS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn f25_after_a_cooldown_each_key_is_tried_by_one() {
    let rate = form(100, 500);
    let upstream = upstream(LATENCY).await;
    let house = House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  p:\n    kind: openai\n    base_url: \"{}\"\n    \
         credentials: [{{ api_key: k1 }}, {{ api_key: k2 }}, {{ api_key: k3 }}]\n\
         models:\n  fast: {{ targets: [p/gpt-4o-mini] }}\n",
        upstream.mock.base_url()
    ))
    .await;
    let refusal = Rule::new("429;retry-after=2".parse::<Fault>().unwrap());
    let seconds = Duration::from_secs_f64;
    let script = async {
        upstream.mock.rules(vec![refusal.lasting(seconds(1.5))]);
        let limited = Instant::now();
        tokio::time::sleep(seconds(5.0)).await;
        limited
    };
    let (shots, limited) = fire(&house, rate, script).await;
    let late = shots.lateness();
    let mut wrong = Wrong::default();

    let lost = shots.all.iter().filter(|shot| shot.answer.is_none()).count();
    wrong.unless(lost == 0, "answers", || format!("{lost} have none"));

    // While all rest, clients hear it at once, and for how long.
    let told: Vec<_> = shots.between(limited + seconds(0.5), limited + seconds(1.9)).collect();
    wrong.unless(!told.is_empty(), "while all rest", || "nobody asked".to_owned());
    for shot in &told {
        let answer = shot.answer.unwrap();
        wrong.unless(answer.status == 429 && answer.attempts == 0, "while all rest", || format!("{shot:?}"));
        let left = (limited + seconds(2.0)).saturating_duration_since(shots.since + shot.at).as_secs_f64();
        let hint = answer.retry_after.unwrap_or(0) as f64;
        // The rest is up to a tenth longer than was asked, begins when the refusal is there, and is told in whole seconds.
        let is_true = (left..left + 1.6).contains(&hint);
        wrong.unless(is_true, "the hint", || format!("{hint} s where {left:.2} s are left"));
    }
    let took = |part| quantile(told.iter().map(|shot| shot.took), part);
    wrong.unless(took(0.99) <= Duration::from_millis(50) + late, "while all rest", || {
        format!("{:?} until it is told", took(0.99))
    });

    // One request tries each key; the others come when that has an answer.
    let ledger = upstream.mock.ledger();
    let resting = limited + seconds(1.9);
    let again: Vec<_> = ledger.iter().filter(|entry| upstream.since + entry.at >= resting).collect();
    let between = ledger.iter().map(|entry| upstream.since + entry.at);
    let early = between.filter(|at| (limited + seconds(0.5)..resting).contains(at)).count();
    wrong.unless(early == 0, "the rest", || format!("{early} asked while all rest"));
    let keys: Vec<_> = upstream.mock.keys().into_keys().collect();
    wrong.unless(keys.len() == KEYS, "keys", || format!("{} were asked", keys.len()));
    for key in keys {
        let mut at = again.iter().filter(|entry| entry.key.as_ref() == Some(&key)).map(|entry| entry.at);
        let (first, second) = (at.next().unwrap(), at.next().unwrap());
        wrong.unless(second - first >= LATENCY, "probes", || format!("two within {:?}", second - first));
    }
    let herd = busiest(again.iter().map(|entry| entry.at));
    let normal = shots.normal(rate);
    wrong.unless(herd <= 2 * normal, "herd", || format!("{herd} where {normal} are normal"));

    // And all are served.
    let after: Vec<_> = shots.between(limited + seconds(2.8), limited + seconds(9.0)).collect();
    let served = after.iter().filter(|shot| shot.answer.is_some_and(|answer| answer.status == 200)).count();
    wrong.unless(served == after.len() && served > 0, "afterwards", || {
        format!("{served} of {} are served", after.len())
    });
    wrong.judge(&format!(
        "F25, {KEYS} keys at {rate}/s: {} told 429, ms p50 {} p99 {} max {}; afterwards {served} served, herd {herd} of \
         {normal}; late p99 {}",
        told.len(),
        ms(took(0.5)),
        ms(took(0.99)),
        ms(took(1.0)),
        ms(late)
    ));
}

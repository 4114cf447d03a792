//! The gateway is killed at random moments under a budget of money: what it knows as spent after each start is what the
//! provider billed, up to the calls that were under way, and the budget comes to its end where it should.

use std::{sync::atomic::Ordering, thread, time::Duration};

use lockgate_mock::Usage;
use lockgate_testkit::http;

use crate::load::{House, Known, LIMIT, as_told, ask, once, records};

/// How many calls the budget is for, about.
const CALLS: &str = "LOCKGATE_KILLED_BUDGET_CALLS";
/// Clients at once.
const CLIENTS: usize = 6;
/// Calls that are answered whole between two kills, at least.
const BETWEEN: usize = 60;
/// More starts than this are too many.
const STARTS: usize = 1_000;
/// About what a call costs, in micro-dollars: some fifty tokens in at one, up to 64 out at ten.
const ONE: u64 = 500;
/// The most that is kept for a call: a token for three of its bytes, and all that it asks to get.
const RESERVATION: u64 = (200 + 97 * 5) / 3 + 64 * 10;
const KEY: &str = "sk-killed-0123456789";

/// What a call costs, in micro-dollars.
fn cost(usage: &Usage) -> u64 {
    usage.input + usage.output * 10
}

/// What the gateway knows as spent.
fn spent(house: &House) -> u64 {
    let said = http::get(house.address, "/admin/v1/explain?model=m&key=alice").unwrap().json().unwrap();
    let allowed = said["allowed"].as_array().unwrap();
    let own = allowed.iter().find(|allowed| allowed["owner"] == "the key `alice`").unwrap();
    own["budgets"][0]["spent"].as_u64().unwrap()
}

/// Holds what is known as spent after a start against what is on record and in the provider's books.
fn check(house: &House, known: &Known, kills: usize) {
    let spent = spent(house);
    let on_record: u64 = records(&house.data()).iter().filter_map(|record| record.cost).sum();
    assert_eq!(spent, on_record, "all that is on record counts, once");
    let ledger = house.ledger();
    let whole: u64 = known.whole.lock().unwrap().values().map(|mark| cost(&ledger[mark])).sum();
    let billed: u64 = ledger.values().map(cost).sum();
    assert!(whole <= spent, "{whole} were received whole, {spent} are known");
    assert!(spent <= billed, "{spent} are known, {billed} were billed");
    let unknown = (kills * CLIENTS) as u64 * RESERVATION;
    assert!(billed - spent <= unknown, "{spent} of {billed} are known after {kills} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_outlives_kills_and_comes_to_its_end() {
    let budget = as_told(CALLS, 500) * ONE;
    let house = House::new(&format!(
        "log: {{ bodies: true, level: warn }}\nprices: {{ \"*/*\": {{ input: 1, output: 10 }} }}\n\
         access: {{ admin: loopback, keys: [{{ name: alice, key: {KEY}, \
         budget: {{ usd: {}.{:06}, per: total }} }}] }}\n",
        budget / 1_000_000,
        budget % 1_000_000
    ))
    .await;
    tokio::task::spawn_blocking(move || {
        let known = Known { key: KEY, wishes: "\"max_tokens\":64,", ..Known::default() };
        let mut kills = 0;
        for start in 0..STARTS as u64 {
            let gateway = house.start();
            check(&house, &known, kills);
            let before = known.whole.lock().unwrap().len();
            let is_spent = || known.spent.load(Ordering::Relaxed) >= CLIENTS as u64;
            thread::scope(|scope| {
                known.spent.store(0, Ordering::Relaxed);
                for _ in 0..CLIENTS {
                    scope.spawn(|| ask(house.address, &known));
                }
                for _ in 0..6_000 {
                    if is_spent() || known.whole.lock().unwrap().len() >= before + BETWEEN {
                        break;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                // At any moment of what is under way then.
                thread::sleep(Duration::from_micros(start.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 49));
                drop(gateway);
            });
            kills += 1;
            if is_spent() {
                break;
            }
        }
        assert!(known.failed.lock().unwrap().is_empty(), "{:?}", known.failed.lock().unwrap());
        assert!(kills > 3, "{kills} kills: the budget was at its end too soon");

        let mut gateway = house.start();
        check(&house, &known, kills);
        let refused = once(&mut http::Client::new(house.address).patience(LIMIT), &known);
        assert!(refused.is_err() && known.spent.load(Ordering::Relaxed) > 0, "a key with nothing left is refused");
        let (known_spent, billed) = (spent(&house), house.ledger().values().map(cost).sum::<u64>());
        assert!(known_spent >= budget, "{known_spent} of {budget}");
        assert!(known_spent < budget + RESERVATION, "{known_spent} of {budget}: more than one reservation too much");
        gateway.terminate().unwrap();
        assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
        eprintln!(
            "{kills} kills, {} calls received whole: {known_spent} micro-dollars known of a budget of {budget}, {billed} billed",
            known.whole.lock().unwrap().len()
        );
    })
    .await
    .unwrap();
}

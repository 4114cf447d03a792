//! Calls for tests: like those of a small team, the same in every run.

use crate::{AttemptRecord, Bodies, Body, CallRecord, Ended, Price, Tokens};

/// When the first call begins, in milliseconds since 1970: half past an hour.
const START_MS: u64 = 1_763_757_000_000;

/// The first call after the clock was set back.
const SET_BACK: u64 = 500;

/// Numbers that look like dice.
fn dice(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}

/// The call of that number. Each begins some seconds after the one before it, but for one before which the clock is set
/// back by an hour.
pub(crate) fn call(number: u64) -> CallRecord {
    let dice = dice(number);
    let (key, model, provider) = (dice % 5, dice / 5 % 4, dice / 20 % 3);
    let ended = match dice / 60 % 20 {
        0 => Ended::Refused,
        1 => Ended::Broken,
        2 => Ended::ClientGone,
        _ => Ended::Answered,
    };
    let is_answer = ended != Ended::Refused;
    let deployment = format!("p{provider}/model-{model}#0");
    let attempt = AttemptRecord {
        deployment: deployment.as_str().into(),
        fault: (ended == Ended::Broken || !is_answer).then(|| format!("a fault of {}", dice % 1000).into()),
        micros: 100_000 + dice % 400_000,
    };
    let usage = Tokens {
        input: dice % 4_000,
        cache_read: dice / 7 % 9_000,
        cache_write: dice / 11 % 500,
        output: dice / 13 % 2_000,
        reasoning: dice / 13 % 2_000 / 2,
        is_estimated: ended == Ended::Broken,
        ..Tokens::default()
    };
    CallRecord {
        id: format!("req_{:016x}{dice:016x}", 0xf1e2_d3c4_u64),
        started_ms: START_MS + number * 3_777 - if number < SET_BACK { 0 } else { 3_600_000 },
        micros: 200_000 + dice % 3_000_000,
        overhead_micros: 30 + dice % 100,
        first_token_micros: is_answer.then_some(90_000 + dice % 300_000),
        key: (key > 0).then(|| format!("key-{}", key - 1).into()),
        dialect: "a-dialect".into(),
        path: "/v1/talk".into(),
        model: Some(format!("model-{model}")),
        deployment: is_answer.then(|| deployment.into()),
        stream: dice & 1 == 0,
        status: match ended {
            Ended::Refused => 429,
            Ended::ClientGone => 499,
            _ => 200,
        },
        ended,
        attempts: vec![attempt],
        usage: is_answer.then_some(usage),
        cost: (is_answer && model != 3).then_some(dice % 90_000),
        price: if is_answer && model == 3 { Price::Unknown } else { Price::Known },
        tags: if key > 2 { vec![format!("team-{}", key % 2).into(), "night".into()] } else { vec![] },
        bodies: dice
            .is_multiple_of(10)
            .then(|| Bodies { request: Some(Body::of(b"{\"a\": 1}")), ..Bodies::default() }),
        ..CallRecord::default()
    }
}

/// The first calls.
pub(crate) fn calls(count: u64) -> Vec<CallRecord> {
    (0..count).map(call).collect()
}

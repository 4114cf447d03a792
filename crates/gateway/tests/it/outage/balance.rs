//! Whom each strategy of the config gives how much, as the upstreams count it.

use std::{fmt::Write as _, ops::RangeInclusive, time::Duration};

use futures_util::{StreamExt, stream};

use super::{Upstream, Wrong, form, upstream};
use crate::house::{CHAT, CHAT_PATH, House};

/// One setup of three deployments, and the shares that they get.
struct Setup {
    strategy: &'static str,
    weights: [u32; 3],
    /// How long each takes to answer, in milliseconds.
    latency: [u64; 3],
    /// Most requests at once that each may have.
    most: [u32; 3],
    sections: &'static str,
    /// Requests at once.
    at_once: usize,
    shares: [RangeInclusive<f64>; 3],
}

/// That share, give or take.
const fn about(share: f64, slack: f64) -> RangeInclusive<f64> {
    share - slack..=share + slack
}

const NONE: RangeInclusive<f64> = 0.0..=0.0;
const EVEN: [u32; 3] = [1, 1, 1];
const WEIGHTED: [u32; 3] = [1, 2, 5];
const MANY: [u32; 3] = [1000; 3];

const SETUPS: &[Setup] = &[
    setup("round_robin", WEIGHTED, [about(0.125, 0.005), about(0.25, 0.005), about(0.625, 0.005)]),
    // Four standard deviations.
    setup("random", WEIGHTED, [about(0.125, 0.047), about(0.25, 0.062), about(0.625, 0.069)]),
    Setup {
        latency: [20, 20, 20],
        at_once: 24,
        ..setup("least_connections", WEIGHTED, [about(0.125, 0.04), about(0.25, 0.04), about(0.625, 0.06)])
    },
    setup("lru", WEIGHTED, [about(0.333, 0.005), about(0.333, 0.005), about(0.333, 0.005)]),
    setup("fill_first", WEIGHTED, [1.0..=1.0, NONE, NONE]),
    Setup {
        latency: [20, 20, 20],
        most: [4, 4, 1000],
        at_once: 10,
        ..setup("fill_first", WEIGHTED, [about(0.4, 0.08), about(0.4, 0.08), about(0.2, 0.12)])
    },
    setup("priority", [1, 9, 9], [NONE, about(0.5, 0.005), about(0.5, 0.005)]),
    Setup { latency: [5, 100, 100], at_once: 4, ..setup("latency", EVEN, [0.6..=1.0, 0.0..=0.2, 0.0..=0.2]) },
    // Of whom nothing is written the shipped list says it: $0.15 and $0.60 for this model.
    Setup {
        sections: "prices: { \"a/*\": { input: 3, output: 15 }, \"b/*\": { input: 0.1, output: 0.5 } }\n",
        ..setup("cost", WEIGHTED, [NONE, 1.0..=1.0, NONE])
    },
    Setup {
        sections: "prices: { \"[bc]*\": { input: 9, output: 9 }, \"b/gpt-4o*\": { input: 0.1, output: 0.2 }, \"c/*\": { input: 0.1, output: 0.2 } }\n",
        ..setup("cost", WEIGHTED, [NONE, about(0.5, 0.005), about(0.5, 0.005)])
    },
    // All of one conversation.
    setup("cache_affinity", WEIGHTED, [0.0..=1.0, 0.0..=1.0, 0.0..=1.0]),
];

const fn setup(strategy: &'static str, weights: [u32; 3], shares: [RangeInclusive<f64>; 3]) -> Setup {
    Setup { strategy, weights, latency: [0; 3], most: MANY, sections: "", at_once: 4, shares }
}

#[tokio::test(flavor = "multi_thread")]
async fn strategies_spread_requests_as_they_say() {
    let requests = form(800, 8000);
    let mut table = format!("{requests} requests\n{:18} {:9} {:>21}\n", "strategy", "weights", "shares");
    let mut wrong = Wrong::default();
    for setup in SETUPS {
        let shares = shares(setup, requests).await;
        let is_near = setup.shares.iter().zip(&shares).all(|(expected, share)| expected.contains(share));
        wrong.unless(is_near, setup.strategy, || format!("{shares:.3?} and not {:?}", setup.shares));
        if setup.strategy == "cache_affinity" {
            wrong.unless(shares.contains(&1.0), setup.strategy, || format!("{shares:.3?}"));
        }
        let weights = setup.weights.map(|weight| weight.to_string()).join(":");
        writeln!(table, "{:18} {weights:9} {shares:>7.3?}", setup.strategy).unwrap();
    }
    wrong.judge(&table);
}

async fn shares(setup: &Setup, requests: usize) -> [f64; 3] {
    let Setup { strategy, weights, latency, most, sections, at_once, .. } = setup;
    let mut text =
        format!("server: {{ listen: \"127.0.0.1:0\" }}\nstrategy: {strategy}\n{sections}providers:\n");
    let mut targets = Vec::new();
    let mut upstreams = Vec::new();
    for (place, name) in ["a", "b", "c"].iter().enumerate() {
        let upstream = upstream(Duration::from_millis(latency[place])).await;
        let (url, most) = (upstream.mock.base_url(), most[place]);
        let credential = format!("{{ api_key: key, max_concurrent: {most} }}");
        writeln!(text, "  {name}: {{ kind: openai, base_url: \"{url}\", credentials: [{credential}] }}")
            .unwrap();
        targets.push(format!("{{ target: {name}/gpt-4o-mini, weight: {} }}", weights[place]));
        upstreams.push(upstream);
    }
    writeln!(text, "models:\n  fast: {{ targets: [{}] }}", targets.join(", ")).unwrap();
    let house = House::new(&text).await;
    let answers = stream::iter(0..requests).map(|_| house.post(CHAT_PATH, CHAT)).buffer_unordered(*at_once);
    let refused = answers.filter(|answer| std::future::ready(answer.status != 200)).count().await;
    assert_eq!(refused, 0, "{strategy}");
    let counts: Vec<u64> = upstreams.iter().map(|Upstream { mock, .. }| mock.counts().requests).collect();
    assert_eq!(counts.iter().sum::<u64>(), requests as u64, "{strategy}: each is asked once");
    [0, 1, 2].map(|place| counts[place] as f64 / requests as f64)
}

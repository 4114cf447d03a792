//! `cache_affinity` with whole conversations in three dialects: each stays where it is, and all together are even.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use lockgate_mock::Fault;
use serde_json::{Value, json};

use super::{Upstream, Wrong, form, upstream};
use crate::{
    catalogue::bench::client,
    house::{Answer, House, UPSTREAM_KEY},
};

/// Provider kind and dialect.
const SPOKEN: [(&str, &str); 3] =
    [("openai", "openai-chat"), ("anthropic", "anthropic"), ("gemini", "gemini")];
const DEPLOYMENTS: usize = 5;
const TURNS: usize = 20;

/// A gateway before five upstreams, which all speak all dialects.
struct Rooms {
    upstreams: Vec<Upstream>,
    house: House,
}

impl Rooms {
    async fn new() -> Self {
        let mut text =
            "server: { listen: \"127.0.0.1:0\" }\nstrategy: cache_affinity\nproviders:\n".to_owned();
        let mut upstreams = Vec::new();
        for place in 0..DEPLOYMENTS {
            let upstream = upstream(Duration::ZERO).await;
            let (address, key) = (upstream.mock.addr(), &*UPSTREAM_KEY);
            for (kind, dialect) in SPOKEN {
                let place = format!("  {dialect}-{place}: {{ kind: {kind}, base_url: \"http://{address}\"");
                writeln!(text, "{place}, api_key: {key}, speaks: [{dialect}] }}").unwrap();
            }
            upstreams.push(upstream);
        }
        text.push_str("models:\n");
        for (_, dialect) in SPOKEN {
            let targets: Vec<_> = (0..DEPLOYMENTS).map(|place| format!("{dialect}-{place}/mock-1")).collect();
            writeln!(text, "  on-{dialect}: {{ targets: [{}] }}", targets.join(", ")).unwrap();
        }
        Self { upstreams, house: House::new(&text).await }
    }

    /// The conversation's request of that turn, and the place of the deployment that answers it.
    async fn turn(&self, dialect: &str, id: usize, turn: usize) -> usize {
        let answer = self.ask(dialect, id, turn).await;
        assert_eq!(answer.status, 200, "{dialect} {id}, turn {turn}: {}", answer.text);
        let name = answer.header("x-lockgate-deployment").to_owned();
        let place = name.strip_prefix(&format!("{dialect}-")).unwrap().split('/').next().unwrap();
        place.parse().unwrap()
    }

    async fn ask(&self, dialect: &str, id: usize, turn: usize) -> Answer {
        let path = client(dialect).path.replace("{model}", &format!("on-{dialect}"));
        self.house.post(&path, request(dialect, id, turn).to_string()).await
    }

    /// Requests that each upstream got.
    fn counts(&self) -> Vec<u64> {
        self.upstreams.iter().map(|upstream| upstream.mock.counts().requests).collect()
    }
}

/// The request of one turn, as clients send it: all that was said so far. Every conversation has the same system prompt, which
/// is long, and a beginning of its own.
fn request(dialect: &str, id: usize, turn: usize) -> Value {
    let system =
        "You are an agent that works on code. Read before you write, and say what you did. ".repeat(40);
    let asked =
        |turn| format!("Conversation {id}: please look at file {turn} and tell me what is wrong with it.");
    let said = |turn| {
        format!("In file {turn} of {id} an index is off by one; I have corrected it and run the tests.")
    };
    let turns = |assistant: &str, make: &dyn Fn(&str, String) -> Value| {
        let mut list = Vec::new();
        for before in 0..turn {
            list.extend([make("user", asked(before)), make(assistant, said(before))]);
        }
        list.push(make("user", asked(turn)));
        list
    };
    match dialect {
        "openai-chat" => {
            let mut messages = vec![json!({ "role": "system", "content": system })];
            messages.extend(turns("assistant", &|role, text| json!({ "role": role, "content": text })));
            json!({ "model": "on-openai-chat", "messages": messages })
        }
        "anthropic" => {
            // The mark moves on from turn to turn.
            let mut messages = turns(
                "assistant",
                &|role, text| json!({ "role": role, "content": [{ "type": "text", "text": text }] }),
            );
            let last = messages.last_mut().unwrap();
            last["content"][0]["cache_control"] = json!({ "type": "ephemeral" });
            json!({ "model": "on-anthropic", "max_tokens": 100, "messages": messages,
                "system": [{ "type": "text", "text": system, "cache_control": { "type": "ephemeral" } }] })
        }
        _ => {
            let contents = turns("model", &|role, text| json!({ "role": role, "parts": [{ "text": text }] }));
            json!({ "systemInstruction": { "parts": [{ "text": system }] }, "contents": contents })
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_stays_yields_to_a_limit_and_returns() {
    let rooms = Rooms::new().await;
    for (_, dialect) in SPOKEN {
        let mut homes = BTreeSet::new();
        for id in 0..form(5, 50) {
            let before = rooms.counts();
            let mut places = BTreeSet::new();
            for turn in 0..TURNS {
                places.insert(rooms.turn(dialect, id, turn).await);
            }
            assert_eq!(places.len(), 1, "{dialect} {id} went to {places:?}");
            let asked = rooms.counts().iter().zip(before).filter(|(now, then)| *now > then).count();
            assert_eq!(asked, 1, "{dialect} {id}");
            homes.extend(places);
        }
        assert!(homes.len() > 1, "{dialect}: all are at {homes:?}");

        // One refusal is enough: the same request is answered by another, and so is all that comes while it rests.
        let id = 1000;
        let home = rooms.turn(dialect, id, 0).await;
        let mock = &rooms.upstreams[home].mock;
        mock.script(["429;retry-after=1".parse::<Fault>().unwrap()]);
        let (before, refused) = (mock.counts().requests, Instant::now());
        let other = rooms.turn(dialect, id, 1).await;
        assert_ne!(other, home, "{dialect}");
        for turn in 2..6 {
            assert_eq!(rooms.turn(dialect, id, turn).await, other, "{dialect}: away from home it stays too");
        }
        if refused.elapsed() < Duration::from_millis(900) {
            assert_eq!(mock.counts().requests, before + 1, "{dialect}: asked while it rested");
        }
        tokio::time::sleep_until((refused + Duration::from_millis(1300)).into()).await;
        for turn in 6..TURNS {
            assert_eq!(
                rooms.turn(dialect, id, turn).await,
                home,
                "{dialect}: it does not return, turn {turn}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_conversations_are_spread_evenly() {
    let conversations = form(1_000, 10_000);
    let mut wrong = Wrong::default();
    let mut table = format!("{conversations} conversations over {DEPLOYMENTS} deployments\n");
    for (_, dialect) in SPOKEN {
        let rooms = Rooms::new().await;
        // Two at once are never too many for one deployment.
        let first = async |id| (id, rooms.turn(dialect, id, 0).await);
        let places: BTreeMap<_, _> =
            stream::iter(0..conversations).map(first).buffer_unordered(2).collect().await;
        let counts = rooms.counts();
        let mean = conversations as f64 / DEPLOYMENTS as f64;
        let ratio = counts.iter().copied().max().unwrap() as f64 / mean;
        wrong.unless(counts.iter().sum::<u64>() == conversations as u64, dialect, || format!("{counts:?}"));
        wrong.unless(ratio <= 1.25, dialect, || format!("{ratio:.3} times the mean: {counts:?}"));
        writeln!(table, "{dialect:12} {counts:>5?} max/mean {ratio:.3}").unwrap();
        // Each of them is found again.
        for (id, place) in places.iter().step_by(conversations / 50) {
            let later = rooms.turn(dialect, *id, TURNS - 1).await;
            wrong.unless(later == *place, dialect, || format!("{id} was at {place} and is at {later}"));
        }
    }
    wrong.judge(&table);
}

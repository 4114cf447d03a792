//! What is learned from faults: who is left alone, for how long, and how it is found out that it is well again.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use lockgate_mock::{Behaviour, Fault, Rule};

use super::bench::{Bench, Got, Way, all, behaviour, many, streams, ways};

/// The first way that is translated, as a stream.
fn across() -> Way {
    streams()[4]
}

#[tokio::test(flavor = "multi_thread")]
async fn f02_the_first_token_is_late() {
    // Whether nothing comes, or what opens the stream, or thoughts of nothing.
    for fault in ["late:20s", "stall:0", "headers"] {
        let bench = Bench::new("first_token: 800ms").await;
        bench.always(fault);
        let got = bench.ask_all("both", many(&streams())).await;
        all(fault, got.iter().map(Got::is_whole));
        let mut took: Vec<_> = got.iter().map(|got| got.took).collect();
        took.sort();
        assert!(took[took.len() / 2] < Duration::from_millis(1800), "{fault}: {took:?}");
    }
    // Off is off, and who is alone is waited for.
    for (retry, model) in [("first_token: off", "both"), ("", "alone")] {
        let bench = Bench::new(retry).await;
        bench.always("late:1s");
        let got = bench.ask_all(model, streams()).await;
        all(retry, got.iter().map(Got::is_whole));
        assert!(got.iter().all(|got| got.took >= Duration::from_secs(1)), "{retry}");
        assert_eq!(bench.good.counts().requests, 0, "{retry}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f02_a_client_that_waits_is_told_that_it_is_not_forgotten() {
    let server = "server: { listen: \"127.0.0.1:0\", keep_alive: 200ms }\n";
    let bench = Bench::with("", "", server).await;
    bench.always("pause:20;1s");
    for got in bench.ask_all("alone", streams()).await {
        got.is_whole().unwrap();
        let signs = got.answer.text.split("\n\n").filter(|event| event.starts_with(':')).count();
        // Gemini's clients trip over comments.
        let expected = if got.way.client == "gemini" { 0..=0 } else { 2..=6 };
        assert!(expected.contains(&signs), "{:?}: {signs} signs of life: {}", got.way, got.answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f02_a_second_is_asked_beside_a_slow_first() {
    let bench = Bench::with("first_token: off", ", hedge_after: 200ms", "").await;
    bench.always("late:20s");
    for way in streams() {
        let got = bench.ask("both", way).await;
        got.is_whole().unwrap();
        assert!(got.took < Duration::from_secs(2), "{way:?}: {:?}", got.took);
        assert!(got.answer.header("x-lockgate-deployment").starts_with("good-"), "{way:?}");
    }
    // Whoever lost is let go.
    crate::house::eventually(|| (bench.bad.counts().in_flight == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f06_an_absurd_hint_does_not_outlast_the_longest_rest() {
    let health = "health: { max_cooldown: 1s }\n";
    for hint in ["1555200", "561600", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let bench = Bench::with("", "", health).await;
        let refusal =
            Fault::Status { status: 429, retry_after: Some(hint.to_owned()), body: None, headers: [].into() };
        bench.bad.rules(vec![Rule::new(refusal)]);
        let way = across();
        let start = Instant::now();
        bench.ask("both", way).await.is_whole().unwrap();
        assert_eq!(bench.bad.counts().requests, 1, "{hint}");
        // While it rests, nobody asks it.
        let got = bench.ask_all("both", vec![way; 20]).await;
        all(hint, got.iter().map(Got::is_whole));
        if start.elapsed() < Duration::from_millis(900) {
            assert_eq!(bench.bad.counts().requests, 1, "{hint}: it was asked while it rested");
        }
        // Well again, it is back soon after, and for good.
        bench.bad.rules(Vec::new());
        let is_back = async {
            loop {
                let got = bench.ask("both", way).await;
                got.is_whole().unwrap();
                if got.answer.header("x-lockgate-deployment").starts_with("bad-") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(4), is_back)
            .await
            .unwrap_or_else(|_| panic!("{hint}: it never came back"));
        let got = bench.ask_all("both", vec![way; 20]).await;
        assert!(
            got.iter().all(|got| got.answer.header("x-lockgate-deployment").starts_with("bad-")),
            "{hint}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f06_who_fails_again_and_again_is_left_alone_and_tried_by_one() {
    let health = "health: { error_threshold: 3, error_window: 60s, max_cooldown: 1s }\n";
    let bench = Bench::with("", "", health).await;
    bench.always("500");
    for way in ways().into_iter().filter(|way| way.upstream == "openai-chat") {
        bench.ask("both", way).await.is_whole().unwrap();
    }
    let opened = bench.bad.counts().requests;
    assert_eq!(opened, 3, "three in a row are enough");
    // After its rest one request tries it, however many there are.
    tokio::time::sleep(Duration::from_millis(1600)).await;
    let way = Way { client: "openai-chat", upstream: "openai-chat", stream: true };
    let got = bench.ask_all("both", vec![way; 50]).await;
    all("tried by one", got.iter().map(Got::is_whole));
    let tried = bench.bad.counts().requests - opened;
    assert!((1..=2).contains(&tried), "{tried} requests tried it");
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_what_is_too_long_or_filtered_goes_where_the_operator_says() {
    for (fault, list) in [("context-length", "on_context_length"), ("content-filter", "on_content_filter")] {
        for way in ways() {
            // Google blocks a prompt with a 200, which is its answer.
            if fault == "content-filter" && way.upstream == "gemini" {
                continue;
            }
            let fields = format!(", {list}: [good-{}/mock-3]", way.upstream);
            let bench = Bench::with("", &fields, "").await;
            bench.always(fault);
            let got = bench.ask("both", way).await;
            got.is_whole().unwrap_or_else(|why| panic!("{fault}: {why}"));
            assert_eq!(bench.bad.counts().requests, 1, "{fault}, {way:?}");
            assert!(got.answer.header("x-lockgate-deployment").contains("/mock-3"), "{fault}, {way:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f25_when_all_are_at_their_limits_the_client_hears_it_at_once() {
    let bench = Bench::new("").await;
    for mock in [&bench.bad, &bench.good] {
        mock.rules(vec![Rule::new("429;retry-after=90".parse::<Fault>().unwrap())]);
    }
    for way in streams().into_iter().take(4) {
        assert_eq!(bench.ask("both", way).await.answer.status, 429, "{way:?}");
        let asked = bench.bad.counts().requests + bench.good.counts().requests;
        let got = join_all((0..20).map(|_| bench.ask("both", way))).await;
        let mut took: Vec<_> = got.iter().map(|got| got.took).collect();
        took.sort();
        assert!(took[took.len() / 2] < Duration::from_millis(50), "{way:?}: {took:?}");
        for got in got {
            got.is_clean_error().unwrap();
            assert_eq!(got.answer.status, 429, "{way:?}");
            let wait = got.answer.header("retry-after").parse::<u64>().unwrap();
            assert!((60..130).contains(&wait), "{way:?}: come back in {wait} s");
        }
        assert_eq!(bench.bad.counts().requests + bench.good.counts().requests, asked, "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f25_those_who_waited_do_not_come_back_all_at_once() {
    let health = "health: { max_cooldown: 1s }\n";
    let bench = Bench::with("", "", health).await;
    bench.bad.rules(vec![Rule::new("429;retry-after=90".parse::<Fault>().unwrap())]);
    let way = across();
    bench.ask("both", way).await.is_whole().unwrap();
    bench.bad.set_behaviour(Behaviour { latency: Duration::from_millis(300), ..behaviour() });
    tokio::time::sleep(Duration::from_millis(1600)).await;
    let before = bench.bad.counts().requests;
    let got = join_all((0..50).map(|_| bench.ask("both", way))).await;
    all("the herd", got.iter().map(Got::is_whole));
    assert!(bench.bad.counts().requests - before <= 2, "{} tried it", bench.bad.counts().requests - before);
}

//! A second deployment asked beside a slow first one: who has something to say first answers.

use std::time::{Duration, Instant};

use lockgate_mock::Fault;

use crate::house::{CHAT, CHAT_PATH, House, STREAM, eventually, mock, provider};

/// A gateway whose model asks `a`, and `b` beside it after a tenth of a second.
async fn house(a: &str, b: &str, rest: &str) -> House {
    let providers = [provider("a", a), provider("b", b)].concat();
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{providers}models:\n  fast: {{ targets: [a/gpt-4o-mini], fallback: [b/gpt-4o-mini], \
         hedge_after: 100ms }}\n{rest}"
    );
    House::new(&yaml).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_deployment_is_overtaken_and_given_up() {
    for body in [CHAT, STREAM] {
        let (slow, quick) = (mock().await, mock().await);
        slow.cycle(vec![Some(Fault::Silent)]);
        let house = house(&slow.base_url(), &quick.base_url(), "").await;
        let start = Instant::now();
        let answer = house.post(CHAT_PATH, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-lockgate-deployment")),
            (200, "b/gpt-4o-mini#1")
        );
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        eventually(|| (slow.counts().client_gone == 1).then_some(())).await;

        let record = house.records(1).await.remove(0);
        let [lost, won] = record.attempts.as_slice() else { panic!("{:?}", record.attempts) };
        assert_eq!((&*lost.deployment, won.fault.as_deref()), ("a/gpt-4o-mini#1", None));
        assert!(lost.fault.as_deref().is_some_and(|fault| fault.contains("answered first")), "{lost:?}");
        let status = house.get("/admin/v1/deployments/a%2Fgpt-4o-mini%231").await.json();
        assert_eq!(status["in_flight"], 0, "{status}");
        assert_eq!(status["consecutive"], 0, "it was not waited for, so nothing is known of it: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_in_time_is_asked_alone() {
    let (first, second) = (mock().await, mock().await);
    let house = house(&first.base_url(), &second.base_url(), "").await;
    for body in [CHAT, STREAM] {
        assert_eq!(house.post(CHAT_PATH, body).await.header("x-lockgate-deployment"), "a/gpt-4o-mini#1");
    }
    assert_eq!((first.counts().requests, second.counts().requests), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn if_one_of_the_two_fails_the_other_is_waited_for() {
    // The first answers late, and the second one fails at once.
    let late = || "late:600ms".parse::<Fault>().unwrap();
    let (first, second) = (mock().await, mock().await);
    first.cycle(vec![Some(late())]);
    second.cycle(vec![Some("500".parse().unwrap())]);
    let answered = house(&first.base_url(), &second.base_url(), "").await;
    let answer = answered.post(CHAT_PATH, STREAM).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-deployment")), (200, "a/gpt-4o-mini#1"));
    let faults: Vec<_> = answered.records(1).await[0].attempts.iter().map(|a| a.fault.is_some()).collect();
    assert_eq!(faults, [true, false]);

    // The first fails late, and the second one answers later still.
    first.cycle(vec![Some("stall:0".parse().unwrap())]);
    second.cycle(vec![Some(late())]);
    let limits = "retry: { first_token: 900ms }\n";
    let overtaken = house(&first.base_url(), &second.base_url(), limits).await;
    let answer = overtaken.post(CHAT_PATH, STREAM).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-deployment")), (200, "b/gpt-4o-mini#1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_retries_bounds_it_too() {
    let (slow, quick) = (mock().await, mock().await);
    slow.cycle(vec![Some("late:300ms".parse().unwrap())]);
    // Ten a second are always allowed, so a hundred are saved up.
    let house = house(&slow.base_url(), &quick.base_url(), "retry: { extra_load: 0 }\n").await;
    let asked = (0..150).map(|_| house.post(CHAT_PATH, STREAM));
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let beside = quick.counts().requests;
    assert!((50..=115).contains(&beside), "{beside} of 150 were asked beside the first");
}

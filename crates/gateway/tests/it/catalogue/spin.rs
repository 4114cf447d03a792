//! F20: an error in the middle of a stream makes nothing spin, neither while it happens nor afterwards.
//!
//! Each test runs on a thread of its own, gateway and upstreams included, whose processor time nobody else uses.

use std::time::Duration;

use lockgate_mock::{Behaviour, Prefill, Rule};

use super::bench::{Bench, Got, PATIENT, all, behaviour, streams};
use crate::house::tell;

/// The processor time that this thread has used.
fn busy() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

/// Runs the test on a thread of its own.
fn alone(test: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test);
    });
    thread.join().unwrap();
}

/// Fails if the second that comes, in which nothing is to be done, is not an idle one.
async fn idles(what: &str) {
    let before = busy();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = busy() - before;
    assert!(used < Duration::from_millis(100), "{what}: {used:?} of processor time in an idle second");
}

#[test]
fn what_spins_would_be_seen() {
    alone(async {
        let before = busy();
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            tokio::task::yield_now().await;
        }
        // Others may need the processors too.
        let used = busy() - before;
        assert!(used > Duration::from_millis(150), "{used:?} of a second that was all work");
    });
}

#[test]
fn f20_a_429_in_the_middle_leaves_no_loop_behind() {
    alone(async {
        for fault in ["error:3;429", "error:0;429", "cut:3", "429"] {
            let bench = Bench::new("attempts: 1").await;
            bench.always(fault);
            let mut got = Vec::new();
            for way in streams() {
                got.push(bench.ask("alone", way).await);
            }
            all(fault, got.iter().map(Got::is_clean_error));
            // Connections on both sides are still open.
            idles(fault).await;
        }
    });
}

#[test]
fn f20_a_stream_that_hangs_costs_nothing() {
    alone(async {
        for fault in ["stall:3", "stall:0", "headers", "silent"] {
            let bench = Bench::patient("first_token: 3s, stall: 3s, first_byte: 3s, answer: 3s").await;
            bench.always(fault);
            let hanging = bench.ask_all("alone", streams());
            let idling = async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                idles(fault).await;
                assert_eq!(bench.bad.counts().in_flight, 8, "{fault}: they hang");
            };
            let (got, ()) = tokio::join!(hanging, idling);
            all(fault, got.iter().map(Got::is_clean_error));
        }
    });
}

#[test]
fn f20_a_429_in_the_middle_of_every_answer_costs_as_much_as_an_answer() {
    const REQUESTS: u32 = 40;
    alone(async {
        for (fault, fields) in ["error:3;429", "error:3"]
            .into_iter()
            .flat_map(|fault| ["", ", resume: true", ", commit: whole"].map(|fields| (fault, fields)))
        {
            let bench = Bench::with("", fields, PATIENT).await;
            let behaviour = Behaviour { prefill: Prefill::Continue, ..behaviour() };
            let mocks = [&bench.bad, &bench.good];
            mocks.iter().for_each(|mock| mock.set_behaviour(behaviour.clone()));
            let fail_by = |fault: &str| {
                mocks.iter().for_each(|mock| mock.rules(vec![Rule::new(fault.parse().unwrap())]));
            };
            let way = streams()[0];
            let asked = || bench.bad.counts().requests + bench.good.counts().requests;
            // What is only done once for the process, such as loading a vocabulary, is done before.
            fail_by("error:3");
            bench.ask("both", way).await;
            mocks.iter().for_each(|mock| mock.rules(Vec::new()));
            // The time of one request: a client's, or a provider's where those are more.
            let (mut costs, mut tries) = (Vec::new(), Vec::new());
            for is_well in [true, false] {
                if !is_well {
                    fail_by(fault);
                }
                let (before, asked_before) = (busy(), asked());
                for _ in 0..REQUESTS {
                    bench.ask("both", way).await;
                }
                let upstream = u32::try_from(asked() - asked_before).unwrap();
                costs.push((busy() - before) / upstream.max(REQUESTS));
                tries.push(upstream);
                // What the budget of retries has at the start, and what the requests add to it.
                assert!(upstream <= REQUESTS * 12 / 10 + 110, "{fields}: {REQUESTS} became {upstream}");
            }
            let name = format!("F20, {fault}{fields}");
            tell(&format!("{name}: {costs:?} of processor time, {tries:?} upstream, well and failing"));
            assert!(costs[1] <= costs[0] * 3, "{name}: {costs:?} for one request");
            idles(&name).await;
        }
    });
}

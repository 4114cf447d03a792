//! A stream that breaks off behind its first byte is gone on with by somebody else, exactly where the client's text ends.

use lockgate_mock::{Behaviour, Prefill};
use lockgate_store::Ended;

use super::bench::{Bench, Got, all, behaviour, many, streams};

/// Every stream that `fault` befalls is whole all the same, whether the other provider goes on from a beginning or only
/// from a quotation, and however much of it is said again.
async fn whole(fault: &str) {
    for (prefill, overlap) in [(Prefill::Continue, 0), (Prefill::Continue, 3), (Prefill::Refuse, 2)] {
        let bench =
            Bench::with("stall: 800ms", ", resume: true", "health: { error_threshold: 1000 }\n").await;
        bench.always(fault);
        bench.good.set_behaviour(Behaviour { prefill, overlap, ..behaviour() });
        let asked = many(&streams());
        let count = asked.len();
        let got = bench.ask_all("both", asked).await;
        all(&format!("{fault}, {prefill:?}, {overlap}"), got.iter().map(Got::is_whole));
        let records = bench.house.records(count).await;
        assert_eq!(records.len(), count, "{fault}: one record for each request");
        assert!(records.iter().all(|record| record.ended == Ended::Answered), "{fault}: {:?}", records[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_cut_stream_is_gone_on_with() {
    for fault in ["cut:1", "cut:20", "cut:40", "cut:59"] {
        whole(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_stream_that_stalls_is_gone_on_with() {
    whole("stall:20").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_a_stream_that_fails_is_gone_on_with() {
    for fault in ["error:20", "error:20;503", "malformed:20"] {
        whole(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_nobody_who_can_go_on_leaves_the_first_error() {
    let bench = Bench::with("", ", resume: true", "health: { error_threshold: 1000 }\n").await;
    bench.always("cut:20");
    bench.good.rules(vec![lockgate_mock::Rule::new("400".parse::<lockgate_mock::Fault>().unwrap())]);
    let got = bench.ask_all("both", many(&streams())).await;
    all("the other refuses", got.iter().map(Got::is_clean_error));
    assert!(got.iter().all(|got| !got.answer.text.contains("The request was refused")));
}

//! What goes wrong after the first byte: the client is told in its dialect, and never that the answer is complete.

use std::time::{Duration, Instant};

use lockgate_mock::{Behaviour, LineEnd};
use lockgate_store::Ended;
use serde_json::Value;

use super::{
    bench::{Bench, Got, Way, all, behaviour, client, many, streams, ways},
    verdict::Verdict,
};

/// Every stream that `fault` befalls ends in the client's dialect's error, and nobody else is asked.
async fn clean(fault: &str) -> Vec<Got> {
    let mut all_got = Vec::new();
    for asked in many(&streams()).chunks(500) {
        let bench = Bench::patient("stall: 800ms").await;
        bench.always(fault);
        let got = bench.ask_all("both", asked.to_vec()).await;
        // A provider that says 429 is left alone from then on, wherever it says so.
        let (met, spared): (Vec<_>, Vec<_>) =
            got.into_iter().partition(|got| got.answer.header("x-lockgate-deployment").starts_with("bad-"));
        all(fault, met.iter().map(Got::is_clean_error));
        all(fault, spared.iter().map(Got::is_whole));
        assert!(met.iter().all(|got| got.answer.status == 200), "{fault}");
        assert!(
            !met.is_empty() && (spared.is_empty() || fault.ends_with(";429")),
            "{fault}: {}",
            spared.len()
        );
        let served = bench.good.counts().requests;
        assert_eq!(served, spared.len() as u64, "{fault}: somebody else was asked after the first byte");
        let records = bench.house.records(asked.len()).await;
        let broken = records.iter().filter(|record| record.ended == Ended::Broken).count();
        assert_eq!(broken, met.len(), "{fault}");
        assert!(records.iter().all(|record| record.attempts.len() == 1), "{fault}: {:?}", records[0]);
        all_got.extend(met);
    }
    all_got
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_stream_that_is_cut_or_stalls() {
    for fault in ["cut:1", "cut:20", "cut:59", "stall:1", "stall:20"] {
        let got = clean(fault).await;
        let slowest = got.iter().map(|got| got.took).max().unwrap();
        assert!(slowest < Duration::from_secs(5), "{fault}: {slowest:?}");
    }
    // Nothing has left of an answer that is read whole.
    let whole: Vec<_> = ways().into_iter().filter(|way| !way.stream).collect();
    let bench = Bench::new("").await;
    bench.always("cut:20");
    all("cut:20, whole", bench.ask_all("both", many(&whole)).await.iter().map(Got::is_whole));
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_an_error_behind_the_first_byte_keeps_its_class() {
    for (fault, class) in [
        ("error:3", ""),
        ("error:20;429", "rate_limit"),
        ("error:1;503", "overloaded"),
        ("error:59;529", "overloaded"),
    ] {
        for got in clean(fault).await {
            // Anthropic is overloaded with 529, everybody else with 503.
            let is_anthropic = got.way.upstream == "anthropic";
            if fault.ends_with(";529") && !is_anthropic || fault.ends_with(";503") && is_anthropic {
                continue;
            }
            let Verdict::Failed { error, .. } = &got.verdict else { continue };
            assert!(classes(&got.way, error).contains(class), "{fault}, {:?}: {error}", got.way);
        }
    }
}

/// What an error's fields say of its class, in one spelling.
fn classes(way: &Way, error: &Value) -> String {
    let mut text = error.to_string().to_lowercase().replace(' ', "_");
    if way.client == "gemini" {
        text = text.replace("resource_exhausted", "rate_limit").replace("unavailable", "overloaded");
    }
    text.replace("server_is_overloaded", "overloaded")
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_malformed_event_and_a_missing_end() {
    let bench = Bench::new("").await;
    bench.always("malformed:20");
    let got = bench.ask_all("both", many(&streams())).await;
    all("malformed:20", got.iter().map(Got::is_whole));
    let records = bench.house.records(got.len()).await;
    let is_named = |loss: &String| loss.starts_with("stream: ");
    assert!(records.iter().all(|record| record.losses.iter().any(is_named)), "{:?}", records[0].losses);

    let bench = Bench::new("").await;
    bench.always("no-done");
    for got in bench.ask_all("both", many(&streams())).await {
        got.is_whole().or_else(|_| got.is_clean_error()).unwrap();
        assert!(got.took < Duration::from_secs(1), "{:?}: {:?}", got.way, got.took);
        // Where the finish reason is in an event of its own, only ceremony is missing.
        if got.way.upstream == "openai-chat" {
            got.is_whole().unwrap();
        }
    }
    let records = bench.house.records(1).await;
    let whole = records.iter().filter(|record| record.ended == Ended::Answered);
    assert!(whole.clone().all(|record| record.usage.is_some_and(|usage| usage.output > 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_letters_and_line_ends_are_split_between_chunks() {
    for (line_end, bytes) in
        [(LineEnd::Crlf, 1), (LineEnd::Crlf, 3), (LineEnd::Lf, 2), (LineEnd::Cr, 5), (LineEnd::Crlf, 64)]
    {
        let bench = Bench::new("").await;
        let line_end = Some(line_end);
        bench.bad.set_behaviour(Behaviour { chunk_bytes: Some(bytes), line_end, ..behaviour() });
        let got = bench.ask_all("alone", streams()).await;
        all(&format!("{line_end:?} in {bytes}"), got.iter().map(Got::is_whole));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f19_one_event_is_as_long_as_a_picture() {
    for size in [64 << 10, 1 << 20, 10 << 20] {
        let bench = Bench::new("").await;
        let run = "x".repeat(size);
        let answer = format!("before {run} behind");
        bench.bad.set_behaviour(Behaviour { answer: Some(answer.clone()), ..Behaviour::default() });
        // The larger ones are for one that is passed on untouched and one that is translated.
        let asked = if size < 1 << 20 { ways() } else { [ways()[1], ways()[9]].to_vec() };
        for way in asked {
            let got = bench.ask("alone", way).await;
            let is_same = matches!(&got.verdict, Verdict::Whole(text) if *text == answer);
            assert!(is_same, "{size} bytes, {way:?}: {:.300}", format!("{:?}", got.verdict));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_a_client_that_does_not_read_is_not_read_for() {
    use http_body_util::BodyExt;
    // Far more than all buffers of the way together.
    let bench = Bench::new("").await;
    let answer = "x".repeat(200_000) + " ";
    bench.bad.set_behaviour(Behaviour { answer: Some(answer.repeat(90)), ..Behaviour::default() });
    for way in [streams()[0], streams()[4]] {
        let asked = client(way.client);
        let model = format!("alone-{}", way.upstream);
        let request = http::Request::post(bench.house.url(asked.stream_path))
            .header("content-type", "application/json")
            .body(http_body_util::Full::<bytes::Bytes>::from(asked.stream_body.replace("{model}", &model)))
            .unwrap();
        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        let mut body = client.request(request).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(bench.bad.counts().streams, 1, "{way:?}: the provider was read to the end for nobody");
        let left = Instant::now();
        drop((body, client));
        crate::house::eventually(|| (bench.bad.counts().streams == 0).then_some(())).await;
        assert!(left.elapsed() < Duration::from_secs(1), "{way:?}: {:?}", left.elapsed());
    }
}

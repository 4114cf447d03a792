//! What the catalogue still asks for.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use lockgate_mock::Behaviour;
use lockgate_store::Ended;

use super::bench::{Bench, Got, all, behaviour, client, many, streams, ways};
use crate::house::{House, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn f13_the_right_answer_under_the_wrong_name_comes_under_the_right_one() {
    for fault in ["type:text/plain", "type:application/octet-stream"] {
        let bench = Bench::new("").await;
        bench.always(fault);
        let got = bench.ask_all("both", many(&ways())).await;
        all(fault, got.iter().map(Got::is_whole));
        for Got { way, answer, .. } in got {
            let expected = if way.stream { "text/event-stream" } else { "application/json" };
            assert!(
                answer.header("content-type").starts_with(expected),
                "{fault}, {way:?}: {:?}",
                answer.headers
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_what_a_client_left_behind_was_used_all_the_same() {
    for way in streams() {
        let bench = Bench::new("").await;
        let between_events = Duration::from_millis(20);
        bench.bad.set_behaviour(Behaviour { between_events, ..behaviour() });
        let asked = client(way.client);
        let model = format!("alone-{}", way.upstream);
        let request = Request::post(bench.house.url(&asked.stream_path.replace("{model}", &model)))
            .header("content-type", "application/json")
            .body(Full::<bytes::Bytes>::from(asked.stream_body.replace("{model}", &model)))
            .unwrap();
        let mut answer = bench.house.send(request).await.into_body();
        for _ in 0..5 {
            answer.frame().await.unwrap().unwrap();
        }
        let House { journal, client, serving } = bench.house;
        drop((answer, client));
        let record = eventually(|| journal.all().pop()).await;
        assert_eq!(record.ended, Ended::ClientGone, "{way:?}");
        let output = record.usage.map_or(0, |usage| usage.output);
        assert!((1..60).contains(&output), "{way:?}: {:?}", record.usage);
        drop(serving);
    }
}

//! What stands in requests: too much, too deep, too clever.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::{
    bench::{Bench, Way, client, ways},
    verdict::Verdict,
};

/// A body of `size` bytes and a bit more in the dialect of the client.
fn large(way: Way, model: &str, size: usize) -> String {
    let asked = client(way.client);
    let body = if way.stream { asked.stream_body } else { asked.body };
    body.replace("{model}", model).replace("ahoi", &"ahoi ".repeat(size / 5 + 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_large_bodies_pass_and_too_large_ones_are_refused() {
    let bench = Bench::new("").await;
    let small = Bench::with("", "", "server: { listen: \"127.0.0.1:0\", max_body: 1MiB }\n").await;
    for way in ways() {
        let model = format!("alone-{}", way.upstream);
        let asked = client(way.client);
        let path = if way.stream { asked.stream_path } else { asked.path }.replace("{model}", &model);
        let got = bench.send(way, &path, large(way, &model, 2 << 20)).await;
        got.is_whole().unwrap_or_else(|why| panic!("{why:.300}"));
        let got = small.send(way, &path, large(way, &model, 1 << 20)).await;
        assert_eq!(got.answer.status, 413, "{way:?}");
        got.is_clean_error().unwrap();
    }
    assert_eq!(small.bad.counts().requests, 0);
    assert_eq!(bench.bad.counts().requests, ways().len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn f27_hostile_json_is_refused_and_costs_nothing() {
    let bench = Bench::new("").await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let keys: String = (0..100_000).map(|number| format!("\"k{number}\":0,")).collect();
    for way in ways() {
        let model = format!("alone-{}", way.upstream);
        let asked = client(way.client);
        let path = if way.stream { asked.stream_path } else { asked.path }.replace("{model}", &model);
        let body = if way.stream { asked.stream_body } else { asked.body }.replace("{model}", &model);
        let with = |member: &str| body.replacen('{', &format!("{{{member},"), 1).into_bytes();
        let mut invalid = body.clone().into_bytes();
        let place = body.find("ahoi").unwrap();
        invalid[place] = 0xff;
        let mut hostile = vec![
            ("depth", with(&format!("\"x\":{deep}"))),
            ("invalid UTF-8", invalid),
            ("NaN", with("\"temperature\":NaN")),
            ("a NUL", body.replace("ahoi", "a\0i").into_bytes()),
            ("two values", format!("{body}{body}").into_bytes()),
        ];
        if body.contains("\"model\"") {
            hostile.push(("two models", with("\"model\":\"both-anthropic\"")));
            hostile
                .push(("two models, one spelled with an escape", with("\"mod\\u0065l\":\"both-anthropic\"")));
        }
        for (what, sent) in hostile {
            let start = Instant::now();
            let got = bench.send(way, &path, sent).await;
            assert_eq!(got.answer.status, 400, "{what}, {way:?}: {}", got.answer.text);
            got.is_clean_error().unwrap_or_else(|why| panic!("{what}: {why}"));
            assert!(start.elapsed() < Duration::from_secs(2), "{what}, {way:?}: {:?}", start.elapsed());
        }
        // A hundred thousand unknown fields are the provider's to refuse, or lost by name; either way not for long.
        let start = Instant::now();
        let got = bench.send(way, &path, with(keys.trim_end_matches(','))).await;
        assert!(!matches!(got.verdict, Verdict::Broken(_)), "{way:?}: {:?}", got.answer);
        assert!(start.elapsed() < Duration::from_secs(10), "{way:?}: {:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f27_numbers_beyond_reason_reach_nobody_s_allocator() {
    let bench = Bench::new("").await;
    for way in ways() {
        let model = format!("alone-{}", way.upstream);
        let asked = client(way.client);
        let path = if way.stream { asked.stream_path } else { asked.path }.replace("{model}", &model);
        let body = if way.stream { asked.stream_body } else { asked.body }.replace("{model}", &model);
        let mut body: Value = serde_json::from_str(&body).unwrap();
        let huge = 1_000_000_000_000_u64;
        let infinite = body.to_string().replacen('{', "{\"temperature\":1e999999999,", 1);
        let got = bench.send(way, &path, infinite).await;
        assert!(!matches!(got.verdict, Verdict::Broken(_)), "{way:?}: {:?}", got.answer);
        match way.client {
            "openai-chat" => body["n"] = json!(huge),
            "openai-responses" => body["max_output_tokens"] = json!(-1),
            "anthropic" => body["max_tokens"] = json!(-1),
            _ => body["generationConfig"] = json!({ "candidateCount": huge }),
        }
        let got = bench.send(way, &path, body.to_string()).await;
        assert!(!matches!(got.verdict, Verdict::Broken(_)), "{way:?}: {:?}", got.answer);
        assert!(got.took < Duration::from_secs(2), "{way:?}: {:?}", got.took);
    }
}

/// Names of models that want to be something else: a header, another path, another host.
const CLEVER: &[&str] = &[
    "m\r\nx-evil: 1",
    "m\0",
    "../../admin",
    "..%2f..%2fadmin",
    "%2e%2e/%2e%2e/admin",
    "m?key=other",
    "m#fragment",
    "m:generateContent?x=",
    "//evil.test/m",
    "http://evil.test/m",
    "m\\..\\admin",
    "m;x=y",
    "\u{202e}m",
];

#[tokio::test(flavor = "multi_thread")]
async fn f28_a_name_stays_a_name() {
    let bench = Bench::new("attempts: 1").await;
    for name in CLEVER {
        for way in ways() {
            // A name of nobody, and one that a provider is asked for as it stands.
            for model in [(*name).to_owned(), format!("bad-{}/{name}", way.upstream)] {
                let asked = client(way.client);
                let (path, body) = match way.stream {
                    true => (asked.stream_path, asked.stream_body),
                    false => (asked.path, asked.body),
                };
                let in_path =
                    percent_encoding::utf8_percent_encode(&model, percent_encoding::NON_ALPHANUMERIC);
                let path = path.replace("{model}", &in_path.to_string());
                let quoted = Value::from(model.as_str()).to_string();
                let body = body.replace("\"{model}\"", &quoted);
                let got = bench.send(way, &path, body).await;
                // Mocks know every name that begins with `mock-`, and no other: nothing here may find a model.
                assert!(
                    (400..500).contains(&got.answer.status.as_u16()),
                    "{model:?}, {way:?}: {:?}",
                    got.answer
                );
                got.is_clean_error().unwrap_or_else(|why| panic!("{model:?}: {why}"));
            }
        }
    }
    for entry in bench.bad.ledger() {
        assert!(!entry.headers.contains_key("x-evil"), "{entry:?}");
        assert!(!entry.path.contains("..") && !entry.path.contains("evil.test/"), "{}", entry.path);
        let place = entry.path.split('?').next().unwrap();
        assert!(!place.contains("/admin") && !place.contains('#') && !place.contains('\\'), "{}", entry.path);
        assert!(!entry.path.contains("key=other"), "{}", entry.path);
    }
    // Nor does the path of another client's dialect lead anywhere.
    for path in [
        "/v1beta/models/..%2f..%2f_mock%2fcounts:generateContent",
        "/v1beta/models/../../_mock/counts:generateContent",
        "/v1/models/..%2f..%2f_mock%2fcounts/chat/completions",
        "/v1/..%2f_mock/counts",
        "/model/..%2f..%2f_mock%2fcounts/converse",
    ] {
        let answer = bench.house.ask(Method::POST, path, "application/json", "{}").await;
        assert!(answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.text);
        assert!(!answer.text.contains("in_flight"), "{path}: {}", answer.text);
    }
}

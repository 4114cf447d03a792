//! After the first byte: a cut answer never looks whole.

use std::time::{Duration, Instant};

use lockgate_store::Ended;

use crate::{
    house::{CHAT, CHAT_PATH, House, STREAM, config, mock},
    raw::Raw,
};

/// Streams through the gateway while the mock does `fault`; the answer's text.
async fn streamed(fault: &str, path: &str, body: &str) -> (String, Ended) {
    let mock = mock().await;
    mock.script([fault.parse::<lockgate_mock::Fault>().unwrap()]);
    let house = House::new(&config(&[&mock.base_url()], "retry: { stall: 500ms }\n")).await;
    let answer = house.post(path, body.to_owned()).await;
    assert_eq!(answer.status, 200, "{fault}: {}", answer.text);
    (answer.text, house.records(1).await[0].ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_stream_ends_in_the_dialect_s_error_and_nothing_else() {
    for fault in ["cut:3", "stall:3", "error:3"] {
        let (text, ended) = streamed(fault, CHAT_PATH, STREAM).await;
        assert!(!text.contains("[DONE]"), "{fault}: {text}");
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        let error: serde_json::Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert!(error["error"]["message"].is_string(), "{fault}: {last}");
        assert_eq!(ended, Ended::Broken, "{fault}");

        let body = r#"{"model":"fast","stream":true,"input":"hello"}"#;
        let (text, ended) = streamed(fault, "/v1/responses", body).await;
        assert!(!text.contains("response.completed"), "{fault}: {text}");
        assert!(
            text.trim_end().rsplit("\n\n").next().unwrap().starts_with("event: response.failed\n"),
            "{fault}: {text}"
        );
        assert_eq!(ended, Ended::Broken, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_its_done_gets_one_at_once() {
    let start = Instant::now();
    let (text, ended) = streamed("no-done", CHAT_PATH, STREAM).await;
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(ended, Ended::Answered);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_json_answer_is_an_error() {
    let whole = r#"{"id":"x","choices":[{"message":{"content":"hi"}}]}"#;
    let mut answers = Vec::new();
    for at in 0..whole.len() {
        // Cut in a way HTTP cannot see, and in a way it can.
        answers.push(Raw::ok("application/json", Some(at), &whole.as_bytes()[..at]));
    }
    answers.push(Raw::ok("application/json", Some(whole.len()), &whole.as_bytes()[..10]));
    for answer in answers {
        let upstream = Raw::start(answer.clone()).await;
        let house = House::new(&config(&[&upstream.base_url()], "retry: { attempts: 1 }\n")).await;
        let got = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(got.status, 502, "{}: {}", String::from_utf8_lossy(&answer), got.text);
    }
}

/// A short stream with everything in it that a cut could hide in.
const EVENTS: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\u{e9}\"},\"finish_reason\":null}]}\r\n\r\n\
    : comment\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n\
    data: [DONE]\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_cut_at_any_byte_is_whole_or_says_that_it_is_not() {
    let said = EVENTS.find("\"stop\"}").unwrap() + "\"stop\"}]}".len();
    for at in 0..EVENTS.len() {
        let upstream = Raw::start(Raw::ok("text/event-stream", None, &EVENTS.as_bytes()[..at])).await;
        let house = House::new(&config(&[&upstream.base_url()], "retry: { attempts: 1 }\n")).await;
        let answer = house.post(CHAT_PATH, STREAM).await;
        let whole = answer.status == 200
            && answer.text.ends_with("data: [DONE]\n\n")
            && !answer.text.contains("\"error\"");
        let refused = answer.status == 502
            || answer.text.trim_end().rsplit("\n\n").next().unwrap().contains("{\"error\":");
        // Once the only choice has its finish reason, all that is missing is ceremony.
        assert_eq!(
            (whole, refused),
            (at >= said, at < said),
            "cut at byte {at}: {} {}",
            answer.status,
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_break_off_break_the_connection() {
    use http_body_util::BodyExt;
    let upstream = Raw::start(Raw::ok("audio/mpeg", Some(1000), &[7; 100])).await;
    let yaml = config(&[&upstream.base_url()], "");
    let house = House::new(&yaml).await;
    let request = http::Request::post(house.url("/v1/audio/speech"))
        .header("content-type", "application/json")
        .body(http_body_util::Full::from(r#"{"model":"fast","input":"x","voice":"alloy"}"#))
        .unwrap();
    let answer = house.send(request).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(house.records(1).await[0].ended, Ended::Broken);
}

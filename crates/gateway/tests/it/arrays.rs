//! A stream that comes as one JSON array passes item by item, and a cut one never looks whole.

use http::header;
use lockgate_store::Ended;
use lockgate_testkit::fixtures::{self, Kind};
use serde_json::Value;

use crate::{
    house::{Answer, House, mock},
    raw::Raw,
};

const PATH: &str = "/v1beta/models/fast:streamGenerateContent";
const BODY: &str = r#"{"contents":[{"role":"user","parts":[{"text":"ahoi"}]}]}"#;

async fn house(host: &str) -> House {
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nretry: {{ attempts: 1, stall: 500ms }}\nproviders:\n  \
         a: {{ kind: gemini, base_url: \"{host}\", api_key: key }}\nmodels:\n  fast: {{ targets: [a/mock-1] }}\n"
    );
    House::new(&yaml).await
}

/// Asks a mock that does `fault`; the answer and how its call ended.
async fn asked(fault: Option<&str>) -> (Answer, Ended) {
    let mock = mock().await;
    mock.script(fault.map(|fault| fault.parse::<lockgate_mock::Fault>().unwrap()));
    let house = house(&format!("http://{}", mock.addr())).await;
    let answer = house.post(PATH, BODY).await;
    let record = house.records(1).await.remove(0);
    assert!(record.usage.is_some() || record.ended != Ended::Answered, "{record:?}");
    (answer, record.ended)
}

fn items(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_passed_on_whole() {
    let (answer, ended) = asked(None).await;
    assert_eq!((answer.status.as_u16(), ended), (200, Ended::Answered), "{}", answer.text);
    assert_eq!(answer.header("content-type").split(';').next(), Some("application/json"));
    // What was read whole would have its length.
    assert_eq!(answer.headers.get(header::CONTENT_LENGTH), None);
    let items = items(&answer.text);
    assert!(items.len() > 2 && items.last().unwrap()["candidates"][0]["finishReason"] == "STOP");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_a_fault_has_passed_and_the_array_ends_in_an_error() {
    for fault in ["cut:3", "stall:3", "malformed:3", "error:3"] {
        let (answer, ended) = asked(Some(fault)).await;
        assert_eq!((answer.status.as_u16(), ended), (200, Ended::Broken), "{fault}: {}", answer.text);
        let items = items(&answer.text);
        let (last, before) = items.split_last().unwrap();
        assert!(last["error"]["message"].is_string(), "{fault}: {}", answer.text);
        assert!(!before.is_empty(), "{fault}: {}", answer.text);
        assert!(before.iter().all(|item| item["candidates"][0]["finishReason"].is_null()), "{fault}");
    }
    let (answer, _) = asked(Some("error-in-200")).await;
    assert!(answer.status.is_server_error(), "{}: {}", answer.status, answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_arrays_pass_byte_identical_and_cut_ones_do_not_look_whole() {
    let Some(recorded) = fixtures::open() else { return };
    let mut seen = 0;
    for case in recorded.cases("gemini", Kind::Stream) {
        let case = case.unwrap();
        let fixtures::Answer::Stream(fixtures::Framing::JsonArray, bytes) = &case.answer else { continue };
        seen += 1;
        for length in [None, Some(bytes.len())] {
            let upstream = Raw::start(Raw::ok("application/json", length, bytes)).await;
            let house = house(&upstream.base_url().replace("/v1", "")).await;
            let answer = house.post(PATH, BODY).await;
            assert_eq!(answer.text.as_bytes(), bytes.trim_ascii_end(), "{}", case.id());
        }
        let upstream = Raw::start(Raw::ok("application/json", None, &bytes[..bytes.len() * 2 / 3])).await;
        let house = house(&upstream.base_url().replace("/v1", "")).await;
        let answer = house.post(PATH, BODY).await;
        let is_error = |text: &str| items(text).last().unwrap()["error"].is_object();
        assert!(answer.status == 502 || is_error(&answer.text), "{}: {}", case.id(), answer.text);
    }
    assert!(seen >= 3, "only {seen} recorded arrays were found");
}

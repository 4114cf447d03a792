//! What is on record of a call on disk: who answered, what was said, and that it was interrupted.

use std::path::Path;

use lockgate_store::{CallRecord, Depth, Ended, Most, Position, Reader};
use serde_json::{Value, json};

use crate::house::{House, config, mock};

/// All records of the journal in a data folder, in their order.
fn records(folder: &Path) -> Vec<CallRecord> {
    let mut reader = Reader::open(&folder.join("journal"), Position::default()).with_depth(Depth::Whole);
    let mut records = Vec::new();
    loop {
        let batch = reader.batch(Most { records: 1000, bytes: 1 << 30 }).unwrap();
        if batch.entries.is_empty() {
            return records;
        }
        records.extend(batch.entries.into_iter().map(|entry| entry.record));
    }
}

fn on(folder: &Path, rest: &str) -> String {
    format!("data_dir: {}\n{rest}", Value::from(folder.to_str().unwrap()))
}

fn chat(model: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"How are you?"}}]}}"#
    )
}

fn json_of(body: Option<&lockgate_store::Body>) -> Value {
    serde_json::from_slice(body.unwrap().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_record_says_what_was_asked_who_answered_and_what_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let mock = mock().await;
    let house =
        House::kept(&config(&[&mock.base_url()], &on(folder.path(), "log: { bodies: true }\n"))).await;
    for stream in [false, true] {
        let answer = house.post("/v1/chat/completions", chat("fast", stream)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(house.post("/v1/chat/completions", chat("nobody", false)).await.status, 404);
    house.serving.stop().await;
    let records = records(folder.path());
    assert_eq!(records.len(), 3);
    let said = |record: &CallRecord| {
        let answer = json_of(record.bodies.as_ref().unwrap().answer.as_ref());
        (answer["object"].clone(), answer["choices"][0]["message"]["content"].clone())
    };
    for record in &records[..2] {
        assert!(record.deployment.as_ref().unwrap().contains('/'), "{record:?}");
        assert!(record.first_token_micros.unwrap() <= record.micros, "{record:?}");
        assert_eq!((&*record.operation, record.ended), ("generate", Ended::Answered));
        let bodies = record.bodies.as_ref().unwrap();
        let request = json_of(bodies.request.as_ref());
        assert_eq!((&request["stream"], bodies.truncated), (&json!(record.stream), false));
        assert_eq!(request["messages"][0]["content"], "How are you?");
        assert!(!record.training);
    }
    assert_eq!(said(&records[0]), said(&records[1]), "a stream is kept as the whole answer that it makes");
    assert_eq!(said(&records[0]).0, "chat.completion");
    let refused = &records[2];
    assert_eq!((refused.status, refused.deployment.as_ref()), (404, None));
    assert!(refused.error.as_ref().unwrap().contains("nobody"), "{refused:?}");
    let told = json_of(refused.bodies.as_ref().unwrap().answer.as_ref());
    assert!(told["error"]["message"].as_str().unwrap().contains("nobody"), "{told}");
}

#[tokio::test]
async fn a_key_says_otherwise_and_no_body_is_longer_than_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mock = mock().await;
    let rest = "log: { bodies: false, body_limit: 20B }\naccess:\n  keys:\n    - { name: seen, key: the-key-of-one-who-is-seen, log_bodies: true }\n    - { name: not, key: the-key-of-one-who-is-not }\n";
    let house = House::kept(&config(&[&mock.base_url()], &on(folder.path(), rest))).await;
    for key in ["the-key-of-one-who-is-seen", "the-key-of-one-who-is-not"] {
        let request = http::Request::post(house.url("/v1/chat/completions"))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"))
            .body(http_body_util::Full::from(chat("fast", false)))
            .unwrap();
        let answer = crate::house::read(house.send(request).await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    house.serving.stop().await;
    let records = records(folder.path());
    let bodies = records[0].bodies.as_ref().unwrap();
    assert!(bodies.truncated);
    let length = |body: &Option<lockgate_store::Body>| body.as_ref().unwrap().as_bytes().len();
    assert_eq!((length(&bodies.request), length(&bodies.answer)), (20, 20));
    assert_eq!(records[1].bodies, None);
}

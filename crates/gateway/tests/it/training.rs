//! Training files: what clients of any dialect were answered is there as lines, and nothing else is.

use std::{fs, path::Path, time::Duration};

use http::Method;
use serde_json::Value;

use crate::house::{House, config, eventually, mock};

/// The lines of all hours, once there are `count`.
async fn lines(folder: &Path, count: usize) -> Vec<Value> {
    eventually(|| {
        let files = fs::read_dir(folder.join("requests_responses")).ok()?;
        let files = files.map(|file| file.unwrap().path());
        let hours = files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
        let lines: Vec<Value> = hours
            .flat_map(|path| {
                let text = fs::read_to_string(path).unwrap();
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
            })
            .collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

#[tokio::test]
async fn what_was_answered_is_written_whatever_the_dialect_and_streamed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let mock = mock().await;
    let rest = format!(
        "data_dir: {}\nlog: {{ training_files: messages }}\n",
        serde_json::Value::from(folder.path().to_str().unwrap())
    );
    let house = House::kept(&config(&[&mock.base_url()], &rest)).await;
    let chat = |stream: bool| {
        format!(
            r#"{{"model":"fast","temperature":0.5,"stream":{stream},"messages":[{{"role":"user","content":"How are you?"}}]}}"#
        )
    };
    let messages = r#"{"model":"fast","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"How are you?"}]}"#;
    for (path, body) in [
        ("/v1/chat/completions", chat(false)),
        ("/v1/chat/completions", chat(true)),
        ("/v1/messages", messages.to_owned()),
    ] {
        let answer = house.post(path, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // Neither what is refused nor what is no conversation makes a line.
    assert_eq!(house.post("/v1/chat/completions", r#"{"model":"nobody"}"#).await.status, 404);
    assert_eq!(house.post("/v1/messages/count_tokens", messages).await.status, 200);
    let lines = lines(folder.path(), 3).await;
    assert_eq!(lines.len(), 3);
    let ids: std::collections::HashSet<_> = lines.iter().map(|line| line["_id"].to_string()).collect();
    assert_eq!(ids.len(), 3);
    for line in &lines {
        assert_eq!((&line["object"], &line["model"]), (&"chat.completion".into(), &"fast".into()), "{line}");
        let said: Vec<_> = line["messages"].as_array().unwrap().iter().map(|it| it["role"].clone()).collect();
        assert_eq!(said, ["user", "assistant"], "{line}");
        assert_eq!(line["messages"][0]["content"], "How are you?");
        assert!(!line["messages"][1]["content"].as_str().unwrap().is_empty(), "{line}");
    }
    assert_eq!(lines[0]["temperature"], 0.5);
    assert_eq!(lines[0]["messages"], lines[1]["messages"], "streamed or not");
    assert!(folder.path().join("requests_responses/README.md").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_no_call() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("requests_responses"), "a file").unwrap();
    let mock = mock().await;
    let rest = format!(
        "data_dir: {}\nlog: {{ training_files: {{ form: sharegpt, models: [fa*] }} }}\n",
        serde_json::Value::from(folder.path().to_str().unwrap())
    );
    let house = House::kept(&config(&[&mock.base_url()], &rest)).await;
    let ask = || {
        house.post("/v1/chat/completions", r#"{"model":"fast","messages":[{"role":"user","content":"Hi"}]}"#)
    };
    assert_eq!(ask().await.status, 200);
    // It is written as soon as it can be.
    fs::remove_file(folder.path().join("requests_responses")).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ask().await.status, 200);
    assert_eq!(house.ask(Method::GET, "/v1/models", "", "").await.status, 200);
    let lines = lines(folder.path(), 1).await;
    assert_eq!(lines[0]["conversations"][0]["from"], "human", "{lines:?}");
}

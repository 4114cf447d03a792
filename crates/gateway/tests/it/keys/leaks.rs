//! Created keys and their pepper are in no log, no answer but the one that shows them, no record and no file.

use http::Method;
use serde_json::{Value, json};

use super::{Gate, named};
use crate::{
    canaries::Hunt,
    house::{Answer, CHAT, CHAT_PATH},
};

// On one thread, so that all of the gateway's logs come to this test.
#[tokio::test]
async fn nothing_shows_a_created_key() {
    let (hunt, _guard) = Hunt::new("keys");
    let gate = Gate::new().await;
    let (id, first) = gate.create(json!({ "name": "alice", "tags": { "team": "a" } })).await;
    let rotated = gate.ok(Method::POST, &format!("keys/{id}/rotate"), json!({ "grace": "1h" })).await;
    let second = rotated["key"].as_str().unwrap().to_owned();
    let (ended_id, ended) = gate.create(named("bob")).await;
    gate.ok(Method::DELETE, &format!("keys/{ended_id}"), Value::Null).await;
    let pepper = std::fs::read_to_string(gate.folder.path().join("keys.pepper")).unwrap();
    for (name, secret) in [("first", &first), ("second", &second), ("ended", &ended), ("pepper", &pepper)] {
        hunt.run.watch(name, secret).unwrap();
    }
    let keep = |answer: &Answer| {
        let text = format!("{} {:?}\n{}\n", answer.status, answer.headers, answer.text);
        hunt.run.keep("answers.log", text.as_bytes()).unwrap();
    };
    for key in [&first, &second, &ended] {
        // One that is cut is as good as told.
        for key in [key.as_str(), &key[..39], &format!("{key}x")] {
            for header in ["x-api-key", "authorization", "x-goog-api-key", "api-key", "x-admin-key"] {
                keep(&gate.ask(Method::POST, CHAT_PATH, &[(header, key), ("content-type", "application/json")], CHAT).await);
            }
            for path in ["/v1beta/models/fast:generateContent", "/v1beta/models", "/no/such/path", "/admin/v1/keys", CHAT_PATH] {
                let method = if path.contains("keys") || path.ends_with("models") { Method::GET } else { Method::POST };
                keep(&gate.ask(method, &format!("{path}?key={key}"), &[("content-type", "application/json")], CHAT).await);
            }
        }
    }
    for path in ["keys", "keys?state=revoked", &format!("keys/{id}"), "gateway", "config", "openapi.json"] {
        let (_, said) = gate.admin(Method::GET, path, &Value::Null).await;
        hunt.run.keep("admin.log", said.to_string().as_bytes()).unwrap();
    }
    let records = serde_json::to_string(&gate.house.records(6).await).unwrap();
    let Gate { house, folder, mocks } = gate;
    for entry in mocks[0].ledger() {
        hunt.run.keep("upstream.log", format!("{entry:?}\n").as_bytes()).unwrap();
    }
    assert!(house.serving.stop().await);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "keys.pepper" {
            let name = file.file_name().to_string_lossy().into_owned();
            hunt.run.keep(&name, &std::fs::read(file.path()).unwrap()).unwrap();
        }
    }
    hunt.finish(&records);
}

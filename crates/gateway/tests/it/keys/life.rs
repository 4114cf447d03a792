//! How keys come, change and go, through the admin API.

use http::Method;
use serde_json::{Value, json};

use super::{Gate, message, named, text};
use crate::house::{eventually, secret};

#[tokio::test]
async fn a_key_is_made_used_changed_given_another_text_and_ended() {
    let gate = Gate::new().await;
    assert_eq!(gate.status("anything").await, 200, "before the first key local programs need none");
    let (id, key) = gate
        .create(json!({ "name": "alice", "owner": "ops", "tags": { "team": "search" }, "budget": { "usd": 1.5, "per": "day" } }))
        .await;
    assert!(key.starts_with("lgk_") && key.len() == 40, "a key of {} characters", key.len());
    assert_eq!((gate.status(&key).await, gate.status("anything").await), (200, 401));
    let record = gate.house.records(2).await.pop().unwrap();
    let record = if record.status == 200 { record } else { gate.house.journal.all()[1].clone() };
    assert_eq!(record.key.as_deref(), Some("alice"));
    assert_eq!(record.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["team:search"]);

    let shown = gate.ok(Method::GET, &format!("keys/{id}"), Value::Null).await;
    assert_eq!(
        (&shown["name"], &shown["state"], &shown["source"]),
        (&json!("alice"), &json!("live"), &json!("created"))
    );
    assert_eq!(shown["hint"], json!(&key[36..]));
    assert_eq!(shown["budget"], json!([{ "usd": 1.5, "tokens": null, "per": "day", "rolling": false }]));
    assert!(shown["last_used_at"].is_string() && shown.get("key").is_none(), "{shown}");
    assert_eq!(
        gate.ok(Method::GET, "keys/alice", Value::Null).await,
        shown,
        "a live key goes by its name too"
    );

    let changed =
        gate.ok(Method::PATCH, &format!("keys/{id}"), json!({ "models": ["other"], "owner": null })).await;
    assert_eq!(
        (&changed["models"], &changed["owner"], &changed["tags"]),
        (&json!(["other"]), &Value::Null, &json!({ "team": "search" }))
    );
    let refused = gate.chat(&key).await;
    assert_eq!(
        (refused.status.as_u16(), message(&refused)),
        (403, "the key `alice` may not use the model `fast`".to_owned())
    );
    gate.ok(Method::PATCH, &format!("keys/{id}"), json!({ "models": null, "name": "alice-2" })).await;
    assert_eq!(gate.status(&key).await, 200);

    let rotated = gate.ok(Method::POST, &format!("keys/{id}/rotate"), json!({ "grace": "1h" })).await;
    let newer = rotated["key"].as_str().unwrap();
    assert!(newer != key && rotated["old_until"].is_string() && rotated["id"] == json!(id), "another text");
    assert_eq!((gate.status(&key).await, gate.status(newer).await), (200, 200));
    let last = gate.ok(Method::POST, &format!("keys/{id}/rotate"), Value::Null).await;
    let last = last["key"].as_str().unwrap();
    let replaced = gate.chat(newer).await;
    assert_eq!((gate.status(&key).await, replaced.status.as_u16(), gate.status(last).await), (401, 401, 200));
    assert!(message(&replaced).contains("`alice-2` was replaced by a newer one"), "{}", replaced.text);

    let ended = gate.ok(Method::DELETE, &format!("keys/{id}"), Value::Null).await;
    assert_eq!(ended["state"], "revoked");
    let revoked = gate.chat(last).await;
    assert_eq!(revoked.status, 401);
    assert!(message(&revoked).contains("the key `alice-2` was revoked"), "{}", revoked.text);
    assert_eq!(gate.status("anything").await, 401, "where all keys are revoked nobody is let in without one");
    let (status, said) = gate.admin(Method::PATCH, &format!("keys/{id}"), &json!({ "rpm": 5 })).await;
    assert_eq!((status, &said["error"]["code"]), (409, &json!("revoked")), "{said}");
    gate.create(named("alice-2")).await;
}

#[tokio::test]
async fn a_key_says_whether_its_calls_are_kept_with_what_was_said() {
    let gate = Gate::new().await;
    let (id, key) = gate.create(json!({ "name": "seen", "log_bodies": true })).await;
    let kept = async |count: usize| {
        assert_eq!(gate.status(&key).await, 200);
        gate.house.records(count).await.pop().unwrap().bodies.is_some()
    };
    assert!(kept(1).await);
    let shown = gate.ok(Method::GET, "keys/seen", Value::Null).await;
    assert_eq!(shown["log_bodies"], json!(1.0));
    let changed = gate.ok(Method::PATCH, &format!("keys/{id}"), json!({ "log_bodies": 0.25 })).await;
    assert_eq!(changed["log_bodies"], json!(0.25));
    gate.ok(Method::PATCH, &format!("keys/{id}"), json!({ "log_bodies": false })).await;
    assert!(!kept(2).await);
    let changed = gate.ok(Method::PATCH, &format!("keys/{id}"), json!({ "log_bodies": null })).await;
    assert_eq!(changed["log_bodies"], Value::Null);
    assert!(!kept(3).await, "`log.bodies` counts");
    let (status, said) = gate.admin(Method::POST, "keys", &json!({ "name": "b", "log_bodies": 2 })).await;
    assert!(status == 422 && said["error"]["message"].as_str().unwrap().contains("log_bodies"), "{said}");
}

#[tokio::test]
async fn a_key_of_a_revoked_ones_name_does_not_find_its_conversations() {
    let gate = Gate::new().await;
    // A provider that keeps none itself.
    gate.house.apply(&text(&gate.mocks, &gate.folder, "").replace("kind: openai", "kind: openai-compatible"));
    let say = async |key: &str, previous: &Value| {
        let headers = [("x-api-key", key), ("content-type", "application/json")];
        let body = json!({ "model": "fast", "input": "hello", "previous_response_id": previous });
        gate.ask(Method::POST, "/v1/responses", &headers, &body.to_string()).await
    };
    let (id, first) = gate.create(named("ci")).await;
    let said = say(&first, &Value::Null).await.json()["id"].clone();
    assert!(said.is_string(), "{said}");
    let more = say(&first, &said).await;
    assert_eq!(more.status, 200, "{}", more.text);
    gate.ok(Method::PATCH, &format!("keys/{id}"), json!({ "name": "other" })).await;
    assert_eq!(say(&first, &said).await.status, 200, "it is the same key");
    gate.ok(Method::PATCH, &format!("keys/{id}"), json!({ "name": "ci" })).await;
    gate.ok(Method::DELETE, &format!("keys/{id}"), Value::Null).await;
    let (_, second) = gate.create(named("ci")).await;
    let refused = say(&second, &said).await;
    assert_eq!(refused.json()["error"]["code"], "previous_response_not_found", "{}", refused.text);
}

#[tokio::test]
async fn bodies_are_held_to_the_words_of_the_config() {
    let gate = Gate::with(1, &format!("keys: [{{ name: written, key: {} }}]", secret("client key"))).await;
    let (id, _) = gate.create(named("alice")).await;
    for (method, path, body, status, expect) in [
        (Method::POST, "keys", json!({ "name": "b", "modles": [] }), 422, "did you mean `models`"),
        (Method::POST, "keys", json!({ "name": "b", "rpm": 0 }), 422, "rpm"),
        (Method::POST, "keys", json!({ "name": "b", "key": "mine" }), 422, "`key` is made here"),
        (Method::POST, "keys", json!({ "name": "b", "operations": ["embedd"] }), 422, "embed"),
        (Method::POST, "keys", json!({ "name": "b", "expires": "tomorrow" }), 422, "2027-01-01"),
        (Method::POST, "keys", json!({}), 422, "has no `name`"),
        (Method::POST, "keys", json!([]), 400, "the body is not what this takes"),
        (Method::POST, "keys", named("alice"), 409, "a key of the name `alice` is there already"),
        (Method::POST, "keys", named("written"), 409, "is in the config"),
        (Method::PATCH, "keys/alice", json!({ "rmp": 1 }), 422, "did you mean `rpm`"),
        (Method::PATCH, "keys/alice", json!({ "name": "written" }), 409, "is in the config"),
        (Method::PATCH, "keys/written", json!({ "rpm": 1 }), 409, "is in the config: change it there"),
        (Method::DELETE, "keys/config:written", Value::Null, 409, "is in the config: change it there"),
        (Method::POST, "keys/written/rotate", Value::Null, 409, "is in the config: change it there"),
        (Method::POST, "keys/alice/rotate", json!({ "grace": "soon" }), 400, "`grace` is a duration"),
        (Method::POST, "keys/alice/rotate", json!({ "grace": "9999d" }), 400, "of no more than"),
        (Method::POST, "keys/alice/rotate", json!({ "grade": "1h" }), 400, "grade"),
        (Method::GET, "keys/nobody", Value::Null, 404, "there is no key `nobody`"),
        (Method::DELETE, "keys/nobody", Value::Null, 404, "there is no key `nobody`"),
        (Method::PUT, "keys/alice", Value::Null, 405, "this path takes"),
    ] {
        let (got, said) = gate.admin(method.clone(), path, &body).await;
        assert_eq!(got, status, "{method} {path} {body}: {said}");
        let text = said["error"]["message"].as_str().unwrap();
        assert!(text.contains(expect), "{method} {path} {body}: {text}");
    }
    let listed = gate.ok(Method::GET, "keys", Value::Null).await;
    let names: Vec<_> =
        listed["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!((names, &listed["next"]), (vec!["written", "alice"], &Value::Null));
    let first = gate.ok(Method::GET, "keys?limit=1", Value::Null).await;
    assert_eq!(
        (&first["keys"][0]["id"], &first["next"]),
        (&json!("config:written"), &json!("config:written"))
    );
    let rest = gate.ok(Method::GET, "keys?after=config:written&state=live", Value::Null).await;
    assert_eq!(rest["keys"][0]["id"], json!(id));
}

#[tokio::test]
async fn running_answers_of_a_revoked_key_are_finished() {
    let gate = Gate::new().await;
    let (id, key) = gate.create(named("alice")).await;
    gate.mocks[0].set_behaviour(lockgate_mock::Behaviour {
        between_events: std::time::Duration::from_millis(30),
        words: Some(20),
        ..lockgate_mock::Behaviour::default()
    });
    let headers = [("x-api-key", key.as_str()), ("content-type", "application/json")];
    let running = gate.ask(Method::POST, crate::house::CHAT_PATH, &headers, crate::house::STREAM);
    let ending = async {
        eventually(|| (gate.mocks[0].counts().in_flight == 1).then_some(())).await;
        gate.ok(Method::DELETE, &format!("keys/{id}"), Value::Null).await;
        assert_eq!(gate.status(&key).await, 401);
    };
    let (answer, ()) = tokio::join!(running, ending);
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
}

#[tokio::test]
async fn keys_of_the_config_count_beside_created_ones_through_reloads() {
    let (one, other) = (secret("client key"), secret("client key"));
    let written = |key: &str| format!("keys: [{{ name: written, key: {key} }}]");
    let gate = Gate::with(1, &written(&one)).await;
    let (_, created) = gate.create(named("alice")).await;
    assert_eq!(
        (gate.status(&one).await, gate.status(&other).await, gate.status(&created).await),
        (200, 401, 200)
    );
    gate.house.apply(&super::text(&gate.mocks, &gate.folder, &written(&other)));
    assert_eq!(
        (gate.status(&one).await, gate.status(&other).await, gate.status(&created).await),
        (401, 200, 200)
    );
    gate.house.apply(&super::text(
        &gate.mocks,
        &gate.folder,
        &format!("{}, created_keys: false", written(&other)),
    ));
    assert_eq!((gate.status(&other).await, gate.status(&created).await), (200, 401));
    let (status, said) = gate.admin(Method::POST, "keys", &named("bob")).await;
    assert_eq!((status, &said["error"]["code"]), (409, &json!("created_keys_off")), "{said}");
}

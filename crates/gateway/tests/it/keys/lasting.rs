//! What outlives a restart, what another process changes, and what is said where keys cannot be read.

use std::time::{Duration, Instant};

use http::Method;
use lockgate_store::keys::KeyStore;
use proptest::{
    prelude::{Just, Strategy, any, prop_oneof},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use super::{Gate, named, text};
use crate::house::{House, eventually_ok};

/// Settings of a key, of any kind, so that what it may do with the two upstreams differs.
fn settings() -> impl Strategy<Value = Value> {
    let globs = prop_oneof![
        Just(json!(["*"])),
        Just(json!(["fast", "claude-*"])),
        Just(json!(["f?st"])),
        Just(json!(["other"])),
        Just(json!([])),
        Just(Value::Null),
    ];
    let providers = prop_oneof![
        Just(json!(["*"])),
        Just(json!(["b"])),
        Just(json!(["c"])),
        Just(json!(["?"])),
        Just(Value::Null)
    ];
    let operations = prop_oneof![
        Just(json!([])),
        Just(json!(["generate", "embed"])),
        Just(json!(["audio"])),
        Just(Value::Null)
    ];
    let expires =
        prop_oneof![Just(Value::Null), Just(json!("2020-02-29")), Just(json!("2099-01-01T08:00:00Z"))];
    let name = "[ -~äß漢🙂]{1,40}".prop_filter("blank at an end", |name| name.trim() == name);
    (name, globs, providers, operations, expires, any::<Option<u16>>()).prop_map(
        |(name, models, providers, operations, expires, rpm)| {
            let rpm = rpm.map(|rpm| u32::from(rpm) + 60);
            let all = json!({
                "name": name, "models": models, "providers": providers, "operations": operations, "expires": expires,
                "rpm": rpm, "tags": { "made": "by chance", "name": name }, "owner": name,
                "budget": [{ "tokens": 1_000_000_000_000_u64, "per": "week", "rolling": true }],
            });
            Value::Object(all.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect())
        },
    )
}

/// What the admin API says of a key, but for when it was used.
fn lasting(mut said: Value) -> Value {
    said.as_object_mut().unwrap().remove("last_used_at");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_any_kind_are_the_same_after_a_restart() {
    let gate = Gate::with(2, "created_keys: true").await;
    let mut runner = TestRunner::deterministic();
    let mut made = Vec::new();
    for _ in 0..40 {
        let settings = settings().new_tree(&mut runner).unwrap().current();
        let (status, said) = gate.admin(Method::POST, "keys", &settings).await;
        if status == 409 {
            continue;
        }
        assert_eq!(status, 200, "{settings}: {said}");
        let (id, key) = (said["id"].as_str().unwrap().to_owned(), said["key"].as_str().unwrap().to_owned());
        made.push((id, key, settings));
    }
    let mut before = Vec::new();
    for (id, key, settings) in &made {
        let said = lasting(gate.ok(Method::GET, &format!("keys/{id}"), Value::Null).await);
        for (name, value) in settings.as_object().unwrap() {
            if name != "budget" && name != "expires" {
                assert_eq!(&said[name], value, "{name} of {settings}");
            }
        }
        before.push((said, gate.status(key).await));
    }
    let verdicts: std::collections::BTreeSet<u16> = before.iter().map(|(_, status)| *status).collect();
    assert_eq!(verdicts.into_iter().collect::<Vec<_>>(), [200, 401, 403], "all kinds of keys are among them");

    let gate = gate.again("created_keys: true").await;
    for ((id, key, settings), (said, status)) in made.iter().zip(&before) {
        assert_eq!(&lasting(gate.ok(Method::GET, &format!("keys/{id}"), Value::Null).await), said);
        assert_eq!(gate.status(key).await, *status, "{settings}");
    }
}

#[tokio::test]
async fn what_another_process_does_counts_within_a_second() {
    let gate = Gate::with(1, "created_keys: true").await;
    assert_eq!(gate.status("none").await, 401);
    let mut other = KeyStore::open(gate.folder.path(), None).unwrap();
    let (row, key) = other.create("from-elsewhere", "{}", 1).unwrap();
    crate::house::watch("created key", key.expose());
    let begun = Instant::now();
    eventually_ok(|| async { gate.status(key.expose()).await == 200 }).await;
    let to_come = begun.elapsed();
    other.revoke(&row.id, 2).unwrap();
    let begun = Instant::now();
    eventually_ok(|| async { gate.status(key.expose()).await == 401 }).await;
    let to_go = begun.elapsed();
    crate::house::tell(&format!("a key of another process came after {to_come:?} and went after {to_go:?}"));
    // Within one second; the rest is for a machine that has other things to do.
    assert!(to_come < Duration::from_secs(3) && to_go < Duration::from_secs(3), "{to_come:?} {to_go:?}");
    // In this process it is at once.
    let (id, key) = gate.create(named("from-here")).await;
    assert_eq!(gate.status(&key).await, 200);
    gate.ok(Method::DELETE, &format!("keys/{id}"), Value::Null).await;
    assert_eq!(gate.status(&key).await, 401);
}

#[tokio::test]
async fn known_keys_go_on_working_when_the_file_is_gone() {
    let gate = Gate::new().await;
    let (_, key) = gate.create(named("alice")).await;
    for name in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        drop(std::fs::remove_file(gate.folder.path().join(name)));
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!((gate.status(&key).await, gate.status("none").await), (200, 401));
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_said_at_the_start() {
    let gate = Gate::new().await;
    gate.create(named("alice")).await;
    let Gate { house, folder, mocks } = gate;
    assert!(house.serving.stop().await);
    std::fs::write(folder.path().join("keys.db"), "no database, whatever its name says".repeat(100)).unwrap();
    drop(std::fs::remove_file(folder.path().join("keys.db-wal")));
    let config = lockgate_config::parse("test.yaml", &text(&mocks, &folder, ""), &|_| None).unwrap();
    let journal = std::sync::Arc::new(lockgate_store::Recent::new(1));
    let error = lockgate_gateway::start(&config, journal).await.err().unwrap().to_string();
    assert!(error.contains("keys.db") && error.contains("put a copy of the file in its place"), "{error}");
    // Without created keys nobody asks for the file.
    drop(House::new(&text(&mocks, &folder, "created_keys: false")).await);
}

//! What a key may be used for, over the whole path of a request.

use http::Method;
use serde_json::{Value, json};

use super::{Gate, message};
use crate::house::CHAT_PATH;

const EMBED: &str = r#"{"model":"fast","input":"hello"}"#;

#[tokio::test]
async fn only_providers_that_the_key_allows_answer() {
    let gate = Gate::with(2, "").await;
    let (_, only_b) = gate.create(json!({ "name": "only-b", "providers": ["b"] })).await;
    let (_, nobody) = gate.create(json!({ "name": "nobody", "providers": ["c-*"] })).await;
    for _ in 0..6 {
        let answer = gate.chat(&only_b).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-lockgate-deployment")),
            (200, "b/gpt-4o-mini#1")
        );
    }
    gate.mocks[1].cycle(vec![Some("500".parse().unwrap())]);
    assert_eq!(gate.status(&only_b).await, 502, "nor does the other one step in");
    let refused = gate.chat(&nobody).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        message(&refused),
        "the key `nobody` may not use any of the providers that answer the model `fast`"
    );
    assert_eq!(gate.mocks[0].counts().requests, 0);

    let explained = gate.ok(Method::GET, "explain?model=fast&key=only-b", Value::Null).await;
    assert_eq!(explained["key"], json!({ "name": "only-b", "may_use": true }));
    let places = explained["deployments"].as_array().unwrap();
    let shown: Vec<_> = places
        .iter()
        .map(|place| (place["name"].as_str().unwrap(), &place["reason"], &place["order"]))
        .collect();
    assert!(shown.contains(&("a/gpt-4o-mini#1", &json!("key"), &Value::Null)), "{shown:?}");
}

#[tokio::test]
async fn lists_of_models_show_what_the_key_may_use() {
    let gate = Gate::with(2, "").await;
    let (_, all) = gate.create(json!({ "name": "all" })).await;
    let (_, other) = gate.create(json!({ "name": "other", "models": ["slow"] })).await;
    let (_, elsewhere) = gate.create(json!({ "name": "elsewhere", "providers": ["c"] })).await;
    for (key, path, expect) in [
        (&all, "/v1/models", true),
        (&all, "/api/tags", true),
        (&other, "/v1/models", false),
        (&elsewhere, "/v1/models", false),
        (&elsewhere, "/api/tags", false),
        (&elsewhere, "/v1beta/models", false),
    ] {
        let answer = gate.ask(Method::GET, path, &[("x-api-key", key)], "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.contains("fast")),
            (200, expect),
            "{path}: {}",
            answer.text
        );
    }
    for (key, status) in [(&all, 200), (&other, 404), (&elsewhere, 404)] {
        let answer = gate.ask(Method::GET, "/v1/models/fast", &[("x-api-key", key)], "").await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    assert_eq!(gate.ask(Method::GET, "/v1/models", &[("x-api-key", "wrong")], "").await.status, 401);
}

#[tokio::test]
async fn operations_are_kept_to() {
    let gate = Gate::new().await;
    let (_, chats) = gate.create(json!({ "name": "chats", "operations": ["generate"] })).await;
    let (_, embeds) = gate.create(json!({ "name": "embeds", "operations": ["embed"] })).await;
    let embedding = |key: String| {
        let gate = &gate;
        async move {
            gate.ask(
                Method::POST,
                "/v1/embeddings",
                &[("x-api-key", &key), ("content-type", "application/json")],
                EMBED,
            )
            .await
        }
    };
    assert_eq!(gate.status(&chats).await, 200);
    let refused = embedding(chats).await;
    assert_eq!(refused.status, 403);
    assert_eq!(message(&refused), "the key `chats` may be used for generate only, not for embed");
    let refused = gate.chat(&embeds).await;
    assert_eq!(
        (refused.status.as_u16(), message(&refused)),
        (403, "the key `embeds` may be used for embed only, not for generate".to_owned())
    );
    assert_ne!(embedding(embeds).await.status, 403);
    let streamed = gate.ask(Method::POST, CHAT_PATH, &[("x-api-key", "")], "").await;
    assert_eq!(streamed.status, 401, "nobody unknown gets a body looked at");
}

//! Whose calls are whose: what a key of the same name did before, and what was asked for by a pattern.

use super::*;

const ADMIN: &str = "sk-admin-0123456789";

/// A gateway with a journal in a folder, to be started again and again.
struct Again {
    folder: tempfile::TempDir,
    mock: Mock,
}

impl Again {
    async fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), mock: mock().await }
    }

    fn config(&self, model: &str) -> lockgate_config::Config {
        let text = config(
            &[&self.mock.base_url()],
            &format!(
                "access: {{ admin_key: {ADMIN} }}\ndata_dir: {}\n{PRICES}",
                self.folder.path().display()
            ),
        );
        let text = text.replace("targets: [a/gpt-4o-mini]", &format!("targets: [a/gpt-4o-mini]{model}"));
        lockgate_config::parse("test.yaml", &text, &|_| None).unwrap()
    }

    async fn start(&self, model: &str) -> House {
        let config = self.config(model);
        let store = Store::open(&config).unwrap();
        House::around(lockgate_gateway::start(&config, store).await.unwrap())
    }
}

async fn admin(
    house: &House,
    method: http::Method,
    path: &str,
    body: serde_json::Value,
) -> serde_json::Value {
    let request = Request::builder().method(method).uri(house.url(path)).header("x-admin-key", ADMIN);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = read_what_comes(house.send(request.body(Full::new(body.into())).unwrap()).await).await.0;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Makes a key and returns its text.
async fn create(house: &House, name: &str, tokens: u64, per: &str, rolling: bool) -> String {
    let budget = serde_json::json!({ "tokens": tokens, "per": per, "rolling": rolling });
    let body = serde_json::json!({ "name": name, "rpm": 1000, "budget": budget });
    let said = admin(house, http::Method::POST, "/admin/v1/keys", body).await;
    said["key"].as_str().unwrap().to_owned()
}

/// Asks for a chat of that model; its status and the tokens it took.
async fn chat(house: &House, key: &str, model: &str) -> (u16, u64) {
    let request = Request::post(house.url(CHAT_PATH)).header("content-type", "application/json");
    let request = if key.is_empty() { request } else { request.header("x-api-key", key) };
    let body = CHAT.replace("\"fast\"", &format!("\"{model}\""));
    let answer = read_what_comes(house.send(request.body(Full::new(body.into())).unwrap()).await).await.0;
    let tokens = serde_json::from_str::<serde_json::Value>(&answer.text).unwrap_or_default();
    (answer.status.as_u16(), tokens["usage"]["total_tokens"].as_u64().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_revoked_ones_name_has_its_own_budget_and_nothing_of_the_other() {
    let again = Again::new().await;
    for (per, rolling) in [("month", false), ("hour", true), ("total", false)] {
        let house = again.start("").await;
        let name = format!("ci-{per}");
        let first = create(&house, &name, 1, per, rolling).await;
        assert_eq!(chat(&house, &first, "fast").await.0, 200);
        assert_eq!(chat(&house, &first, "fast").await.0, 429, "it is spent");
        admin(&house, http::Method::DELETE, &format!("/admin/v1/keys/{name}"), serde_json::Value::Null).await;

        let second = create(&house, &name, 1, per, rolling).await;
        let (status, _) = chat(&house, &second, "fast").await;
        assert_eq!(status, 200, "{per}: another key has its own");
        assert_eq!(chat(&house, &second, "fast").await.0, 429);
        admin(&house, http::Method::DELETE, &format!("/admin/v1/keys/{name}"), serde_json::Value::Null).await;

        // Nothing but its own after a restart either.
        let third = create(&house, &name, 1, per, rolling).await;
        house.serving.stop().await;
        let house = again.start("").await;
        assert_eq!(chat(&house, &third, "fast").await.0, 200, "{per}: after a restart");
        house.serving.stop().await;
        let house = again.start("").await;
        assert_eq!(chat(&house, &third, "fast").await.0, 429, "{per}: what it spent itself stays spent");
        house.serving.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_keeps_its_budget_under_another_name() {
    let again = Again::new().await;
    let house = again.start("").await;
    let key = create(&house, "before", 1, "month", false).await;
    assert_eq!(chat(&house, &key, "fast").await.0, 200);
    let body = serde_json::json!({ "name": "behind" });
    admin(&house, http::Method::PATCH, "/admin/v1/keys/before", body).await;
    assert_eq!(chat(&house, &key, "fast").await.0, 429, "it is the same key");
    let other = create(&house, "before", 1, "month", false).await;
    assert_eq!(chat(&house, &other, "fast").await.0, 200, "and this is another");
    house.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_by_a_pattern_is_the_models_after_a_restart() {
    for (per, rolling) in [("hour", true), ("week", true), ("month", false), ("total", false)] {
        let again = Again::new().await;
        let budget = |tokens: u64| {
            format!(
                ", aliases: [other, \"quick-*\", \"a/*\"], budget: {{ tokens: {tokens}, per: {per}, rolling: {rolling} }}"
            )
        };
        let house = again.start(&budget(1_000_000)).await;
        let mut used = 0;
        for model in ["fast", "other", "quick-1", "quick-2", "quick-1"] {
            let (status, tokens) = chat(&house, "", model).await;
            assert!(status == 200 && tokens > 0, "{model}: {status}");
            used += tokens;
        }
        assert_eq!(chat(&house, "", "a/gpt-4o-mini").await.0, 200, "the provider's own, whatever fits it");
        house.serving.stop().await;
        let house = again.start(&budget(used)).await;
        assert_eq!(chat(&house, "", "fast").await.0, 429, "{per}: all of it is known");
        house.serving.stop().await;
        let house = again.start(&budget(used + 1)).await;
        assert_eq!(chat(&house, "", "quick-3").await.0, 200, "{per}: and no more");
        assert_eq!(chat(&house, "", "fast").await.0, 429, "{per}");
        house.serving.stop().await;
    }
}

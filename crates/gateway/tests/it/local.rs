//! What the gateway answers itself.

use crate::house::{House, config, mock, provider};

#[tokio::test]
async fn health_and_models() {
    let mock = mock().await;
    let house =
        House::new(&config(&[&mock.base_url()], "  slow: { targets: [a/gpt-4o], aliases: [org/slow] }\n"))
            .await;
    for (path, status, expect) in [
        ("/", 200, r#""name":"lockgate""#),
        ("/health", 200, r#""status":"ok""#),
        ("/health/live", 200, r#""status":"live""#),
        ("/health/ready", 200, r#""status":"ready""#),
        ("/v1/models", 200, r#""id":"org/slow""#),
        ("/v1/models/fast", 200, r#""id":"fast""#),
        ("/v1/models/org/slow", 200, r#""id":"org/slow""#),
        ("/v1/models/org%2Fslow", 200, r#""id":"org/slow""#),
        ("/v1/models/slwo", 404, "did you mean `slow`"),
    ] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(answer.text.contains(expect), "{path}: {}", answer.text);
        assert!(answer.header("x-request-id").starts_with("req_"), "{path}");
    }
    assert!(house.journal.all().is_empty(), "no call of a model, no record");
    assert_eq!(mock.counts().requests, 0);
}

#[tokio::test]
async fn a_key_sees_and_uses_only_its_models() {
    let mock = mock().await;
    let rest = "  slow: { targets: [a/gpt-4o] }\naccess: { keys: [{ name: a, key: client-key-0123456789, models: [fast] }] }\n";
    let house = House::new(&config(&[&mock.base_url()], rest)).await;
    let get = async |path: &str| {
        let request =
            http::Request::get(house.url(path)).header("authorization", "Bearer client-key-0123456789");
        crate::house::read(house.send(request.body(http_body_util::Full::default()).unwrap()).await).await
    };
    let list = get("/v1/models").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(get("/v1/models/slow").await.status, 404);
    assert_eq!(house.get("/v1/models").await.status, 401);
    assert_eq!(house.get("/health").await.status, 200);
}

#[tokio::test]
async fn without_configured_models_the_providers_lists_count() {
    let mock = mock().await;
    let yaml =
        format!("server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{}", provider("a", &mock.base_url()));
    let house = House::new(&yaml).await;
    let names = house.get("/v1/models").await.json();
    assert!(names["data"].as_array().unwrap().iter().any(|model| model["id"] == "gpt-4o-mini"), "{names}");
    for model in ["gpt-4o-mini", "a/gpt-4o-mini"] {
        let body = crate::house::CHAT.replace("fast", model);
        let answer = house.post(crate::house::CHAT_PATH, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-lockgate-deployment")),
            (200, "a/gpt-4o-mini#1")
        );
    }
    let asked = mock.ledger().iter().filter(|entry| entry.path == "/v1/models").count();
    assert_eq!(asked, 1, "the list is asked for once and kept");
}

#[tokio::test]
async fn each_dialect_lists_models_in_its_own_words() {
    let mock = mock().await;
    let rest = "access: { keys: [{ name: a, key: client-key-0123456789 }] }\n";
    let house = House::new(&config(&[&mock.base_url()], rest)).await;
    let ask = async |method: http::Method, path: &str, header: (&str, &str), body: &str| {
        let request = http::Request::builder().method(method).uri(house.url(path)).header(header.0, header.1);
        let request =
            request.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
        let body = http_body_util::Full::from(body.to_owned());
        crate::house::read(house.send(request.body(body).unwrap()).await).await
    };
    let bearer = ("authorization", "Bearer client-key-0123456789");
    let (get, post) = (http::Method::GET, http::Method::POST);
    for (method, path, header, body, expect) in [
        (&get, "/v1/models", bearer, "", r#""type":"model","id":"fast""#),
        (&get, "/v1/models/fast", bearer, "", r#""type":"model","id":"fast""#),
        (&get, "/v1beta/models?key=client-key-0123456789", ("accept", "*/*"), "", r#""name":"models/fast""#),
        (
            &get,
            "/v1beta/models/fast",
            ("x-goog-api-key", "client-key-0123456789"),
            "",
            r#""displayName":"fast""#,
        ),
        (&get, "/api/tags", bearer, "", r#""model":"fast""#),
        (&get, "/ollama/api/version", bearer, "", r#"{"version":"#),
        (&get, "/api/ps", bearer, "", r#"{"models":[]}"#),
        (&post, "/api/show", bearer, r#"{"model":"fast"}"#, r#""capabilities":["completion""#),
        (&post, "/api/show", bearer, r#"{"name":"fast"}"#, r#""general.basename":"fast""#),
        (&get, "/api/tags", bearer, "", r#""digest":"000000000000"#),
        (&get, "/v1/models?limit=1000", bearer, "", r#""max_input_tokens":null"#),
    ] {
        let answer = ask(method.clone(), path, header, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(answer.text.contains(expect), "{path}: {}", answer.text);
    }
    assert_eq!(mock.counts().requests, 0);
}

#[tokio::test]
async fn providers_of_every_dialect_are_asked_for_their_lists() {
    let mock = mock().await;
    for (kind, model) in
        [("anthropic", "claude-sonnet-4-5"), ("gemini", "gemini-2.5-flash"), ("ollama", "llama3.2")]
    {
        let yaml = format!(
            "server: {{ listen: \"127.0.0.1:0\" }}\nproviders: {{ a: {{ kind: {kind}, base_url: \"http://{}\", api_key: key }} }}\n",
            mock.addr()
        );
        let house = House::new(&yaml).await;
        let names = house.get("/v1/models").await;
        assert!(names.text.contains(model), "{kind}: {}", names.text);
    }
}

#[tokio::test]
async fn loading_a_model_asks_no_provider_that_cannot() {
    let mock = mock().await;
    let host = format!("http://{}", mock.addr());
    let house = House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}
providers:
  paid: {{ kind: openai, base_url: \"{}\", api_key: key }}
  local: {{ kind: ollama, base_url: \"{host}\" }}
models:
  paid: {{ targets: [paid/gpt-4o-mini] }}
  both: {{ targets: [paid/gpt-4o-mini, local/llama3.2] }}
",
        mock.base_url()
    ))
    .await;
    for (path, body, member, reason) in [
        ("/api/generate", r#"{"model":"paid","keep_alive":"10m"}"#, "response", "load"),
        ("/api/generate", r#"{"model":"paid","prompt":"","keep_alive":0}"#, "response", "unload"),
        ("/ollama/api/chat", r#"{"model":"paid","messages":[],"keep_alive":0}"#, "message", "unload"),
    ] {
        let answer = house.post(path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let said = answer.json();
        assert_eq!((&said["done"], &said["done_reason"]), (&true.into(), &reason.into()), "{said}");
        assert!(said["model"] == "paid" && !said[member].is_null(), "{said}");
    }
    assert_eq!(mock.counts().requests, 0);
    assert_eq!(house.records(3).await.len(), 3);

    // Where one of the providers has such requests, that one is asked.
    for _ in 0..4 {
        let answer = house.post("/api/generate", r#"{"model":"both","keep_alive":0}"#).await;
        assert_eq!(answer.header("x-lockgate-deployment"), "local/llama3.2#1", "{}", answer.text);
        assert_eq!(answer.json()["done_reason"], "unload");
    }
    assert!(mock.ledger().iter().all(|entry| entry.path == "/api/generate"));
}

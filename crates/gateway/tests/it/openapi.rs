//! The admin API's own description, and what the API really says, held to it by a reader of schemas that is not ours.

use http::Method;
use serde_json::{Value, json};

use crate::house::{CHAT, CHAT_PATH, House, config, mock};

const DEPLOYMENT: &str = "a%2Fgpt-4o-mini%231";

/// Asks and holds the answer to what the document says of it.
async fn check(house: &House, document: &Value, method: Method, path: &str, template: &str, body: &str) {
    let answer = house.ask(method.clone(), path, "application/json", body.to_owned()).await;
    let operation = &document["paths"][template][method.as_str().to_ascii_lowercase()];
    assert!(operation.is_object(), "{method} {template} is not in the document");
    let mut schema = match answer.status.as_u16() {
        200 => operation["responses"]["200"]["content"]["application/json"]["schema"].clone(),
        _ => document["components"]["responses"]["Refused"]["content"]["application/json"]["schema"].clone(),
    };
    assert!(schema.is_object(), "{method} {template} says nothing of its answers");
    schema["components"] = document["components"].clone();
    let validator =
        jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{template}: {error}"));
    let said = answer.json();
    let wrong: Vec<_> = validator.iter_errors(&said).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{method} {path}: {wrong:?}\n{said}");
}

async fn document(house: &House) -> Value {
    let answer = house.get("/admin/v1/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    answer.json()
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let (mock, folder) = (mock().await, tempfile::tempdir().unwrap());
    let rest = format!("health: {{ interval: 1h }}\ndata_dir: {}\n", folder.path().display());
    let house = House::kept(&config(&[&mock.base_url()], &rest)).await;
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!(answer.status, 200);
    let document = document(&house).await;
    assert_eq!(document["openapi"], "3.1.0");
    for path in
        ["openapi.json", "gateway", "deployments", "config", "requests", "usage", "stats", "health", "alerts"]
    {
        let path = format!("/admin/v1/{path}");
        check(&house, &document, Method::GET, &path, &path, "").await;
    }
    let tested = "/admin/v1/alerts/test";
    for body in ["", r#"{"sink":"none"}"#] {
        check(&house, &document, Method::POST, tested, tested, body).await;
    }
    for path in ["/admin/config", "/admin/models", "/api/config", "/api/providers", "/api/system-info"] {
        check(&house, &document, Method::GET, path, path, "").await;
    }
    let explain = "/admin/v1/explain";
    check(&house, &document, Method::GET, &format!("{explain}?model=fast"), explain, "").await;
    check(&house, &document, Method::GET, &format!("{explain}?model=none"), explain, "").await;
    let by = "/admin/v1/usage?by=key,model,deployment,tag:team&step=minute";
    check(&house, &document, Method::GET, by, "/admin/v1/usage", "").await;
    for id in [answer.header("x-request-id"), "none"] {
        let path = format!("/admin/v1/requests/{id}");
        check(&house, &document, Method::GET, &path, "/admin/v1/requests/{id}", "").await;
    }
    let one = "/admin/v1/deployments/{name}";
    check(&house, &document, Method::GET, &format!("/admin/v1/deployments/{DEPLOYMENT}"), one, "").await;
    for (method, action, body) in [
        (Method::POST, "drain", r#"{"on":true}"#),
        (Method::DELETE, "drain", ""),
        (Method::POST, "reset", ""),
        (Method::POST, "test", r#"{"method":"call"}"#),
        (Method::POST, "test", r#"{"method":"prayer"}"#),
    ] {
        let path = format!("/admin/v1/deployments/{DEPLOYMENT}/{action}");
        check(&house, &document, method, &path, &format!("{one}/{action}"), body).await;
    }
}

#[tokio::test]
async fn the_document_says_what_is_sent() {
    let mock = mock().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    let document = document(&house).await;
    let drain = &document["paths"]["/admin/v1/deployments/{name}/drain"]["post"];
    let schema = &drain["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(document["components"]["schemas"][name]["properties"]["on"]["default"], true);
    let explain = &document["paths"]["/admin/v1/explain"]["get"]["parameters"];
    assert_eq!((&explain[0]["name"], &explain[0]["required"]), (&json!("model"), &json!(true)));
    for refs in references(&document) {
        let place = refs.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{refs} leads nowhere");
    }
}

/// All references within a document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

//! Counts of tokens: asked of providers that can count, whatever dialect the client speaks, and estimated for the others.

use http::Method;

use crate::house::{Answer, House, mock};

/// How a client asks for a count, and where the number stands in its answer.
struct Client {
    dialect: &'static str,
    path: &'static str,
    body: &'static str,
    member: &'static str,
}

const CLIENTS: &[Client] = &[
    Client {
        dialect: "anthropic",
        path: "/v1/messages/count_tokens?beta=true",
        body: r#"{"model":"fast","system":"Be brief.","messages":[{"role":"user","content":"one two three four"}],"tools":[{"name":"depth","description":"Measures.","input_schema":{"type":"object","properties":{"lock":{"type":"string"}}}}],"tool_choice":{"type":"auto"},"thinking":{"type":"enabled","budget_tokens":2000}}"#,
        member: "input_tokens",
    },
    Client {
        dialect: "openai-responses",
        path: "/v1/responses/input_tokens",
        body: r#"{"model":"fast","instructions":"Be brief.","input":"one two three four","tools":[{"type":"function","name":"depth","parameters":{"type":"object","properties":{"lock":{"type":"string"}}}}]}"#,
        member: "input_tokens",
    },
    Client {
        dialect: "gemini",
        path: "/v1beta/models/fast:countTokens",
        body: r#"{"generateContentRequest":{"model":"models/fast","contents":[{"role":"user","parts":[{"text":"one two three four"}]}],"generationConfig":{"temperature":0.5,"maxOutputTokens":5}}}"#,
        member: "totalTokens",
    },
    Client {
        dialect: "bedrock",
        path: "/model/fast/count-tokens",
        body: r#"{"input":{"converse":{"system":[{"text":"Be brief."}],"messages":[{"role":"user","content":[{"text":"one two three four"}]}]}}}"#,
        member: "inputTokens",
    },
];

/// A provider's kind and dialects, and the path where it counts; none where it cannot.
const UPSTREAMS: &[(&str, &str, Option<&str>)] = &[
    ("anthropic", "anthropic", Some("/v1/messages/count_tokens")),
    ("openai", "openai-chat, openai-responses", Some("/v1/responses/input_tokens")),
    ("gemini", "gemini", Some("/v1beta/models/mock-1:countTokens")),
    ("bedrock", "bedrock", Some("/model/mock-1/count-tokens")),
    ("openai", "openai-chat", None),
    ("ollama", "ollama", None),
];

fn yaml(kind: &str, speaks: &str, base: &str) -> String {
    format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders: {{ a: {{ kind: {kind}, speaks: [{speaks}], base_url: \"{base}\", api_key: key }} }}\nmodels: {{ fast: {{ targets: [a/mock-1] }} }}\n"
    )
}

/// The number of a count as the client's dialect has it.
#[track_caller]
fn count(client: &Client, answer: &Answer) -> u64 {
    let object = answer.json();
    assert_eq!(object["object"] == "response.input_tokens", client.dialect == "openai-responses");
    object[client.member].as_u64().unwrap_or_else(|| panic!("{}: {}", client.dialect, answer.text))
}

#[tokio::test]
async fn every_dialect_that_counts_before_every_dialect() {
    for (kind, speaks, place) in UPSTREAMS {
        let mock = mock().await;
        let base = if *kind == "openai" { mock.base_url() } else { format!("http://{}", mock.addr()) };
        let house = House::new(&yaml(kind, speaks, &base)).await;
        for client in CLIENTS {
            let told = format!("{} before {speaks}", client.dialect);
            let answer = house.post(client.path, client.body).await;
            assert_eq!(answer.status, 200, "{told}: {}", answer.text);
            let counted = count(client, &answer);
            assert!((5..600).contains(&counted), "{told}: {counted}");
            let is_estimate = answer.header("x-lockgate-loss").contains("estimated");
            assert_eq!(is_estimate, place.is_none(), "{told}: {:?}", answer.headers);
            if let Some(place) = place {
                let asked = mock.ledger().pop().unwrap();
                let path = asked.path.split('?').next().unwrap();
                assert_eq!((path, asked.status), (*place, 200), "{told}");
            }
        }
        let asked = if place.is_some() { CLIENTS.len() } else { 0 };
        assert_eq!(mock.ledger().len(), asked, "{speaks}");
        let records = house.records(CLIENTS.len()).await;
        assert!(records.iter().all(|record| record.usage.is_none() && record.status == 200), "{records:?}");
    }
}

#[tokio::test]
async fn a_provider_without_the_endpoint_is_estimated_for() {
    let mock = mock().await;
    let base = format!("http://{}/nowhere/v1", mock.addr());
    let house = House::new(&yaml("openai", "openai-responses", &base)).await;
    let [anthropic, responses, ..] = CLIENTS else { panic!("two clients") };
    let answer = house.post(anthropic.path, anthropic.body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("x-lockgate-loss").contains("estimated"), "{:?}", answer.headers);
    assert!(count(anthropic, &answer) > 7);
    // In the client's own dialect the provider's word counts.
    assert_eq!(house.post(responses.path, responses.body).await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_counted_is_said() {
    let mock = mock().await;
    let house = House::new(&yaml("openai", "openai-chat", &mock.base_url())).await;
    for (path, body, expect) in [
        ("/model/fast/count-tokens", r#"{"input":{"invokeModel":{"body":"e30="}}}"#, "send `input.converse`"),
        ("/model/fast/count-tokens", r#"{"input":{}}"#, "either `converse` or `invokeModel`"),
        ("/v1/messages/count_tokens", r#"{"model":"fast","messages":3}"#, "messages"),
    ] {
        let answer = house.post(path, body).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        assert!(answer.text.contains(expect), "{path}: {}", answer.text);
    }
    assert_eq!(house.ask(Method::GET, "/model/fast/count-tokens", "", "").await.status, 405);
    assert!(mock.ledger().is_empty());
}

#[tokio::test]
async fn a_kept_conversation_is_counted_with_what_was_said_before() {
    let mock = mock().await;
    let house = House::new(&yaml("openai", "openai-chat", &mock.base_url())).await;
    let first = r#"{"model":"fast","input":"ahoi ahoi ahoi ahoi ahoi ahoi ahoi ahoi ahoi ahoi ahoi ahoi"}"#;
    let id = house.post("/v1/responses", first).await.json()["id"].as_str().unwrap().to_owned();
    let [_, client, ..] = CLIENTS else { panic!("two clients") };
    let counted = async |body: String| count(client, &house.post(client.path, body).await);
    let alone = counted(r#"{"model":"fast","input":"more"}"#.to_owned()).await;
    let after = counted(format!(r#"{{"model":"fast","previous_response_id":"{id}","input":"more"}}"#)).await;
    assert!(after > alone + 20, "{after} with, {alone} without what was said before");
    let unknown = r#"{"model":"fast","previous_response_id":"resp_unknown","input":"more"}"#;
    assert!(house.post(client.path, unknown).await.text.contains("previous_response_not_found"));
}

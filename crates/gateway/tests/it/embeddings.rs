//! Embeddings: every dialect that has them on the client's side before every one on the provider's.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::house::{Answer, House, mock};

/// How a client asks for the vectors of two texts, and where they are in the answer.
struct Client {
    dialect: &'static str,
    path: &'static str,
    body: &'static str,
    /// Where each vector is: in front of its number, and behind.
    vectors: (&'static str, &'static str),
}

const CLIENTS: &[Client] = &[
    Client {
        dialect: "openai-chat",
        path: "/v1/embeddings",
        body: r#"{"model":"fast","input":["a lock","a canal"],"dimensions":6}"#,
        vectors: ("/data/", "/embedding"),
    },
    Client {
        dialect: "gemini",
        path: "/v1beta/models/fast:batchEmbedContents",
        body: r#"{"requests":[{"model":"models/fast","content":{"parts":[{"text":"a lock"}]},"outputDimensionality":6},{"model":"models/fast","content":{"parts":[{"text":"a "},{"text":"canal"}]},"outputDimensionality":6}]}"#,
        vectors: ("/embeddings/", "/values"),
    },
    Client {
        dialect: "ollama",
        path: "/api/embed",
        body: r#"{"model":"fast","input":["a lock","a canal"],"dimensions":6}"#,
        vectors: ("/embeddings/", ""),
    },
];

/// A provider's kind and dialect, and the path where it embeds.
const UPSTREAMS: &[(&str, &str, &str)] = &[
    ("openai", "openai-chat", "/v1/embeddings"),
    ("gemini", "gemini", "/v1beta/models/mock-1:batchEmbedContents"),
    ("ollama", "ollama", "/api/embed"),
];

async fn house(kind: &str, base: &str) -> House {
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders: {{ a: {{ kind: {kind}, base_url: \"{base}\", api_key: key }} }}\nmodels: {{ fast: {{ targets: [a/mock-1] }} }}\n"
    );
    House::new(&yaml).await
}

fn base(kind: &str, mock: &lockgate_mock::Mock) -> String {
    if kind == "openai" { mock.base_url() } else { format!("http://{}", mock.addr()) }
}

/// The vectors of an answer, as numbers.
#[track_caller]
fn vectors(client: &Client, answer: &Answer) -> Vec<Vec<f64>> {
    let body = answer.json();
    let vector = |index: usize| {
        let list = body.pointer(&format!("{}{index}{}", client.vectors.0, client.vectors.1))?.as_array()?;
        list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>()
    };
    let found: Vec<_> = (0..3).map_while(vector).collect();
    assert_eq!(found.len(), 2, "{}: {}", client.dialect, answer.text);
    found
}

#[tokio::test]
async fn every_dialect_that_embeds_before_every_dialect() {
    for (kind, dialect, place) in UPSTREAMS {
        let mock = mock().await;
        let house = house(kind, &base(kind, &mock)).await;
        let mut seen: Option<Vec<Vec<f64>>> = None;
        for client in CLIENTS {
            let told = format!("{} before {dialect}", client.dialect);
            let answer = house.post(client.path, client.body).await;
            assert_eq!(answer.status, 200, "{told}: {}", answer.text);
            let vectors = vectors(client, &answer);
            assert!(vectors.iter().all(|vector| vector.len() == 6), "{told}: {}", answer.text);
            assert_ne!(vectors[0], vectors[1], "{told}");
            assert_eq!(mock.ledger().pop().unwrap().path, *place, "{told}");
            // The same texts have the same vectors, whoever asks; two parts are another content to the mock.
            let first = seen.get_or_insert_with(|| vectors.clone());
            assert_eq!(first[0], vectors[0], "{told}");
            let lost = answer.header("x-lockgate-loss");
            let is_lost = client.dialect == "openai-chat" && *dialect == "gemini";
            assert_eq!(lost.contains("usage"), is_lost, "{told}: {lost}");
        }
        let records = house.records(CLIENTS.len()).await;
        let counts =
            records.iter().filter(|record| record.usage.is_some_and(|usage| usage.input > 0)).count();
        assert_eq!(counts, if *dialect == "gemini" { 0 } else { CLIENTS.len() }, "{records:?}");
    }
}

#[tokio::test]
async fn numbers_are_packed_for_clients_that_want_them_packed() {
    for (kind, dialect, _) in UPSTREAMS {
        let mock = mock().await;
        let house = house(kind, &base(kind, &mock)).await;
        let ask = async |format: &str| {
            let body = json!({ "model": "fast", "input": "a lock", "encoding_format": format }).to_string();
            house.post("/v1/embeddings", body).await.json()["data"][0]["embedding"].take()
        };
        let packed = STANDARD.decode(ask("base64").await.as_str().unwrap()).unwrap();
        let packed: Vec<f32> =
            packed.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        let plain: Vec<f32> = serde_json::from_value(ask("float").await).unwrap();
        assert_eq!(packed, plain, "{dialect}");
        assert!(!plain.is_empty());
    }
}

#[tokio::test]
async fn endpoints_of_one_text() {
    for (kind, dialect, _) in UPSTREAMS {
        let mock = mock().await;
        let house = house(kind, &base(kind, &mock)).await;
        for (path, body, place) in [
            ("/api/embeddings", r#"{"model":"fast","prompt":"a lock"}"#, "/embedding/0"),
            (
                "/v1/models/fast:embedContent",
                r#"{"content":{"parts":[{"text":"a lock"}]}}"#,
                "/embedding/values/0",
            ),
        ] {
            let answer = house.post(path, body).await;
            assert_eq!(answer.status, 200, "{path} before {dialect}: {}", answer.text);
            assert!(answer.json().pointer(place).is_some_and(Value::is_number), "{path} before {dialect}");
        }
    }
}

#[track_caller]
fn check_refused(answer: &Answer, expect: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains(expect), "{}", answer.text);
}

#[tokio::test]
async fn what_only_its_own_provider_understands_is_refused() {
    let mock = mock().await;
    let (openai, ollama) =
        (house("openai", &mock.base_url()).await, house("ollama", &format!("http://{}", mock.addr())).await);
    for tokens in ["[1, 2]", "[ [1,2], [3]]"] {
        let body = format!(r#"{{"model":"fast","input":{tokens}}}"#);
        assert_eq!(openai.post("/v1/embeddings", body.clone()).await.status, 200);
        check_refused(&ollama.post("/v1/embeddings", body).await, "`input` has tokens");
    }
    for (path, body, expect) in [
        (
            "/v1/embeddings",
            r#"{"model":"fast","input":{"a":1}}"#,
            "`input` must be a text or a list of texts",
        ),
        ("/v1/embeddings", r#"{"model":"fast"}"#, "`input` must be a text or a list of texts"),
        (
            "/v1/embeddings",
            r#"{"model":"fast","input":"a","encoding_format":"x"}"#,
            "`encoding_format` must be",
        ),
        ("/v1/embeddings", r#"{"model":"fast","input":"a","dimensions":"x"}"#, "`dimensions`"),
        (
            "/v1beta/models/fast:embedContent",
            r#"{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":""}}]}}"#,
            "something else than text",
        ),
        ("/v1beta/models/fast:embedContent", "{}", "`content` is missing"),
        (
            "/v1beta/models/fast:batchEmbedContents",
            r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"outputDimensionality":3}]}"#,
            "`requests[1]` wants other vectors",
        ),
    ] {
        check_refused(&ollama.post(path, body).await, expect);
    }
    let answer = house("anthropic", &format!("http://{}", mock.addr())).await;
    check_refused(
        &answer.post("/v1/embeddings", r#"{"model":"fast","input":"a"}"#).await,
        "cannot be translated",
    );
}

#[tokio::test]
async fn what_the_provider_cannot_be_told_is_named() {
    let mock = mock().await;
    for (kind, path, body, expect) in [
        ("ollama", "/v1/embeddings", r#"{"model":"fast","input":"a","user":"u"}"#, "user ("),
        (
            "openai",
            "/api/embed",
            r#"{"model":"fast","input":"a","truncate":true,"keep_alive":"5m"}"#,
            "keep_alive (",
        ),
        ("openai", "/api/embed", r#"{"model":"fast","input":"a","truncate":true}"#, "truncate ("),
        (
            "ollama",
            "/v1beta/models/fast:embedContent",
            r#"{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","embedContentConfig":{"title":"t"}}"#,
            "embedContentConfig.title (the provider's dialect has no such member), taskType (",
        ),
    ] {
        let answer = house(kind, &base(kind, &mock)).await.post(path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let lost = answer.header("x-lockgate-loss");
        assert!(lost.contains(expect), "{lost}");
    }
}

#[tokio::test]
async fn errors_come_in_the_clients_dialect() {
    let mock = mock().await;
    let house = house("gemini", &format!("http://{}/nowhere", mock.addr())).await;
    let answer = house.post("/v1/embeddings", r#"{"model":"fast","input":"a"}"#).await;
    assert_eq!(answer.status, 404);
    assert!(answer.json()["error"]["message"].is_string(), "{}", answer.text);
}

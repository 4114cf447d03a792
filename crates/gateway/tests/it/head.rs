//! The heads of requests to providers: whatever a client sends, only what is on the list arrives, and one credential.

use std::collections::BTreeSet;

use http::{HeaderName, Method, Request};
use http_body_util::Full;
use lockgate_provider::kinds;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, TestRunner},
};

use crate::house::{House, lenient, read, secret};

/// In these a client may carry its key.
const CARRIERS: &[&str] = &["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// What a client, a browser or a proxy in front of the gateway might send along.
const SENT: &[&str] = &[
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "anthropic-version",
    "baggage",
    "cf-connecting-ip",
    "chatgpt-account-id",
    "connection",
    "conversation_id",
    "cookie",
    "forwarded",
    "helicone-auth",
    "idempotency-key",
    "keep-alive",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "originator",
    "portkey-api-key",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "sec-fetch-site",
    "session-id",
    "session_id",
    "te",
    "thread-id",
    "traceparent",
    "tracestate",
    "trailer",
    "true-client-ip",
    "user-agent",
    "via",
    "x-amz-security-token",
    "x-amzn-bedrock-guardrailidentifier",
    "x-app",
    "x-client-request-id",
    "x-claude-code-session-id",
    "x-codex-beta-features",
    "x-codex-turn-metadata",
    "x-codex-window-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-goog-api-client",
    "x-goog-user-project",
    "x-portkey-custom-host",
    "x-real-ip",
    "x-server-timeout",
    "x-session-affinity",
    "x-session-id",
    "x-stainless-lang",
    "x-stainless-retry-count",
];

/// What may arrive at every provider: the message's own, what the gateway says, and what ties requests together.
const ALWAYS: &[&str] = &[
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-session-affinity",
    "x-session-id",
];

/// A dialect, what may arrive besides, and a request of it for the model `MODEL`.
const DIALECTS: &[(&str, &[&str], &str, &str)] = &[
    (
        "openai-chat",
        &["openai-beta", "x-client-request-id"],
        "/v1/chat/completions",
        r#"{"model":"MODEL","messages":[{"role":"user","content":"hello"}]}"#,
    ),
    (
        "openai-responses",
        &[
            "conversation_id",
            "openai-beta",
            "session-id",
            "session_id",
            "thread-id",
            "x-client-request-id",
            "x-codex-beta-features",
            "x-codex-window-id",
        ],
        "/v1/responses",
        r#"{"model":"MODEL","input":"hello"}"#,
    ),
    (
        "anthropic",
        &["anthropic-beta", "anthropic-version", "x-claude-code-session-id"],
        "/v1/messages",
        r#"{"model":"MODEL","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
    ),
    (
        "gemini",
        &["x-server-timeout"],
        "/v1beta/models/MODEL:generateContent",
        r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
    ),
    ("ollama", &[], "/api/chat", r#"{"model":"MODEL","messages":[{"role":"user","content":"hello"}]}"#),
    (
        "bedrock",
        &[],
        "/model/MODEL/converse",
        r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#,
    ),
];

/// One provider of each kind at `host`, all with the same key.
fn one_of_each(host: &str, upstream_key: &str, client_key: &str) -> String {
    let mut providers = String::new();
    let mut models = String::new();
    for kind in kinds() {
        let more = if kind == "azure" { ", api_version: \"2024-10-21\"" } else { "" };
        providers.push_str(&format!(
            "  {kind}: {{ kind: {kind}, base_url: \"http://{host}\", api_key: {upstream_key}{more} }}\n"
        ));
        models.push_str(&format!("  on-{kind}: {{ targets: [{kind}/mock-1] }}\n"));
    }
    format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nretry: {{ attempts: 1 }}\n\
         access: {{ keys: [{{ name: a, key: {client_key} }}] }}\nproviders:\n{providers}models:\n{models}"
    )
}

/// Headers with a name and a value each; some twice.
fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let value = "[a-zA-Z0-9][a-zA-Z0-9 ,;=:/.-]{0,30}";
    let known = subsequence(SENT.to_vec(), 0..SENT.len())
        .prop_map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
    let names = (known, vec("x-[a-z0-9-]{1,20}", 0..4), vec(select(SENT).prop_map(str::to_owned), 0..3));
    let names = names.prop_map(|(known, made, twice)| [known, made, twice].concat());
    names.prop_flat_map(move |names| {
        let values = vec(value, names.len());
        (Just(names), values).prop_map(|(names, values)| names.into_iter().zip(values).collect())
    })
}

#[test]
fn whatever_a_client_sends_only_the_listed_arrives_and_one_credential() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (upstream_key, client_key) = (secret("upstream key"), secret("client key"));
    let mock = runtime.block_on(lenient());
    let house =
        runtime.block_on(House::new(&one_of_each(&mock.addr().to_string(), &upstream_key, &client_key)));
    let carriers = subsequence(CARRIERS.to_vec(), 1..=CARRIERS.len());
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let outcome = runner.run(&(headers(), carriers), |(headers, carriers)| {
        runtime.block_on(async {
            for kind in kinds() {
                let known = lockgate_provider::find(kind).unwrap();
                let speaks = known.speaks();
                for (dialect, own, path, body) in DIALECTS.iter().filter(|row| speaks.contains(&row.0)) {
                    let model = format!("on-{kind}");
                    let mut request = Request::builder()
                        .method(Method::POST)
                        .uri(house.url(&path.replace("MODEL", &model)))
                        .header("content-type", "application/json");
                    for carrier in &carriers {
                        let bearer = if *carrier == "authorization" { "Bearer " } else { "" };
                        request = request.header(*carrier, format!("{bearer}{client_key}"));
                    }
                    for (name, value) in &headers {
                        request = request.header(name, value);
                    }
                    let body = body.replace("MODEL", &model);
                    let before = mock.counts().requests;
                    read(house.send(request.body(Full::from(body)).unwrap()).await).await;
                    assert_eq!(mock.counts().requests, before + 1, "{kind} {dialect}: it did not arrive");
                    let entry = mock.ledger().pop().unwrap();
                    let shown: Vec<&HeaderName> =
                        entry.headers.keys().filter(|name| CARRIERS.contains(&name.as_str())).collect();
                    assert_eq!(shown.len(), 1, "{kind}: {shown:?}");
                    let credential = entry.headers.get_all(shown[0]).iter().collect::<Vec<_>>();
                    assert!(
                        credential.len() == 1 && credential[0].to_str().unwrap().ends_with(&upstream_key),
                        "{kind}: the one credential is not the provider's"
                    );
                    // What the gateway itself says to such a provider.
                    let usual = lockgate_provider::find(kind).unwrap().provider.usual_headers();
                    let usual = usual.iter().map(|(name, _)| *name);
                    let may: BTreeSet<&str> = ALWAYS.iter().chain(*own).copied().chain(usual).collect();
                    for (name, value) in &entry.headers {
                        let is_known = may.contains(name.as_str()) || name == shown[0];
                        assert!(is_known, "{kind} {dialect}: `{name}` arrived");
                        assert!(
                            !value.to_str().unwrap().contains(&client_key),
                            "{kind}: `{name}` has the key"
                        );
                    }
                    assert!(!entry.path.contains(&client_key) && !entry.path.contains(&upstream_key));
                }
            }
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn a_session_and_a_trace_travel_within_a_dialect() {
    let mock = lenient().await;
    let yaml = one_of_each(&mock.addr().to_string(), &secret("upstream key"), "client-key");
    let house = House::new(&yaml).await;
    for (kind, dialect) in
        [("anthropic", "anthropic"), ("openai", "openai-responses"), ("openai", "openai-chat")]
    {
        let (_, own, path, body) = DIALECTS.iter().find(|row| row.0 == dialect).unwrap();
        let expected =
            ["traceparent", "tracestate", "x-session-id", "idempotency-key"].into_iter().chain(own.to_vec());
        let mut request = Request::post(house.url(path)).header("authorization", "Bearer client-key");
        // What names no trace does not travel as if it did.
        let value = |name: &str| match name {
            "traceparent" => "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            name => format!("value of {name}"),
        };
        for name in expected.clone() {
            request = request.header(name, value(name));
        }
        let body = body.replace("MODEL", &format!("on-{kind}"));
        let request = request.header("content-type", "application/json").body(Full::from(body)).unwrap();
        read(house.send(request).await).await;
        let entry = mock.ledger().pop().unwrap();
        for name in expected {
            assert_eq!(entry.headers.get(name).unwrap(), &value(name), "{dialect}");
        }
    }
}

#[tokio::test]
async fn the_operator_may_have_a_clients_header_copied() {
    let mock = lenient().await;
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  a:\n    kind: openai\n    base_url: \"{}\"\n    \
         headers: {{ x-tenant: $X-Team, x-plain: $$$$5, x-over: $X-Team }}\n    credentials:\n      \
         - {{ api_key: k, headers: {{ x-over: written }} }}\nmodels:\n  fast: {{ targets: [a/gpt-4o-mini] }}\n",
        mock.base_url()
    );
    let house = House::new(&yaml).await;
    for (team, tenant) in [(Some("blue"), Some("blue")), (None, None)] {
        let mut request =
            Request::post(house.url(crate::house::CHAT_PATH)).header("x-tenant", "the client's own");
        if let Some(team) = team {
            request = request.header("X-Team", team);
        }
        let request = request.header("content-type", "application/json");
        let answer = read(house.send(request.body(Full::from(crate::house::CHAT)).unwrap()).await).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let entry = mock.ledger().pop().unwrap();
        assert_eq!(entry.headers.get("x-tenant").map(|value| value.to_str().unwrap()), tenant);
        assert_eq!(
            (&entry.headers["x-plain"], &entry.headers["x-over"]),
            (&"$5".parse().unwrap(), &"written".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_beta_that_a_host_refuses_is_taken_out_and_named() {
    let mock = lenient().await;
    let yaml = |on_loss: &str| {
        format!(
            "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  a: {{ kind: bedrock, base_url: \"http://{}\", \
             api_key: k, region: us-east-1 }}\nmodels:\n  fast: {{ targets: [a/anthropic.claude-opus-4-8], on_loss: {on_loss} }}\n",
            mock.addr()
        )
    };
    let (_, _, path, body) = DIALECTS.iter().find(|row| row.0 == "anthropic").unwrap();
    let ask = async |house: &House| {
        let request = Request::post(house.url(path))
            .header("content-type", "application/json")
            .header("anthropic-beta", "claude-code-20250219,context-1m-2025-08-07");
        read(house.send(request.body(Full::from(body.replace("MODEL", "fast"))).unwrap()).await).await
    };
    let answer = ask(&House::new(&yaml("allow")).await).await;
    let entry = mock.ledger().pop().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.header("x-lockgate-loss"),
        "headers.anthropic-beta.claude-code-20250219 (a beta that the model's host refuses)"
    );
    assert!(!entry.headers.contains_key("anthropic-beta"), "here they stand in the body");
    assert!(String::from_utf8_lossy(&entry.body).contains(r#""anthropic_beta":["context-1m-2025-08-07"]"#));
    let before = mock.counts().requests;
    let answer = ask(&House::new(&yaml("reject")).await).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("claude-code-20250219"), "{}", answer.text);
    assert_eq!(mock.counts().requests, before);
}

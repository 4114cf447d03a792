//! Google's accounts over a real connection: what the token endpoint takes, and what it refuses.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Value, json};

use crate::wire::{Seen, mock, request_with, send, ten_words};

const FORM: &str = "content-type: application/x-www-form-urlencoded";
const MODEL: &str = "/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929";

async fn ask(method: &str, path: &str, headers: &str, body: &str) -> Seen {
    let mock = mock(ten_words()).await;
    let seen = send(&mock, &request_with(method, path, headers, body)).await;
    mock.stop().await;
    seen
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn claims() -> Value {
    json!({
        "iss": "mock@mock-project.iam.gserviceaccount.com",
        "aud": "https://oauth2.googleapis.com/token",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "iat": now(),
        "exp": now() + 3600,
    })
}

/// An assertion signed with the service account's own key.
fn signed(header: &Value, claims: &Value) -> String {
    let account: Value = serde_json::from_str(&lockgate_mock::service_account()).unwrap();
    let der =
        PrivatePkcs8KeyDer::from_pem_slice(account["private_key"].as_str().unwrap().as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", BASE64.encode(signature))
}

async fn exchanged(assertion: &str) -> Value {
    let body =
        format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
    serde_json::from_slice(&ask("POST", "/token", FORM, &body).await.body).unwrap()
}

#[tokio::test]
async fn only_a_good_assertion_is_changed_for_a_token() {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "mock-key-1" });
    let good = signed(&header, &claims());
    let answer = exchanged(&good).await;
    assert!(answer["access_token"].as_str().is_some_and(|token| token.starts_with("ya29.mock-")), "{answer}");
    assert_eq!(answer["expires_in"], 3599);

    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let (front, signature) = good.rsplit_once('.').unwrap();
    let mut stretched = BASE64.encode(changed("exp", json!(now() + 3601)).to_string());
    stretched = format!("{}.{stretched}.{signature}", front.split_once('.').unwrap().0);
    let bad = [
        stretched,
        signed(&json!({ "alg": "none" }), &claims()),
        signed(&json!({ "alg": "RS256", "kid": "other" }), &claims()),
        signed(&header, &changed("aud", json!("https://example.com/token"))),
        signed(&header, &changed("iss", json!("other@example.com"))),
        signed(&header, &changed("exp", json!(now() - 1))),
        signed(&header, &changed("exp", json!(now() + 7200))),
        signed(&header, &changed("iat", json!(now() + 600))),
        signed(&header, &changed("scope", json!(""))),
        "a.b".to_owned(),
    ];
    for assertion in bad {
        assert_eq!(exchanged(&assertion).await["error"], "invalid_grant", "{assertion}");
    }
}

#[tokio::test]
async fn refresh_tokens_and_clients_are_looked_at() {
    let check = async |form: &str, status: u16, error: &str| {
        let seen = ask("POST", "/token", FORM, form).await;
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!((seen.status, body["error"].as_str().unwrap_or_default()), (status, error), "{form}");
    };
    check("grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=1//mock", 200, "").await;
    check("grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=1//x", 400, "invalid_grant")
        .await;
    check(
        "grant_type=refresh_token&client_id=c&client_secret=wrong&refresh_token=1//mock",
        401,
        "invalid_client",
    )
    .await;
    check("grant_type=refresh_token&refresh_token=1//mock", 401, "invalid_client").await;
    check("grant_type=password&client_id=c&client_secret=s", 400, "unsupported_grant_type").await;
    check("", 400, "invalid_request").await;
}

#[tokio::test]
async fn the_machine_answers_who_knows_how_to_ask() {
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    assert_eq!(ask("GET", path, "x: y", "").await.status, 403);
    let seen = ask("GET", path, "Metadata-Flavor: Google", "").await;
    assert!(seen.head.contains("metadata-flavor: Google\r\n"), "{}", seen.head);
    assert!(seen.text().contains("ya29.mock-"), "{}", seen.text());
    assert_eq!(
        ask("GET", "/computeMetadata/v1/project/project-id", "metadata-flavor: Google", "").await.text(),
        "mock-project"
    );
}

#[tokio::test]
async fn a_publishers_host_takes_its_own_form_only() {
    let check = async |verb: &str, headers: &str, body: &str, status: u16| {
        let seen = ask("POST", &format!("{MODEL}:{verb}"), headers, body).await;
        assert_eq!(seen.status, status, "{body}: {}", seen.text());
    };
    let bearer = "authorization: Bearer ya29.x";
    let body = r#"{"anthropic_version":"vertex-2023-10-16","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let with = |member: &str| body.replacen('{', &format!("{{{member},"), 1);
    check("rawPredict", bearer, body, 200).await;
    check("streamRawPredict", bearer, &with(r#""stream":true"#), 200).await;
    check("streamRawPredict", bearer, body, 400).await;
    check("rawPredict", bearer, &with(r#""model":"claude""#), 400).await;
    check("rawPredict", bearer, &body.replace("vertex", "bedrock"), 400).await;
    check("rawPredict", "authorization: Bearer ya29.x\r\nanthropic-version: 2023-06-01", body, 400).await;
    check("rawPredict", "x-goog-api-key: AIza", body, 401).await;
}

#[tokio::test]
async fn code_assist_takes_envelopes_only() {
    let check = async |body: &str, status: u16| {
        let seen = ask("POST", "/v1internal:generateContent", "authorization: Bearer ya29.x", body).await;
        assert_eq!(seen.status, status, "{body}: {}", seen.text());
        seen.text().to_owned()
    };
    let request = r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#;
    let text = check(&format!(r#"{{"model":"mock-1","project":"p","request":{request}}}"#), 200).await;
    assert!(text.starts_with("{\"response\": {") && text.contains("\"traceId\""), "{text}");
    check(request, 400).await;
    check(&format!(r#"{{"model":"mock-1","request":{request}}}"#), 400).await;
    check(&format!(r#"{{"model":"mock-1","project":"p","extra":1,"request":{request}}}"#), 400).await;
}

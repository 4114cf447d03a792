//! Addresses, keys and models.

use super::*;

#[track_caller]
fn turned_away(seen: &Seen, status: u16, kind: &str, body: &Value) {
    assert_eq!((seen.status, seen.kind(), &seen.json()), (status, kind, body));
    assert_eq!(seen.content_type, "application/json");
}

fn with_key(key: &str) -> Seen {
    let body = with(&json!({})).to_string();
    send(&Method::POST, "/model/mock-1/converse", &headers(key), body.as_bytes(), true)
}

#[test]
fn keys() {
    assert_eq!(with_key("Bearer ABSKmock").status, 200);
    assert_eq!(with_key("AWS4-HMAC-SHA256 Credential=AKIA1/20261101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0").status, 200);
    let wrong = json!({ "message": "The security token included in the request is invalid." });
    turned_away(
        &with_key("AWS4-HMAC-SHA256 Credential=bad/20261101"),
        403,
        "UnrecognizedClientException",
        &wrong,
    );
    let wrong = json!({ "Message": "Authentication failed: Please make sure your API Key is valid." });
    turned_away(&with_key("Bearer invalid"), 403, "AccessDeniedException", &wrong);
    turned_away(
        &with_key("Bearer "),
        403,
        "MissingAuthenticationTokenException",
        &json!({ "message": "Missing Authentication Token" }),
    );
    turned_away(
        &with_key("Basic abc"),
        403,
        "MissingAuthenticationTokenException",
        &json!({ "message": "Missing Authentication Token" }),
    );
}

#[test]
fn addresses() {
    let body = with(&json!({})).to_string();
    let sent = |method: Method, path: &str| send(&method, path, &headers("Bearer k"), body.as_bytes(), true);
    for (method, path) in [
        (Method::POST, "/model/mock-1/invoke-model"),
        (Method::POST, "/model/mock-1"),
        (Method::GET, "/model/mock-1/converse"),
    ] {
        let seen = sent(method, path);
        assert_eq!((seen.status, seen.kind()), (404, "UnknownOperationException"), "{path}");
    }
    let claims = |path| Bedrock.claims(&Address { path, query: "", headers: &HeaderMap::new() });
    assert!(claims("/model/x/converse"));
    assert!(!claims("/v1/models"));
}

#[test]
fn models_by_every_name() {
    for id in [
        "mock-1",
        "us.mock-1",
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0",
        "eu.amazon.nova-micro-v1:0",
        "arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Famazon.nova-lite-v1%3A0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-8",
        "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:application-inference-profile%2Fabcdefghijkl",
    ] {
        let seen = ask(id, "converse", &with(&json!({})));
        assert_eq!(seen.status, 200, "{id}: {:?}", seen.body);
    }
    let invalid = json!({ "message": "The provided model identifier is invalid." });
    for id in
        ["us.does-not-exist-model-v1%3A0", "gpt-5", "arn:aws:s3:::mock-1", "arn:aws:bedrock:x:1:agent/y"]
    {
        turned_away(&ask(id, "converse-stream", &with(&json!({}))), 400, "ValidationException", &invalid);
    }
}

#[test]
fn models_that_cannot_be_had() {
    let nothing =
        json!({ "message": "Could not resolve the foundation model from the provided model identifier." });
    let id = "arn:aws:bedrock:us-east-1::foundation-model%2Fnobody.nothing-v1";
    turned_away(&ask(id, "converse", &with(&json!({}))), 404, "ResourceNotFoundException", &nothing);
    let gone = "This model version has reached the end of its life. Please refer to the AWS documentation for more details.";
    let seen = ask("anthropic.claude-v2:1", "converse", &with(&json!({})));
    turned_away(&seen, 404, "ResourceNotFoundException", &json!({ "message": gone }));
    let seen = ask("anthropic.claude-sonnet-4-5-20250929-v1:0", "converse", &with(&json!({})));
    let message = seen.json()["message"].as_str().unwrap().to_owned();
    assert!(
        message
            .starts_with("Invocation of model ID anthropic.claude-sonnet-4-5-20250929-v1:0 with on-demand"),
        "{message}"
    );
}

#[test]
fn every_answer_has_an_id() {
    let id = |seen: &Seen| seen.headers["x-amzn-requestid"].to_str().unwrap().to_owned();
    let parts: Vec<_> = id(&post(&with(&json!({})))).split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert_eq!(id(&post(&json!({ "messages": 1 }))).len(), 36);
}

#[test]
fn leniency_takes_all_but_nothing() {
    let answer = |body: &Value| {
        send(&Method::POST, "/model/any/converse", &HeaderMap::new(), body.to_string().as_bytes(), false)
            .status
    };
    assert_eq!(answer(&json!({ "messages": [{ "role": "pirate" }], "yo": "ho" })), 200);
    assert_eq!(answer(&json!({})), 400);
}

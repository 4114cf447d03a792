//! Which requests are signed: those of a provider that wants it, with a pass that has keys.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Method};
use lockgate_provider::{Ask, Outbound, Proof, SigningKeys, Site, Terms, Wish};

/// The headers of a request to `site` that shows `proof`, when it leaves.
fn headers(site: &Site, proof: &Proof) -> HeaderMap {
    let pass = site.pass(proof, &Terms::default(), &[]).expect("a pass");
    let (method, tail) = (Method::POST, "/model/x/converse");
    let ask = Ask {
        method: &method,
        tail,
        query: None,
        model: "us.anthropic.claude-v1:0",
        stream: false,
        pass: &pass,
    };
    let mut prepared = site.prepare(&ask).expect("prepared");
    let body = [Bytes::from_static(b"{}")];
    let headers = &mut prepared.headers;
    let mut outbound = Outbound { method: &method, uri: &prepared.uri, headers, body: &body };
    site.sign(&pass, &mut outbound, UNIX_EPOCH + Duration::from_secs(1_800_000_000)).expect("signed");
    prepared.headers
}

fn keys() -> Proof {
    let (id, secret) = ("AKIDEXAMPLE".to_owned(), "very-secret".to_owned());
    Proof::Keys(SigningKeys { id, secret, session: Some("a-session".to_owned()) })
}

#[test]
fn a_request_with_keys_is_signed_for_its_region() {
    let site = Site::new("bedrock", Wish { region: Some("eu-west-1"), ..Wish::default() }, &[]);
    let headers = headers(&site.expect("a site"), &keys());
    let words = headers["authorization"].to_str().expect("text");
    let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270115/eu-west-1/bedrock/aws4_request, \
                    SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=";
    assert!(words.starts_with(expected), "{words}");
    assert_eq!(headers["host"], "bedrock-runtime.eu-west-1.amazonaws.com");
    assert_eq!(headers["x-amz-date"], "20270115T080000Z");
    assert_eq!(headers["x-amz-security-token"], "a-session");
    assert!(!format!("{headers:?} {:?}", keys()).contains("secret"));
}

#[test]
fn a_request_with_a_bearer_key_is_not() {
    let site = Site::new("bedrock", Wish { region: Some("eu-west-1"), ..Wish::default() }, &[]);
    let headers = headers(&site.expect("a site"), &Proof::Key("k".to_owned()));
    assert_eq!((headers.len(), &headers["authorization"]), (1, &http::HeaderValue::from_static("Bearer k")));
}

#[test]
fn without_a_region_nothing_can_be_signed() {
    let site = Site::new("bedrock", Wish { base_url: Some("http://127.0.0.1:1"), ..Wish::default() }, &[]);
    let site = site.expect("a site");
    let pass = site.pass(&keys(), &Terms::default(), &[]).expect("a pass");
    let uri = "http://127.0.0.1:1/model/x/converse".parse().expect("an address");
    let mut headers = HeaderMap::new();
    let mut outbound = Outbound { method: &Method::POST, uri: &uri, headers: &mut headers, body: &[] };
    let fault = site.sign(&pass, &mut outbound, UNIX_EPOCH).expect_err("refused");
    assert!(fault.detail.starts_with("`region` is missing"), "{}", fault.detail);
}

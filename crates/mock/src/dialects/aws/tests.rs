//! What is believed, and what is given out for what.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::*;
use crate::{AwsKey, Behaviour, clock, reply::Payload};

fn key() -> AwsKey {
    AwsKey {
        id: "AKIDEXAMPLE".to_owned(),
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        region: "us-east-1".to_owned(),
        lifetime: Duration::from_secs(900),
    }
}

/// A request as botocore 1.44.5 signed it, and when.
struct Sample {
    path: String,
    query: String,
    body: String,
    headers: Vec<(&'static str, String)>,
    at: SystemTime,
}

fn sample() -> Sample {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, \
                         SignedHeaders=content-type;host;x-amz-date, \
                         Signature=618287654b10e0f55d07a506bbf7b895ce7ccb2576c95041cc7ac4f6171efadf";
    Sample {
        path: "/proxy/model/amazon.nova-lite-v1%3A0/invoke".to_owned(),
        query: "trace=on&a=b%2Fc".to_owned(),
        body: r#"{"messages":[]}"#.to_owned(),
        headers: vec![
            ("host", "127.0.0.1:8080".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("x-amz-date", "20150830T123600Z".to_owned()),
            ("authorization", authorization.to_owned()),
            ("user-agent", "not signed".to_owned()),
        ],
        at: humantime::parse_rfc3339("2015-08-30T12:36:30Z").unwrap(),
    }
}

impl Sample {
    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
    }

    /// Changes a part of what is shown.
    fn show(&mut self, part: &str, instead: &str) {
        let (_, words) = self.headers.iter_mut().find(|(name, _)| *name == "authorization").unwrap();
        assert!(words.contains(part), "{words}");
        *words = words.replace(part, instead);
    }
}

fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
    let value = |value: &str| HeaderValue::from_str(value).unwrap();
    pairs.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect()
}

/// Answers the call that a request is.
fn with<T>(
    method: &Method,
    path: &str,
    query: &str,
    pairs: &[(&'static str, String)],
    body: &str,
    answer: impl FnOnce(&Call<'_>) -> T,
) -> T {
    let (headers, body, key) = (headers(pairs), Bytes::copy_from_slice(body.as_bytes()), key());
    let behaviour = Behaviour::default();
    answer(&Call {
        method,
        path,
        query,
        headers: &headers,
        body: &body,
        serial: 7,
        strict: true,
        require_key: true,
        aws: Some(&key),
        behaviour: &behaviour,
    })
}

/// What becomes of botocore's request once it is changed.
#[track_caller]
fn check(change: impl FnOnce(&mut Sample), expected: Result<(), (&str, &str)>) {
    let mut sample = sample();
    change(&mut sample);
    let Sample { path, query, body, headers, at } = sample;
    let believed = with(&Method::POST, &path, &query, &headers, &body, |call| {
        signature::check(call, &key(), "bedrock", at)
    });
    match (believed, expected) {
        (Ok(()), Ok(())) => {}
        (Err(denied), Err((kind, words))) => {
            assert_eq!(denied.kind, kind, "{denied:?}");
            assert!(denied.message.contains(words), "{denied:?}");
        }
        (believed, expected) => panic!("{believed:?} instead of {expected:?}"),
    }
}

#[test]
fn a_request_that_botocore_signed_is_believed_until_it_is_changed() {
    const WRONG: Result<(), (&str, &str)> =
        Err(("InvalidSignatureException", "The request signature we calculated"));
    check(|_| {}, Ok(()));
    check(|sample| sample.body.push(' '), WRONG);
    check(|sample| sample.path = sample.path.replace("lite", "pro"), WRONG);
    check(|sample| sample.path = sample.path.replace("%3A", ":"), WRONG);
    check(|sample| sample.query.push_str("&b=1"), WRONG);
    check(|sample| sample.query = "a=b%2Fc&trace=on".to_owned(), Ok(()));
    check(|sample| sample.set("host", "127.0.0.1:8081"), WRONG);
    check(|sample| sample.set("content-type", "text/plain"), WRONG);
    check(|sample| sample.set("user-agent", "another"), Ok(()));
    check(|sample| sample.show("adf", "ade"), WRONG);
}

#[test]
fn keys_dates_and_places_are_held_to() {
    let wrong = |words| Err(("InvalidSignatureException", words));
    check(|sample| sample.at += Duration::from_secs(600), wrong("Signature expired"));
    check(|sample| sample.at -= Duration::from_secs(600), wrong("Signature not yet current"));
    check(|sample| sample.set("x-amz-date", "yesterday"), wrong("ISO-8601"));
    check(|sample| sample.show("/20150830/", "/20150831/"), wrong("Date in Credential scope"));
    check(|sample| sample.show("/us-east-1/", "/us-east-2/"), wrong("valid region"));
    check(|sample| sample.show("/bedrock/", "/s3/"), wrong("correct service"));
    check(|sample| sample.show("host;", ""), wrong("'host' must be a 'SignedHeader'"));
    check(|sample| sample.set("x-amz-target", "x"), wrong("'x-amz-target' must be a 'SignedHeader'"));
    check(
        |sample| sample.show("AKIDEXAMPLE", "AKIDOTHER"),
        Err(("UnrecognizedClientException", "security token")),
    );
    let incomplete = || Err(("IncompleteSignatureException", "Authorization header requires"));
    check(|sample| sample.show("AWS4", "AWS3"), incomplete());
    check(|sample| sample.show(", Signature=", ", Nothing="), incomplete());
}

#[test]
fn keys_that_were_given_out_count_with_their_session_and_until_their_end() {
    let now = clock::wall();
    let given = keys::Temporary::new(&key(), 3, now);
    let known = keys::Temporary::named(&key(), &given.id).unwrap();
    assert_eq!((&known.secret, &known.session), (&given.secret, &given.session));
    assert!(
        known.expires > now + Duration::from_secs(890) && known.expires <= now + Duration::from_secs(900)
    );
    assert!(keys::Temporary::named(&key(), "ASIAMOCK3").is_none());

    let ask = |session: &str, at| {
        let mut sample = sample();
        sample.show("AKIDEXAMPLE", &given.id);
        sample.set("x-amz-security-token", session);
        let Sample { path, query, body, headers, .. } = sample;
        let denied = with(&Method::POST, &path, &query, &headers, &body, |call| {
            signature::check(call, &key(), "bedrock", at)
        });
        denied.unwrap_err().kind
    };
    assert_eq!(ask("another", now), "UnrecognizedClientException");
    assert_eq!(ask(&given.session, now + Duration::from_secs(901)), "ExpiredTokenException");
    assert_eq!(ask(&given.session, now), "InvalidSignatureException", "the key is believed, the date is not");
}

/// Method, path with its query, headers, body; status and the beginning of a line of the answer.
type Row =
    (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str, u16, &'static str);

const IDENTITY: &str = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=s&\
                        RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&WebIdentityToken=mock-identity-1";
const ROWS: &[Row] = &[
    ("POST", "/aws/sts/", &[], IDENTITY, 200, "<AccessKeyId>ASIAMOCK7X"),
    ("POST", "/aws/sts", &[], "Action=AssumeRole&Version=2011-06-15", 403, "<Code>IncompleteSignature<"),
    (
        "POST",
        "/aws/sts",
        &[],
        "Action=AssumeRoleWithWebIdentity&WebIdentityToken=x",
        400,
        "<Code>InvalidIdentityToken<",
    ),
    ("POST", "/aws/sts", &[], "Action=Other", 400, "<Code>InvalidAction<"),
    (
        "GET",
        "/aws/container",
        &[("authorization", "container-token")],
        "",
        200,
        "\"AccessKeyId\":\"ASIAMOCK7X",
    ),
    ("GET", "/aws/container", &[], "", 401, "NotAuthorized"),
    (
        "PUT",
        "/aws/latest/api/token",
        &[("x-aws-ec2-metadata-token-ttl-seconds", "60")],
        "",
        200,
        "imds-session-7",
    ),
    ("PUT", "/aws/latest/api/token", &[], "", 400, "the time to live"),
    ("GET", "/aws/latest/meta-data/iam/security-credentials/", &[], "", 401, "Unauthorized"),
    (
        "GET",
        "/aws/latest/meta-data/iam/security-credentials/",
        &[("x-aws-ec2-metadata-token", "imds-session-7")],
        "",
        200,
        "mock+role_1",
    ),
    (
        "GET",
        "/aws/federation/credentials?role_name=r&account_id=123456789012",
        &[("x-amz-sso_bearer_token", "sso-token-1")],
        "",
        200,
        "\"accessKeyId\":\"ASIAMOCK7X",
    ),
    (
        "GET",
        "/aws/federation/credentials?role_name=r&account_id=123456789012",
        &[],
        "",
        401,
        "Session token not found",
    ),
    (
        "POST",
        "/aws/token",
        &[],
        r#"{"grantType":"refresh_token","clientId":"c","clientSecret":"s","refreshToken":"sso-refresh-1"}"#,
        200,
        "sso-token-7",
    ),
    ("POST", "/aws/token", &[], r#"{"grantType":"refresh_token","refreshToken":"x"}"#, 400, "invalid_grant"),
];

#[test]
fn keys_are_given_out_to_whoever_proves_what_is_wanted() {
    for (method, path, pairs, body, status, words) in ROWS {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let reply = with(&method.parse().unwrap(), path, query, &pairs, body, |call| Aws.answer(call));
        let Payload::Whole(text) = reply.payload else { panic!("{path} is no stream") };
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert_eq!(reply.status, *status, "{method} {path}: {text}");
        assert!(text.contains(words), "{method} {path}: {text}");
    }
}

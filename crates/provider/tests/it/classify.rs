//! What failures mean: a table of bodies kept here, and every recorded one where the recordings are.

use std::{
    collections::BTreeSet,
    fmt::Write,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_protocol::ir::{Blame, Fault, FaultKind, Scope};
use lockgate_provider::{PROVIDERS, Reply};
use lockgate_testkit::fixtures::{self, Answer, Kind};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Errors {
    error: Vec<Error>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Error {
    name: String,
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: String,
    /// [`FaultKind::name`].
    fault: String,
}

fn classify(status: u16, headers: &[(String, String)], body: &[u8]) -> Fault {
    let map: HeaderMap = headers
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
        })
        .collect();
    let body = Bytes::copy_from_slice(body);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let reply = Reply { status, headers: &map, body: &body, now };
    let faults: Vec<Fault> = PROVIDERS.iter().map(|provider| provider.classify(&reply)).collect();
    assert!(faults.windows(2).all(|two| two[0].kind == two[1].kind), "the OpenAI family agrees");
    check_secrecy(&faults[0]);
    faults.into_iter().next().expect("a provider")
}

/// What holds for every fault, whatever the provider says.
fn check_secrecy(fault: &Fault) {
    let travels = fault.kind.blame() == Blame::Client || fault.kind == FaultKind::UpstreamNotFound;
    // What the client is to blame for says nothing about who was asked.
    assert!(fault.kind.blame() != Blame::Client || fault.scope == Scope::Request, "{fault:?}");
    assert!(travels || (fault.body.is_none() && fault.complaint.is_none()), "{fault:?}");
    assert!(fault.kind.blame() != Blame::Client || fault.retry_after.is_none(), "{fault:?}");
    assert!(!fault.public.is_empty() && !fault.public.ends_with('.') || travels, "{fault:?}");
    assert!(fault.detail.chars().count() <= 601, "{fault:?}");
    let shown = format!("{} {} {:?} {:?}", fault.public, fault.detail, fault.complaint, fault.body);
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn errors_mean_what_the_table_says() {
    let table: Errors = toml::from_str(include_str!("errors.toml")).expect("errors.toml parses");
    let mut golden = String::new();
    let mut names = BTreeSet::new();
    for error in &table.error {
        assert!(names.insert(&error.name), "{} twice", error.name);
        let fault = classify(error.status, &error.headers, error.body.as_bytes());
        assert_eq!(fault.kind.name(), error.fault, "{}: {fault:?}", error.name);
        let wait = fault.retry_after.map(|wait| format!(", wait {wait:?}")).unwrap_or_default();
        let body = if fault.body.is_some() { ", body" } else { "" };
        let _ = writeln!(
            golden,
            "{}: {} -> {}, {:?}{wait}{body}",
            error.name, error.status, fault.status, fault.scope
        );
        let _ = writeln!(golden, "  public  {}", fault.public);
        let _ = writeln!(golden, "  detail  {}", fault.detail);
        if let Some(complaint) = &fault.complaint {
            let field = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            let _ = writeln!(
                golden,
                "  said    {} | {} | {}",
                field(&complaint.kind),
                field(&complaint.code),
                field(&complaint.param)
            );
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("errors", golden);
    });
}

/// Every recorded error: fault, status for the client, seconds to wait.
const RECORDED: &[(&str, FaultKind, u16, Option<f64>)] = &[
    ("openai-chat/error-400-bad-request", FaultKind::Refused, 400, None),
    ("openai-chat/error-400-deepseek-context", FaultKind::ContextLength, 400, None),
    ("openai-chat/error-400-developer-role", FaultKind::Refused, 400, None),
    ("openai-chat/error-400-groq-tool-use-failed", FaultKind::Refused, 400, None),
    ("openai-chat/error-400-no-messages", FaultKind::Refused, 400, None),
    ("openai-chat/error-401-invalid-key", FaultKind::KeyRefused, 502, None),
    ("openai-chat/error-401-mistral-detail", FaultKind::KeyRefused, 502, None),
    ("openai-chat/error-401-openrouter-int-code", FaultKind::KeyRefused, 502, None),
    ("openai-chat/error-404-azure-deployment", FaultKind::UpstreamNotFound, 404, None),
    ("openai-chat/error-404-model-not-found", FaultKind::UpstreamNotFound, 404, None),
    ("openai-chat/error-422-azure-validation", FaultKind::Refused, 422, None),
    ("openai-chat/error-429-azure-retry-after", FaultKind::RateLimited, 429, Some(1.0)),
    ("openai-chat/error-429-openrouter", FaultKind::RateLimited, 429, None),
    ("openai-responses/error-400-context", FaultKind::ContextLength, 400, None),
    ("openai-responses/error-400-decimal", FaultKind::Refused, 400, None),
    ("openai-responses/error-400-deepseek-interleaved", FaultKind::Refused, 400, None),
    ("openai-responses/error-400-model", FaultKind::UpstreamNotFound, 404, None),
    ("openai-responses/error-400-reasoning-without-item", FaultKind::Refused, 400, None),
    ("openai-responses/error-400-xai-auth", FaultKind::KeyRefused, 502, None),
    ("openai-responses/error-401", FaultKind::KeyRefused, 502, None),
    // Shapes that also come through OpenAI-compatible endpoints.
    ("gemini/error-400-api-key", FaultKind::KeyRefused, 502, None),
    ("gemini/error-400-role", FaultKind::Refused, 400, None),
    ("gemini/error-404", FaultKind::UpstreamNotFound, 404, None),
    ("gemini/error-404-on-stream", FaultKind::UpstreamNotFound, 404, None),
    ("gemini/error-429-retry-info", FaultKind::RateLimited, 429, Some(48.0)),
    ("ollama/error-404", FaultKind::UpstreamNotFound, 404, None),
    ("anthropic-messages/error-400-context", FaultKind::ContextLength, 400, None),
    ("anthropic-messages/error-400-effort", FaultKind::Refused, 400, None),
    ("anthropic-messages/error-401", FaultKind::KeyRefused, 502, None),
    ("anthropic-messages/error-404", FaultKind::UpstreamNotFound, 404, None),
];

#[test]
fn recorded_errors_mean_what_the_table_says() {
    let Some(recordings) = fixtures::open() else { return };
    let mut met = BTreeSet::new();
    for protocol in ["openai-chat", "openai-responses", "gemini", "ollama", "anthropic-messages"] {
        for case in recordings.cases(protocol, Kind::NonStream) {
            let case = case.expect("a readable recording");
            if !case.name.starts_with("error-") {
                continue;
            }
            let Answer::Whole(body) = &case.answer else { panic!("{}: no body", case.id()) };
            let id = format!("{protocol}/{}", case.name);
            let row =
                RECORDED.iter().find(|row| row.0 == id).unwrap_or_else(|| panic!("{id} is not in the table"));
            let fault = classify(case.status, &case.headers, body);
            let wait = fault.retry_after.map(|wait| wait.as_secs_f64().floor());
            assert_eq!((fault.kind, fault.status, wait), (row.1, row.2, row.3), "{id}: {fault:?}");
            match &fault.complaint {
                Some(complaint) => {
                    let words = complaint.message.as_deref().expect("every recorded error has a message");
                    assert!(fault.public.ends_with(words), "{id}: {}", fault.public);
                    assert_eq!(fault.body.as_deref(), Some(body.as_slice()), "{id}");
                }
                None => assert!(!fault.detail.is_empty(), "{id}"),
            }
            met.insert(row.0);
        }
    }
    assert_eq!(met.len(), RECORDED.len(), "a row without its recording");
}

proptest::proptest! {
    #[test]
    fn no_body_is_too_odd(status in 0u16..1000, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), json in json()) {
        classify(status, &[], &body);
        classify(status, &[("retry-after".to_owned(), "1".to_owned())], json.as_bytes());
    }
}

/// JSON with the keys that error bodies have, in places where they do not belong.
fn json() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let leaf = prop_oneof![Just("null".to_owned()), "[0-9]{1,4}", "\"[a-z _äß]{0,12}\""];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let key = prop_oneof![
            Just("error"),
            Just("message"),
            Just("code"),
            Just("type"),
            Just("detail"),
            Just("details"),
            Just("loc"),
            Just("metadata"),
            Just("raw"),
            Just("status"),
            Just("param"),
            Just("retryDelay"),
            Just("innererror"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key, inner), 0..6).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

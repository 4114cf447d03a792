//! Method, URL and headers of every kind, for the spellings of `base_url` that people write.

use std::fmt::Write;

use http::Method;
use lockgate_provider::{Ask, Site};

/// Kind, `base_url`, `api_version`.
type Row = (&'static str, Option<&'static str>, Option<&'static str>);

const TAILS: &[(Method, &str)] = &[
    (Method::POST, "/chat/completions"),
    (Method::POST, "/embeddings"),
    (Method::POST, "/audio/transcriptions"),
    (Method::POST, "/responses"),
    (Method::GET, "/models"),
];

#[track_caller]
fn check(name: &str, rows: &[Row]) {
    let mut golden = String::new();
    for (kind, base_url, api_version) in rows {
        let _ = write!(golden, "{kind} {}", base_url.unwrap_or("-"));
        let _ = writeln!(golden, "{}", api_version.map(|v| format!(" {v}")).unwrap_or_default());
        let site = crate::site(kind, *base_url, *api_version, &[]).expect("a site");
        let pass = crate::pass(&site, Some("k-1"), &[]).expect("a pass");
        for (method, tail) in TAILS {
            let ask = Ask { method, tail, query: None, model: "gpt 4o", stream: false, pass: &pass };
            let prepared = site.prepare(&ask).expect("prepared");
            let _ = writeln!(golden, "  {method} {}", prepared.uri);
            assert!(prepared.headers.values().all(http::HeaderValue::is_sensitive));
        }
        for (name, value) in &credential_headers(&site) {
            let _ = writeln!(golden, "  {name}: {value}");
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, golden);
    });
}

fn credential_headers(site: &Site) -> Vec<(String, String)> {
    let pass = crate::pass(site, Some("k-1"), &[]).expect("a pass");
    let ask =
        Ask { method: &Method::GET, tail: "/models", query: None, model: "", stream: false, pass: &pass };
    let prepared = site.prepare(&ask).expect("prepared");
    let text = |value: &http::HeaderValue| value.to_str().expect("text").to_owned();
    prepared.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

#[test]
fn openai() {
    check(
        "openai",
        &[
            ("openai", None, None),
            ("openai", Some("https://api.openai.com"), None),
            ("openai", Some(" HTTPS://api.openai.com/v1/ "), None),
            ("openai", Some("https://api.openai.com/v1/v1"), None),
            ("openai", Some("https://api.openai.com/v1/chat/completions"), None),
            ("openai", Some("https://eu.api.openai.com/v1//"), None),
            ("openai", Some("http://[::1]:8080"), None),
            ("openai", Some("https://relay.example/openai"), None),
            ("openai", Some("https://relay.example/v1/account/openai"), None),
        ],
    );
}

#[test]
fn azure() {
    check(
        "azure",
        &[
            ("azure", Some("https://res.openai.azure.com"), None),
            ("azure", Some("https://res.openai.azure.com/"), Some("2024-10-21")),
            ("azure", Some("https://res.openai.azure.com/openai"), Some("2025-04-01-preview")),
            (
                "azure",
                Some("https://res.openai.azure.com/openai/deployments/x/chat/completions"),
                Some("2024-10-21"),
            ),
            ("azure", Some("https://res.openai.azure.com/openai/v1/"), None),
            ("azure", Some("https://res.services.ai.azure.com/openai/v1"), Some("preview")),
            ("azure", Some("https://res.openai.azure.com"), Some("v1")),
            ("azure", Some("https://apim.example/team/v1"), Some("2024-10-21")),
        ],
    );
}

#[test]
fn openai_compatible() {
    check(
        "openai-compatible",
        &[
            ("openai-compatible", Some("http://10.0.0.1:8000"), None),
            ("openai-compatible", Some("http://10.0.0.1:8000/v1/v1/"), None),
            ("openai-compatible", Some("https://host.example/some/path"), None),
            ("openai-compatible", Some("https://host.example/some/path/chat/completions"), None),
            ("vllm", None, None),
            ("vllm", Some("http://10.0.0.1:9000"), None),
            ("groq", None, None),
            ("zhipu", Some("https://mirror.example"), None),
            ("deepinfra", None, None),
            ("perplexity", None, None),
        ],
    );
}

#[test]
fn a_query_follows_and_the_operators_part_of_it_stands() {
    let check = |site: &Site, query: &str, expected: &str| {
        let pass = crate::pass(site, Some("k"), &[]).expect("a pass");
        let ask = Ask {
            method: &Method::GET,
            tail: "/files",
            query: Some(query),
            model: "m",
            stream: false,
            pass: &pass,
        };
        assert_eq!(site.prepare(&ask).expect("prepared").uri.to_string(), expected);
    };
    let openai = crate::site("openai", None, None, &[]).expect("a site");
    check(&openai, "limit=2&after=x%20y", "https://api.openai.com/v1/files?limit=2&after=x%20y");
    check(&openai, "", "https://api.openai.com/v1/files");
    let azure = crate::site("azure", Some("https://r.example"), Some("2024-10-21"), &[]).expect("a site");
    let base = "https://r.example/openai/files?api-version=2024-10-21";
    check(&azure, "limit=2", &format!("{base}&limit=2"));
    check(&azure, "api-version=2020-01-01&limit=2&Api%2DVersion=x", &format!("{base}&limit=2"));
}

#[test]
fn the_operators_headers_go_along_and_the_key_wins() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let site = crate::site("openai", None, None, &[pair("X-Team", "a"), pair("authorization", "theirs")])
        .expect("a site");
    let pass = crate::pass(&site, Some("k"), &[pair("x-team", "b")]).expect("a pass");
    let ask = Ask {
        method: &Method::POST,
        tail: "/responses",
        query: None,
        model: "m",
        stream: false,
        pass: &pass,
    };
    let headers = site.prepare(&ask).expect("prepared").headers;
    assert_eq!(headers.len(), 2);
    assert_eq!(headers["x-team"], "b");
    assert_eq!(headers["authorization"], "Bearer k");
    assert!(!format!("{site:?} {pass:?} {headers:?}").contains("Bearer k"));
}

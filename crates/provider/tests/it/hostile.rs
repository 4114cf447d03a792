//! No path, model or query of a client's leaves the provider's own paths.

use http::Method;
use lockgate_protocol::ir::FaultKind;
use lockgate_provider::{Ask, Site};
use proptest::prelude::*;

const TAILS: &[&str] = &[
    "",
    "chat",
    "/",
    "//evil.example/x",
    "/models/",
    "/models//x",
    "/../admin",
    "/models/..",
    "/models/./x",
    "/models/.../x",
    "/models/..;/x",
    "/models/..;a=b/x",
    "/models/%2e%2e/x",
    "/models/.%2E/x",
    "/models/x%2fy",
    "/models/x%2Fy",
    "/models/x%5cy",
    "/models/x\\y",
    "/models/%252e%252e/x",
    "/models/%c0%ae%c0%ae/x",
    "/models/x%00",
    "/models/x%0d%0aHost:evil",
    "/models/x\r\ny",
    "/models/x\0",
    "/models/x\u{7f}",
    "/models/%zz",
    "/models/%2",
    "/models/%",
    "/models?x",
    "/models#x",
    "@evil.example",
    "/https:\\\\evil.example",
];

const MODELS: &[&str] = &[
    "",
    ".",
    "..",
    "...",
    "a/b",
    "../x",
    "a\\b",
    "a%2fb",
    "a%b",
    "a\nb",
    "a\0b",
    "..;x",
    "a\u{7f}",
    "https://evil",
];

const QUERIES: &[&str] = &["a#b", "a b", "a\r\nb", "a\0", "ä=1"];

fn sites() -> Vec<Site> {
    let site = |kind, base_url, version| crate::site(kind, base_url, version, &[]).expect("a site");
    vec![
        site("openai", None, None),
        site("vllm", Some("http://10.0.0.1:8000/v1"), None),
        site("azure", Some("https://res.openai.azure.com"), Some("2024-10-21")),
    ]
}

#[track_caller]
fn check_refused(site: &Site, tail: &str, model: &str, query: Option<&str>) {
    let pass = crate::pass(site, Some("k"), &[]).expect("a pass");
    let ask = Ask { method: &Method::POST, tail, query, model, stream: false, pass: &pass };
    match site.prepare(&ask) {
        Ok(prepared) => panic!("{tail:?} {model:?} {query:?} became {}", prepared.uri),
        Err(fault) => assert_eq!(fault.kind, FaultKind::BadRequest),
    }
}

#[test]
fn what_climbs_or_hides_is_refused() {
    for site in &sites() {
        TAILS.iter().for_each(|tail| check_refused(site, tail, "m", None));
        QUERIES.iter().for_each(|query| check_refused(site, "/models", "m", Some(query)));
        check_refused(site, &format!("/{}", "x".repeat(70_000)), "m", None);
    }
    let azure = &sites()[2];
    MODELS.iter().for_each(|model| check_refused(azure, "/chat/completions", model, None));
}

#[test]
fn odd_names_are_encoded_and_escapes_kept() {
    let check = |site: &Site, tail: &str, model: &str, expected: &str| {
        let pass = crate::pass(site, Some("k"), &[]).expect("a pass");
        let ask = Ask { method: &Method::POST, tail, query: None, model, stream: false, pass: &pass };
        assert_eq!(site.prepare(&ask).expect("prepared").uri.path(), expected);
    };
    let sites = sites();
    check(&sites[0], "/models/ft:gpt-4o:org::id", "m", "/v1/models/ft:gpt-4o:org::id");
    check(&sites[0], "/files/ä b%20c\"", "m", "/v1/files/%C3%A4%20b%20c%22");
    check(&sites[0], "/files/a..b;c", "m", "/v1/files/a..b;c");
    check(
        &sites[2],
        "/chat/completions",
        "gpt ä:1?#@;",
        "/openai/deployments/gpt%20%C3%A4%3A1%3F%23%40%3B/chat/completions",
    );
}

proptest! {
    #[test]
    fn host_and_prefix_stand(tail in "/.{0,40}", odd in "/[a-z./%\\\\;@?#:]{0,20}", model in ".{0,20}") {
        for site in &sites() {
            let pass = crate::pass(site, Some("k"), &[]).expect("a pass");
            let usual = site.prepare(&Ask {
                method: &Method::POST, tail: "/x", query: None, model: "m", stream: false, pass: &pass,
            }).expect("prepared").uri;
            let prefix = usual.path().strip_suffix("x").expect("the tail");
            for tail in [tail.as_str(), odd.as_str(), "/chat/completions"] {
                let ask = Ask { method: &Method::POST, tail, query: None, model: &model, stream: false, pass: &pass };
                let Ok(prepared) = site.prepare(&ask) else { continue };
                prop_assert_eq!(prepared.uri.authority(), usual.authority());
                prop_assert_eq!(prepared.uri.scheme(), usual.scheme());
                let rest = prepared.uri.path().strip_prefix(prefix).expect("the prefix stands");
                let decoded = percent_encoding::percent_decode_str(rest).decode_utf8_lossy().into_owned();
                prop_assert!(!decoded.split('/').any(|segment| matches!(segment, "" | "." | "..")), "{decoded}");
                prop_assert_eq!(decoded.split('/').count(), rest.split('/').count());
            }
        }
    }
}

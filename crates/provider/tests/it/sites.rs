//! What an operator may get wrong, and the sentence that says so.

use lockgate_protocol::resume::Prefill;
use lockgate_provider::{Key, Site, SiteError, StreamUsage, Wish, environment, find, kind_at, presets};

fn headers(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[track_caller]
fn check(made: Result<Site, SiteError>, expected: &str) {
    assert_eq!(made.expect_err("refused").to_string(), expected);
}

#[test]
fn a_site_that_cannot_be_meant_says_why() {
    let base = |kind, url| crate::site(kind, Some(url), None, &[]);
    check(crate::site("groc", None, None, &[]), "unknown provider kind `groc`");
    check(
        crate::site("openai-compatible", None, None, &[]),
        "`base_url` is missing: kind `openai-compatible` has no usual address",
    );
    check(crate::site("azure", None, None, &[]), "`base_url` is missing: kind `azure` has no usual address");
    check(
        base("openai", "localhost:8000/v1"),
        "`base_url` `localhost:8000/v1`: write it with `https://` or `http://` in front",
    );
    check(
        base("openai", "https://me:secret@host/v1"),
        "`base_url` `host/v1`: take the user name and password out; a key goes into `api_key`",
    );
    check(
        base("openai", "https://host/v1?key=secret"),
        "`base_url` `https://host/v1`: take out the part from `?` on; an API version goes into `api_version`",
    );
    check(base("openai", "https://host/v1#x"), "`base_url` `https://host/v1`: take out the part from `#` on");
    check(base("openai", "https:///v1"), "`base_url` `https:///v1`: there is no valid host in it");
    check(
        base("openai", "https://host:99999/v1"),
        "`base_url` `https://host:99999/v1`: the port is not a number from 0 to 65535",
    );
    check(
        base("vllm", "http://host/a/../b"),
        "`base_url` `http://host/a/../b`: it has an empty segment or one of dots only",
    );
    check(
        crate::site("azure", Some("https://r.example/openai/v1"), Some("2024-10-21"), &[]),
        "`api_version` `2024-10-21`: the v1 API has no dated versions; take it out, or end `base_url` before `/openai/v1`",
    );
    check(
        crate::site("azure", Some("https://r.example"), Some("newest"), &[]),
        "`api_version` `newest`: write a date such as `2024-10-21` or `2025-04-01-preview`, or `v1` or `preview`",
    );
    check(
        crate::site("groq", None, Some("v1"), &[]),
        "`api_version` `v1`: this kind of provider has no such choice; take it out",
    );
    check(
        crate::site("openai", None, None, &headers("Host", "x")),
        "header `Host` is set by the gateway itself",
    );
    check(crate::site("openai", None, None, &headers("a b", "x")), "header `a b` is not a header name");
    check(
        crate::site("openai", None, None, &headers("x-a", "b\nc")),
        "header `x-a` has a value that no header can carry",
    );
}

#[test]
fn a_region_is_written_or_in_the_host_or_the_machines() {
    let site = |base_url, region, usual_region| {
        Site::new("bedrock", Wish { base_url, region, usual_region, ..Wish::default() }, &[])
    };
    let region = |base_url, region, usual| {
        site(base_url, region, usual).expect("a site").region().map(str::to_owned).unwrap_or_default()
    };
    let host = Some("https://bedrock-runtime.eu-west-1.amazonaws.com");
    assert_eq!(region(host, Some("us-east-1"), Some("us-east-2")), "us-east-1");
    assert_eq!(region(host, None, Some("us-east-2")), "eu-west-1");
    assert_eq!(
        region(Some("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com"), None, None),
        "us-gov-west-1"
    );
    assert_eq!(
        region(Some("https://vpce-0a-1b-2.bedrock-runtime.us-west-2.vpce.amazonaws.com"), None, None),
        "us-west-2"
    );
    assert_eq!(region(Some("http://127.0.0.1:9000"), None, Some("us-east-2")), "us-east-2");
    assert_eq!(region(Some("http://bedrock.example-a-b.internal"), None, None), "example-a-b");
    assert_eq!(region(Some("http://127.0.0.1:9000"), None, None), "");
    assert_eq!(region(None, None, Some("us-east-2")), "us-east-2");
    check(
        site(None, None, None),
        "`region` is missing: kind `bedrock` is asked in one, such as `us-east-1`; or write a `base_url`",
    );
    check(
        site(None, None, Some("everywhere")),
        "`region` `everywhere`: write it as the provider does, such as `us-east-1`",
    );
}

#[test]
fn a_key_is_asked_for_where_one_is_needed() {
    let site = |kind, url| crate::site(kind, url, None, &[]).expect("a site");
    let refused = |site: &Site, secret| crate::pass(site, secret, &[]).expect_err("refused").to_string();
    assert_eq!(
        refused(&site("openai", None), None),
        "`api_key` is missing: kind `openai` needs one, usually ${OPENAI_API_KEY}"
    );
    assert_eq!(
        refused(&site("huggingface", None), Some("")),
        "`api_key` is missing: kind `huggingface` needs one, usually ${HF_TOKEN}"
    );
    assert_eq!(
        refused(&site("openai", None), Some("sk-1\n")),
        "`api_key` has a character that no header can carry; look for a line break or a blank at its ends"
    );
    assert!(crate::pass(&site("vllm", None), None, &[]).is_ok());
    assert!(crate::pass(&site("openai-compatible", Some("http://h")), None, &[]).is_ok());
    assert!(crate::pass(&site("groq", None), None, &headers("authorization", "Bearer mine")).is_ok());
}

#[test]
fn the_environment_names_the_usual_variables_in_order() {
    let rows = environment();
    let first: Vec<_> = rows.iter().take(4).map(|row| (row.kind, row.api_key, row.base_url)).collect();
    assert_eq!(
        first,
        [
            ("openai", "OPENAI_API_KEY", Some("OPENAI_BASE_URL")),
            ("azure", "AZURE_OPENAI_API_KEY", Some("AZURE_OPENAI_ENDPOINT")),
            ("anthropic", "ANTHROPIC_API_KEY", Some("ANTHROPIC_BASE_URL")),
            ("gemini", "GEMINI_API_KEY", None),
        ]
    );
}

#[test]
fn usage_in_streams_is_asked_for_only_where_it_may_be() {
    let usage = |kind| find(kind).expect("known").stream_usage();
    assert_eq!(usage("openai"), StreamUsage::Ask);
    assert_eq!(usage("vllm"), StreamUsage::Ask);
    assert_eq!(usage("mistral"), StreamUsage::Always);
    assert_eq!(usage("cohere"), StreamUsage::Never);
}

#[test]
fn the_beginning_of_an_answer_is_handed_over_as_each_service_documents_it() {
    let prefill = |kind| find(kind).expect("known").prefill();
    assert_eq!(prefill("vllm"), Some(Prefill::Continue));
    assert_eq!(prefill("mistral"), Some(Prefill::Prefix));
    assert_eq!(prefill("moonshot"), Some(Prefill::Partial));
    assert_eq!(prefill("openrouter"), Some(Prefill::Plain));
    // Its beta, at another path.
    assert_eq!(prefill("deepseek"), None);
    assert_eq!(prefill("openai"), None);
}

#[test]
fn an_address_says_whose_it_is() {
    let check = |url: &str, expected: Option<&str>| {
        assert_eq!(kind_at(url).map(|kind| kind.name()), expected, "{url}");
    };
    for preset in presets().iter().filter(|preset| preset.key == Key::Required) {
        check(&preset.base_url, Some(&preset.name));
    }
    check("https://api.openai.com/v1", Some("openai"));
    check("https://API.OpenAI.com", Some("openai"));
    check("https://your-resource.openai.azure.com", Some("azure"));
    check("https://api.anthropic.com/v1", Some("anthropic"));
    check("https://generativelanguage.googleapis.com", Some("gemini"));
    check("https://generativelanguage.googleapis.com/v1beta", Some("gemini"));
    check("https://us-central1-aiplatform.googleapis.com", Some("vertex"));
    check("https://bedrock-runtime.eu-west-1.amazonaws.com", Some("bedrock"));
    check("https://api.deepseek.com/v1", Some("deepseek"));
    check("https://api.groq.com", Some("groq"));
    check("https://api.groq.com/of/another", None);
    check("https://api.openai.com.evil.example/v1", None);
    check("http://10.0.0.1:8000/v1", None);
    check("http://127.0.0.1:8000/v1", None);
    check("no url", None);
}

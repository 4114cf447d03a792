//! Google's clouds: addresses and paths by model, project, location and kind of credential.

use http::{HeaderName, Method};
use lockgate_protocol::{dialect::Operation, forms};
use lockgate_provider::{Ask, Proof, Site, Talk, Terms, Wish};

const BODIES: &[(&str, bool)] = &[
    ("/models/x:generateContent", false),
    ("/models/x:streamGenerateContent", true),
    ("/messages", false),
    ("/messages", true),
    ("/messages/count_tokens", false),
    ("/chat/completions", true),
    ("/models", false),
];

/// Where each of [`BODIES`] goes, or why it goes nowhere.
fn asked(site: &Site, proof: &Proof, terms: &Terms, model: &str) -> Vec<String> {
    let pass = site.pass(proof, terms, &[]).expect("a pass");
    let asked = BODIES.iter().map(|(tail, stream)| {
        let query = if tail.contains(':') { Some("alt=sse") } else { Some("beta=true") };
        let ask = Ask { method: &Method::POST, tail, query, model, stream: *stream, pass: &pass };
        site.prepare(&ask).map_or_else(|fault| fault.to_string(), |prepared| prepared.uri.to_string())
    });
    asked.collect()
}

fn vertex(region: Option<&str>, project: Option<&str>, base_url: Option<&str>) -> Site {
    Site::new("vertex", Wish { region, project, base_url, ..Wish::default() }, &[]).expect("a site")
}

fn token() -> Proof {
    Proof::Token("t-1".to_owned())
}

#[test]
fn models_are_asked_for_at_their_publishers() {
    let site = vertex(Some("europe-west4"), Some("p-1"), None);
    let base = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4";
    let google = asked(&site, &token(), &Terms::default(), "gemini-2.5-pro");
    assert_eq!(google[0], format!("{base}/publishers/google/models/gemini-2.5-pro:generateContent?alt=sse"));
    assert_eq!(
        google[1],
        format!("{base}/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse")
    );
    let claude = asked(&site, &token(), &Terms::default(), "claude-sonnet-4-5@20250929");
    assert_eq!(
        claude[2],
        format!("{base}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict")
    );
    assert_eq!(
        claude[3],
        format!("{base}/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict")
    );
    assert_eq!(claude[4], format!("{base}/publishers/anthropic/models/count-tokens:rawPredict"));
    let llama = asked(&site, &token(), &Terms::default(), "meta/llama-3.3-70b-instruct-maas");
    assert_eq!(llama[5], format!("{base}/endpoints/openapi/chat/completions?beta=true"));
    assert_eq!(llama[6], "unsupported_operation: Vertex AI has no such endpoint");
}

#[test]
fn locations_have_hosts() {
    let host = |region, base_url| {
        let site = vertex(region, Some("p"), base_url);
        let all = asked(&site, &token(), &Terms::default(), "m");
        all[0]
            .split_once("/projects/p")
            .map(|(front, back)| (front.to_owned(), back.to_owned()))
            .expect("a project")
    };
    let (front, back) = host(None, None);
    assert_eq!(front, "https://aiplatform.googleapis.com/v1");
    assert!(back.starts_with("/locations/global/"), "{back}");
    assert_eq!(host(Some("eu"), None).0, "https://aiplatform.eu.rep.googleapis.com/v1");
    assert_eq!(host(Some("us-central1"), None).0, "https://us-central1-aiplatform.googleapis.com/v1");
    assert_eq!(host(None, Some("http://127.0.0.1:1/v1beta1/")).0, "http://127.0.0.1:1/v1beta1");
    let refused = Site::new("vertex", Wish { region: Some("evil.example/"), ..Wish::default() }, &[]);
    assert!(refused.expect_err("refused").to_string().starts_with("`region` `evil.example/`"));
}

#[test]
fn a_grant_may_name_the_project_and_a_key_needs_none() {
    let site = vertex(None, None, None);
    let terms = Terms { project: Some("a:b".to_owned()), ..Terms::default() };
    assert!(asked(&site, &token(), &terms, "m")[0].contains("/projects/a%3Ab/locations/global/"));
    let why = &asked(&site, &token(), &Terms::default(), "m")[0];
    assert_eq!(
        why,
        "upstream_key_refused: the gateway knows no project to bill; the gateway's operator has to write `project`"
    );

    let key = Proof::Key("k-1".to_owned());
    let express = asked(&site, &key, &Terms::default(), "gemini-2.5-flash");
    assert_eq!(
        express[0],
        "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-flash:generateContent?alt=sse"
    );
    let claude = &asked(&site, &key, &Terms::default(), "claude-opus-4")[2];
    assert!(claude.starts_with("unsupported_operation: an API key without a project"), "{claude}");
    let pass = site.pass(&key, &Terms::default(), &[]).expect("a pass");
    let ask = Ask {
        method: &Method::POST,
        tail: "/models/x:y",
        query: None,
        model: "m",
        stream: false,
        pass: &pass,
    };
    assert_eq!(site.prepare(&ask).expect("prepared").headers["x-goog-api-key"], "k-1");
}

#[test]
fn a_model_decides_dialect_and_form() {
    let site = vertex(None, Some("p"), None);
    let pass = site.pass(&token(), &Terms::default(), &[]).expect("a pass");
    let check = |model: &str, dialect: &str, form: &str| {
        assert_eq!(site.kind().speaks_for(model), Some(&[dialect][..]), "{model}");
        let talk = Talk { dialect, operation: Operation::Generate, model };
        assert_eq!(site.form(&pass, &talk).name(), form, "{model}");
    };
    check("gemini-3-pro", "gemini", "plain");
    check("claude-opus-4", "anthropic", "raw-predict");
    check("deepseek-ai/deepseek-v3", "openai-chat", "plain");
}

#[test]
fn a_sign_in_may_be_for_code_assist() {
    let site = Site::new("gemini", Wish::default(), &[]).expect("a site");
    let terms = Terms {
        base_url: Some("https://cloudcode-pa.googleapis.com".to_owned()),
        form: Some(forms::CODE_ASSIST),
        headers: vec![(HeaderName::from_static("x-goog-user-project"), "q".to_owned())],
        ..Terms::default()
    };
    let all = asked(&site, &token(), &terms, "gemini-2.5-pro");
    assert_eq!(all[0], "https://cloudcode-pa.googleapis.com/v1internal:generateContent?alt=sse");
    assert_eq!(all[1], "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse");
    assert!(all[6].starts_with("unsupported_operation: Code Assist has no such endpoint"), "{}", all[6]);
    let pass = site.pass(&token(), &terms, &[]).expect("a pass");
    let form = |operation| site.form(&pass, &Talk { dialect: "gemini", operation, model: "m" }).name();
    assert_eq!((form(Operation::Generate), form(Operation::Embed)), ("code-assist", "plain"));
    let ask = Ask {
        method: &Method::POST,
        tail: "/models/x:countTokens",
        query: None,
        model: "m",
        stream: false,
        pass: &pass,
    };
    let headers = site.prepare(&ask).expect("prepared").headers;
    assert_eq!(
        (&headers["authorization"], &headers["x-goog-user-project"]),
        (&"Bearer t-1".parse().expect("text"), &"q".parse().expect("text"))
    );
    assert!(headers.values().all(http::HeaderValue::is_sensitive));

    let plain = asked(&site, &token(), &Terms::default(), "gemini-2.5-pro");
    assert_eq!(plain[0], "https://generativelanguage.googleapis.com/v1beta/models/x:generateContent?alt=sse");
}

#[test]
fn an_account_is_asked_in_its_own_region_and_nothing_but_to_answer() {
    let asked = |wish: Wish<'_>, terms: &Terms, tail: &str| {
        let site = Site::new("kiro", wish, &[]).expect("a site");
        let pass = site.pass(&token(), terms, &[]).expect("a pass");
        let ask = Ask { method: &Method::POST, tail, query: None, model: "m", stream: true, pass: &pass };
        let talk = Talk { dialect: "kiro", operation: Operation::Generate, model: "m" };
        assert_eq!(site.form(&pass, &talk).name(), forms::PROFILED.name());
        site.prepare(&ask).map(|prepared| prepared.uri.to_string()).map_err(|fault| fault.to_string())
    };
    let tail = "/generateAssistantResponse";
    let usual = asked(Wish::default(), &Terms::default(), tail).expect("prepared");
    assert_eq!(usual, format!("https://q.us-east-1.amazonaws.com{tail}"));
    let wish = Wish { region: Some("eu-central-1"), ..Wish::default() };
    let regional = asked(wish, &Terms::default(), tail).expect("prepared");
    assert_eq!(regional, format!("https://q.eu-central-1.amazonaws.com{tail}"));
    let terms = Terms { base_url: Some("https://q.ap-south-1.amazonaws.com".to_owned()), ..Terms::default() };
    let accounts = asked(Wish::default(), &terms, tail).expect("prepared");
    assert_eq!(accounts, format!("https://q.ap-south-1.amazonaws.com{tail}"));
    assert!(asked(Wish::default(), &terms, "/chat/completions").is_err());
    let region = Some("evil.example/");
    assert!(Site::new("kiro", Wish { region, ..Wish::default() }, &[]).is_err());
}

#[test]
fn qwen_is_where_its_sign_in_says() {
    let site = Site::new("qwen", Wish::default(), &[]).expect("a site");
    for (base_url, expected) in [
        (None, "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions"),
        (Some("https://portal.qwen.ai/v1"), "https://portal.qwen.ai/v1/chat/completions"),
    ] {
        let terms = Terms { base_url: base_url.map(str::to_owned), ..Terms::default() };
        let pass = site.pass(&token(), &terms, &[]).expect("a pass");
        let tail = "/chat/completions";
        let ask = Ask { method: &Method::POST, tail, query: None, model: "m", stream: true, pass: &pass };
        let prepared = site.prepare(&ask).expect("prepared");
        assert_eq!(prepared.uri.to_string(), expected);
        assert_eq!(prepared.headers["authorization"], "Bearer t-1");
    }
}

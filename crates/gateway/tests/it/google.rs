//! Google's accounts and clouds: tokens are come by, renewed and written back, and every client reaches every publisher.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::future::join_all;
use lockgate_mock::{Behaviour, Mock};
use serde_json::{Value, json};

use crate::house::{Answer, CHAT, CHAT_PATH, House, STREAM, mock};

const GEMINI: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;
const CLAUDE: &str = r#"{"model":"fast","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}"#;
const CLAUDE_STREAM: &str =
    r#"{"model":"fast","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
const COUNT_CLAUDE: &str = r#"{"model":"fast","messages":[{"role":"user","content":"hello"}]}"#;
const WHOLE: &str = "/v1beta/models/fast:generateContent";
const EVENTS: &str = "/v1beta/models/fast:streamGenerateContent?alt=sse";
const ARRAY: &str = "/v1beta/models/fast:streamGenerateContent";
const COUNT: &str = "/v1beta/models/fast:countTokens";

/// A folder with credential files, which is gone after the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// What the Gemini CLI keeps of a sign-in that counts for so many more seconds.
    fn sign_in(&self, name: &str, refresh: &str, seconds: i64) -> PathBuf {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let expiry = i64::try_from(now.as_millis()).unwrap() + seconds * 1000;
        let text = format!(
            r#"{{"scope":"s","access_token":"ya29.old","refresh_token":"{refresh}","expiry_date":{expiry},"more":{{"b":1.0}}}}"#
        );
        self.file(name, &text)
    }
}

/// One credential: its file and where tokens are asked for.
fn auth(file: &Path, mock: &Mock, more: &str) -> String {
    format!(
        "{{ file: \"{}\", client_id: c, client_secret: s, {more} endpoints: {{ token: \"http://{}/token\" }} }}",
        file.display(),
        mock.addr()
    )
}

/// A gateway whose model `fast` is `model` at the mock, as a provider with these words beside its address.
pub(crate) async fn house(mock: &Mock, words: &str, model: &str) -> House {
    let text = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  g: {{ base_url: \"http://{}\", {words} }}\nmodels:\n  fast: {{ targets: [\"g/{model}\"] }}\n",
        mock.addr()
    );
    House::new(&text).await
}

/// The paths the mock was asked at, and how often.
fn asked(mock: &Mock, path: &str) -> usize {
    mock.ledger().iter().filter(|entry| entry.path.starts_with(path)).count()
}

/// The last call the mock got at `path`: its header `name`, and its body.
fn last(mock: &Mock, path: &str, name: &str) -> (String, Value) {
    let ledger = mock.ledger();
    let entry = ledger.iter().rev().find(|entry| entry.path.contains(path)).unwrap();
    let header = entry.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    (header.unwrap_or_default(), serde_json::from_slice(&entry.body).unwrap_or_default())
}

#[track_caller]
pub(crate) fn check_said(answer: &Answer, said: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains(said), "{said} is not in {}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_serves_every_client_from_every_publisher() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.file("key.json", &lockgate_mock::service_account());
    let words = format!("kind: vertex, project: p-1, auth: {}", auth(&file, &mock, ""));
    let google = house(&mock, &words, "mock-1").await;
    check_said(&google.post(WHOLE, GEMINI).await, "STOP");
    check_said(&google.post(EVENTS, GEMINI).await, "STOP");
    check_said(&google.post(COUNT, GEMINI).await, "totalTokens");
    check_said(&google.post(CHAT_PATH, CHAT).await, "chat.completion");
    check_said(&google.post(CHAT_PATH, STREAM).await, "data: [DONE]");
    check_said(&google.post("/v1/messages", CLAUDE).await, "end_turn");
    let path = "/v1/projects/p-1/locations/global/publishers/google/models/mock-1:generateContent";
    let (token, body) = last(&mock, path, "authorization");
    assert!(token.starts_with("Bearer ya29.mock-"), "{token}");
    assert!(body.get("model").is_none(), "{body}");
    assert_eq!(asked(&mock, "/token"), 1, "one token for all");

    let claude = house(&mock, &words, "claude-sonnet-4-5@20250929").await;
    check_said(&claude.post("/v1/messages", CLAUDE).await, "end_turn");
    check_said(&claude.post("/v1/messages", CLAUDE_STREAM).await, "message_stop");
    check_said(&claude.post("/v1/messages/count_tokens", COUNT_CLAUDE).await, "input_tokens");
    check_said(&claude.post(CHAT_PATH, CHAT).await, "chat.completion");
    check_said(&claude.post(CHAT_PATH, STREAM).await, "data: [DONE]");
    check_said(&claude.post(EVENTS, GEMINI).await, "STOP");
    let (_, body) = last(&mock, "claude-sonnet-4-5@20250929:streamRawPredict", "");
    assert_eq!((&body["anthropic_version"], body.get("model")), (&json!("vertex-2023-10-16"), None));

    let openai = house(&mock, &words, "mock/mock-1").await;
    check_said(&openai.post(CHAT_PATH, CHAT).await, "chat.completion");
    check_said(&openai.post("/v1/messages", CLAUDE_STREAM).await, "message_stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_a_project_serves_googles_models() {
    let mock = mock().await;
    let house = house(&mock, "kind: vertex, api_key: AIza-1", "mock-1").await;
    check_said(&house.post(EVENTS, GEMINI).await, "STOP");
    assert_eq!(last(&mock, "/v1/publishers/google/models/mock-1", "x-goog-api-key").0, "AIza-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_claude_that_refuses_is_translated() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.file("key.json", &lockgate_mock::service_account());
    let words = format!("kind: vertex, project: p-1, auth: {}", auth(&file, &mock, ""));
    let house = house(&mock, &words, "claude-sonnet-4-5@20250929").await;
    check_said(&house.post("/v1/messages", CLAUDE).await, "end_turn");
    mock.cycle(vec![Some("400".parse().unwrap())]);
    let answer = house.post("/v1/messages", CLAUDE).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (400, &json!("error")), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_of_the_gemini_cli_is_used_at_code_assist() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.sign_in("creds.json", "1//mock", 3600);
    let words = format!("kind: gemini, auth: {}", auth(&file, &mock, ""));
    let house = house(&mock, &words, "gemini-2.5-flash").await;
    let whole = house.post(WHOLE, GEMINI).await;
    check_said(&whole, "STOP");
    assert!(whole.json().get("response").is_none(), "{}", whole.text);
    check_said(&house.post(CHAT_PATH, CHAT).await, "chat.completion");
    check_said(&house.post(CHAT_PATH, STREAM).await, "data: [DONE]");
    let count = house.post(COUNT, GEMINI).await;
    assert!(count.json()["totalTokens"].is_u64(), "{}", count.text);
    let list = house.post(ARRAY, GEMINI).await;
    assert!(list.json().as_array().is_some_and(|list| list[0].get("candidates").is_some()), "{}", list.text);

    let (token, body) = last(&mock, "/v1internal:generateContent", "authorization");
    assert_eq!(token, "Bearer ya29.old", "a token that counts is used");
    assert_eq!((&body["model"], &body["project"]), (&json!("gemini-2.5-flash"), &json!("mock-assist")));
    assert!(body["user_prompt_id"].as_str().is_some_and(|id| !id.is_empty()), "{body}");
    assert_eq!((asked(&mock, "/v1internal:loadCodeAssist"), asked(&mock, "/token")), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_in_envelopes_says_the_same_however_it_is_cut() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.sign_in("creds.json", "1//mock", 3600);
    let words = format!("kind: gemini, project: p-2, auth: {}", auth(&file, &mock, ""));
    let house = house(&mock, &words, "gemini-2.5-flash").await;
    let ids = |text: &str| {
        let events = text.split("\r\n\r\n").filter_map(|event| event.strip_prefix("data: "));
        let events = events.map(|event| serde_json::from_str::<Value>(event).unwrap());
        events.map(|event| event["candidates"].to_string()).collect::<Vec<_>>()
    };
    let whole = house.post(EVENTS, GEMINI).await;
    assert!(ids(&whole.text).len() > 2, "{}", whole.text);
    for chunk_bytes in [1, 7, 100] {
        mock.set_behaviour(Behaviour { chunk_bytes: Some(chunk_bytes), ..Behaviour::default() });
        assert_eq!(ids(&house.post(EVENTS, GEMINI).await.text), ids(&whole.text), "{chunk_bytes}");
    }
    assert_eq!(asked(&mock, "/v1internal:loadCodeAssist"), 0, "the operator named the project");
    // A cut answer never looks whole, in an envelope as elsewhere.
    mock.set_behaviour(Behaviour::default());
    mock.cycle(vec![Some("cut:2".parse().unwrap())]);
    let cut = house.post(EVENTS, GEMINI).await;
    assert!(cut.text.contains("\"error\"") && !cut.text.contains("STOP"), "{}", cut.text);
    mock.cycle(vec![Some("429".parse().unwrap())]);
    let limited = house.post(EVENTS, GEMINI).await;
    assert_eq!(limited.status, 429, "{}", limited.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_is_given_a_project() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.sign_in("creds.json", "1//mock-new", 0);
    let house =
        house(&mock, &format!("kind: gemini, auth: {}", auth(&file, &mock, "")), "gemini-2.5-flash").await;
    check_said(&house.post(WHOLE, GEMINI).await, "STOP");
    assert_eq!(last(&mock, "/v1internal:generateContent", "").1["project"], "mock-onboarded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_may_be_used_at_the_public_api() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.sign_in("creds.json", "1//mock", 3600);
    let words = format!("kind: gemini, project: p-3, auth: {}", auth(&file, &mock, "api: public,"));
    let house = house(&mock, &words, "gemini-2.5-flash").await;
    check_said(&house.post(WHOLE, GEMINI).await, "STOP");
    assert_eq!(last(&mock, "/v1beta/models/gemini-2.5-flash", "x-goog-user-project").0, "p-3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_the_end_of_a_token_cause_one_refresh_that_is_written_back() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.sign_in("creds.json", "1//mock", -1);
    let before = fs::read_to_string(&file).unwrap();
    let words = format!("kind: gemini, project: p, auth: {}", auth(&file, &mock, ""));
    let house = house(&mock, &words, "gemini-2.5-flash").await;
    let answers = join_all((0..100).map(|_| house.post(WHOLE, GEMINI))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{}", answers[0].text);
    assert_eq!(asked(&mock, "/token"), 1);

    let token = last(&mock, "/v1internal:generateContent", "authorization").0;
    let after: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let before: Value = serde_json::from_str(&before).unwrap();
    assert_eq!(format!("Bearer {}", after["access_token"].as_str().unwrap()), token);
    assert!(after["expiry_date"].as_u64() > before["expiry_date"].as_u64());
    assert_eq!((&after["refresh_token"], &after["more"]), (&before["refresh_token"], &before["more"]));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(folder.0.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside the file");
}

/// A token that counts is refused after a while; what is in the file then, and how often a new one has to be asked for.
async fn refused_early(another_token: Option<&str>, refreshes: usize) {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.sign_in("creds.json", "1//mock", 3600);
    let words = format!("kind: gemini, project: p, auth: {}", auth(&file, &mock, ""));
    let house = house(&mock, &words, "gemini-2.5-flash").await;
    check_said(&house.post(WHOLE, GEMINI).await, "STOP");
    // A proof younger than ten seconds is not to blame.
    tokio::time::sleep(Duration::from_millis(10_100)).await;
    if let Some(token) = another_token {
        let text = fs::read_to_string(&file).unwrap().replace("ya29.old", token);
        fs::write(&file, text).unwrap();
    }
    mock.script(["401".parse().unwrap()]);
    check_said(&house.post(WHOLE, GEMINI).await, "STOP");
    assert_eq!(asked(&mock, "/token"), refreshes);
    let token = last(&mock, "/v1internal:generateContent", "authorization").0;
    assert_eq!(another_token.is_some(), token == "Bearer ya29.other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_refused_before_its_time_is_replaced_within_the_call() {
    // Where another process was quicker, its token is taken instead of asking for one.
    tokio::join!(refused_early(None, 1), refused_early(Some("ya29.other"), 0));
}

#[test]
fn words_that_are_not_for_google_are_refused() {
    let check = |words: &str, expect: &str| {
        let text = format!("providers:\n  g: {{ {words} }}\n");
        let config = lockgate_config::parse("test.yaml", &text, &|_| None).unwrap();
        assert_eq!(
            lockgate_gateway::check(&config).unwrap_err().to_string(),
            format!("provider `g`: {expect}")
        );
    };
    check("kind: gemini, auth: { api: assist }", "`auth.api` is `assist`; write `public` or `code-assist`");
    check(
        "kind: vertex, auth: { api: public }",
        "`auth.api` is not for kind `vertex`, which has one API; take it out",
    );
    check(
        "kind: vertex, auth: { endpoints: { tokens: \"http://h\" } }",
        "`auth.endpoints.tokens` is none of Google's; they are `token`, `metadata`, `code_assist`",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_sign_in_leaves_the_call_to_the_next_credential() {
    let (mock, folder) = (mock().await, Folder::new());
    let revoked = auth(&folder.sign_in("revoked.json", "1//gone", -1), &mock, "");
    let good = auth(&folder.sign_in("good.json", "1//mock", -1), &mock, "");
    let words = format!("kind: gemini, project: p, credentials: [{{ auth: {revoked} }}, {{ auth: {good} }}]");
    let both = house(&mock, &words, "gemini-2.5-flash").await;
    for _ in 0..4 {
        let answer = both.post(WHOLE, GEMINI).await;
        check_said(&answer, "STOP");
        assert!(answer.header("x-lockgate-deployment").ends_with("#2"), "{:?}", answer.headers);
    }
    assert!(asked(&mock, "/token") <= 3, "a refused sign-in is not asked for at every call");

    let alone = house(&mock, &format!("kind: gemini, project: p, auth: {revoked}"), "gemini-2.5-flash").await;
    let answer = alone.post(WHOLE, GEMINI).await;
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert!(!answer.text.contains("1//") && !answer.text.contains("/token"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_fails_is_not_the_end_of_the_account() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = folder.sign_in("creds.json", "1//mock", -1);
    let words = format!("kind: gemini, project: p, auth: {}", auth(&file, &mock, ""));
    let house = house(&mock, &words, "gemini-2.5-flash").await;
    mock.script(["503".parse().unwrap()]);
    assert_eq!(house.post(WHOLE, GEMINI).await.status, 502);
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    check_said(&house.post(WHOLE, GEMINI).await, "STOP");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_file_does_not_choose_where_its_key_goes() {
    let (mock, folder) = (mock().await, Folder::new());
    let mut account: Value = serde_json::from_str(&lockgate_mock::service_account()).unwrap();
    account["token_uri"] = format!("http://{}/token", mock.addr()).into();
    let file = folder.file("key.json", &account.to_string());
    let words = format!("kind: vertex, project: p, auth: {{ file: \"{}\" }}", file.display());
    let house = house(&mock, &words, "mock-1").await;
    assert_eq!(house.post(WHOLE, GEMINI).await.status, 502);
    assert_eq!(mock.counts().requests, 0, "nobody was asked");
}

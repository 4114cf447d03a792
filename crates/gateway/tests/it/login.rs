//! Signing in: a real browser's requests against the mock's pages, and the file that comes of it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Mutex};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use lockgate_gateway::{LoginError, SignIn, login};
use lockgate_mock::Mock;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    google::{check_said, house},
    house::mock,
};

const WHOLE: &str = "/v1beta/models/fast:generateContent";
const GEMINI: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;

fn wish(mock: &Mock, client: &str, file: PathBuf) -> SignIn {
    let endpoint = |name: &str, path: &str| (name.to_owned(), format!("http://{}{path}", mock.addr()));
    SignIn {
        file: Some(file),
        client_id: Some(client.to_owned()),
        client_secret: Some(lockgate_config::Secret::new("s")),
        endpoints: [endpoint("authorize", "/o/oauth2/v2/auth"), endpoint("token", "/token")]
            .into_iter()
            .collect(),
    }
}

/// What a browser gets at an address: status, where it is sent on to, text.
async fn visit(url: &str) -> (StatusCode, String, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(url).body(Full::new(Bytes::new())).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let target = head.headers.get("location").map_or("", |value| value.to_str().unwrap());
    let text = body.collect().await.unwrap().to_bytes();
    (head.status, target.to_owned(), String::from_utf8_lossy(&text).into_owned())
}

/// Signs in; `browse` is given the address that a person would open, and where the mock sends the browser from there.
async fn signed_in(
    wish: &SignIn,
    browse: impl AsyncFnOnce(String) -> (),
) -> (Result<PathBuf, LoginError>, String) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell = Mutex::new(tell);
    let say = |text: &str| {
        let url = text.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        tell.lock().unwrap().send(url.to_owned()).unwrap();
    };
    let person = async {
        let url = told.recv().await.unwrap();
        let (status, target, text) = visit(&url).await;
        assert_eq!(status, StatusCode::FOUND, "{text}");
        browse(target.clone()).await;
        target
    };
    tokio::join!(login("google", wish, &say), person)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_agrees_gets_a_file_that_works() {
    let (mock, folder) = (mock().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("new/google.json");
    let wish = wish(&mock, "my-client", path.clone());
    let (outcome, target) = signed_in(&wish, async |target: String| {
        assert!(target.starts_with("http://127.0.0.1:"), "{target}");
        // Others who knock change nothing.
        let (front, back) = target.split_once("/callback").unwrap();
        assert_eq!(visit(&format!("{front}/favicon.ico")).await.0, StatusCode::NOT_FOUND);
        let forged = format!("{front}/callback?code=stolen&state=guessed");
        assert_eq!(visit(&forged).await.0, StatusCode::BAD_REQUEST);
        let (status, _, text) = visit(&format!("{front}/callback{back}")).await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "Signed in. This page can be closed."));
    })
    .await;
    assert_eq!(outcome.unwrap(), path);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((&kept["type"], &kept["client_id"]), (&"authorized_user".into(), &"my-client".into()));
    assert!(kept["refresh_token"].as_str().is_some_and(|token| token.starts_with("1//mock")), "{kept}");
    // Nobody listens any more.
    let address = target.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());

    let words = format!(
        "kind: gemini, auth: {{ file: \"{}\", endpoints: {{ token: \"http://{}/token\" }} }}",
        path.display(),
        mock.addr()
    );
    let before = fs::read(&path).unwrap();
    check_said(&house(&mock, &words, "gemini-2.5-flash").await.post(WHOLE, GEMINI).await, "STOP");
    assert_eq!(fs::read(&path).unwrap(), before, "a file that keeps no tokens is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_does_not_agree_leaves_no_file() {
    let (mock, folder) = (mock().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("google.json");
    let wish = wish(&mock, "denied", path.clone());
    let (outcome, _) = signed_in(&wish, async |target: String| {
        visit(&target).await;
    })
    .await;
    assert_eq!(outcome.unwrap_err().to_string(), "the service let nobody in: access_denied");
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_service_or_none_at_all_is_said() {
    let error = login("gogle", &SignIn::default(), &|_| {}).await.unwrap_err().to_string();
    assert!(error.starts_with("there is no sign-in at `gogle`; write one of google"), "{error}");
}

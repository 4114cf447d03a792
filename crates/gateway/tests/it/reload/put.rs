//! The config is shown without its secrets, and another put in its place.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::file::Filed;
use crate::house::{ADMIN_KEY, Answer, UPSTREAM_KEY, read};

async fn ask(filed: &Filed, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request =
        Request::builder().method(method).uri(filed.house.url(path)).header("x-admin-key", &**ADMIN_KEY);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(filed.house.send(request.body(Full::from(body.to_owned())).unwrap()).await).await
}

async fn put(filed: &Filed, headers: &[(&str, &str)], body: &str) -> Answer {
    ask(filed, Method::PUT, "/admin/v1/config", headers, body).await
}

async fn get(filed: &Filed) -> (Value, String) {
    let answer = ask(filed, Method::GET, "/admin/v1/config", &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (answer.json(), answer.header("etag").to_owned())
}

/// The files beside the config's.
fn beside(filed: &Filed) -> Vec<String> {
    let entries = fs::read_dir(filed.folder.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lockgate.yaml")
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_comes_back_with_its_secrets() {
    let filed = Filed::new().await;
    fs::set_permissions(&filed.file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::read_to_string(&filed.file).unwrap();
    let (shown, tag) = get(&filed).await;
    assert_eq!(
        (&shown["format"], &shown["path"]),
        (&json!("yaml"), &json!(filed.file.display().to_string()))
    );
    let text = shown["text"].as_str().unwrap();
    assert!(
        !text.contains(&**UPSTREAM_KEY) && !text.contains(&**ADMIN_KEY) && text.contains("<redacted:"),
        "{text}"
    );

    let changed = text.replace("fast:", "quick:");
    let answer = put(&filed, &[("if-match", &tag)], &changed).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["changes"], json!(["removed model \"fast\"", "added model \"quick\""]));
    let after = fs::read_to_string(&filed.file).unwrap();
    assert_eq!(after.contains(&**UPSTREAM_KEY), before.contains(&**UPSTREAM_KEY), "{after}");
    assert!(after.contains(&**ADMIN_KEY) && after.contains("quick:") && !after.contains("<redacted:"));
    assert!(filed.has("quick").await, "the provider's key is still the one");
    assert_eq!(fs::metadata(&filed.file).unwrap().permissions().mode() & 0o777, 0o640);

    // What was there is kept.
    let backup = answer.json()["backup"].as_str().unwrap().to_owned();
    assert_eq!(fs::read_to_string(&backup).unwrap(), before);
    assert_eq!(beside(&filed).len(), 1, "and nothing else is left");
    // The tag is the new one's, and the watch of the file has nothing to add.
    assert_eq!(answer.header("etag"), get(&filed).await.1);
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(filed.status().await["reloads"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_that_does_not_count_whole() {
    let filed = Filed::new().await;
    let before = fs::read_to_string(&filed.file).unwrap();
    let (shown, tag) = get(&filed).await;
    let text = shown["text"].as_str().unwrap();
    for (body, expect) in [
        (text.replace("targets", "tragets"), "did you mean `targets`?"),
        (text.replace("models:", "models: ["), "YAML"),
        (text.replace("drain: 5s", "drain: \"<redacted:providers.a.api_key>\""), "redacted"),
        (text.replace("api_key:", "tls: { ca_file: /none/of/this.pem }, api_key:"), "/none/of/this.pem"),
    ] {
        let answer = put(&filed, &[], &body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["code"]),
            (422, &json!("invalid_config"))
        );
        assert!(answer.text.contains(expect), "{expect}: {}", answer.text);
    }
    let stale = put(&filed, &[("if-match", "\"0123\"")], text).await;
    assert_eq!((stale.status.as_u16(), &stale.json()["error"]["code"]), (412, &json!("config_changed")));
    assert_eq!(put(&filed, &[("if-match", &format!("W/{tag}"))], text).await.status, 412);
    assert_eq!((fs::read_to_string(&filed.file).unwrap(), beside(&filed)), (before, Vec::new()));
    assert_eq!(filed.status().await["reloads"], 0);
    assert!(filed.has("fast").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_change_is_not_overwritten() {
    let filed = Filed::new().await;
    let (shown, tag) = get(&filed).await;
    let theirs = filed.text("theirs").replace("drain: 5s", "drain: [");
    fs::write(&filed.file, &theirs).unwrap();
    let text = shown["text"].as_str().unwrap();
    assert_eq!(put(&filed, &[("if-match", &tag)], text).await.status, 412, "although it does not count");
    assert_eq!(fs::read_to_string(&filed.file).unwrap(), theirs);
    let answer = put(&filed, &[], text).await;
    assert_eq!(answer.status, 200);
    assert_eq!(fs::read_to_string(answer.json()["backup"].as_str().unwrap()).unwrap(), theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_stays_one() {
    let filed = Filed::new().await;
    let elsewhere = filed.folder.path().join("real");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(&filed.file, elsewhere.join("lockgate.yaml")).unwrap();
    symlink("real/lockgate.yaml", &filed.file).unwrap();
    let (shown, _) = get(&filed).await;
    let answer = put(&filed, &[], &shown["text"].as_str().unwrap().replace("fast:", "quick:")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(fs::symlink_metadata(&filed.file).unwrap().is_symlink());
    assert!(fs::read_to_string(elsewhere.join("lockgate.yaml")).unwrap().contains("quick:"));
    assert!(answer.json()["backup"].as_str().unwrap().contains("/real/lockgate.yaml.20"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_short_path_has_the_same_guard() {
    let filed = Filed::new().await;
    let text = filed.text("quick");
    let open = Request::post(filed.house.url("/api/config")).body(Full::from(text.clone())).unwrap();
    assert_eq!(filed.house.send(open).await.status(), 401);
    assert!(filed.has("fast").await);
    let answer = ask(&filed, Method::POST, "/api/config", &[], &text).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(filed.has("quick").await);
}

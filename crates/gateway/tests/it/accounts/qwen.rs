//! Qwen: the sign-in of Qwen Code, and the command that makes one.

use std::{fs, path::PathBuf, sync::Mutex};

use lockgate_gateway::{SignIn, login};

use super::{Folder, asked, house, house_at, hundred, read, sign_in};
use crate::house::{CHAT, CHAT_PATH, STREAM, mock};

const QWEN: &str = "/api/v1/oauth2/token";

/// What Qwen Code keeps of a sign-in that has ended, or not for a long time.
fn qwen(folder: &Folder, name: &str, refresh: &str, expiry: u64) -> PathBuf {
    let text = format!(
        r#"{{"access_token":"qwen-old","refresh_token":"{refresh}","token_type":"Bearer","resource_url":"portal.qwen.ai","expiry_date":{expiry},"id_token":{{"a":1.0}}}}"#
    );
    folder.file(name, &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_of_qwen_code_is_renewed_once_and_written_back() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = qwen(&folder, "ended.json", "mock-0", 1_000);
    let house = house(&mock, "qwen", "gpt-4o-mini", &sign_in(&mock, &file, QWEN)).await;
    hundred(&house).await;
    assert_eq!(asked(&mock, QWEN), 1);
    let stream = house.post(CHAT_PATH, STREAM).await;
    assert!(stream.text.ends_with("data: [DONE]\n\n"), "{}", stream.text);

    let kept = read(&file);
    let token = kept["access_token"].as_str().unwrap();
    assert!(token.starts_with("qwen-mock-0-"), "{kept}");
    assert!(kept["refresh_token"].as_str().unwrap().starts_with("mock-"), "{kept}");
    assert!(kept["expiry_date"].as_u64().unwrap() > 1_700_000_000_000, "{kept}");
    assert!(fs::read_to_string(&file).unwrap().contains(r#""id_token": {"a":1.0}"#), "the rest stays");
    let ledger = mock.ledger();
    let form = ledger.iter().find(|entry| entry.path == QWEN).unwrap();
    let form = String::from_utf8_lossy(&form.body).into_owned();
    assert_eq!(
        form,
        "grant_type=refresh_token&refresh_token=mock-0&client_id=f0304373b74a44d2b584a3fb70ca9e56"
    );
    let call = ledger.last().unwrap();
    assert_eq!(call.headers["authorization"].to_str().unwrap(), format!("Bearer {token}"));
    assert_eq!(call.headers["x-dashscope-authtype"], "qwen-oauth");
    assert!(String::from_utf8_lossy(&call.body).contains(r#""include_usage":true"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_counts_is_used_and_an_ended_sign_in_leaves_the_answer_to_the_next() {
    let (mock, folder) = (mock().await, Folder::new());
    let revoked = qwen(&folder, "revoked.json", "gone", 1_000);
    let good = qwen(&folder, "good.json", "mock-0", 9_000_000_000_000);
    let credentials = [&revoked, &good].map(|file| sign_in(&mock, file, QWEN)).join(", ");
    let house = house(&mock, "qwen", "gpt-4o-mini", &credentials).await;
    for _ in 0..2 {
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-lockgate-deployment")),
            (200, "a/gpt-4o-mini#2")
        );
    }
    assert_eq!(mock.ledger().last().unwrap().headers["authorization"], "Bearer qwen-old");
    assert_eq!(read(&revoked)["refresh_token"], "gone", "nothing is written for nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_names_a_stranger_is_not_followed() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = qwen(&folder, "stranger.json", "mock-stranger", 1_000);
    let credentials = sign_in(&mock, &file, QWEN);
    let house = house_at("models: [m]", "qwen", "gpt-4o-mini", &credentials).await;
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!(answer.status, 502, "{}", answer.text);
    let record = house.records(1).await.remove(0);
    let fault = record.attempts[0].fault.as_deref().unwrap_or_default();
    assert!(fault.contains("`evil.example`") && fault.contains("`base_url`"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_agreed_to_becomes_the_file_that_qwen_code_keeps() {
    let (mock, folder) = (mock().await, Folder::new());
    let endpoint = |name: &str, path: &str| (name.to_owned(), format!("http://{}{path}", mock.addr()));
    let file = folder.0.path().join("new/oauth_creds.json");
    let wish = SignIn {
        file: Some(file.clone()),
        endpoints: [endpoint("device", "/api/v1/oauth2/device/code"), endpoint("token", QWEN)]
            .into_iter()
            .collect(),
        ..SignIn::default()
    };
    let said = Mutex::new(String::new());
    let say = |text: &str| said.lock().unwrap().push_str(text);
    assert_eq!(login("qwen", &wish, &say).await.unwrap(), file);
    let told = said.lock().unwrap().clone();
    assert!(told.contains("https://chat.qwen.ai/authorize?user_code=MOCK-1"), "{told}");
    assert_eq!(asked(&mock, QWEN), 2, "once before the person has agreed");
    let kept = read(&file);
    assert_eq!((&kept["token_type"], &kept["resource_url"]), (&"Bearer".into(), &"portal.qwen.ai".into()));
    assert!(kept["refresh_token"].is_string() && kept["expiry_date"].is_u64(), "{kept}");

    let house = house(&mock, "qwen", "gpt-4o-mini", &sign_in(&mock, &file, QWEN)).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    let shown = mock.ledger().last().unwrap().headers["authorization"].to_str().unwrap().to_owned();
    assert_eq!(shown, format!("Bearer {}", kept["access_token"].as_str().unwrap()));

    let nowhere = SignIn { endpoints: [endpoint("device", "/nowhere")].into_iter().collect(), ..wish };
    let error = login("qwen", &nowhere, &say).await.unwrap_err().to_string();
    assert!(error.ends_with("/nowhere answered 404"), "{error}");
}

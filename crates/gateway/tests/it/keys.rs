//! Client keys through the real thing: what they may do, how they come and go, and what becomes of wrong ones.

mod carriers;
mod lasting;
mod life;
mod scopes;
mod wrong;

use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use lockgate_mock::Mock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::house::{ADMIN_KEY, Answer, CHAT, CHAT_PATH, House, config, mock, read, watch};

/// A gateway that keeps keys in a folder of its own.
struct Gate {
    house: House,
    folder: TempDir,
    mocks: Vec<Mock>,
}

impl Gate {
    async fn new() -> Self {
        Self::with(1, "").await
    }

    /// With that many upstreams, and more in its `access`.
    async fn with(upstreams: usize, access: &str) -> Self {
        let mut mocks = Vec::new();
        for _ in 0..upstreams {
            mocks.push(mock().await);
        }
        let folder = tempfile::tempdir().unwrap();
        let house = House::new(&text(&mocks, &folder, access)).await;
        Self { house, folder, mocks }
    }

    /// Ends it and starts it anew.
    async fn again(self, access: &str) -> Self {
        let Self { house, folder, mocks } = self;
        assert!(house.serving.stop().await);
        let house = House::new(&text(&mocks, &folder, access)).await;
        Self { house, folder, mocks }
    }

    /// Asks the admin API; a key that is shown is a secret from then on.
    async fn admin(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(self.house.url(&format!("/admin/v1/{path}")))
            .header("x-admin-key", &*ADMIN_KEY)
            .body(Full::new(if body.is_null() { String::new() } else { body.to_string() }.into()));
        let response = self.house.send(request.unwrap()).await;
        let status = response.status().as_u16();
        let said: Value =
            serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        if let Some(key) = said["key"].as_str() {
            watch("created key", key);
        }
        (status, said)
    }

    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, said) = self.admin(method, path, &body).await;
        assert_eq!(status, 200, "{said}");
        said
    }

    /// Makes a key; returns its id and its text.
    async fn create(&self, body: Value) -> (String, String) {
        let said = self.ok(Method::POST, "keys", body).await;
        (said["id"].as_str().unwrap().to_owned(), said["key"].as_str().unwrap().to_owned())
    }

    /// Asks with these headers.
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(self.house.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(self.house.send(request.body(Full::new(body.to_owned().into())).unwrap()).await).await
    }

    /// Asks for a chat with that key.
    async fn chat(&self, key: &str) -> Answer {
        self.ask(Method::POST, CHAT_PATH, &[("x-api-key", key), ("content-type", "application/json")], CHAT)
            .await
    }

    /// What a chat with that key comes to.
    async fn status(&self, key: &str) -> u16 {
        self.chat(key).await.status.as_u16()
    }
}

fn text(mocks: &[Mock], folder: &TempDir, access: &str) -> String {
    let urls: Vec<String> = mocks.iter().map(Mock::base_url).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let (folder, key) = (folder.path().display(), &*ADMIN_KEY);
    config(&urls, &format!("data_dir: \"{folder}\"\naccess: {{ admin_key: {key}, {access} }}\n"))
}

/// What an answer says went wrong, in the shape of OpenAI's dialect.
fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

/// The settings of a key that may do everything.
fn named(name: &str) -> Value {
    json!({ "name": name })
}

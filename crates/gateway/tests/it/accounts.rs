//! Accounts and sign-ins: tokens are come by once for all, written back, and a refused one costs no answer.

mod entra;
mod kiro;
mod qwen;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use futures_util::future::join_all;
use lockgate_mock::Mock;
use serde_json::Value;

use crate::house::{CHAT, CHAT_PATH, House};

/// A gateway whose model `fast` is `target`, with these credentials at a provider of this kind at the mock.
async fn house(mock: &Mock, kind: &str, target: &str, credentials: &str) -> House {
    let base_url = format!("base_url: \"http://{}\"", mock.addr());
    house_at(&base_url, kind, target, credentials).await
}

async fn house_at(place: &str, kind: &str, target: &str, credentials: &str) -> House {
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  a: {{ kind: {kind}, {place}, credentials: [{credentials}] }}\n\
         models: {{ fast: {{ targets: [\"a/{target}\"] }} }}\n"
    ))
    .await
}

/// How often the mock was asked at a path that ends so.
fn asked(mock: &Mock, end: &str) -> usize {
    mock.ledger().iter().filter(|entry| entry.path.ends_with(end)).count()
}

/// Sends a hundred requests at once, all of which are answered.
async fn hundred(house: &House) {
    for answer in join_all((0..100).map(|_| house.post(CHAT_PATH, CHAT))).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// A folder with credential files.
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
}

fn read(path: &Path) -> Value {
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The credential of a file whose token is renewed at this path of the mock.
fn sign_in(mock: &Mock, file: &Path, path: &str) -> String {
    let file = file.display();
    format!("{{ auth: {{ file: \"{file}\", endpoints: {{ token: \"http://{}{path}\" }} }} }}", mock.addr())
}

#[tokio::test]
async fn words_of_other_accounts_are_refused() {
    for (kind, word, expected) in [
        (
            "qwen",
            "client_secret: s",
            "`auth.client_secret` is not for kind `qwen`, which takes `file`, `client_id`, `endpoints`",
        ),
        (
            "kiro",
            "tenant_id: t",
            "`auth.tenant_id` is not for kind `kiro`, which takes `file`, `project`, `endpoints`",
        ),
    ] {
        let text = format!("providers: {{ a: {{ kind: {kind}, auth: {{ {word} }} }} }}\n");
        let config = lockgate_config::parse("test.yaml", &text, &|_| None).unwrap();
        let error = lockgate_gateway::check(&config).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

//! Pools of accounts: the one that rested longest, any model of any dialect, the chain while a pool is down, checks.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::Method;
use lockgate_config::Config;
use lockgate_mock::{Mock, Rule};

use super::{answered, both, chat, chats, exchanged, files, start};
use crate::house::{House, eventually, lenient};

const KEY: &str = "your-api-key";

/// A folder with the sign-ins that the example names, and the mocks of all that it asks.
struct World {
    folder: tempfile::TempDir,
    gemini: Mock,
    claude: Mock,
    openai: Mock,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world =
            Self { folder, gemini: lenient().await, claude: lenient().await, openai: lenient().await };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let lasts = now + 3_600_000;
        for (name, token) in [("credentials.json", "ya29.one"), ("other-credentials.json", "ya29.two")] {
            let text = format!(
                r#"{{"scope":"s","access_token":"{token}","refresh_token":"1//mock","expiry_date":{lasts}}}"#
            );
            world.write(name, &text);
        }
        let qwen = r#"{"access_token":"qwen-one","refresh_token":"mock-0","token_type":"Bearer","resource_url":"portal.qwen.ai","expiry_date":EXPIRY}"#;
        world.write("oauth_creds.json", &qwen.replace("EXPIRY", &lasts.to_string()));
        let kiro = r#"{"accessToken":"kiro-one","refreshToken":"mock-0","profileArn":"arn:aws:codewhisperer:us-east-1:1:profile/P","expiresAt":"2099-01-01T00:00:00.000Z","authMethod":"social","provider":"Google"}"#;
        world.write("kiro-auth-token.json", kiro);
        world
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// What a file of this form comes to, run as it is and imported, with the places that it has no words for.
    fn configs(&self, file: &Path) -> [Config; 2] {
        let here = self.folder.path().display();
        let by = [
            ("/path/to/qwen", here.to_string()),
            ("/path/to", here.to_string()),
            ("https://claude-relay.example.com", format!("http://{}", self.claude.addr())),
            ("https://api.openai.com/v1", self.openai.base_url()),
        ];
        let pools = exchanged(&file.with_file_name("provider-pools.yaml"), &by);
        let pools = self.write("provider-pools.yaml", &pools).display().to_string();
        // The path in the file counts from the working directory, which tests share.
        let env = |name: &str| (name == "PROVIDER_POOLS_FILE").then(|| pools.clone());
        let mut configs = both("config.yaml", &exchanged(file, &by), &env);
        for config in &mut configs {
            for name in ["gemini-oauth", "qwen-oauth", "kiro-oauth"] {
                if let Some(provider) = config.providers.get_mut(name) {
                    provider.base_url = Some(format!("http://{}", self.gemini.addr()));
                }
            }
        }
        configs
    }
}

/// How often a mock was asked with each of these keys.
fn by_key<const N: usize>(mock: &Mock, keys: [&str; N]) -> [u64; N] {
    let known = mock.keys();
    keys.map(|key| known.get(key).copied().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_take_turns_and_the_chain_is_asked_while_their_pool_is_down() {
    for which in 0..2 {
        let world = World::new().await;
        let example = &files("pools/config.yaml", "3-pools/configs/config.yaml")[0];
        let config = world.configs(example)[which].clone();
        let house = start(config, 3000).await;
        let (gemini, openai) = (["ya29.one", "ya29.two"], ["not-a-real-key-1", "not-a-real-key-2"]);
        let before = by_key(&world.gemini, gemini);
        answered(&house, "gemini-2.5-pro", KEY, 8).await;
        let after = by_key(&world.gemini, gemini);
        assert_eq!([after[0] - before[0], after[1] - before[1]], [4, 4], "{:?}", world.gemini.keys());

        for key in ["", "another-key"] {
            assert_eq!(chat(&house, "gemini-2.5-pro", key).await.status, 401);
        }
        every_dialect(&house).await;
        for name in ["openai-custom/gpt-4o", "qwen-oauth/qwen3-coder-plus", "kiro-oauth/claude-sonnet-4.5"] {
            answered(&house, name, KEY, 1).await;
        }

        world.gemini.stop().await;
        let before = world.claude.counts().requests;
        answered(&house, "any-model", KEY, 5).await;
        assert_eq!(world.claude.counts().requests - before, 5, "the first of the chain");
        world.claude.stop().await;
        let before = by_key(&world.openai, openai);
        answered(&house, "any-model", KEY, 6).await;
        let after = by_key(&world.openai, openai);
        assert_eq!([after[0] - before[0], after[1] - before[1]], [3, 3], "then the second, in turn");
    }
}

/// Clients of the dialects that the original has, each on its own paths.
async fn every_dialect(house: &House) {
    let messages = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#;
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;
    let ollama = r#"{"model":"m","stream":false,"messages":[{"role":"user","content":"hello"}]}"#;
    for (path, body, header) in [
        ("/v1/messages", messages, "x-api-key"),
        ("/v1beta/models/m:generateContent", gemini, "x-goog-api-key"),
        ("/api/chat", ollama, "authorization"),
    ] {
        let key = if header == "authorization" { format!("Bearer {KEY}") } else { KEY.to_owned() };
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(house.url(path))
            .header("content-type", "application/json")
            .header(header, key)
            .body(http_body_util::Full::new(body.into()))
            .unwrap();
        let answer = crate::house::read(house.send(request).await).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_fails_its_checks_is_not_asked_whatever_for() {
    let world = World::new().await;
    let example = &files("pools/config.yaml", "3-pools/configs/config.yaml")[0];
    let [mut config, _] = world.configs(example);
    assert_eq!(config.health.interval, Some(Duration::from_secs(600)));
    config.health.interval = Some(Duration::from_millis(100));
    config.health.max_cooldown = Duration::from_secs(3600);
    let house = start(config, 3000).await;
    answered(&house, "gemini-2.5-pro", KEY, 4).await;
    let checks = |key: &str| {
        let is_check = |entry: &lockgate_mock::Entry| {
            entry.key.as_deref() == Some(key) && String::from_utf8_lossy(&entry.body).contains("-flash-exp")
        };
        world.gemini.ledger().iter().filter(|entry| is_check(entry)).count()
    };
    eventually(|| (checks("ya29.one") >= 3).then_some(())).await;
    assert_eq!(checks("ya29.two"), 0, "nobody wants it checked");

    world.gemini.rules(vec![Rule::new("500".parse().unwrap()).of_key("ya29.one")]);
    let since = checks("ya29.one");
    eventually(|| (checks("ya29.one") >= since + 4).then_some(())).await;
    let before = house.journal.all().len();
    answered(&house, "gemini-2.5-pro", KEY, 6).await;
    let records = house.records(before + 6).await;
    let failed = records[before..].iter().flat_map(|record| &record.attempts).filter(|it| it.fault.is_some());
    assert_eq!(failed.count(), 0, "it rests for every model");
}

#[tokio::test]
async fn the_file_that_people_have_starts_and_lets_nobody_in_without_its_key() {
    let world = World::new().await;
    for file in files("pools/config.yaml", "3-pools/configs/config.yaml") {
        for config in world.configs(&file) {
            let house = start(config, 3000).await;
            assert_eq!(house.get("/v1/models").await.status, 401, "{}", file.display());
            answered(&house, "gemini-2.5-pro", KEY, 1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_at_several_addresses_are_one_pool_by_its_name() {
    let (relay, one, other) = (lenient().await, lenient().await, lenient().await);
    let folder = tempfile::tempdir().unwrap();
    let pools = folder.path().join("pools.yaml");
    let text = format!(
        "fallback_chains: {{ claude-custom: [openai-custom] }}\npools:\n  claude-custom:\n    - {{ uuid: c, api_key: k, base_url: \"http://{}\" }}\n  openai-custom:\n    - {{ uuid: o-1, api_key: k, base_url: \"{}\" }}\n    - {{ uuid: o-2, api_key: k, base_url: \"{}\" }}\n",
        relay.addr(),
        one.base_url(),
        other.base_url()
    );
    fs::write(&pools, text).unwrap();
    let env = |name: &str| (name == "PROVIDER_POOLS_FILE").then(|| pools.display().to_string());
    let configs = both("config.yaml", "default_provider: claude-custom\n", &env);
    for (config, expected) in configs.into_iter().zip([2, 4]) {
        let house = start(config, 3000).await;
        answered(&house, "openai-custom/gpt-4o", "", 4).await;
        assert_eq!(chats(&[&one, &other]), [expected, expected]);
    }
    let asked = relay.ledger().iter().filter(|entry| entry.method == Method::POST).count();
    assert_eq!(asked, 0, "though it takes any name, and is asked before them");
}

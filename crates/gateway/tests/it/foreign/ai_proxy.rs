//! Lists of keys: each maker's keys take turns, models go by their aliases and prefixes, and who failed rests.

use std::collections::BTreeMap;

use lockgate_config::Config;
use lockgate_mock::{Mock, Rule};

use super::{answered, asked, both, chat, exchanged, files, start};
use crate::house::lenient;

/// The files with everything at one mock, and for each its client key.
async fn configs(also: &[(&str, &str)]) -> Vec<(Config, &'static str, Mock)> {
    let mut configs = Vec::new();
    let clients = ["team-frontend-0f3c", ""];
    for (file, client) in files("ai-proxy.yaml", "4-ai-proxy.yaml").iter().zip(clients) {
        for which in 0..2 {
            let mock = lenient().await;
            // Without the version segment, as their users write it.
            let host = format!("http://{}", mock.addr());
            let beside =
                |key: &str, own: &str| format!("api-key: \"{own}\"\n    base-url: \"{host}\" # {key}");
            let mut by =
                vec![("https://api.deepseek.com", host.clone()), ("http://10.0.0.5:8000", host.clone())];
            for (key, own) in [
                ("sk-ant-...", "k-claude"),
                ("sk-...", "k-openai"),
                ("sk-ant-example-one", "k-one"),
                ("sk-ant-example-two", "k-two"),
                ("sk-ant-example-three", "k-three"),
                ("sk-example-openai", "k-openai"),
                ("AIza-example-gemini", "k-gemini"),
            ] {
                by.push((Box::leak(format!("api-key: \"{key}\"").into_boxed_str()), beside(key, own)));
            }
            // The one that has no more telling key.
            by.push((
                "gemini-api-key:\n  - api-key: \"...\"",
                format!("gemini-api-key:\n  - {}", beside("", "k-gemini")),
            ));
            by.extend(also.iter().map(|(old, new)| (*old, (*new).to_owned())));
            let text = exchanged(file, &by);
            configs.push((both("config.yaml", &text, &|_| None)[which].clone(), client, mock));
        }
    }
    configs
}

/// The path and the model of the last request that a mock got.
fn last(mock: &Mock) -> (String, String) {
    let asked = asked(mock);
    let entry = asked.last().unwrap();
    (entry.path.clone(), entry.model.clone().unwrap_or_default())
}

/// How many requests for an answer came with each key.
fn by_key(mock: &Mock) -> BTreeMap<String, usize> {
    let mut keys = BTreeMap::new();
    for entry in asked(mock) {
        *keys.entry(entry.key.unwrap_or_default()).or_default() += 1;
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn models_go_to_their_makers_by_id_alias_and_prefix() {
    for (config, client, mock) in configs(&[]).await {
        let is_example = !client.is_empty();
        let house = start(config, 8317).await;
        let claude = ("/v1/messages", "claude-sonnet-4-5-20250929");
        let gemini = "/v1beta/models/gemini-2.5-flash:generateContent";
        let prefix = if is_example { "ds" } else { "deepseek" };
        for (asked, path, model) in [
            ("claude-sonnet-4-5", claude.0, claude.1),
            ("claude-sonnet-4-5-20250929", claude.0, claude.1),
            ("gpt-4o", "/v1/chat/completions", "gpt-4o"),
            (if is_example { "flash" } else { "gemini-2.5-flash" }, gemini, "gemini-2.5-flash"),
            ("deepseek-chat", "/v1/chat/completions", "deepseek-chat"),
            (&format!("{prefix}/deepseek-chat"), "/v1/chat/completions", "deepseek-chat"),
        ] {
            answered(&house, asked, client, 1).await;
            assert_eq!(last(&mock), (path.to_owned(), model.to_owned()), "{asked}");
        }
        if is_example {
            answered(&house, "house-model", client, 1).await;
            assert_eq!(last(&mock).1, "qwen3-32b");
            answered(&house, "anything-else", "team-batch-77aa", 1).await;
            assert_eq!(last(&mock).1, "anything-else", "a key that lists no models is asked for any");
            assert_eq!(chat(&house, "gpt-4o-audio-preview", client).await.status, 404, "it is excluded");
            for wrong in ["", "team-frontend", "sk-ant-example-one"] {
                assert_eq!(chat(&house, "gpt-4o", wrong).await.status, 401);
            }
        } else {
            answered(&house, "gpt-4o", "any key at all", 1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_take_turns_and_rest_when_they_fail() {
    for (config, client, mock) in configs(&[]).await.into_iter().filter(|(_, client, _)| !client.is_empty()) {
        let house = start(config, 8317).await;
        answered(&house, "claude-sonnet-4-5", client, 10).await;
        let turns = [("k-one".to_owned(), 5), ("k-two".to_owned(), 5)];
        assert_eq!(by_key(&mock), BTreeMap::from(turns), "the third is disabled");
        mock.rules(vec![Rule::new("500".parse().unwrap()).of_key("k-one")]);
        answered(&house, "claude-sonnet-4-5", client, 10).await;
        let rested = [("k-one".to_owned(), 6), ("k-two".to_owned(), 15)];
        assert_eq!(by_key(&mock), BTreeMap::from(rested), "it rests after one failure");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filling_first_uses_the_first_key_until_it_fails() {
    let also = [("strategy: round-robin", "strategy: fill-first")];
    for (config, client, mock) in configs(&also).await.into_iter().filter(|(_, client, _)| !client.is_empty())
    {
        let house = start(config, 8317).await;
        answered(&house, "claude-sonnet-4-5", client, 6).await;
        assert_eq!(by_key(&mock), BTreeMap::from([("k-one".to_owned(), 6)]));
        mock.rules(vec![Rule::new("429".parse().unwrap()).of_key("k-one")]);
        answered(&house, "claude-sonnet-4-5", client, 6).await;
        let rested = [("k-one".to_owned(), 7), ("k-two".to_owned(), 6)];
        assert_eq!(by_key(&mock), BTreeMap::from(rested));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_models_of_one_alias_are_a_pool() {
    let mock = lenient().await;
    let text = format!(
        "host: 127.0.0.1\nport: 8317\nauth-dir: \"~/.cli-proxy-api\"\nopenai-compatibility:\n  - name: pool\n    \
         base-url: \"http://{}/v1\"\n    prefix: team\n    api-key-entries: [{{ api-key: k-one }}, {{ api-key: k-two }}]\n    \
         models: [{{ name: glm-5, alias: best }}, {{ name: kimi-k2, alias: best }}]\n",
        mock.addr()
    );
    for mut config in both("config.yaml", &text, &|_| None) {
        config.server.listen = crate::house::loopback().into();
        let house = crate::house::House::of(&config).await;
        let before = asked(&mock).len();
        answered(&house, "best", "", 4).await;
        answered(&house, "team/best", "", 4).await;
        let mut pairs = BTreeMap::new();
        for entry in &asked(&mock)[before..] {
            *pairs.entry((entry.model.clone(), entry.key.clone())).or_insert(0) += 1;
        }
        assert_eq!(pairs.len(), 4, "{pairs:?}");
        assert!(pairs.values().all(|count| *count == 2), "{pairs:?}");
        assert_eq!(chat(&house, "glm-5", "").await.status, 404, "only its alias was ever known");
    }
}

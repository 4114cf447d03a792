//! LiteLLM: rows of one name are a pool by weight, groups fall back on groups, and patterns stand for whole services.

use lockgate_mock::{Mock, Rule};

use super::{answered, asked, both, chat, example, exchanged, start};
use crate::house::{House, UPSTREAM_KEY, lenient};

/// Who is asked: OpenAI, Azure, Anthropic, and two boxes.
struct Services {
    openai: Mock,
    azure: Mock,
    anthropic: Mock,
    boxes: [Mock; 2],
}

const MASTER: &str = "sk-master-of-them-all";

fn env(name: &str) -> Option<String> {
    match name {
        "LITELLM_MASTER_KEY" => Some(MASTER.to_owned()),
        name => name.ends_with("_API_KEY").then(|| UPSTREAM_KEY.clone()),
    }
}

/// The example at mocks, run as it is and imported.
async fn houses() -> Vec<(House, Services)> {
    let mut houses = Vec::new();
    for which in 0..2 {
        let services = Services {
            openai: lenient().await,
            azure: lenient().await,
            anthropic: lenient().await,
            boxes: [lenient().await, lenient().await],
        };
        let host = |mock: &Mock| format!("http://{}", mock.addr());
        let at = |model: &str, mock: &Mock| format!("model: {model}\n      api_base: {}", host(mock));
        let by = [
            ("https://example-eu.openai.azure.com/", host(&services.azure)),
            ("http://10.0.0.5:8000", host(&services.boxes[0])),
            ("http://10.0.0.6:8000", host(&services.boxes[1])),
            ("model: openai/gpt-4o\n", at("openai/gpt-4o", &services.openai) + "\n"),
            ("model: openai/gpt-4o-mini", at("openai/gpt-4o-mini", &services.openai)),
            ("model: anthropic/claude-sonnet-4-5", at("anthropic/claude-sonnet-4-5", &services.anthropic)),
            ("model: anthropic/*", at("anthropic/*", &services.anthropic)),
        ];
        let text = exchanged(&example("litellm.yaml"), &by);
        let config = both("config.yaml", &text, &env)[which].clone();
        houses.push((start(config, 4000).await, services));
    }
    houses
}

/// How many requests came to each.
fn counts(mocks: &[&Mock]) -> Vec<usize> {
    mocks.iter().map(|mock| asked(mock).len()).collect()
}

/// The model of the last request, by the name of its version.
fn last(mock: &Mock) -> String {
    asked(mock).last().and_then(|entry| entry.model.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_drawn_from_by_weight_and_falls_back() {
    for (house, services) in houses().await {
        let Services { openai, azure, anthropic, .. } = &services;
        answered(&house, "gpt-4o", MASTER, 90).await;
        let shares = counts(&[openai, azure, anthropic]);
        assert_eq!((shares[0] + shares[1], shares[2]), (90, 0));
        assert!((42..=78).contains(&shares[0]), "two of three, by lot: {shares:?}");
        answered(&house, "gpt-4", MASTER, 1).await;

        openai.rules(vec![Rule::new("500".parse().unwrap())]);
        answered(&house, "gpt-4o", MASTER, 10).await;
        assert_eq!(counts(&[anthropic]), [0], "the other of the pool comes before the fallback");
        azure.rules(vec![Rule::new("500".parse().unwrap())]);
        let answer = chat(&house, "gpt-4o", MASTER).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(counts(&[anthropic]), [1]);
        assert!(last(anthropic).starts_with("claude-sonnet-4-5"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_order_goes_first_and_a_pattern_is_a_whole_service() {
    for (house, services) in houses().await {
        let [first, second] = &services.boxes;
        answered(&house, "house-model", MASTER, 5).await;
        assert_eq!(counts(&[first, second]), [5, 0]);
        first.rules(vec![Rule::new("503".parse().unwrap())]);
        answered(&house, "house-model", MASTER, 5).await;
        assert_eq!(counts(&[second]), [5]);

        answered(&house, "anthropic/claude-haiku-4-5", MASTER, 1).await;
        assert!(last(&services.anthropic).starts_with("claude-haiku-4-5"));
        assert_eq!(chat(&house, "gpt-5", MASTER).await.status, 404);
        for wrong in ["", "sk-wrong"] {
            assert_eq!(chat(&house, "gpt-4o", wrong).await.status, 401);
        }
    }
}

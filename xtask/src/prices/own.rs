//! A kind's own list, where the provider has one with prices in it: what its models cost today and not what somebody noted.

use std::collections::BTreeMap;

use lockgate_prices::{Class, Figures};
use serde::Deserialize;

use super::entry::{Answers, Entry};
use super::list::Members;
use crate::workspace::Failure;

/// What such a list calls the figure of a class, in dollars for one token. What it calls `image` is for a picture with
/// some models and for a token with others, and is not read.
const FIGURES: &[(&str, Class)] = &[
    ("prompt", Class::Input),
    ("completion", Class::Output),
    ("input_cache_read", Class::CacheRead),
    ("input_cache_write", Class::CacheWrite),
    ("input_cache_write_1h", Class::CacheWrite1h),
    ("internal_reasoning", Class::Reasoning),
    ("audio", Class::AudioInput),
    ("audio_output", Class::AudioOutput),
    ("image_output", Class::ImageOutput),
];
/// The member of a tier that says above how many tokens of input it counts.
const ABOVE: &str = "min_prompt_tokens";

#[derive(Deserialize)]
struct Own {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    pricing: Members,
}

/// Reads the answer to `GET /models` of a provider that has prices in it.
///
/// # Errors
/// When it is no such answer.
pub(crate) fn read(kind: &str, text: &str) -> Result<Vec<Entry>, Failure> {
    let own: Own = serde_json::from_str(text)
        .map_err(|error| format!("this is not {kind}'s list of models: {error}"))?;
    Ok(own.data.into_iter().map(|model| entry(kind, model)).collect())
}

fn entry(kind: &str, Model { id, pricing }: Model) -> Entry {
    let mut tiers: BTreeMap<u64, Figures> = BTreeMap::new();
    for tier in pricing.list("overrides") {
        if let Some(above) = tier.count(ABOVE) {
            tiers.insert(above, tier.figures(FIGURES));
        }
    }
    let base = pricing.figures(FIGURES);
    Entry { kind: kind.to_owned(), model: id, answers: Answers::Text, base, tiers, batch: (None, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_and_tiers_are_read() {
        let text = r#"{"data": [{"id": "maker/model", "name": "Model", "pricing": {
            "prompt": "0.0000001", "completion": "0.0000006000000000000001", "image": "0.001", "web_search": "0.005",
            "input_cache_read": "0.00000001",
            "overrides": [{"min_prompt_tokens": 272000, "prompt": "0.0000002"}]}},
            {"id": "auto", "pricing": {"prompt": "-1", "completion": "-1"}}]}"#;
        let entries = read("kind", text).expect("a list");
        let [model, auto] = &entries[..] else { panic!("{} models", entries.len()) };
        assert_eq!((model.kind.as_str(), model.model.as_str()), ("kind", "maker/model"));
        assert_eq!(model.base, Figures::new(100_000, 600_000).with(Class::CacheRead, 10_000));
        assert_eq!(model.tiers, BTreeMap::from([(272_000, Figures::default().with(Class::Input, 200_000))]));
        assert_eq!(auto.base, Figures::default());
    }

    #[test]
    fn another_file_is_refused() {
        let error = read("kind", "{}").expect_err("no list").to_string();
        assert!(error.starts_with("this is not kind's list of models"), "{error}");
    }
}

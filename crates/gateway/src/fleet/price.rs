//! What deployments cost: what the operator has said, upon the list of prices that the gateway comes with.

use std::sync::Arc;

use indexmap::IndexMap;
use lockgate_config::{self as config, Usd};
use lockgate_prices::{Class, Figures, Price};
use wildmatch::WildMatch;

/// How many tokens of input a call has for one of output, about: conversations are sent again and again.
const INPUT_PER_OUTPUT: u64 = 3;

/// The operator's prices, the first that fits counts.
#[derive(Debug)]
pub(super) struct Prices(Vec<(WildMatch, config::Price)>);

impl Prices {
    pub(super) fn new(prices: &IndexMap<String, config::Price>) -> Self {
        Self(prices.iter().map(|(glob, price)| (WildMatch::new(glob), price.clone())).collect())
    }

    /// What the model costs that a provider of that name and kind calls `model`; `None` where nobody knows. `own` is what
    /// is said of the very model that clients ask for.
    pub(super) fn of(
        &self,
        (provider, kind): (&str, &str),
        model: &str,
        own: Option<&config::Price>,
    ) -> Option<Arc<Price>> {
        let written = own.or_else(|| self.written(&format!("{provider}/{model}")));
        let listed = lockgate_prices::listed(kind, model);
        match written {
            Some(written) => upon(written, listed.as_ref()).map(Arc::new),
            None => listed.map(Arc::new),
        }
    }

    fn written(&self, name: &str) -> Option<&config::Price> {
        self.0.iter().find(|(glob, _)| glob.matches(name)).map(|(_, price)| price)
    }
}

/// What is written in the place of what the list has, figure by figure.
fn upon(written: &config::Price, listed: Option<&Price>) -> Option<Price> {
    let mut price = figures(&written.figures()).over(listed)?;
    // Tiers that are written are all there are.
    if !written.tiers.is_empty() {
        let batch = price.batch();
        price = Price::new(*price.base())?;
        price =
            written.tiers.iter().fold(price, |price, tier| price.tier(tier.above, figures(&tier.figures())));
        price = batch.map_or(price.clone(), |percent| price.batched_at(percent));
    }
    let batch = written.batch.and_then(|percent| u8::try_from(percent).ok());
    Some(batch.map_or(price.clone(), |percent| price.batched_at(percent)))
}

/// The figures of the classes that the config has words for, which are all there are.
fn figures(written: &[(&str, Option<Usd>)]) -> Figures {
    Class::ALL.into_iter().fold(Figures::default(), |figures, class| {
        let said = written.iter().find(|(name, _)| *name == class.name()).and_then(|(_, figure)| *figure);
        figures.with(class, said.map(|figure| figure.0))
    })
}

/// A price in a unit of no meaning but in comparisons.
pub(super) fn compared(price: &Price) -> u64 {
    let figure = |class| price.base().of(class);
    figure(Class::Input).saturating_mul(INPUT_PER_OUTPUT).saturating_add(figure(Class::Output))
}

#[cfg(test)]
mod tests {
    use lockgate_protocol::ir::Usage;

    use super::*;

    fn prices(yaml: &str) -> (Prices, config::Config) {
        let text = format!("providers: {{ p: {{ kind: vllm }} }}\n{yaml}");
        let config = config::parse("test.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        (Prices::new(&config.prices), config)
    }

    #[test]
    fn every_class_of_tokens_has_a_word_in_the_config() {
        let words = config::Price::default().figures().map(|(name, _)| name);
        assert_eq!(Class::ALL.map(Class::name), words);
        assert_eq!(config::PriceTier::default().figures().map(|(name, _)| name), words);
    }

    #[test]
    fn what_is_written_counts_more_than_the_list_and_the_model_more_than_patterns() {
        let (prices, config) = prices(
            "models: { m: { targets: [p/m], price: { input: 9, output: 9 } } }\n\
             prices: { 'p/a*': { input: 1, output: 2 }, 'p/*': { input: 3 }, 'o/*': { cache_read: 0.01 } }",
        );
        let of = |provider, kind, model, own: Option<&config::Price>| {
            prices.of((provider, kind), model, own).map(|price| {
                let figure = |class| price.base().of(class);
                (figure(Class::Input), figure(Class::Output), figure(Class::CacheRead))
            })
        };
        assert_eq!(of("p", "vllm", "abc", None), Some((1_000_000, 2_000_000, 1_000_000)));
        assert_eq!(of("p", "vllm", "b", None), None, "input alone is no price of a model that nobody knows");
        assert_eq!(of("q", "vllm", "b", None), None);
        assert_eq!(of("o", "openai", "gpt-4o-mini", None), Some((150_000, 600_000, 10_000)));
        assert_eq!(of("x", "openai", "gpt-4o-mini-2024-07-18", None), Some((150_000, 600_000, 75_000)));
        let own = config.models["m"].price.as_ref();
        assert_eq!(of("p", "vllm", "abc", own), Some((9_000_000, 9_000_000, 9_000_000)));
    }

    #[test]
    fn tiers_and_batches_are_written_over_too() {
        let (prices, _) = prices(
            "prices: { 'p/*': { input: 1, output: 1, tiers: [{ above: 10, input: 5 }, { above: 20, output: 7 }], batch: 25 } }",
        );
        let price = prices.of(("p", "vllm"), "m", None).expect("a price");
        let cost = |input| price.cost(&Usage { input, output: 1_000_000, ..Usage::default() }).0;
        assert_eq!([cost(10), cost(20), cost(21)], [1_000_010, 1_000_100, 7_000_105]);
        assert_eq!(price.batch(), Some(25));
    }
}

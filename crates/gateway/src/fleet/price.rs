//! What deployments cost, as far as the operator has said.

use indexmap::IndexMap;
use lockgate_config as config;
use wildmatch::WildMatch;

/// How many tokens of input a call has for one of output, about: conversations are sent again and again.
const INPUT_PER_OUTPUT: u64 = 3;

/// The operator's prices, the first that fits counts.
#[derive(Debug)]
pub(super) struct Prices(Vec<(WildMatch, config::Price)>);

impl Prices {
    pub(super) fn new(prices: &IndexMap<String, config::Price>) -> Self {
        Self(prices.iter().map(|(glob, price)| (WildMatch::new(glob), *price)).collect())
    }

    /// What `provider/model` costs, in a unit of no meaning but in comparisons.
    pub(super) fn cost(&self, provider: &str, model: &str) -> Option<u64> {
        let name = format!("{provider}/{model}");
        self.0.iter().find(|(glob, _)| glob.matches(&name)).map(|(_, price)| cost(price))
    }
}

/// One price in that unit.
pub(super) fn cost(price: &config::Price) -> u64 {
    price.input.0.saturating_mul(INPUT_PER_OUTPUT).saturating_add(price.output.0)
}

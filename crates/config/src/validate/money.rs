//! What does not make sense about prices and budgets.

use super::{Validator, field, item};
use crate::tree::{Kind, Node, quotable};
use crate::{Budget, Config, Per, Price, Usd};

/// Most money that is taken for meant: budgets are summed in millionths of a dollar.
const MOST_USD: u64 = 1_000_000_000;

impl Validator<'_> {
    pub(super) fn money(&mut self, config: &Config) {
        let prices = self.root.get("prices");
        for (glob, price) in &config.prices {
            self.price(price, field(prices, glob), &format!("prices.{}", quotable(glob)));
        }
        for (name, model) in &config.models {
            let node = self.models.get(name.as_str()).map(|entry| &entry.value);
            let path = format!("models.{}", quotable(name));
            if let Some(price) = &model.price {
                self.price(price, field(node, "price"), &format!("{path}.price"));
            }
            self.budgets(&model.budget, field(node, "budget"), &format!("{path}.budget"));
        }
        let access = self.root.get("access");
        self.budgets(&config.access.budget, field(access, "budget"), "access.budget");
        let keys = field(access, "keys");
        for (index, key) in config.access.keys.iter().enumerate() {
            let node = field(item(keys, index), "budget");
            self.budgets(&key.budget, node, &format!("access.keys[{index}].budget"));
        }
    }

    fn price(&mut self, price: &Price, node: Option<&Node>, path: &str) {
        // What is there and did not come through has its own report.
        if node.is_some_and(Node::is_empty) {
            let hint = "write at least `input` and `output`, in dollars for a million tokens".to_owned();
            self.report(node, path, &format!("`{path}` says nothing"), Some(hint));
        }
        let mut below = 0;
        for (index, tier) in price.tiers.iter().enumerate() {
            let at = item(field(node, "tiers"), index);
            let path = format!("{path}.tiers[{index}]");
            if tier.above <= below {
                let message = format!("`{path}.above` is not above that of the tier before it");
                let hint = Some("write the tiers with the smallest `above` first, each once".to_owned());
                self.report(field(at, "above"), &format!("{path}.above"), &message, hint);
            }
            if at.is_some_and(|node| node.entries().len() == 1) {
                let message = format!("`{path}` says nothing that changes");
                self.report(at, &path, &message, None);
            }
            below = tier.above;
        }
    }

    fn budgets(&mut self, budgets: &[Budget], node: Option<&Node>, path: &str) {
        let is_list = matches!(node, Some(Node { kind: Kind::Sequence(_), .. }));
        for (index, budget) in budgets.iter().enumerate() {
            let (at, path) = match is_list {
                true => (item(node, index), format!("{path}[{index}]")),
                false => (node, path.to_owned()),
            };
            self.budget(*budget, at, &path);
            let first = budgets[..index].iter().position(|before| is_same(before, budget));
            if let Some(first) = first {
                let message = format!("`{path}` is for the same as number {} of the list", first + 1);
                let hint = Some("keep the smaller one".to_owned());
                self.report(at, &path, &message, hint);
            }
        }
    }

    fn budget(&mut self, budget: Budget, node: Option<&Node>, path: &str) {
        let (key, message, hint) = match (budget.usd, budget.tokens) {
            (Some(_), Some(_)) => {
                ("tokens", "has both `usd` and `tokens`", "make two budgets of it: `budget` takes a list")
            }
            (None, None) if ["usd", "tokens"].iter().all(|key| field(node, key).is_none()) => {
                ("usd", "is of nothing", "write `usd` or `tokens`")
            }
            (Some(Usd(0)), None) => {
                ("usd", "is of no money at all", "to allow nothing, remove the key or model")
            }
            (Some(usd), None) if usd.0 / 1_000_000 >= MOST_USD => {
                ("usd", "is of more money than can be meant", "leave it out to set no limit")
            }
            _ if budget.rolling && budget.per == Per::Total => {
                ("rolling", "is for all time, which does not roll", "remove `rolling`")
            }
            _ => return,
        };
        self.report(field(node, key).or(node), path, &format!("`{path}` {message}"), Some(hint.to_owned()));
    }
}

/// Whether both count the same in the same time, so that only the smaller one can ever matter.
fn is_same(one: &Budget, other: &Budget) -> bool {
    one.usd.is_some() == other.usd.is_some() && one.per == other.per && one.rolling == other.rolling
}

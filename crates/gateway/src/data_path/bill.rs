//! What one call costs: what each deployment that had a part in its answer used, at its price.

use std::sync::Arc;

use lockgate_prices::{MicroUsd, Price};
use lockgate_protocol::{dialect::Operation, ir::Usage};
use lockgate_store as store;

use crate::{budgets::Spent, fleet::Deployment};

/// The bill of one call. An attempt that failed before anything of it left costs nothing that anybody reported.
#[derive(Default)]
pub(crate) struct Bill {
    /// Whether an answer costs something, whatever is said of it.
    is_charged: bool,
    /// What the deployment charges that answers now.
    price: Option<Arc<Price>>,
    has_answer: bool,
    /// What those used that answered before it and broke off.
    before: Usage,
    /// What that cost.
    cost: MicroUsd,
    /// Whether one of them has a price that nobody knows.
    is_unknown: bool,
}

/// What a call comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// In millionths of a dollar; `None` where it is not known or nothing was used.
    pub(crate) cost: Option<u64>,
    pub(crate) price: store::Price,
}

impl Bill {
    /// Notes what is asked: answers to some operations cost nothing.
    pub(crate) fn is_for(&mut self, operation: Operation) {
        use Operation::{Audio, Complete, Embed, Generate, Image, Rerank};
        self.is_charged = matches!(operation, Generate | Complete | Embed | Image | Audio | Rerank);
    }

    /// From now on `deployment` answers.
    pub(crate) fn answers(&mut self, deployment: &Deployment) {
        self.price.clone_from(&deployment.price);
        self.has_answer = true;
    }

    /// The answer broke off after `used` in all, those before it included, and somebody else goes on with it.
    pub(crate) fn breaks_off(&mut self, used: Usage) {
        match self.of(used) {
            Some(cost) => self.cost = self.cost.plus(cost),
            None => self.is_unknown = true,
        }
        self.before = used;
    }

    /// What those came to that answered and broke off.
    pub(crate) fn so_far(&self) -> Spent {
        let tokens = self.before.total_input().saturating_add(self.before.output);
        Spent { money: self.cost.0, tokens }
    }

    /// Whether there is an answer that costs something, should nobody say what it used.
    pub(crate) fn is_silent(&self) -> bool {
        self.is_charged && self.has_answer
    }

    /// What it comes to with `used` in all.
    pub(crate) fn sum(&self, used: Option<Usage>) -> Sum {
        let unknown = Sum { cost: None, price: store::Price::Unknown };
        let Some(used) = used else {
            return if self.is_silent() { unknown } else { Sum::default() };
        };
        match self.of(used).filter(|_| !self.is_unknown) {
            Some(cost) => Sum { cost: Some(self.cost.plus(cost).0), price: store::Price::Known },
            None => unknown,
        }
    }

    /// What the one costs who answers now.
    fn of(&self, used: Usage) -> Option<MicroUsd> {
        let own = used.minus(self.before);
        if own == Usage::default() {
            return Some(MicroUsd::default());
        }
        self.price.as_deref().map(|price| price.cost(&own))
    }
}

#[cfg(test)]
mod tests {
    use lockgate_prices::Figures;

    use super::*;

    fn priced(figures: Option<(u64, u64)>) -> Bill {
        let price = figures.and_then(|(input, output)| Price::new(Figures::new(input, output))).map(Arc::new);
        Bill { is_charged: true, price, has_answer: true, ..Bill::default() }
    }

    fn used(input: u64, output: u64) -> Option<Usage> {
        Some(Usage { input, output, ..Usage::default() })
    }

    #[track_caller]
    fn check(bill: &Bill, used: Option<Usage>, cost: Option<u64>, price: store::Price) {
        assert_eq!(bill.sum(used), Sum { cost, price });
    }

    #[test]
    fn unknown_is_not_nothing() {
        check(&priced(Some((1_000_000, 2_000_000))), used(10, 5), Some(20), store::Price::Known);
        check(&priced(None), used(10, 5), None, store::Price::Unknown);
        check(&priced(None), used(0, 0), Some(0), store::Price::Known);
        check(&priced(Some((1, 1))), None, None, store::Price::Unknown);
        check(&Bill::default(), None, None, store::Price::Known);
    }

    #[test]
    fn each_part_of_an_answer_has_its_own_price() {
        let mut bill = priced(Some((1_000_000, 2_000_000)));
        bill.breaks_off(used(10, 5).expect("some"));
        bill.price = priced(Some((100_000_000, 200_000_000))).price;
        check(&bill, used(21, 9), Some(20 + 1100 + 800), store::Price::Known);
        bill.price = None;
        check(&bill, used(21, 9), None, store::Price::Unknown);
        check(&bill, used(10, 5), Some(20), store::Price::Known);
    }
}

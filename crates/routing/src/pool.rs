//! A model's deployments in tiers, and the order in which one call asks them.

use crate::strategy::{Member, Strategy, StrategyRow};

/// All deployments of one model: the first tier takes the calls, the others catch what it cannot answer.
#[derive(Debug)]
pub struct Pool {
    tiers: Vec<Tier>,
}

#[derive(Debug)]
struct Tier {
    members: Vec<Member>,
    strategy: Box<dyn Strategy>,
}

impl Pool {
    /// A pool whose tiers are each balanced by `strategy`; empty tiers are left out.
    pub fn new(strategy: &StrategyRow, tiers: impl IntoIterator<Item = Vec<Member>>) -> Self {
        let tiers = tiers.into_iter().filter(|members| !members.is_empty());
        Self { tiers: tiers.map(|members| Tier { strategy: (strategy.build)(&members), members }).collect() }
    }

    /// The deployments in the order in which one call shall ask them, each once.
    pub fn order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.tiers.iter().map(|tier| tier.members.len()).sum());
        for tier in &self.tiers {
            for place in tier.strategy.order() {
                let deployment = tier.members[place].deployment;
                if !order.contains(&deployment) {
                    order.push(deployment);
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_keep_their_order_and_name_a_deployment_once() {
        let member = |deployment| Member { deployment, weight: 1 };
        let round_robin = crate::find("round_robin").unwrap();
        let pool = Pool::new(round_robin, [vec![member(7), member(8)], vec![], vec![member(8), member(9)]]);
        assert_eq!(pool.order(), [7, 8, 9]);
        assert_eq!(pool.order(), [8, 7, 9]);
        assert!(Pool::new(round_robin, []).order().is_empty());
    }
}

//! The price of a model: its figures, and how they change with the size of a call.

use crate::{Class, Figures};

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    base: Figures,
    /// By `above`, rising; each complete.
    tiers: Box<[Tier]>,
    batch: Option<u8>,
}

/// What a whole call costs once its input is larger than so many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// The input, cached or not, up to which this does not count yet, in tokens.
    pub above: u64,
    /// All figures, also those that are as below.
    pub figures: Figures,
}

impl Price {
    /// A price without tiers. `None` without figures for both input and output.
    pub fn new(figures: Figures) -> Option<Self> {
        let is_whole = figures.get(Class::Input).is_some() && figures.get(Class::Output).is_some();
        is_whole.then(|| Self { base: figures, tiers: Box::default(), batch: None })
    }

    /// The same with a tier on top, which says only what changes there. A tier that does not lie above the others is
    /// none: there is nothing in which it could count.
    #[must_use]
    pub fn tier(self, above: u64, changes: Figures) -> Self {
        if above <= self.tiers.last().map_or(0, |last| last.above) {
            return self;
        }
        let below = self.tiers.last().map_or(self.base, |last| last.figures);
        let mut tiers = self.tiers.into_vec();
        tiers.push(Tier { above, figures: changes.upon(&below) });
        Self { tiers: tiers.into(), ..self }
    }

    /// The same with the share of it, in percent, that a batch costs.
    #[must_use]
    pub fn batched_at(self, percent: u8) -> Self {
        Self { batch: Some(percent), ..self }
    }

    /// The figures of a call of ordinary size.
    pub fn base(&self) -> &Figures {
        &self.base
    }

    /// What larger calls cost, the smallest first.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// The share of it, in percent, that a batch costs, where the provider takes batches.
    pub fn batch(&self) -> Option<u8> {
        self.batch
    }

    /// What the same costs in a batch; `None` where that is not known. Figures are rounded up.
    pub fn in_batch(&self) -> Option<Self> {
        let percent = u64::from(self.batch?);
        // The hundreds apart from the rest, so that the product fits where the share does.
        let share = |figure: u64| {
            let hundreds = (figure / 100).saturating_mul(percent);
            hundreds.saturating_add(((figure % 100) * percent).div_ceil(100))
        };
        Some(Self { batch: None, ..self.map(|figures| figures.map(share)) })
    }

    /// The figures for a call with so many tokens of input.
    pub(crate) fn at(&self, total_input: u64) -> &Figures {
        self.reached(total_input).last().unwrap_or(&self.base)
    }

    /// The figures of all tiers that a call with up to so many tokens of input may be in, without the base.
    pub(crate) fn reached(&self, total_input: u64) -> impl Iterator<Item = &Figures> {
        self.tiers.iter().take_while(move |tier| total_input > tier.above).map(|tier| &tier.figures)
    }

    /// The same change to the figures of every tier.
    pub(crate) fn map(&self, change: impl Fn(&Figures) -> Figures) -> Self {
        let tiers = self.tiers.iter().map(|tier| Tier { figures: change(&tier.figures), ..*tier });
        Self { base: change(&self.base), tiers: tiers.collect(), batch: self.batch }
    }
}

#[cfg(test)]
mod tests;

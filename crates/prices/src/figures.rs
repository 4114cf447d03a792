//! What tokens of some classes cost.

use std::fmt;

use crate::{Class, Price};

/// Figures for some classes of tokens, each in millionths of a US dollar for a million tokens. Complete ones, with input
/// and output at least, are a [`Price`]; others say what is different: above so many tokens of input, or at an operator's.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures([Option<u64>; Class::ALL.len()]);

impl Figures {
    /// The two that a price needs.
    pub fn new(input: u64, output: u64) -> Self {
        Self::default().with(Class::Input, input).with(Class::Output, output)
    }

    /// The same with a figure more, or in the place of another. Takes `None` for what is not said.
    #[must_use]
    pub fn with(mut self, class: Class, figure: impl Into<Option<u64>>) -> Self {
        if let Some(figure) = figure.into() {
            self.0[class as usize] = Some(figure);
        }
        self
    }

    /// The same without the figure of a class.
    #[must_use]
    pub fn without(mut self, class: Class) -> Self {
        self.0[class as usize] = None;
        self
    }

    /// What is said of a class itself.
    pub fn get(&self, class: Class) -> Option<u64> {
        self.0[class as usize]
    }

    /// What is said, in the order of [`Class::ALL`].
    pub fn said(&self) -> impl Iterator<Item = (Class, u64)> {
        Class::ALL.into_iter().filter_map(|class| Some((class, self.get(class)?)))
    }

    /// The figure that counts for a class: its own, or that of the class it falls back to. 0 only where it is written,
    /// or where not even its side of the call has a figure, which no price is without.
    pub fn of(&self, class: Class) -> u64 {
        self.get(class).or_else(|| class.otherwise().map(|other| self.of(other))).unwrap_or_default()
    }

    /// What is said here, and of the rest what `below` says.
    pub(crate) fn upon(&self, below: &Self) -> Self {
        Self(std::array::from_fn(|number| self.0[number].or(below.0[number])))
    }

    /// What `self` says in the place of what `shipped` says, figure by figure: for an operator's words upon the table.
    /// A figure holds for the class as an operator means it ([`Class::included_in`]) and in every tier. `None` where
    /// nothing is shipped and input or output are not said: then the price is unknown.
    pub fn over(&self, shipped: Option<&Price>) -> Option<Price> {
        match shipped {
            Some(price) => Some(price.map(|figures| self.upon(&self.clear(figures)))),
            None => Price::new(*self),
        }
    }

    /// `shipped` without the figures that are included in one of `self`.
    fn clear(&self, shipped: &Figures) -> Self {
        let is_covered = |class: &Class| class.included_in().is_some_and(|whole| self.get(whole).is_some());
        Class::ALL.into_iter().filter(is_covered).fold(*shipped, Self::without)
    }

    /// Every figure as another function of it.
    pub(crate) fn map(&self, change: impl Fn(u64) -> u64) -> Self {
        Self(self.0.map(|figure| figure.map(&change)))
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.said().map(|(class, figure)| (class.name(), figure))).finish()
    }
}

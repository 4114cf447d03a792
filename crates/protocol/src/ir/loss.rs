//! Something the target's dialect cannot say, named instead of dropped.

use std::{borrow::Cow, fmt};

/// One loss.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// The field, in the path of the dialect it was decoded from, e.g. `tools[2]` or `logit_bias`.
    pub path: String,
    /// Why it is lost, in a few words without personal data.
    pub reason: Cow<'static, str>,
}

/// Losses of one translation; bounded, because a request can have a thousand fields nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    list: Vec<Loss>,
    more: usize,
}

/// Most losses that are named; the rest are counted.
const MAX_NAMED: usize = 64;

impl Losses {
    /// Names one loss; the same one twice counts once.
    pub fn add(&mut self, path: impl Into<String>, reason: impl Into<Cow<'static, str>>) {
        let loss = Loss { path: path.into(), reason: reason.into() };
        if self.list.contains(&loss) {
            return;
        }
        if self.list.len() < MAX_NAMED { self.list.push(loss) } else { self.more += 1 }
    }

    /// Takes over all of `other`.
    pub fn append(&mut self, other: Self) {
        self.more += other.more;
        for loss in other.list {
            self.add(loss.path, loss.reason);
        }
    }

    /// Forgets the proofs that an answer's dialect has no place for: they are named by paths that end in `signature`.
    /// For whoever kept them elsewhere.
    pub fn forget_proofs(&mut self) {
        self.list.retain(|loss| !loss.path.ends_with("signature"));
    }

    /// Spells the losses anew: `spelled` gives the new text of a path or a reason where there is one.
    pub fn respell(&mut self, spelled: &dyn Fn(&str) -> Option<String>) {
        for loss in &mut self.list {
            if let Some(path) = spelled(&loss.path) {
                loss.path = path;
            }
            if let Some(reason) = spelled(&loss.reason) {
                loss.reason = reason.into();
            }
        }
    }

    /// True if nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The losses that are named.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.list.iter()
    }
}

impl fmt::Display for Losses {
    /// For one header line: `path (reason), path (reason), and 3 more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, loss) in self.list.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{} ({})", loss.path, loss.reason)?;
        }
        if self.more > 0 { write!(f, ", and {} more", self.more) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_named_once_and_counted_beyond_the_bound() {
        let mut losses = Losses::default();
        assert!(losses.is_empty());
        for path in ["seed", "seed", "n"] {
            losses.add(path, "no such field");
        }
        assert_eq!(losses.to_string(), "seed (no such field), n (no such field)");
        (0..100).for_each(|n| losses.add(format!("x[{n}]"), "no such field"));
        assert!(losses.to_string().ends_with(", and 38 more"));
    }
}

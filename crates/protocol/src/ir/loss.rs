//! Something the target's dialect cannot say, named instead of dropped.
//!
//! One thing has one path, whichever pair of dialects loses it:
//!
//! | path | what |
//! |---|---|
//! | `system[n]`, `messages[n].content[m]` | a block of a request; blocks inside it are `.content[k]` |
//! | `choices[n].content[m]` | a block of an answer |
//! | `.signature`, `.citations`, `.name`, `.context`, `.cache`, `.input` | what belongs to a block |
//! | `choices[n].stop_reason`, `.stop_sequence`, `.stop_details` | how an answer ended |
//! | `choices[n].logprobs`, `service_tier`, `usage.…` | what else an answer says |
//! | `tools[n]`, `tool_choice`, `parallel_tool_calls` | what may be called |
//! | `n`, `response_format`, `prompt_cache_key`, `previous_response_id` | settings; all others by their own names |
//! | `stream` | an event of a stream that nobody could have meant |
//! | anything else | a member that only its dialect has, by the name that it has there |

use std::{borrow::Cow, fmt};

use super::Block;

/// One loss.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// The field, in the path of the dialect it was decoded from, e.g. `tools[2]` or `logit_bias`.
    pub path: String,
    /// Why it is lost, in a few words without personal data.
    pub reason: Cow<'static, str>,
}

impl Loss {
    /// Why a member of an answer is lost that no other dialect knows.
    pub const PROVIDERS_OWN: &'static str = "only the provider's own dialect has it";
    /// Why a member of a request is lost that no other dialect knows.
    pub const CLIENTS_OWN: &'static str = "only the client's own dialect has it";
    /// What is said of an answer's usage where the provider says none.
    pub const ESTIMATED: &'static str =
        "estimated, because the model's provider does not say what an answer cost";
    /// Why a tool is lost that the model may not choose.
    pub const NOT_CHOSEN: &'static str = "left out, because the choice is among others";

    /// An event of a provider's stream that was left out because it is noise.
    pub fn noise() -> Self {
        Self { path: "stream".to_owned(), reason: Cow::Borrowed("an event that is no JSON was left out") }
    }
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
    /// Names it.
    pub fn push(&mut self, loss: Loss) {
        self.add(loss.path, loss.reason);
    }

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

    /// Forgets the proofs that an answer's dialect has no place for: they are named by paths that end in [`Block::PROOF`].
    /// For whoever kept them elsewhere.
    pub fn forget_proofs(&mut self) {
        let is_proof = |path: &str| path.rsplit('.').next() == Some(Block::PROOF);
        self.list.retain(|loss| !is_proof(&loss.path));
    }

    /// Forgets what is named inside of `path`, if all of that is lost.
    pub fn forget_inside(&mut self, path: &str) {
        if self.list.iter().any(|loss| loss.path == path) {
            let is_inside = |inner: &str| inner.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
            self.list.retain(|loss| !is_inside(&loss.path));
        }
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

    #[test]
    fn what_is_lost_whole_or_kept_elsewhere_is_not_named_in_parts() {
        let mut losses = Losses::default();
        for path in
            ["tools[1].strict", "tools[1]", "tools[10].strict", "tools[2].strict", "content[0].signature"]
        {
            losses.add(path, "w");
        }
        (1..3).for_each(|at| losses.forget_inside(&format!("tools[{at}]")));
        losses.forget_proofs();
        assert_eq!(losses.to_string(), "tools[1] (w), tools[10].strict (w), tools[2].strict (w)");
    }
}

//! Carries the proofs of reasoning past a client whose dialect has no place for them.
//!
//! Providers that reason before they call tools want that reasoning back, proven, when the results of the tools come:
//! Anthropic refuses the turn without it, Gemini 3 refuses calls without their signature, OpenAI forgets what it thought.
//! A [`Collector`] takes the proofs out of an answer on its way to the client; [`restore`] puts them back into the
//! client's next request. What lies between is the gateway's: bounded, and apart for each client key.
//!
//! A call is known again by its id. No encoder changes ids on their way to a client (only towards providers, which have
//! rules for them), so the id of the event is the id that comes back. Clients of dialects that drop ids are known again
//! by the conversation up to the call: see [`Name::Place`]. Either way name and arguments have to be those of the call
//! that was made, since some providers number their calls anew in each answer.

mod collector;
mod fingerprint;
mod restore;

use std::sync::Arc;

use crate::{
    dialects,
    ir::{Signature, Thinking},
};

pub use collector::{Collector, Harvest};
pub use fingerprint::conversation;
pub use restore::restore;

/// What a call is known by when it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// Its id.
    Id(String),
    /// A hash of the conversation before its turn, and of its position in the turn.
    Place(u64),
}

/// What one turn leaves to be put back at one of its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    thoughts: Vec<Thought>,
    signature: Option<Signature<'static>>,
    /// Fingerprint of the call.
    call: u64,
}

/// What is kept, and what it is found by.
pub type Row = (Name, Arc<Kept>);

/// Reasoning between the call before and this one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thought {
    thinking: Thinking<'static>,
    /// True if nothing but reasoning came before it in its turn.
    leads: bool,
}

/// Where proofs go: a provider's dialect, and those of the makers whose models it hosts.
#[derive(Debug, Clone, Copy)]
struct Home<'h> {
    dialect: &'h str,
    hosted: &'static [&'static str],
}

impl<'h> Home<'h> {
    fn of(dialect: &'h str) -> Self {
        Self { dialect, hosted: dialects::find(dialect).map_or(&[], |known| known.hosts_proofs_of()) }
    }

    fn takes(self, signature: &Signature<'_>) -> bool {
        signature.at_home(self.dialect).is_some()
            || self.hosted.iter().any(|maker| signature.at_home(maker).is_some())
    }
}

impl Kept {
    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        let proof = |signature: &Option<Signature<'_>>| {
            signature.as_ref().map_or(0, |proof| proof.value.len() + proof.origin.len())
        };
        let thought = |thought: &Thought| {
            let item = thought.thinking.item.as_deref().map_or(0, str::len);
            size_of::<Thought>() + thought.thinking.text.len() + proof(&thought.thinking.signature) + item
        };
        size_of::<Self>() + proof(&self.signature) + self.thoughts.iter().map(thought).sum::<usize>()
    }

    /// Whether all of its proofs are at home there: no provider takes another's.
    fn is_of(&self, home: Home<'_>) -> bool {
        let thoughts = self.thoughts.iter().filter_map(|thought| thought.thinking.signature.as_ref());
        thoughts.chain(&self.signature).all(|signature| home.takes(signature))
    }
}

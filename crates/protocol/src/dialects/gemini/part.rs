//! Parts of a turn and the blocks that they are.

mod media;
mod read;
mod write;

use std::fmt;

pub(super) use read::{Calls, content, is_nameless, keep, signature, whole};
pub(super) use write::{Writer, short};

/// What ids begin with that were made up for calls without one. They are never sent to Gemini, which matches such
/// calls by name and order.
const MADE_UP: &str = "gem_";

/// True for the address of a file in a store of Google's: of the Gemini API or of Cloud Storage.
fn is_in_store(uri: &str) -> bool {
    ["gs://", "https://generativelanguage.googleapis.com/"].iter().any(|store| uri.starts_with(store))
}

/// Where a block stands, for the path of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the system prompt.
    System(usize),
    /// In a message.
    Message(usize, usize),
    /// In what a tool gave back, which is in a message.
    Result(usize, usize, usize),
    /// In an answer.
    Choice(u64, usize),
}

impl Place {
    /// Where block `number` within the block at this place stands.
    pub(super) fn inner(self, number: usize) -> Self {
        match self {
            Self::Message(message, block) => Self::Result(message, block, number),
            other => other,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(block) => write!(f, "system[{block}]"),
            Self::Message(message, block) => write!(f, "messages[{message}].content[{block}]"),
            Self::Result(message, block, inner) => {
                write!(f, "messages[{message}].content[{block}].content[{inner}]")
            }
            Self::Choice(choice, block) => write!(f, "choices[{choice}].content[{block}]"),
        }
    }
}

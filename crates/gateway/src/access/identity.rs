//! What tells a key from all others: what is remembered for it is nobody else's, whatever the others are called.

use std::sync::Arc;

/// What stands before the name of a key of the config.
pub(crate) const OF_CONFIG: &str = "config:";

/// What tells a key from all others.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The same as long as there is the key, whatever its name and its text.
    pub(crate) id: Arc<str>,
    /// When it was made, in milliseconds since 1970; nought is always. What is on record by its name and began before is
    /// another's.
    pub(crate) since_ms: u64,
}

impl Identity {
    /// Of a key of the config: it has nothing but its name, and goes on with what was ever done by that.
    pub(crate) fn written(name: &str) -> Self {
        Self { id: format!("{OF_CONFIG}{name}").into(), since_ms: 0 }
    }

    /// Of a created key.
    pub(crate) fn created(id: &str, since_ms: u64) -> Self {
        Self { id: id.into(), since_ms }
    }
}

//! Pure: what operators are told, how often, and in which words each receiver takes it.
//!
//! Reading order: [`kind`] (what alerts are about), [`memory`] (who was told what, and when it is told again).

mod kind;
mod memory;

pub use kind::Kind;
pub use memory::{Memory, News};

/// Something that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub kind: Kind,
    /// Whom it concerns: a deployment, a credential, a key, a model. Of one kind, each subject is told of by itself.
    pub subject: String,
    /// What is the matter, in a sentence without a secret.
    pub text: String,
}

// === impl Alert ===

impl Alert {
    /// An alert of `kind` about `subject`.
    pub fn new(kind: Kind, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), text: text.into() }
    }
}

/// Whether something begins or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is the matter now.
    Raised,
    /// It was the matter, and is not any more.
    Resolved,
}

// === impl Status ===

impl Status {
    /// How receivers read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
        }
    }
}

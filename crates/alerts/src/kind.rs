//! What alerts are about: one table.

use std::fmt;

use crate::Status;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A deployment fails and is left alone; it answers again.
    Deployment,
    /// A provider refuses a credential of ours.
    KeyFault,
    /// The account behind a credential has nothing left.
    Quota,
    /// A budget is nearly spent.
    BudgetNear,
    /// A budget is spent.
    BudgetSpent,
    /// Many calls fail.
    ErrorRate,
    /// The journal's disk is full or broken.
    Disk,
    /// What is made of the journal is far behind it.
    Projection,
    /// A config was refused, and the one before goes on.
    Reload,
    /// Nothing is the matter: somebody wants to see whether alerts arrive.
    Test,
}

/// The facts of a kind.
struct Row {
    kind: Kind,
    name: &'static str,
    meaning: &'static str,
    /// The words for its beginning.
    raised: &'static str,
    /// The words for its end.
    resolved: &'static str,
}

/// All kinds, in the order in which they are documented.
const TABLE: &[Row] = &[
    row(
        Kind::Deployment,
        "deployment",
        "A deployment fails and is left alone; it answers again.",
        "deployment ejected",
        "deployment back",
    ),
    row(
        Kind::KeyFault,
        "key_fault",
        "A provider refuses a credential; it takes it again.",
        "provider refuses a key",
        "key is taken again",
    ),
    row(
        Kind::Quota,
        "quota",
        "The account behind a credential has nothing left; it has again.",
        "quota exhausted",
        "quota is there again",
    ),
    row(
        Kind::BudgetNear,
        "budget_near",
        "A budget is spent to 80%.",
        "budget nearly spent",
        "budget has room again",
    ),
    row(Kind::BudgetSpent, "budget_spent", "A budget is spent.", "budget spent", "budget has room again"),
    row(
        Kind::ErrorRate,
        "error_rate",
        "Many calls fail; they succeed again.",
        "many calls fail",
        "calls succeed again",
    ),
    row(
        Kind::Disk,
        "disk",
        "The journal cannot be written; it can again.",
        "journal cannot be written",
        "journal is written again",
    ),
    row(
        Kind::Projection,
        "projection",
        "What is made of the journal is far behind it; it has caught up.",
        "projection lags behind",
        "projection has caught up",
    ),
    row(
        Kind::Reload,
        "reload",
        "A config was refused and the one before goes on; one was taken.",
        "config refused",
        "config taken",
    ),
    row(
        Kind::Test,
        "test",
        "Nothing is the matter: somebody wants to see whether alerts arrive.",
        "test",
        "test",
    ),
];

const fn row(
    kind: Kind,
    name: &'static str,
    meaning: &'static str,
    raised: &'static str,
    resolved: &'static str,
) -> Row {
    Row { kind, name, meaning, raised, resolved }
}

// === impl Kind ===

impl Kind {
    /// How many there are.
    pub const COUNT: usize = TABLE.len();

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.kind)
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.kind)
    }

    /// Its place in the table, for what is kept by kind.
    #[must_use]
    pub const fn place(self) -> usize {
        self as usize
    }

    /// Its name in configs, records and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        TABLE[self.place()].name
    }

    /// What it is about, for a person who chooses.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        TABLE[self.place()].meaning
    }

    /// What a person reads first.
    #[must_use]
    pub const fn title(self, status: Status) -> &'static str {
        match status {
            Status::Raised => TABLE[self.place()].raised,
            Status::Resolved => TABLE[self.place()].resolved,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_at_its_place() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.kind.place(), place);
            assert_eq!(Kind::named(row.name), Some(row.kind));
        }
    }
}

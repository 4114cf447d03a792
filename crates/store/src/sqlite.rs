//! The embedded database: the searchable list of calls, and what was used by whom.

mod bundles;
mod ids;
mod ledger;
mod list;
mod names;
mod queries;
mod rollup;
mod row;
mod schema;
#[cfg(test)]
mod tests;
mod usage;

pub use ledger::Ledger;
pub use list::{Filter, Page};
pub use queries::Queries;
pub use row::CallRow;
pub use schema::DatabaseError;
pub use usage::{By, Group, MOST_GROUPS, Spent, Used, Wanted};

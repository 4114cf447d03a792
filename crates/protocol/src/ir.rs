//! The superset that every dialect is translated through: what a call asks, answers, costs and how it fails.

mod fault;
mod usage;

pub use fault::{Blame, Complaint, Fault, FaultKind, Remedy};
pub use usage::Usage;

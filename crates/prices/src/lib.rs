//! What models cost and what a call cost: a table of facts with its date and source, and arithmetic on whole numbers.
//!
//! ```text
//! listed(kind, upstream_model)                  what the provider's list says, or nothing: unknown is not zero
//!   -> Figures::over(shipped)                   with what the operator wrote in its place
//!   -> Price::worst(input, max_output)          what to reserve before the call
//!   -> Price::cost(usage)                       what it was
//! ```
//!
//! No clock, no sockets, no floating point. The list is part of the binary, and lookups read it where they look.

mod class;
mod cost;
mod figures;
mod money;
mod names;
mod price;
mod shipped;
mod table;

pub use class::Class;
pub use figures::Figures;
pub use money::MicroUsd;
pub use price::{Price, Tier};
pub use shipped::listed;
pub use table::{Malformed, Row, Table};

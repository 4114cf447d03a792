//! The list of calls as it lies in the database: bundles of some hundred calls of one segment, each packed into one row.
//!
//! A row per call, with an index for what calls are filtered by, costs the gateway more than all else that is made of a
//! record. Bundles are as quick to search: another table says which have calls of which kind, and one is read in
//! microseconds.

mod filling;
mod packed;
mod reading;

pub(super) use filling::Filling;
pub(super) use packed::{Packed, Place};
pub(super) use reading::{Bundle, Bundles};

/// Calls in one bundle.
const MOST: usize = 256;

//! The store as a whole, on what may happen to it: killed at any moment, out of room, grown large.

mod full_disk;
mod kill;
mod projections;
mod rows;

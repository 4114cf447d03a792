//! Pure: bytes to one conversation model and back, for every dialect.

pub mod ir;

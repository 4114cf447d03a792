//! Pure: bytes to one conversation model and back, for every dialect.
//!
//! Nothing here reads a socket, a clock or a dice: bytes come in, values go out.

pub mod dialect;
pub mod dialects;
pub mod envelope;
pub mod framing;
pub mod ir;
pub mod json;
pub mod multipart;
pub mod splice;

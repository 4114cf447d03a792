//! Pure: bytes to one conversation model and back, for every dialect.
//!
//! Nothing here reads a socket, a clock or a dice: bytes come in, values go out.

pub mod affinity;
pub mod cloak;
pub mod codec;
pub mod continuity;
pub mod conversations;
pub mod counting;
pub mod dialect;
pub mod dialects;
pub mod embedding;
pub mod envelope;
pub mod estimate;
pub mod fold;
pub mod forms;
pub mod framing;
pub mod ir;
pub mod json;
pub mod limit_headers;
pub mod multipart;
pub mod output_limit;
pub mod resume;
pub mod splice;
pub mod translate;

//! Requests: `/api/chat` and `/api/generate` in, `/api/chat` out unless only generate can say it.

mod decode;
mod encode;

pub(super) use decode::{decode, said, tool_use};
pub(super) use encode::encode;

/// Members that generate has and chat has not. A request that uses one stays a generate request.
pub(super) const GENERATE_ONLY: &[&str] =
    &["suffix", "template", "raw", "context", "width", "height", "steps"];

/// Options that only this dialect knows are kept beside the members, under this front, so that losses name them as the
/// client wrote them.
const OPTIONS: &str = "options.";

/// Members of a call's function that nobody knows, likewise.
pub(super) const FUNCTION: &str = "function.";

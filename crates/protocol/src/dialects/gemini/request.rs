//! Requests.

mod read;
mod tools;
mod turns;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// What members of nested objects that only Gemini knows are called in the request's `extra`.
const CONFIG: &str = "generationConfig.";
const TOOL_CONFIG: &str = "toolConfig.";
const CALLING: &str = "toolConfig.functionCallingConfig.";

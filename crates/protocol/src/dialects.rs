//! The table of dialects; whatever is listed anywhere else (routes, tests, docs) comes from it.

mod openai_chat;
mod openai_responses;

use crate::dialect::Dialect;

/// Every dialect, the one that answers for paths of no dialect first.
pub const DIALECTS: &[&dyn Dialect] = &[&openai_chat::OpenAiChat, &openai_responses::OpenAiResponses];

/// The dialect whose errors a caller gets when the path tells nothing about what it speaks.
pub const DEFAULT: &dyn Dialect = DIALECTS[0];

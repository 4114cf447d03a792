//! The table of dialects; whatever is listed anywhere else (routes, tests, docs) comes from it.

mod anthropic;
mod bedrock;
mod gemini;
mod gpt;
mod kiro;
mod leftover;
mod ollama;
mod openai_chat;
mod openai_responses;
mod orphan;
mod place;
mod search_result;

pub use anthropic::{Host, Hosted, encode_hosted, hosted_body};
pub use bedrock::invoke;

use crate::dialect::Dialect;

/// Every dialect, the one that answers for paths of no dialect first.
pub const DIALECTS: &[&dyn Dialect] = &[
    &openai_chat::OpenAiChat,
    &openai_responses::OpenAiResponses,
    &anthropic::Anthropic,
    &gemini::Gemini,
    &ollama::Ollama,
    &bedrock::Bedrock,
];

/// What only providers speak: found by name, and translated to from all of the others.
pub const UPSTREAM_ONLY: &[&dyn Dialect] = &[&kiro::Kiro];

/// OpenAI's two APIs, by the words that other tools' configs have for them.
pub const WIRE_APIS: [(&str, &dyn Dialect); 2] = [("chat", DIALECTS[0]), ("responses", DIALECTS[1])];

/// The dialect whose errors a caller gets when the path tells nothing about what it speaks.
pub const DEFAULT: &dyn Dialect = DIALECTS[0];

/// The dialect of that name.
pub fn find(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().chain(UPSTREAM_ONLY).copied().find(|dialect| dialect.name() == name)
}

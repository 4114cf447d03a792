//! The dialects against recorded traffic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod affinity;
mod anthropic;
mod bedrock;
mod continuity;
mod corpus;
mod custom_tools;
mod forms;
mod gemini;
mod kiro;
mod matrix;
mod ollama;
mod openai_chat;
mod openai_responses;
mod resume;
mod said;
mod watch;

//! How each receiver takes a message.

pub(crate) mod dingtalk;
pub(crate) mod feishu;
pub(crate) mod slack;
pub(crate) mod webhook;
pub(crate) mod wecom;

#[cfg(test)]
mod tests;

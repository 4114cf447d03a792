//! The providers, one folder each; the table is [`crate::PROVIDERS`].

pub(crate) mod azure;
pub(crate) mod openai;
pub(crate) mod openai_compatible;

//! Pure: where and how to ask a provider, and what its failures mean.

/// Every provider kind that a config may name, presets included, in the order of the documentation.
pub fn kinds() -> Vec<&'static str> {
    vec!["openai", "azure", "openai-compatible"]
}

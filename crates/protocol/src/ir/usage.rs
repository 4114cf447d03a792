//! One model of what a call consumed, so that no dialect's way of counting leaks into another's.

/// Tokens of one call. The parts of the input never overlap: a dialect that counts cached tokens inside its total
/// (OpenAI, Gemini) has them subtracted when decoded and added again when encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens that came from no cache.
    pub input: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cache_read: u64,
    /// Input tokens written to the provider's prompt cache.
    pub cache_write: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// The part of the input that was audio.
    pub audio_input: u64,
    /// The part of `output` that was audio.
    pub audio_output: u64,
}

impl Usage {
    /// All tokens that went in, cached or not.
    pub fn total_input(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }
}

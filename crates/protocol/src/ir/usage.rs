//! One model of what a call consumed, so that no dialect's way of counting leaks into another's.

use super::Losses;

/// Tokens of one call. The parts of the input never overlap: a dialect that counts cached tokens inside its total
/// (OpenAI, Gemini) has them subtracted when decoded and added again when encoded. What is called a part of another
/// count is inside it, and is never added to it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens that came from no cache.
    pub input: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cache_read: u64,
    /// Input tokens written to the provider's prompt cache, however long they live there.
    pub cache_write: u64,
    /// The part of `cache_write` that lives an hour; the rest lives five minutes, which is the default.
    pub cache_write_1h: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// The part of the input that was audio.
    pub audio_input: u64,
    /// The part of `output` that was audio.
    pub audio_output: u64,
    /// The part of the input that was pictures.
    pub image_input: u64,
    /// The part of `output` that was pictures.
    pub image_output: u64,
    /// The part of the input that a tool of the provider put into the prompt (Gemini).
    pub tool_input: u64,
}

impl Usage {
    /// All tokens that went in, cached or not.
    pub fn total_input(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    /// What two calls consumed together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// What is left of it without a part of it.
    #[must_use]
    pub fn minus(self, part: Self) -> Self {
        self.with(part, u64::saturating_sub)
    }

    fn with(self, other: Self, count: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: count(self.input, other.input),
            cache_read: count(self.cache_read, other.cache_read),
            cache_write: count(self.cache_write, other.cache_write),
            cache_write_1h: count(self.cache_write_1h, other.cache_write_1h),
            output: count(self.output, other.output),
            reasoning: count(self.reasoning, other.reasoning),
            audio_input: count(self.audio_input, other.audio_input),
            audio_output: count(self.audio_output, other.audio_output),
            image_input: count(self.image_input, other.image_input),
            image_output: count(self.image_output, other.image_output),
            tool_input: count(self.tool_input, other.tool_input),
        }
    }

    /// The parts that not every dialect counts, by the paths that losses call them.
    pub fn parts(&self) -> [(&'static str, u64); 9] {
        [
            ("usage.cache_read", self.cache_read),
            ("usage.cache_write", self.cache_write),
            ("usage.cache_write_1h", self.cache_write_1h),
            ("usage.reasoning", self.reasoning),
            ("usage.audio_input", self.audio_input),
            ("usage.audio_output", self.audio_output),
            ("usage.image_input", self.image_input),
            ("usage.image_output", self.image_output),
            ("usage.tool_input", self.tool_input),
        ]
    }

    /// Names the parts that a dialect has no members for: all that are counted but those in `said`.
    pub fn lose_parts(&self, said: &[&str], reason: &'static str, losses: &mut Losses) {
        for (path, count) in self.parts() {
            let name = path.strip_prefix("usage.").unwrap_or(path);
            if count > 0 && !said.contains(&name) {
                losses.add(path, reason);
            }
        }
    }
}

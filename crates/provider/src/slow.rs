//! Models that may think for minutes before they say anything.

/// Parts of names, lower case; matched at the beginning of a word of the name, so that `o1` is not found in `pro1`. Names
/// as their makers list them; served elsewhere they keep them as a part.
const SLOW: &[&str] = &[
    // OpenAI shows nothing of the reasoning of these in Chat Completions.
    "o1",
    "o3",
    "o4",
    "gpt-5",
    "deep-research",
    "codex",
    // Their servers may hold the reasoning back or send it in one piece.
    "deepseek-r1",
    "deepseek-reasoner",
    "r1",
    "reasoner",
    "reasoning",
    "thinking",
    "qwq",
    "magistral",
    "grok-4",
];

/// True for a model whose silence says nothing: a limit on the time to its first token would cut good answers.
pub fn thinks_long(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    let is_word = |at: usize| at == 0 || !model.as_bytes()[at - 1].is_ascii_alphanumeric();
    SLOW.iter().any(|part| model.match_indices(part).any(|(at, _)| is_word(at)))
}

#[cfg(test)]
mod tests {
    use super::thinks_long;

    #[test]
    fn models_that_think_long_are_known_by_their_names() {
        for model in ["o3-mini", "openai/o1", "gpt-5.1", "DeepSeek-R1-Distill-Qwen-32B", "kimi-k2-thinking"] {
            assert!(thinks_long(model), "{model}");
        }
        for model in ["gpt-4o", "claude-haiku-4-5", "pro1", "gemini-2.5-flash", "qwen3-32b", ""] {
            assert!(!thinks_long(model), "{model}");
        }
    }
}

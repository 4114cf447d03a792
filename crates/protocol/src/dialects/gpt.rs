//! What OpenAI's models take, as far as the name tells: its dialects fit requests of other dialects to that.
//!
//! Sources: OpenAI's model pages and its guides to GPT-5 and later; refusals such as "Unsupported parameter: 'top_p' is not
//! supported with this model.", "Unrecognized request argument supplied: reasoning_effort" and "max_tokens is too large".

use crate::ir::{Effort, Reasoning, Request};

/// Why an effort is left out.
pub(super) const DOES_NOT_REASON: &str = "the model does not reason";
/// Why sampling settings are left out.
pub(super) const REASONS: &str = "a model that reasons does not take it";

/// Whether `model` reasons; `None` for a name that is not OpenAI's, whose server may know what it means.
pub(super) fn reasons(model: &str) -> Option<bool> {
    let name = model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let words: Vec<&str> = name.split('-').collect();
    match *words.as_slice() {
        ["o1" | "o3" | "o4", ..] | ["codex", "mini", ..] => Some(true),
        ["chatgpt", ..] => Some(false),
        ["gpt", version, ref rest @ ..] => {
            let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
            let major: u32 = version[..digits].parse().ok()?;
            Some(major >= 5 && !rest.contains(&"chat"))
        }
        _ => None,
    }
}

/// The most tokens `model` puts out where that is less than what other providers' clients ask for as a matter of course.
pub(super) fn max_output(model: &str) -> Option<u64> {
    let name = model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    const LIMITS: &[(&str, u64)] = &[
        ("gpt-4o-2024-05-13", 4096),
        ("gpt-4o", 16_384),
        ("chatgpt-4o", 16_384),
        ("gpt-4.1", 32_768),
        ("gpt-4-turbo", 4096),
        ("gpt-4", 8192),
        ("gpt-3.5", 4096),
    ];
    LIMITS.iter().find(|row| name.starts_with(row.0)).map(|row| row.1)
}

/// True if `model` will reason about `request` and then refuses settings that steer the choice of words.
pub(super) fn refuses_sampling(model: &str, request: &Request<'_>) -> bool {
    let is_off = request.reasoning.as_ref().and_then(Reasoning::effort) == Some(Effort::None);
    reasons(model) == Some(true) && !is_off
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, expect: Option<bool>) {
        assert_eq!(reasons(model), expect, "{model}");
    }

    #[test]
    fn the_name_tells() {
        check("o1", Some(true));
        check("o3-mini-2025-01-31", Some(true));
        check("openai/o4-mini", Some(true));
        check("gpt-5", Some(true));
        check("GPT-5.5-nano", Some(true));
        check("gpt-10-codex", Some(true));
        check("gpt-5-chat-latest", Some(false));
        check("gpt-4o-mini", Some(false));
        check("gpt-4.1", Some(false));
        check("gpt-3.5-turbo", Some(false));
        check("chatgpt-4o-latest", Some(false));
        check("gpt-oss-120b", None);
        check("gpt-", None);
        check("olmo-3", None);
        check("qwen3", None);
        check("", None);
    }

    #[test]
    fn the_name_tells_how_much_comes_out() {
        assert_eq!(max_output("openai/gpt-4o-mini"), Some(16_384));
        assert_eq!(max_output("gpt-4.1-nano"), Some(32_768));
        assert_eq!(max_output("gpt-4-0613"), Some(8192));
        assert_eq!(max_output("gpt-5.5"), None);
        assert_eq!(max_output("qwen3"), None);
    }
}

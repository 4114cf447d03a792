//! Whose model a name means, and so which dialect it is served in.

/// Google's own name as a publisher.
pub(super) const GOOGLE: &str = "google";

/// A publisher's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Publisher<'a> {
    /// The publisher, as paths have it.
    pub(super) name: &'a str,
    /// The model without its publisher.
    pub(super) model: &'a str,
    /// The dialects it is served in.
    pub(super) speaks: &'static [&'static str],
}

impl<'a> Publisher<'a> {
    /// `publisher/model`, or a name alone: then Claude is Anthropic's and everything else Google's.
    pub(super) fn of(named: &'a str) -> Self {
        let (name, model) = match named.split_once('/') {
            Some((name, model)) => (name, model),
            None if named.starts_with("claude") => ("anthropic", named),
            None => (GOOGLE, named),
        };
        let speaks: &[&str] = match name {
            "anthropic" => &["anthropic"],
            GOOGLE => &["gemini"],
            _ => &["openai-chat"],
        };
        Self { name, model, speaks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(named: &str, name: &str, model: &str, speaks: &str) {
        let publisher = Publisher::of(named);
        assert_eq!((publisher.name, publisher.model, publisher.speaks), (name, model, &[speaks][..]));
    }

    #[test]
    fn a_name_says_whose_model_it_is() {
        check("gemini-2.5-pro", "google", "gemini-2.5-pro", "gemini");
        check("google/gemini-2.5-pro", "google", "gemini-2.5-pro", "gemini");
        check("claude-sonnet-4-5@20250929", "anthropic", "claude-sonnet-4-5@20250929", "anthropic");
        check("anthropic/claude-opus-4", "anthropic", "claude-opus-4", "anthropic");
        check("meta/llama-3.3-70b-instruct-maas", "meta", "llama-3.3-70b-instruct-maas", "openai-chat");
    }
}

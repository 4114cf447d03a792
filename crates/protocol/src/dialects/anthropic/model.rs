//! What a Claude model takes, as far as its name tells: requests of other dialects are fitted to it.
//!
//! Sources: the official SDK's deprecation notes on `thinking.type=enabled`, the public migration pages for 4.6, 4.7 and
//! 4.8, recorded refusals (`error-400-effort`), and the public table of models for what they may put out.

use crate::ir::{Reasoning, Request};

/// What differs between the generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialects) struct Traits {
    /// Takes `thinking: {"type": "adaptive"}` and `output_config.effort`.
    pub(in crate::dialects) adaptive: bool,
    /// Takes `thinking: {"type": "enabled", "budget_tokens": …}`.
    pub(super) budget: bool,
    /// Takes `temperature`, `top_p`, `top_k`.
    pub(super) sampling: bool,
    /// Takes `temperature` and `top_p` together.
    pub(super) both: bool,
    /// Takes the effort `xhigh`.
    pub(super) xhigh: bool,
    /// Takes messages of the role `system`.
    pub(super) system_messages: bool,
    /// Goes on with an answer whose beginning it is given.
    prefill: bool,
    /// The most `max_tokens` may be, where it is known: no more than each model of the generation takes.
    pub(super) max_output: Option<u64>,
}

impl Traits {
    /// The traits of `model`. A Claude without a number is taken for the newest, a model of another family that is
    /// spoken to in this dialect for the oldest, which is what such servers imitate.
    pub(in crate::dialects) fn of(model: &str) -> Self {
        let from = generation(model);
        Self {
            adaptive: from >= (4, 6),
            budget: from < (4, 7),
            sampling: from < (4, 7),
            both: from < (4, 1),
            xhigh: from >= (4, 7),
            system_messages: from >= (4, 8),
            prefill: ((1, 0)..(4, 6)).contains(&from),
            max_output: match from {
                (0, 0) => None,
                _ if from < (3, 5) => Some(4096),
                _ if from < (3, 7) => Some(8192),
                _ if from < (4, 5) && model.contains("opus") => Some(32_000),
                _ => Some(64_000),
            },
        }
    }

    /// Whether the model goes on with the beginning of its answer to `request`: since 4.6 they refuse it ("This model does
    /// not support assistant message prefill. The conversation must end with a user message."), and before they do when
    /// they are to think first.
    pub(in crate::dialects) fn takes_prefill(&self, request: &Request<'_>) -> bool {
        self.prefill && !request.reasoning.as_ref().is_some_and(Reasoning::is_on)
    }
}

/// The generation in a name such as `claude-opus-4-6`, `claude-3-7-sonnet-20250219` or
/// `eu.anthropic.claude-sonnet-4-5-20250929-v1:0`; longer numbers are dates.
fn generation(model: &str) -> (u32, u32) {
    let Some((_, name)) = model.split_once("claude") else { return (0, 0) };
    let mut parts =
        name.split(|c: char| !c.is_ascii_alphanumeric()).skip_while(|part| number(part).is_none());
    match parts.next().and_then(number) {
        Some(major) => (major, parts.next().and_then(number).unwrap_or(0)),
        None => (u32::MAX, 0),
    }
}

fn number(part: &str) -> Option<u32> {
    if part.len() <= 2 { part.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, expect: (u32, u32)) {
        assert_eq!(generation(model), expect, "{model}");
    }

    #[test]
    fn what_a_model_may_put_out() {
        #[track_caller]
        fn check(model: &str, expect: Option<u64>) {
            assert_eq!(Traits::of(model).max_output, expect, "{model}");
        }
        check("claude-3-haiku-20240307", Some(4096));
        check("claude-3-5-haiku-20241022", Some(8192));
        check("claude-3-7-sonnet-20250219", Some(64_000));
        check("claude-opus-4-1-20250805", Some(32_000));
        check("claude-sonnet-4-20250514", Some(64_000));
        check("claude-opus-5-5", Some(64_000));
        check("kimi-k2-thinking", None);
    }

    #[test]
    fn a_model_that_thinks_first_takes_no_beginning() {
        let request = |enabled| Request {
            reasoning: Some(Reasoning { enabled: Some(enabled), ..Reasoning::default() }),
            ..Request::default()
        };
        let taken = |model: &str| {
            [Request::default(), request(false), request(true)]
                .map(|request| Traits::of(model).takes_prefill(&request))
        };
        for model in ["claude-3-haiku-20240307", "claude-sonnet-4-5@20250929", "claude-2.1"] {
            assert_eq!(taken(model), [true, true, false], "{model}");
        }
        for model in ["claude-opus-4-6", "claude-sonnet-5", "claude-mythos-preview", "kimi-k2-thinking"] {
            assert_eq!(taken(model), [false; 3], "{model}");
        }
    }

    #[test]
    fn names_of_all_hosts_tell_the_generation() {
        check("claude-opus-4-6", (4, 6));
        check("claude-sonnet-4-20250514", (4, 0));
        check("claude-sonnet-4-5@20250929", (4, 5));
        check("claude-3-7-sonnet-20250219", (3, 7));
        check("eu.anthropic.claude-haiku-4-5-20251001-v1:0", (4, 5));
        check("anthropic/claude-opus-4.8", (4, 8));
        check("claude-sonnet-5", (5, 0));
        check("claude-mythos-preview", (u32::MAX, 0));
        check("kimi-k2-thinking", (0, 0));
    }
}

//! What OpenAI's models take, as far as the name tells: its dialects fit requests of other dialects to that.
//!
//! Sources: OpenAI's model pages and its guides to GPT-5 and later; refusals such as "Unsupported parameter: 'top_p' is not
//! supported with this model.", "Unrecognized request argument supplied: reasoning_effort", "Unsupported value: 'minimal'
//! is not supported with the 'gpt-5.1' model. Supported values are: 'none', 'low', 'medium', and 'high'." and "max_tokens
//! is too large".

use std::borrow::Cow;

use crate::ir::{
    Effort::{self, High, Low, Max, Medium, Minimal, None as Off, XHigh},
    Reasoning, Request,
};

/// Why an effort is left out.
pub(super) const DOES_NOT_REASON: &str = "the model does not reason";
/// Why sampling settings are left out.
pub(super) const REASONS: &str = "a model that reasons does not take it";

/// What of a citation OpenAI's `url_citation` has no member for, and how that is named.
pub(super) const CITED_WORDS: &str = "of a citation only URL, title and place can be said";

/// OpenAI's word for another dialect's class of service, if it is one of `known`: what others call standard, with or
/// without insisting on it, is the default here.
pub(super) fn tier<'t>(word: &'t str, known: &[&str]) -> Option<&'t str> {
    match word {
        "standard" | "standard_only" => Some("default"),
        word => Some(word).filter(|word| known.contains(word)),
    }
}

/// How the models whose names begin alike reason.
struct Family {
    /// The front of the name; a `-` or the end follows.
    front: &'static str,
    /// The steps they take, in order.
    efforts: &'static [Effort],
    /// The step they take when none is named.
    default: Effort,
}

const fn family(front: &'static str, efforts: &'static [Effort], default: Effort) -> Family {
    Family { front, efforts, default }
}

/// The families that reason, longer fronts before shorter ones. Codex models cannot be kept from reasoning; a `pro` model
/// does not reason little.
const FAMILIES: &[Family] = &[
    family("o1", &[Low, Medium, High], Medium),
    family("o3", &[Low, Medium, High], Medium),
    family("o4", &[Low, Medium, High], Medium),
    family("codex-mini", &[Low, Medium, High], Medium),
    family("gpt-5-pro", &[High], High),
    family("gpt-5-codex", &[Low, Medium, High], Medium),
    family("gpt-5", &[Minimal, Low, Medium, High], Medium),
    family("gpt-5.1-codex-max", &[Low, Medium, High, XHigh], Medium),
    family("gpt-5.1-codex", &[Low, Medium, High], Medium),
    family("gpt-5.1", &[Off, Low, Medium, High], Off),
    family("gpt-5.2-pro", &[Medium, High, XHigh], Medium),
    family("gpt-5.2-codex", &[Low, Medium, High, XHigh], Medium),
    family("gpt-5.2", &[Off, Low, Medium, High, XHigh], Off),
    family("gpt-5.3-codex", &[Low, Medium, High, XHigh], Medium),
    family("gpt-5.3", &[Off, Low, Medium, High, XHigh], Off),
    family("gpt-5.4-pro", &[Medium, High, XHigh], Medium),
    family("gpt-5.4", &[Off, Low, Medium, High, XHigh], Off),
    family("gpt-5.5-pro", &[Medium, High, XHigh], Medium),
    family("gpt-5.5", &[Off, Low, Medium, High, XHigh], Medium),
];

/// `gpt-5.6`, and what models that come after it are taken for.
const NEWEST: Family = family("gpt-", &[Off, Low, Medium, High, XHigh, Max], Medium);

/// The family of `model`, if it is OpenAI's and reasons.
fn family_of(model: &str) -> Option<&'static Family> {
    if reasons(model) != Some(true) {
        return None;
    }
    let name = bare(model);
    let is_in = |family: &&Family| {
        name.strip_prefix(family.front).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    Some(FAMILIES.iter().find(is_in).unwrap_or(&NEWEST))
}

/// The name without the provider's in front, in lower case.
fn bare(model: &str) -> String {
    model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether `model` reasons; `None` for a name that is not OpenAI's, whose server may know what it means.
pub(super) fn reasons(model: &str) -> Option<bool> {
    let name = bare(model);
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
    let name = bare(model);
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

/// The step to name to `model` for what another dialect asked (`None` = leave it to the model), and what of the asking is
/// lost by that.
pub(super) fn effort(
    model: &str,
    asked: Option<&Reasoning<'_>>,
) -> (Option<Effort>, Option<Cow<'static, str>>) {
    let Some(asked) = asked else { return (None, None) };
    let wanted = asked.effort_that_switches_on();
    if reasons(model) == Some(false) {
        // Not to reason is what it does.
        return (None, asked.is_on().then_some(DOES_NOT_REASON.into()));
    }
    let family = family_of(model);
    match (wanted, family) {
        (None, Some(Family { default: Off, .. })) if asked.enabled == Some(true) => {
            let lost = "the model does not reason unless a step is named: said as `medium`";
            (Some(Medium), Some(lost.into()))
        }
        (None, _) if asked.enabled == Some(true) => {
            (None, Some("only steps can be said: the model reasons as it does by itself".into()))
        }
        (Some(wanted), Some(family)) => {
            let nearest = nearest(family.efforts, wanted);
            let lost = (nearest != wanted).then(|| {
                format!("the model does not take `{}`: said as `{}`", wanted.name(), nearest.name()).into()
            });
            (Some(nearest), lost)
        }
        (wanted, _) => (wanted, None),
    }
}

/// The step of `efforts` that is nearest to `wanted`, the higher one of two.
fn nearest(efforts: &[Effort], wanted: Effort) -> Effort {
    let distance = |effort: &&Effort| (**effort as u8).abs_diff(wanted as u8);
    efforts.iter().rev().min_by_key(distance).copied().unwrap_or(wanted)
}

/// True if `model` will reason about `request` and then refuses settings that steer the choice of words.
pub(super) fn refuses_sampling(model: &str, request: &Request<'_>) -> bool {
    family_of(model)
        .is_some_and(|family| effort(model, request.reasoning.as_ref()).0.unwrap_or(family.default) != Off)
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

    #[test]
    fn tiers_of_others_are_said_in_openais_words() {
        let known = ["auto", "priority"];
        assert_eq!(tier("standard_only", &known), Some("default"));
        assert_eq!(tier("standard", &known), Some("default"));
        assert_eq!(tier("priority", &known), Some("priority"));
        assert_eq!(tier("batch", &known), None);
    }

    #[track_caller]
    fn check_effort(model: &str, wanted: Effort, said: Option<Effort>) {
        let asked = Reasoning { effort: Some(wanted), ..Reasoning::default() };
        let (got, lost) = effort(model, Some(&asked));
        assert_eq!(got, said, "{model}");
        let is_the_same = said == Some(wanted) || (wanted == Off && said.is_none());
        assert_eq!(lost.is_none(), is_the_same, "{model}: {lost:?}");
    }

    #[test]
    fn a_step_is_the_nearest_that_the_family_takes() {
        check_effort("o3-mini", Off, Some(Low));
        check_effort("o3-mini", Max, Some(High));
        check_effort("gpt-5-mini-2025-08-07", Minimal, Some(Minimal));
        check_effort("gpt-5", Off, Some(Minimal));
        check_effort("gpt-5-pro", Low, Some(High));
        check_effort("openai/gpt-5.1-2025-11-13", Minimal, Some(Low));
        check_effort("gpt-5.1", Off, Some(Off));
        check_effort("gpt-5.1", XHigh, Some(High));
        check_effort("gpt-5.1-codex-max", XHigh, Some(XHigh));
        check_effort("gpt-5.1-codex-mini", Off, Some(Low));
        check_effort("gpt-5.2", XHigh, Some(XHigh));
        check_effort("gpt-5.2", Max, Some(XHigh));
        check_effort("gpt-5.4-pro", Low, Some(Medium));
        check_effort("gpt-5.6-sol", Max, Some(Max));
        check_effort("gpt-6", Minimal, Some(Low));
        check_effort("gpt-4o", High, None);
        check_effort("gpt-4o", Off, None);
        check_effort("qwen3", Minimal, Some(Minimal));
    }

    #[test]
    fn reasoning_without_a_measure_is_switched_on_where_it_is_off() {
        let adaptive = Reasoning { enabled: Some(true), adaptive: true, ..Reasoning::default() };
        for (model, said) in [("gpt-5.4", Some(Medium)), ("gpt-5.5", None), ("qwen3", None)] {
            let (got, lost) = effort(model, Some(&adaptive));
            assert_eq!((got, lost.is_some()), (said, true), "{model}");
        }
        let shown = Reasoning { display: Some("auto".into()), ..Reasoning::default() };
        assert_eq!(effort("gpt-5.4", Some(&shown)), (None, None));
        assert_eq!(effort("gpt-5.4", None), (None, None));
    }

    #[track_caller]
    fn check_sampling(model: &str, effort: Option<Effort>, refuses: bool) {
        let reasoning = effort.map(|effort| Reasoning { effort: Some(effort), ..Reasoning::default() });
        let request = Request { reasoning, ..Request::default() };
        assert_eq!(refuses_sampling(model, &request), refuses, "{model} {effort:?}");
    }

    #[test]
    fn sampling_is_refused_by_what_reasons() {
        check_sampling("gpt-5", None, true);
        check_sampling("gpt-5", Some(Off), true);
        check_sampling("gpt-5.1", None, false);
        check_sampling("gpt-5.1", Some(Off), false);
        check_sampling("gpt-5.1", Some(Minimal), true);
        check_sampling("gpt-5.4-mini", None, false);
        check_sampling("gpt-5.5", None, true);
        check_sampling("gpt-5.5", Some(Off), false);
        check_sampling("gpt-4o", Some(High), false);
        check_sampling("qwen3", None, false);
    }
}

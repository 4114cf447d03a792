//! What depends on whose model it is: Converse passes some parameters on in each maker's own spelling.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{content_decode::owned, wire, write::Json};
use crate::{
    dialects::anthropic::{
        model::Traits,
        reasoning::{self, Mode},
    },
    ir::{Effort, Losses, Members, Reasoning, Request, Sampling, Text},
};

/// The makers whose spelling is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `thinking` with a budget or adaptive, `top_k`.
    Anthropic,
    /// `reasoningConfig` with an effort, `inferenceConfig.topK`.
    Nova,
    /// `reasoning_effort`.
    OpenAi,
    /// Hidden behind an application inference profile.
    Hidden,
    /// Unknown.
    Other,
}

impl Family {
    /// The maker, by the model's id or ARN.
    pub(super) fn of(model: &str) -> Self {
        if model.contains("anthropic") || model.contains("claude") {
            Self::Anthropic
        } else if model.contains("amazon.nova") {
            Self::Nova
        } else if model.contains("openai.") {
            Self::OpenAi
        } else if model.contains("application-inference-profile") {
            Self::Hidden
        } else {
            Self::Other
        }
    }

    /// Whether a model may be one of Anthropic's.
    pub(super) fn may_be_claude(self) -> bool {
        matches!(self, Self::Anthropic | Self::Hidden)
    }

    /// Whether its models take the `status` of a tool's result (API description, `ToolResultBlock`).
    pub(super) fn knows_status(self) -> bool {
        matches!(self, Self::Anthropic | Self::Nova | Self::Hidden)
    }

    /// Whether its models have a prompt cache in Converse.
    pub(super) fn caches(self) -> bool {
        matches!(self, Self::Anthropic | Self::Nova)
    }
}

/// Whether a model goes on with the beginning of its answer to `request`. Sources: for Claude its maker's, for Nova the
/// section on prefilling in Amazon's guide.
pub(super) fn takes_prefill(request: &Request<'_>, model: &str) -> bool {
    match Family::of(model) {
        Family::Anthropic => Traits::of(model).takes_prefill(request),
        Family::Nova => !request.reasoning.as_ref().is_some_and(Reasoning::is_on),
        Family::OpenAi | Family::Hidden | Family::Other => false,
    }
}

/// The most tokens a model puts out where that is less than what clients of other dialects ask for as a matter of course.
/// Source: Amazon's table of the first Nova models.
pub(super) fn max_output(model: &str) -> Option<u64> {
    let is_first = ["micro", "lite", "pro"].iter().any(|size| model.contains(&format!("amazon.nova-{size}")));
    is_first.then_some(10_000)
}

/// Anthropic's thinking as it is spelled in `additionalModelRequestFields`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thinking<'a> {
    r#type: &'a str,
    #[serde(default)]
    budget_tokens: Option<u64>,
    #[serde(borrow, default)]
    display: Option<Text<'a>>,
}

/// Nova's reasoning as it is spelled there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NovaReasoning<'a> {
    r#type: &'a str,
    #[serde(default)]
    max_reasoning_effort: Option<&'a str>,
}

/// Takes out of the maker's fields what every dialect can say; the rest is left as it is.
pub(super) fn read_additional<'a>(
    raw: &'a RawValue,
    request: &mut Request<'a>,
) -> Result<Members<'a>, String> {
    let all: wire::Empty<'a> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let mut rest = all.extra;
    rest.retain(|(key, raw)| {
        let taken = match &**key {
            "thinking" | "reasoning_config" => thinking(raw),
            "reasoningConfig" => nova(raw),
            "reasoning_effort" => effort(raw),
            "top_k" => {
                request.sampling.top_k = Some(raw.clone());
                return false;
            }
            _ => None,
        };
        let Some(taken) = taken.filter(|_| request.reasoning.is_none()) else { return true };
        request.reasoning = Some(taken);
        false
    });
    Ok(rest)
}

fn thinking(raw: &RawValue) -> Option<Reasoning<'static>> {
    let wire: Thinking<'_> = serde_json::from_str(raw.get()).ok()?;
    let display = wire.display.map(Text::into_owned);
    let known = Reasoning { budget: wire.budget_tokens, display, ..Reasoning::default() };
    match wire.r#type {
        "enabled" => Some(Reasoning { enabled: Some(true), ..known }),
        "disabled" => Some(Reasoning { enabled: Some(false), ..known }),
        "adaptive" => Some(Reasoning { enabled: Some(true), adaptive: true, ..known }),
        _ => None,
    }
}

fn nova(raw: &RawValue) -> Option<Reasoning<'static>> {
    let wire: NovaReasoning<'_> = serde_json::from_str(raw.get()).ok()?;
    let effort = match wire.max_reasoning_effort {
        Some(name) => Some(Effort::parse(name)?),
        None => None,
    };
    let enabled = match wire.r#type {
        "enabled" => true,
        "disabled" => false,
        _ => return None,
    };
    Some(Reasoning { enabled: Some(enabled), effort, ..Reasoning::default() })
}

fn effort(raw: &RawValue) -> Option<Reasoning<'static>> {
    let name: Text<'_> = serde_json::from_str(raw.get()).ok()?;
    Some(Reasoning { effort: Some(Effort::parse(&name)?), ..Reasoning::default() })
}

/// What is to be written where for a request's reasoning.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Members of `additionalModelRequestFields`.
    pub(super) fields: Members<'static>,
    /// `outputConfig.effort`.
    pub(super) effort: Option<&'static str>,
    /// Whether Anthropic's thinking will be on, which rules out other parameters.
    pub(super) thinks: bool,
}

impl Asked {
    fn field(&mut self, name: &'static str, inside: impl FnOnce(&mut Json<'_>)) {
        self.fields.push((name.into(), owned(super::write::object(inside))));
    }
}

/// Spells `reasoning` for a model of this family. `own` says that the request is from Converse itself, so that it is
/// written as it was read even for a model whose maker is not known.
pub(super) fn ask(
    family: Family,
    model: &str,
    own: bool,
    reasoning: &Reasoning<'_>,
    max_tokens: Option<u64>,
    losses: &mut Losses,
) -> Asked {
    let mut asked = Asked::default();
    let spelling = match family {
        Family::Other | Family::Hidden if own => spelled(reasoning),
        other => other,
    };
    match spelling {
        Family::Anthropic if own => as_it_was(&mut asked, reasoning),
        Family::Anthropic => anthropic(&mut asked, model, reasoning, max_tokens, losses),
        Family::Nova => {
            let is_on = reasoning.is_on();
            let effort = if is_on { three_steps(reasoning, own, losses) } else { None };
            asked.field("reasoningConfig", |json| {
                json.member_text("type", if is_on { "enabled" } else { "disabled" });
                json.member_some("maxReasoningEffort", effort);
            });
        }
        Family::OpenAi if own || reasoning.is_on() => {
            let own_name = reasoning.effort().filter(|_| own).map(Effort::name);
            if let Some(name) = own_name.or_else(|| three_steps(reasoning, own, losses)) {
                asked.fields.push(("reasoning_effort".into(), crate::ir::raw(name)));
            }
        }
        Family::OpenAi => losses.add("reasoning", "this model cannot be asked not to reason"),
        Family::Other | Family::Hidden if reasoning.is_on() => {
            losses.add("reasoning", "nothing is known about how this model is asked to reason");
        }
        Family::Other | Family::Hidden => {}
    }
    if spelling != Family::Anthropic && reasoning.display.as_deref() == Some("omitted") {
        losses.add("reasoning.display", "the model always shows its reasoning");
    }
    asked
}

/// Whose spelling a request of Converse itself used.
fn spelled(reasoning: &Reasoning<'_>) -> Family {
    match (reasoning.enabled, reasoning.effort) {
        (Some(_), None) => Family::Anthropic,
        (Some(_), Some(_)) if !reasoning.adaptive => Family::Nova,
        (Some(_), Some(_)) => Family::Anthropic,
        (None, _) => Family::OpenAi,
    }
}

/// As a request of Converse itself said it.
fn as_it_was(asked: &mut Asked, reasoning: &Reasoning<'_>) {
    asked.thinks = reasoning.is_on();
    if !asked.thinks {
        return asked.field("thinking", |json| json.member_text("type", "disabled"));
    }
    asked.effort = reasoning.effort.map(Effort::name);
    if reasoning.enabled.is_none() && reasoning.budget.is_none() {
        asked.thinks = false;
        return;
    }
    let budget = reasoning.budget().filter(|_| !reasoning.adaptive);
    asked.field("thinking", |json| {
        json.member_text("type", if reasoning.adaptive { "adaptive" } else { "enabled" });
        if let Some(budget) = budget {
            json.member_number("budget_tokens", budget);
        }
        json.member_some("display", reasoning.display.as_deref());
    });
}

/// As the maker's own API takes it of this model.
fn anthropic(
    asked: &mut Asked,
    model: &str,
    reasoning: &Reasoning<'_>,
    max_tokens: Option<u64>,
    losses: &mut Losses,
) {
    let traits = Traits::of(model);
    let mode = match reasoning::mode(reasoning, traits, losses) {
        Mode::Budget(budget) => reasoning::within(budget, max_tokens.unwrap_or(u64::MAX), losses),
        other => other,
    };
    let kind = match mode {
        Mode::Unsaid => return,
        Mode::Off => return asked.field("thinking", |json| json.member_text("type", "disabled")),
        Mode::Adaptive => "adaptive",
        Mode::Budget(_) => "enabled",
    };
    asked.thinks = true;
    let display = match reasoning.display.as_deref() {
        Some("omitted") if !traits.adaptive => {
            losses.add("reasoning.display", "the model always shows its reasoning");
            None
        }
        Some("omitted") => Some("omitted"),
        other => other.filter(|_| traits.adaptive).map(|_| "summarized"),
    };
    if mode == Mode::Adaptive {
        asked.effort = reasoning::effort(reasoning, traits, losses).map(Effort::name);
    }
    asked.field("thinking", |json| {
        json.member_text("type", kind);
        if let Mode::Budget(budget) = mode {
            json.member_number("budget_tokens", budget);
        }
        json.member_some("display", display);
    });
}

/// The nearest of the three steps that Nova and gpt-oss know; another dialect's other step or budget is a loss.
fn three_steps(reasoning: &Reasoning<'_>, own: bool, losses: &mut Losses) -> Option<&'static str> {
    let effort = reasoning.effort()?;
    let (name, lost) = match effort {
        Effort::None | Effort::Minimal => ("low", Some("`low` is the least there is")),
        Effort::Low => ("low", None),
        Effort::Medium => ("medium", None),
        Effort::High => ("high", None),
        Effort::XHigh | Effort::Max => ("high", Some("`high` is the most there is")),
    };
    if own {
        return Some(name);
    }
    match lost {
        _ if reasoning.effort.is_none() => {
            losses.add("reasoning.budget", "the model takes steps only: the nearest is used");
        }
        Some(lost) => losses.add("reasoning.effort", lost),
        None => {}
    }
    Some(name)
}

/// Spells `top_k`, which Converse itself has no field for.
pub(super) fn ask_top_k(
    family: Family,
    own: bool,
    sampling: &Sampling<'_>,
    fields: &mut Members<'static>,
    losses: &mut Losses,
) {
    let Some(top_k) = &sampling.top_k else { return };
    match family {
        Family::Nova if !own => {
            let config = super::write::object(|json| json.member("topK", top_k.get()));
            fields.push(("inferenceConfig".into(), owned(config)));
        }
        Family::Anthropic => fields.push(("top_k".into(), owned(top_k.get().into()))),
        _ if own => fields.push(("top_k".into(), owned(top_k.get().into()))),
        _ => losses.add("top_k", "nothing is known about how this model takes it"),
    }
}

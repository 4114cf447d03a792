//! Fits reasoning, its budget and the limit of tokens to each other and to the model.

use super::{NAME, model::Traits, turns::Turn};
use crate::{
    codec::Target,
    ir::{Content, Effort, Losses, Reasoning, Request, Role, ToolChoice},
};

/// Smallest `budget_tokens` the API accepts (stub `ThinkingConfigEnabledParam`).
const MIN_BUDGET: u64 = 1024;
/// `max_tokens` when nobody knows the model's limit; every model that speaks this dialect allows as much.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// What `thinking` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialects) enum Mode {
    /// Nothing: the model's default.
    Unsaid,
    /// `disabled`
    Off,
    /// `adaptive`
    Adaptive,
    /// `enabled` with `budget_tokens`
    Budget(u64),
}

/// What a request says about reasoning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'r> {
    pub(super) mode: Mode,
    pub(super) effort: Option<Effort>,
    pub(super) display: Option<&'r str>,
    pub(super) max_tokens: u64,
}

impl Plan<'_> {
    /// True if the model is asked to think.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.mode, Mode::Adaptive | Mode::Budget(_))
    }
}

/// Plans for a request of this dialect: as it stands. Only the required limit is filled in.
pub(super) fn as_it_stands<'r>(
    request: &'r Request<'_>,
    target: Target<'_>,
    losses: &mut Losses,
) -> Plan<'r> {
    let none = Reasoning::default();
    let reasoning = request.reasoning.as_ref();
    let asked = reasoning.unwrap_or(&none);
    let mode = match asked.budget {
        _ if asked.enabled == Some(false) => Mode::Off,
        _ if asked.adaptive => Mode::Adaptive,
        Some(budget) => Mode::Budget(budget),
        None => Mode::Unsaid,
    };
    Plan {
        mode,
        effort: asked.effort,
        display: reasoning.and_then(|reasoning| reasoning.display.as_deref()),
        max_tokens: limit(request, target, 0, losses),
    }
}

/// Plans for a request of another dialect.
pub(super) fn fitted<'r>(
    request: &'r Request<'_>,
    turns: &[Turn<'_, '_>],
    target: Target<'_>,
    traits: Traits,
    losses: &mut Losses,
) -> Plan<'r> {
    let mut plan = Plan { mode: Mode::Unsaid, effort: None, display: None, max_tokens: 0 };
    if let Some(reasoning) = &request.reasoning {
        plan.mode = mode(reasoning, traits, losses);
        if plan.mode == Mode::Adaptive {
            plan.effort = effort(reasoning, traits, losses);
        }
        if plan.thinks() && is_forced(request) {
            losses.add("reasoning", "the target cannot reason when a tool call is forced");
            plan.mode = Mode::Unsaid;
            plan.effort = None;
        }
        if matches!(plan.mode, Mode::Budget(_)) && is_in_unproven_tool_loop(turns) {
            losses.add("reasoning", "the target wants its own reasoning before the tool calls so far");
            plan.mode = Mode::Unsaid;
        }
        plan.display = display(reasoning, &plan, traits, losses);
    }
    let budget = if let Mode::Budget(budget) = plan.mode { budget } else { 0 };
    plan.max_tokens = limit(request, target, budget, losses);
    if let Mode::Budget(budget) = plan.mode {
        plan.mode = within(budget, plan.max_tokens, losses);
    }
    plan
}

pub(in crate::dialects) fn mode(reasoning: &Reasoning<'_>, traits: Traits, losses: &mut Losses) -> Mode {
    let asks_nothing = reasoning.enabled.is_none()
        && !reasoning.adaptive
        && reasoning.budget.is_none()
        && reasoning.effort.is_none();
    if asks_nothing {
        return Mode::Unsaid;
    }
    if !reasoning.is_on() {
        return Mode::Off;
    }
    if traits.adaptive && (reasoning.budget.is_none() || !traits.budget) {
        if reasoning.budget.is_some() {
            losses.add("reasoning.budget", "the model takes steps only: the nearest is used");
        }
        return Mode::Adaptive;
    }
    Mode::Budget(reasoning.budget().unwrap_or_else(|| {
        losses.add("reasoning.budget", "required by the target: the budget of medium effort is used");
        Effort::Medium.budget()
    }))
}

pub(in crate::dialects) fn effort(
    reasoning: &Reasoning<'_>,
    traits: Traits,
    losses: &mut Losses,
) -> Option<Effort> {
    match reasoning.effort()? {
        Effort::Minimal => {
            losses.add("reasoning.effort", "the model has no `minimal`: `low` is used");
            Some(Effort::Low)
        }
        Effort::None | Effort::Low => Some(Effort::Low),
        Effort::XHigh if !traits.xhigh => {
            losses.add("reasoning.effort", "the model has no `xhigh`: `high` is used");
            Some(Effort::High)
        }
        other => Some(other),
    }
}

/// `display` is only needed, and only known, where thinking is hidden unless asked for.
fn display<'r>(
    reasoning: &'r Reasoning<'_>,
    plan: &Plan<'_>,
    traits: Traits,
    losses: &mut Losses,
) -> Option<&'r str> {
    let word = reasoning.display.as_deref()?;
    if !plan.thinks() || !traits.adaptive {
        if word == "omitted" && plan.thinks() {
            losses.add("reasoning.display", "the model always shows its reasoning");
        }
        return None;
    }
    Some(if word == "omitted" { "omitted" } else { "summarized" })
}

fn is_forced(request: &Request<'_>) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => true,
        Some(ToolChoice::Allowed { required, .. }) => *required,
        _ => false,
    }
}

/// True if the conversation goes on after tool calls of a turn that does not begin with reasoning of this dialect: with
/// a budget, the API refuses that.
fn is_in_unproven_tool_loop(turns: &[Turn<'_, '_>]) -> bool {
    let Some([.., before, last]) = turns.get(turns.len().saturating_sub(2)..) else { return false };
    let has_results =
        last.role == Role::User && last.blocks().any(|block| matches!(block, Content::ToolResult(_)));
    let is_proven = matches!(before.blocks().next(), Some(Content::Thinking(thinking))
        if thinking.signature.as_ref().is_some_and(|signature| signature.at_home(NAME).is_some()));
    has_results && before.role == Role::Assistant && !is_proven
}

/// `max_tokens`, which this dialect requires.
fn limit(request: &Request<'_>, target: Target<'_>, budget: u64, losses: &mut Losses) -> u64 {
    if let Some(asked) = request.max_tokens {
        return asked;
    }
    losses.add("max_tokens", "required by the target: the model's limit is used");
    let known = target.max_output.or(Traits::of(target.model).max_output);
    known.unwrap_or_else(|| DEFAULT_MAX_TOKENS.saturating_add(budget))
}

/// The budget has to be at least [`MIN_BUDGET`] and below the limit; half of the limit is left for the answer.
pub(in crate::dialects) fn within(budget: u64, max_tokens: u64, losses: &mut Losses) -> Mode {
    if max_tokens <= MIN_BUDGET {
        losses.add("reasoning", "max_tokens leaves no room for it");
        return Mode::Unsaid;
    }
    let highest = if budget < max_tokens { budget } else { max_tokens / 2 };
    let fitting = highest.max(MIN_BUDGET);
    if fitting != budget {
        losses.add("reasoning.budget", "brought into the target's bounds: at least 1024, below max_tokens");
    }
    Mode::Budget(fitting)
}

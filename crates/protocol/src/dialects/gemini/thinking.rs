//! Reasoning: budgets and levels, and what each generation of models takes of them.

use super::{NAME, wire, write::Object};
use crate::ir::{Effort, Losses, Members, Reasoning, Request, raw};

/// How models of a generation are told how much to reason. Source: ai.google.dev/gemini-api/docs/thinking and the pages
/// of the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// They do not reason.
    Never,
    /// A budget of tokens, at least and at most, and whether reasoning can be switched off.
    Budget { least: u64, most: u64, can_be_off: bool },
    /// A level; reasoning cannot be switched off.
    Level { least: Effort, has_medium: bool },
}

/// What the names of models before Gemini 3 begin with or contain; the first row that fits counts.
const BUDGETS: &[(&str, Scale)] = &[
    ("gemini-1", Scale::Never),
    ("gemini-2.0", Scale::Never),
    ("pro", Scale::Budget { least: 128, most: 32_768, can_be_off: false }),
    ("flash-lite", Scale::Budget { least: 512, most: 24_576, can_be_off: true }),
    ("", Scale::Budget { least: 1, most: 24_576, can_be_off: true }),
];

/// Models of the third generation that take the level `MINIMAL`; the others refuse it.
const MINIMAL: &[&str] = &["gemini-3-flash", "gemini-3.1-flash-lite", "gemini-3.5-flash"];

/// The model that refuses the level `MEDIUM`; its successors take it.
const NO_MEDIUM: &str = "gemini-3-pro";

/// True for models of the third generation and later, as far as the name says.
pub(super) fn is_gemini_3(model: &str) -> bool {
    let name = last_name(model);
    let Some(rest) = name.strip_prefix("gemini-") else { return false };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<u32>().map_or_else(|_| name.ends_with("-latest"), |generation| generation >= 3)
}

/// The name without the collection it is in.
fn last_name(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

impl Scale {
    fn of(model: &str) -> Self {
        let name = last_name(model);
        if is_gemini_3(model) {
            let is_minimal = MINIMAL.iter().any(|front| name.starts_with(front));
            let least = if is_minimal { Effort::Minimal } else { Effort::Low };
            return Self::Level { least, has_medium: !name.starts_with(NO_MEDIUM) };
        }
        BUDGETS.iter().find(|(piece, _)| name.contains(piece)).map_or(Self::Never, |row| row.1)
    }
}

/// Reads `thinkingConfig`; what is in it that nobody knows goes to `extra`.
pub(super) fn read<'a>(wire: wire::Thinking<'a>, extra: &mut Members<'a>) -> Reasoning<'a> {
    const PATH: &str = "generationConfig.thinkingConfig";
    extra.extend(wire.extra.into_iter().map(|(key, value)| (format!("{PATH}.{key}").into(), value)));
    let mut reasoning = Reasoning::default();
    match wire.budget.map(|budget| budget.0) {
        Some(-1) => (reasoning.adaptive, reasoning.enabled) = (true, Some(true)),
        Some(budget) => {
            reasoning.budget = Some(u64::try_from(budget).unwrap_or(0));
            reasoning.enabled = Some(budget > 0);
        }
        None => {}
    }
    if let Some(level) = wire.level {
        match Effort::parse(&level.to_ascii_lowercase()) {
            Some(effort) => (reasoning.effort, reasoning.enabled) = (Some(effort), Some(true)),
            None => extra.push((format!("{PATH}.thinkingLevel").into(), raw(&*level))),
        }
    }
    reasoning.display = wire.shown.map(|shown| if shown { "auto" } else { "omitted" }.into());
    reasoning
}

/// Writes the members of `thinkingConfig` for `model`.
pub(super) fn write(object: &mut Object<'_>, request: &Request<'_>, model: &str, losses: &mut Losses) {
    let Some(reasoning) = &request.reasoning else { return };
    let scale = Scale::of(model);
    if scale == Scale::Never && request.origin != NAME {
        if reasoning.is_on() {
            losses.add("reasoning", "the model does not reason");
        }
        return;
    }
    let shown = match reasoning.display.as_deref() {
        Some(display) => Some(display != "omitted"),
        // A client that asks for reasoning expects to see it, unless its dialect says otherwise.
        None => (request.origin != NAME && reasoning.is_on()).then_some(true),
    };
    if let Some(shown) = shown.filter(|shown| *shown || request.origin == NAME) {
        object.plain("includeThoughts", shown);
    }
    if request.origin == NAME {
        return at_home(object, reasoning);
    }
    match scale {
        Scale::Never => {}
        Scale::Level { least, has_medium } => level(object, reasoning, least, has_medium, losses),
        Scale::Budget { least, most, .. } if reasoning.is_on() => {
            budget(object, reasoning, (least, most), request.max_tokens, losses);
        }
        Scale::Budget { can_be_off: true, .. } => object.plain("thinkingBudget", 0),
        Scale::Budget { least, .. } => {
            losses.add("reasoning", ALWAYS);
            object.plain("thinkingBudget", least);
        }
    }
}

fn at_home(object: &mut Object<'_>, reasoning: &Reasoning<'_>) {
    if reasoning.adaptive {
        object.plain("thinkingBudget", -1);
    } else if let Some(budget) = reasoning.budget {
        object.plain("thinkingBudget", budget);
    }
    if let Some(effort) = reasoning.effort {
        object.text("thinkingLevel", &effort.name().to_ascii_uppercase());
    }
}

/// Why reasoning is not switched off.
const ALWAYS: &str = "the model always reasons: as little as it can";

fn level(
    object: &mut Object<'_>,
    reasoning: &Reasoning<'_>,
    least: Effort,
    has_medium: bool,
    losses: &mut Losses,
) {
    // Without a level these models decide by themselves.
    let Some(asked) = reasoning.effort() else { return };
    let effort = match asked.clamp(least, Effort::High) {
        Effort::Medium if !has_medium => Effort::High,
        effort => effort,
    };
    match (asked, reasoning.budget) {
        (Effort::None, _) => losses.add("reasoning", ALWAYS),
        (_, Some(_)) => losses.add("reasoning.budget", "said as the nearest level"),
        (Effort::XHigh | Effort::Max, _) => losses.add("reasoning.effort", "`high` is the most there is"),
        (Effort::Minimal, _) if effort > asked => {
            losses.add("reasoning.effort", "`low` is the least the model takes");
        }
        (Effort::Medium, _) if effort > asked => {
            losses.add("reasoning.effort", "the model has no `medium`: `high` is used");
        }
        _ => {}
    }
    object.text("thinkingLevel", &effort.name().to_ascii_uppercase());
}

/// Writes the budget, brought into what the model takes; thoughts count towards the limit of tokens, so that half of it
/// is left for the answer where the budget would leave nothing.
fn budget(
    object: &mut Object<'_>,
    reasoning: &Reasoning<'_>,
    (least, most): (u64, u64),
    max_tokens: Option<u64>,
    losses: &mut Losses,
) {
    let Some(asked) = reasoning.budget() else {
        if reasoning.adaptive {
            object.plain("thinkingBudget", -1);
        }
        return;
    };
    let path = if reasoning.budget.is_some() { "reasoning.budget" } else { "reasoning.effort" };
    let fits = asked.clamp(least, most);
    if fits != asked {
        losses.add(path, format!("brought to what the model takes: {least} to {most} tokens"));
    }
    let budget = match max_tokens {
        Some(limit) if fits >= limit => (limit / 2).max(least),
        _ => fits,
    };
    if budget != fits {
        losses.add(path, "lowered: max_tokens leaves no room for the answer");
    }
    object.plain("thinkingBudget", budget);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::gemini::write::raw_object;

    #[track_caller]
    fn check(model: &str, reasoning: Reasoning<'_>, expect: &str, lost: &str) {
        let request = Request { origin: "other", reasoning: Some(reasoning), ..Request::default() };
        let mut losses = Losses::default();
        let got = raw_object(|object| write(object, &request, model, &mut losses));
        assert_eq!((got.get(), losses.to_string().as_str()), (expect, lost));
    }

    #[test]
    fn each_generation_gets_what_it_takes() {
        let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
        let budget = |budget| Reasoning { enabled: Some(true), budget: Some(budget), ..Reasoning::default() };
        check(
            "gemini-3-pro-preview",
            effort(Effort::Low),
            r#"{"includeThoughts":true,"thinkingLevel":"LOW"}"#,
            "",
        );
        check(
            "models/gemini-3.5-flash",
            budget(8000),
            r#"{"includeThoughts":true,"thinkingLevel":"MEDIUM"}"#,
            "reasoning.budget (said as the nearest level)",
        );
        check(
            "gemini-flash-latest",
            effort(Effort::Max),
            r#"{"includeThoughts":true,"thinkingLevel":"HIGH"}"#,
            "reasoning.effort (`high` is the most there is)",
        );
        check(
            "gemini-2.5-flash",
            effort(Effort::High),
            r#"{"includeThoughts":true,"thinkingBudget":24576}"#,
            "",
        );
        check("gemini-2.5-flash", effort(Effort::None), r#"{"thinkingBudget":0}"#, "");
        check(
            "gemini-2.5-pro",
            effort(Effort::None),
            r#"{"thinkingBudget":128}"#,
            "reasoning (the model always reasons: as little as it can)",
        );
        check(
            "gemini-2.5-flash",
            budget(50_000),
            r#"{"includeThoughts":true,"thinkingBudget":24576}"#,
            "reasoning.budget (brought to what the model takes: 1 to 24576 tokens)",
        );
        let adaptive = Reasoning {
            adaptive: true,
            enabled: Some(true),
            display: Some("omitted".into()),
            ..Reasoning::default()
        };
        check("gemini-2.5-flash", adaptive, r#"{"thinkingBudget":-1}"#, "");
    }

    #[test]
    fn what_gemini_said_comes_back() {
        for json in [
            r#"{"includeThoughts":true,"thinkingBudget":-1}"#,
            r#"{"thinkingBudget":0}"#,
            r#"{"includeThoughts":false,"thinkingLevel":"HIGH"}"#,
        ] {
            let mut extra = Vec::new();
            let reasoning = read(serde_json::from_str(json).unwrap(), &mut extra);
            let request = Request { origin: NAME, reasoning: Some(reasoning), ..Request::default() };
            let got = raw_object(|object| write(object, &request, "gemini-2.5-pro", &mut Losses::default()));
            assert_eq!(got.get(), json);
            assert!(extra.is_empty());
        }
    }
}

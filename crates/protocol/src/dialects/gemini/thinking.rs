//! Reasoning: budgets and levels, and what each generation of models takes of them.

use super::{NAME, wire, write::Object};
use crate::ir::{Effort, Losses, Members, Reasoning, Request, raw};

/// How models of a generation are told how much to reason. Source: ai.google.dev/gemini-api/docs/thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// A budget of tokens: the most it may be, and the least, which is zero if reasoning can be switched off.
    Budget { most: u64, least: u64 },
    /// A level; reasoning cannot be switched off.
    Level,
}

/// True for models of the third generation and later, as far as the name says.
pub(super) fn is_gemini_3(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let Some(rest) = name.strip_prefix("gemini-") else { return false };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<u32>().map_or_else(|_| name.ends_with("-latest"), |generation| generation >= 3)
}

impl Scale {
    fn of(model: &str) -> Self {
        match model {
            _ if is_gemini_3(model) => Self::Level,
            _ if model.contains("pro") => Self::Budget { most: 32_768, least: 128 },
            _ => Self::Budget { most: 24_576, least: 0 },
        }
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
    match Scale::of(model) {
        Scale::Level => level(object, reasoning, losses),
        Scale::Budget { most, least } => budget(object, reasoning, most, least, losses),
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

fn level(object: &mut Object<'_>, reasoning: &Reasoning<'_>, losses: &mut Losses) {
    let name = match reasoning.effort() {
        // Without a level these models decide by themselves.
        None => return,
        Some(Effort::None) => {
            losses.add("reasoning", "the model always reasons: as little as it can");
            "MINIMAL"
        }
        Some(Effort::Minimal) => "MINIMAL",
        Some(Effort::Low) => "LOW",
        Some(Effort::Medium) => "MEDIUM",
        Some(Effort::High) => "HIGH",
        Some(Effort::XHigh | Effort::Max) => {
            losses.add("reasoning.effort", "`high` is the most there is");
            "HIGH"
        }
    };
    object.text("thinkingLevel", name);
}

fn budget(object: &mut Object<'_>, reasoning: &Reasoning<'_>, most: u64, least: u64, losses: &mut Losses) {
    if !reasoning.is_on() {
        if least > 0 {
            losses.add("reasoning", "the model always reasons: as little as it can");
        }
        return object.plain("thinkingBudget", least);
    }
    match reasoning.budget() {
        Some(budget) => {
            if budget > most {
                losses.add("reasoning.budget", "more than the model takes");
            }
            object.plain("thinkingBudget", budget.clamp(least.max(1), most));
        }
        None if reasoning.adaptive => object.plain("thinkingBudget", -1),
        None => {}
    }
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
            "",
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
            "reasoning.budget (more than the model takes)",
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

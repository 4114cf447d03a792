//! What is to be reached: one table, held against the figures of a run.

use serde::Serialize;

use super::results::Results;
use super::subjects::{LOCKGATE, WITHOUT_JOURNAL};

/// A figure with what it is to be.
pub(crate) struct Goal {
    name: &'static str,
    unit: &'static str,
    goal: f64,
    /// What it must be at the least.
    least: f64,
    /// Whether more is better.
    more: bool,
    figure: fn(&Results) -> Option<f64>,
}

/// A goal and what became of it.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    name: &'static str,
    unit: &'static str,
    goal: f64,
    least: f64,
    figure: Option<f64>,
    /// `reached`, `least`, `missed` or `not measured`.
    outcome: &'static str,
}

/// The names of the figures that belong to no scenario.
pub(crate) mod alone {
    /// Milliseconds from exec to the first 200.
    pub(crate) const READY: &str = "ready ms";
    /// Resident MiB when ready.
    pub(crate) const IDLE: &str = "idle MiB";
    /// MiB of the binary.
    pub(crate) const BINARY: &str = "binary MiB";
    /// Peak memory of a 10 MB body, as a multiple of it.
    pub(crate) const LARGE: &str = "10 MB peak x body";
    /// The same where one follows the other.
    pub(crate) const LARGE_AGAIN: &str = "10 MB again and again, peak x body";
    /// The same with a picture that is translated.
    pub(crate) const PICTURE: &str = "10 MB picture, translated, peak x body";
    /// The same where one follows the other.
    pub(crate) const PICTURE_AGAIN: &str = "10 MB picture again and again, peak x body";
    /// KiB of an idle stream.
    pub(crate) const STREAM: &str = "idle stream KiB";
    /// Memory afterwards over memory before.
    pub(crate) const AFTERWARDS: &str = "after idle streams x before";
    /// Growth over a steady load, beyond its noise.
    pub(crate) const GROWTH: &str = "steady growth beyond noise, MiB/h";
    /// Goodput at three times the capacity over the peak.
    pub(crate) const GOODPUT: &str = "overload goodput x peak";
    /// How long refusals take.
    pub(crate) const REFUSAL: &str = "overload refusal p99 ms";
}

const fn at_most(
    name: &'static str,
    unit: &'static str,
    goal: f64,
    least: f64,
    figure: fn(&Results) -> Option<f64>,
) -> Goal {
    Goal { name, unit, goal, least, more: false, figure }
}

/// Every goal.
const GOALS: &[Goal] = &[
    at_most("same dialect, 1 KB: CPU per request", "x nginx", 1.3, 1.6, |r| r.cost_ratio("chat", LOCKGATE)),
    at_most("anthropic to openai-chat: CPU per request", "x nginx", 2.6, 3.2, |r| {
        r.cost_ratio("anthropic-openai", LOCKGATE)
    }),
    at_most("openai-chat to anthropic: CPU per request", "x nginx", 2.6, 3.2, |r| {
        r.cost_ratio("openai-anthropic", LOCKGATE)
    }),
    at_most("openai-chat to gemini: CPU per request", "x nginx", 2.6, 3.2, |r| {
        r.cost_ratio("openai-gemini", LOCKGATE)
    }),
    at_most("openai-responses to anthropic: CPU per request", "x nginx", 2.6, 3.2, |r| {
        r.cost_ratio("responses-anthropic", LOCKGATE)
    }),
    at_most("stream: CPU per event", "x nginx", 1.2, 1.5, |r| r.cost_ratio("stream", LOCKGATE)),
    at_most("anthropic to openai-chat, streamed: CPU per event", "x nginx", 3.0, 3.0, |r| {
        r.cost_ratio("anthropic-openai-stream", LOCKGATE)
    }),
    at_most("openai-chat to anthropic, streamed: CPU per event", "x nginx", 3.0, 3.0, |r| {
        r.cost_ratio("openai-anthropic-stream", LOCKGATE)
    }),
    at_most("openai-chat to gemini, streamed: CPU per event", "x nginx", 3.0, 3.0, |r| {
        r.cost_ratio("openai-gemini-stream", LOCKGATE)
    }),
    at_most("openai-responses to anthropic, streamed: CPU per event", "x nginx", 3.0, 3.0, |r| {
        r.cost_ratio("responses-anthropic-stream", LOCKGATE)
    }),
    at_most("1 MB body: CPU per request", "x nginx", 1.5, 1.5, |r| r.cost_ratio("1mb", LOCKGATE)),
    at_most("added at one connection, p50", "us", 60.0, 60.0, |r| r.added("one", LOCKGATE, |row| row.p50_us)),
    at_most("added at one connection, p99", "us", 100.0, 100.0, |r| {
        r.added("one", LOCKGATE, |row| row.p99_us)
    }),
    at_most("10 MB body: peak memory", "x body", 2.5, 2.5, |r| r.alone(alone::LARGE)),
    at_most("10 MB bodies, one after the other: peak memory", "x body", 2.5, 2.5, |r| {
        r.alone(alone::LARGE_AGAIN)
    }),
    at_most("10 MB picture, translated: peak memory", "x body", 2.5, 2.5, |r| r.alone(alone::PICTURE)),
    at_most("10 MB pictures, one after the other: peak memory", "x body", 2.5, 2.5, |r| {
        r.alone(alone::PICTURE_AGAIN)
    }),
    at_most("10,000 idle streams: memory of each", "KiB", 32.0, 32.0, |r| r.alone(alone::STREAM)),
    at_most("10,000 idle streams: memory afterwards", "x before", 1.05, 1.05, |r| r.alone(alone::AFTERWARDS)),
    at_most("idle resident memory", "MiB", 12.0, 12.0, |r| r.alone(alone::IDLE)),
    at_most("binary", "MiB", 25.0, 25.0, |r| r.alone(alone::BINARY)),
    at_most("ready after exec", "ms", 20.0, 20.0, |r| r.alone(alone::READY)),
    at_most("half capacity: growth beyond noise", "MiB/h", 0.0, 0.0, |r| r.alone(alone::GROWTH)),
    Goal { more: true, ..at_most("3x capacity: goodput", "x peak", 0.9, 0.9, |r| r.alone(alone::GOODPUT)) },
    at_most("3x capacity: refusals, p99", "ms", 20.0, 20.0, |r| r.alone(alone::REFUSAL)),
    at_most("journal on: CPU per request", "x off", 1.1, 1.1, |r| {
        Some(r.row("chat", LOCKGATE)?.cost() / r.row("chat", WITHOUT_JOURNAL)?.cost())
    }),
];

impl Goal {
    fn verdict(&self, results: &Results) -> Verdict {
        let figure = (self.figure)(results).filter(|figure| figure.is_finite());
        let meets = |bound: f64, figure: f64| if self.more { figure >= bound } else { figure <= bound };
        let outcome = match figure {
            None => "not measured",
            Some(figure) if meets(self.goal, figure) => "reached",
            Some(figure) if meets(self.least, figure) => "least",
            Some(_) => "MISSED",
        };
        let Self { name, unit, goal, least, .. } = *self;
        Verdict { name, unit, goal, least, figure, outcome }
    }
}

/// Every goal, held against the figures.
pub(crate) fn verdicts(results: &Results) -> Vec<Verdict> {
    GOALS.iter().map(|goal| goal.verdict(results)).collect()
}

/// Prints what was measured of the goals.
pub(crate) fn print(verdicts: &[Verdict]) {
    println!("\n{:<56} {:>8} {:>8} {:>9} {:<8}  outcome", "goal", "goal", "least", "figure", "");
    for Verdict { name, unit, goal, least, figure, outcome } in verdicts {
        let figure = figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.2}"));
        println!("{name:<56} {goal:>8} {least:>8} {figure:>9} {unit:<8}  {outcome}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, figures: &[(f64, &str)]) {
        let goal = GOALS.iter().find(|goal| goal.name.starts_with(name)).unwrap();
        for (figure, outcome) in figures {
            let mut results = Results::default();
            results.add_alone(alone::GOODPUT, *figure);
            results.add_alone(alone::READY, *figure);
            assert_eq!(goal.verdict(&results).outcome, *outcome, "{name} {figure}");
        }
    }

    #[test]
    fn a_figure_is_held_against_its_goal() {
        check("3x capacity: goodput", &[(0.95, "reached"), (0.89, "MISSED")]);
        check("ready after", &[(19.0, "reached"), (21.0, "MISSED"), (f64::NAN, "not measured")]);
        check("same dialect", &[(1.0, "not measured")]);
    }
}

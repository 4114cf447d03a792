//! What a run measures and how long that takes.

use std::time::Duration;

use super::Arguments;
use super::memory::STREAMS;
use super::scenarios::{Pace, SCENARIOS, Scenario};
use super::subjects::Subjects;

/// What is measured apart from the scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apart {
    /// Ten starts.
    Start,
    /// The peak of memory under large bodies.
    LargeBodies,
    /// Ten thousand idle streams.
    IdleStreams,
    /// Three times the capacity.
    Overload,
    /// Minutes at half capacity.
    Steady,
}

/// Each by its name.
const APART: [(Apart, &str, &str); 5] = [
    (Apart::Start, "start", "exec to ready, idle memory, size of the binary"),
    (Apart::LargeBodies, "10mb-peak", "peak memory of a body of 10 MB, untouched and translated"),
    (Apart::IdleStreams, "idle-streams", "memory of 10,000 idle streams, and afterwards"),
    (
        Apart::Overload,
        "overload",
        "three times the capacity: what is answered, and how fast the rest is refused",
    ),
    (Apart::Steady, "steady", "minutes at half capacity: whether memory grows"),
];

/// What a run of a scenario takes beside its load.
const OVERHEAD: Duration = Duration::from_millis(400);

/// The scenarios of a quick look.
const SHORT: &[&str] = &["chat", "one", "stream", "1mb", "anthropic-openai", "openai-anthropic-stream"];
const SHORT_APART: &[Apart] = &[Apart::Start, Apart::LargeBodies, Apart::Overload];

/// A run.
pub(crate) struct Plan {
    pub(crate) scenarios: Vec<&'static Scenario>,
    /// Scenarios that are not asked for, of which nginx's figure is needed.
    pub(crate) yardsticks: Vec<&'static Scenario>,
    pub(crate) apart: Vec<Apart>,
    pub(crate) rounds: u32,
    /// Of one run of a scenario.
    pub(crate) time: Duration,
    /// Of the steady load.
    pub(crate) steady: Duration,
}

/// All names that `--only` takes.
pub(crate) fn names() -> clap::builder::PossibleValuesParser {
    let scenarios = SCENARIOS.iter().map(|scenario| scenario.name);
    scenarios.chain(APART.iter().map(|(_, name, _)| *name)).collect::<Vec<_>>().into()
}

/// Prints what can be measured.
pub(crate) fn list() {
    for Scenario { name, about, .. } in SCENARIOS {
        println!("{name:<28} {about}");
    }
    for (_, name, about) in APART {
        println!("{name:<28} {about}");
    }
}

impl Plan {
    /// What was asked for.
    pub(crate) fn of(arguments: &Arguments) -> Self {
        let wanted = |name: &str, short: bool| match (arguments.short, arguments.only.as_slice()) {
            (true, _) => short,
            (false, []) => true,
            (false, only) => only.iter().any(|only| only == name),
        };
        let scenarios: Vec<&Scenario> = SCENARIOS
            .iter()
            .filter(|scenario| wanted(scenario.name, SHORT.contains(&scenario.name)))
            .collect();
        let yardsticks = SCENARIOS
            .iter()
            .filter(|yardstick| scenarios.iter().any(|scenario| scenario.yardstick == yardstick.name))
            .filter(|yardstick| scenarios.iter().all(|scenario| scenario.name != yardstick.name))
            .collect();
        let apart = APART
            .iter()
            .filter(|(apart, name, _)| wanted(name, SHORT_APART.contains(apart)))
            .map(|(apart, ..)| *apart)
            .collect();
        let (rounds, seconds) = if arguments.short { (1, 2) } else { (5, 3) };
        Self {
            scenarios,
            yardsticks,
            apart,
            rounds: arguments.rounds.unwrap_or(rounds),
            time: Duration::from_secs(arguments.seconds.unwrap_or(seconds)),
            steady: Duration::from_secs(60 * arguments.minutes.unwrap_or(5)),
        }
    }

    /// Whether the gateway's capacity has to be found first.
    pub(crate) fn needs_capacity(&self) -> bool {
        self.apart.contains(&Apart::Steady)
            || self.scenarios.iter().any(|scenario| matches!(scenario.pace, Pace::Part(..)))
    }

    /// How long it takes, nearly.
    pub(crate) fn length(&self, subjects: &Subjects) -> Duration {
        let mut each = Duration::ZERO;
        for scenario in &self.scenarios {
            let runs = u32::try_from(subjects.asked(&scenario.ask).count()).unwrap_or(u32::MAX);
            // Streams that have begun are read to their ends.
            each += (self.time.max(scenario.least) + scenario.least / 2 + OVERHEAD) * runs;
        }
        each += self.time * u32::try_from(self.yardsticks.len()).unwrap_or(u32::MAX);
        let mut once = Duration::ZERO;
        for apart in &self.apart {
            match apart {
                Apart::Start => once += Duration::from_secs(2),
                Apart::LargeBodies => each += Duration::from_secs(6),
                Apart::Overload => each += self.time * 2,
                Apart::IdleStreams => once += Duration::from_secs(60) + Duration::from_millis(STREAMS as u64),
                Apart::Steady => once += self.steady,
            }
        }
        each * self.rounds + once
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn plan(line: &str) -> Plan {
        Plan::of(&Line::try_parse_from(line.split(' ')).unwrap().arguments)
    }

    #[test]
    fn everything_is_measured_unless_somebody_says_otherwise() {
        let all = plan("bench");
        assert_eq!((all.scenarios.len(), all.apart.len(), all.rounds), (SCENARIOS.len(), APART.len(), 5));
        assert!(all.yardsticks.is_empty() && all.needs_capacity());
        let short = plan("bench --short");
        assert_eq!(
            (short.scenarios.len(), short.apart.len(), short.rounds),
            (SHORT.len(), SHORT_APART.len(), 1)
        );
        assert!(!short.needs_capacity());
    }

    #[test]
    fn what_a_scenario_is_held_against_is_measured_too() {
        let only = plan("bench --only openai-gemini --only start");
        let names =
            |scenarios: &[&Scenario]| scenarios.iter().map(|scenario| scenario.name).collect::<Vec<_>>();
        assert_eq!((names(&only.scenarios), names(&only.yardsticks)), (vec!["openai-gemini"], vec!["chat"]));
        assert_eq!(only.apart, [Apart::Start]);
        assert!(plan("bench --only openai-gemini --only chat").yardsticks.is_empty());
    }
}

//! Which traces are kept: as the config says, else as the variables say that OpenTelemetry has for it
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration>).

/// The last bits of a trace's id are random: so many of them are compared
/// (<https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>).
const RANDOM_BITS: u32 = 56;

/// The variable that names a sampler, and the one with its argument.
const NAME: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Which traces are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampler {
    /// Whether who asks decides, where somebody asks who has a trace.
    heeds_parent: bool,
    /// Kept are traces whose ids end in this number or a larger one.
    least: u64,
}

/// How a sampler decides of traces for which nobody else has.
#[derive(Debug, Clone, Copy)]
enum Share {
    All,
    None,
    /// The part that the argument says.
    Argument,
}

/// The samplers that the variable may name.
const TABLE: [(&str, bool, Share); 6] = [
    ("always_on", false, Share::All),
    ("always_off", false, Share::None),
    ("traceidratio", false, Share::Argument),
    ("parentbased_always_on", true, Share::All),
    ("parentbased_always_off", true, Share::None),
    ("parentbased_traceidratio", true, Share::Argument),
];

impl Sampler {
    /// What the config says, else what the environment says; and what of that cannot be meant, which is passed over as the
    /// specification wants it.
    pub(super) fn of(
        sample: Option<f64>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> (Self, Option<String>) {
        if let Some(part) = sample {
            return (Self::new(true, part), None);
        }
        let variable = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let Some(name) = variable(NAME) else { return (Self::new(true, 1.0), None) };
        let Some((_, heeds_parent, share)) =
            TABLE.iter().find(|(known, ..)| known.eq_ignore_ascii_case(&name))
        else {
            let known: Vec<_> = TABLE.iter().map(|(known, ..)| *known).collect();
            let fault =
                format!("`{NAME}` names no sampler that is known here: it is one of {}", known.join(", "));
            return (Self::new(true, 1.0), Some(fault));
        };
        let (part, fault) = match share {
            Share::All => (1.0, None),
            Share::None => (0.0, None),
            Share::Argument => argument(variable(ARGUMENT)),
        };
        (Self::new(*heeds_parent, part), fault)
    }

    fn new(heeds_parent: bool, part: f64) -> Self {
        let all = 1u64 << RANDOM_BITS;
        // As many of the smallest numbers are left out as make up the rest.
        Self { heeds_parent, least: ((1.0 - part) * all as f64).round() as u64 }
    }

    /// Whether that trace is kept; `asked` is whether who asks keeps it, where somebody asks who has one.
    pub(super) fn keeps(self, trace: u128, asked: Option<bool>) -> bool {
        let random = trace & ((1 << RANDOM_BITS) - 1);
        asked.filter(|_| self.heeds_parent).unwrap_or(random >= u128::from(self.least))
    }
}

/// The part that the argument says; all where it says nothing that can be meant.
fn argument(text: Option<String>) -> (f64, Option<String>) {
    let Some(text) = text else { return (1.0, None) };
    match text.parse() {
        Ok(part) if (0.0..=1.0).contains(&part) => (part, None),
        _ => (1.0, Some(format!("`{ARGUMENT}` is not a number from 0 to 1, and all traces are kept"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(sample: Option<f64>, name: &str, argument: &str) -> (Sampler, Option<String>) {
        Sampler::of(sample, &|variable| match variable {
            NAME => Some(name.to_owned()),
            ARGUMENT => Some(argument.to_owned()),
            _ => None,
        })
    }

    /// Which of 1,000 traces are kept: without an asker, where the asker does not keep them, and where it does.
    #[track_caller]
    fn check(sample: Option<f64>, (name, argument): (&str, &str), expect: [usize; 3]) {
        let (sampler, fault) = sampler(sample, name, argument);
        assert_eq!(fault, None);
        let traces: Vec<u128> =
            (0..1000).map(|n| (u128::MAX << 56) | ((2 * n + 1) * (1 << 56) / 2000)).collect();
        let kept = |asked| traces.iter().filter(|trace| sampler.keeps(**trace, asked)).count();
        assert_eq!([kept(None), kept(Some(false)), kept(Some(true))], expect, "{name} {argument}");
    }

    #[test]
    fn samplers_are_those_of_the_specification() {
        check(None, ("", ""), [1000, 0, 1000]);
        check(None, ("always_on", ""), [1000, 1000, 1000]);
        check(None, ("always_off", "1"), [0, 0, 0]);
        check(None, ("traceidratio", "0.25"), [250, 250, 250]);
        check(None, ("traceidratio", ""), [1000, 1000, 1000]);
        check(None, ("parentbased_always_on", "0"), [1000, 0, 1000]);
        check(None, ("parentbased_always_off", ""), [0, 0, 1000]);
        check(None, (" ParentBased_TraceIdRatio ", "0.1"), [100, 0, 1000]);
        check(None, ("parentbased_traceidratio", "0"), [0, 0, 1000]);
        check(None, ("traceidratio", "1.0"), [1000, 1000, 1000]);
    }

    #[test]
    fn the_config_comes_first() {
        check(Some(0.5), ("always_off", ""), [500, 0, 1000]);
        check(Some(0.0), ("always_on", ""), [0, 0, 1000]);
    }

    #[test]
    fn what_cannot_be_meant_is_named_and_passed_over() {
        for (name, argument, word) in [
            ("jaeger_remote", "", "parentbased_traceidratio"),
            ("traceidratio", "half", ARGUMENT),
            ("parentbased_traceidratio", "1.5", ARGUMENT),
            ("traceidratio", "-1", ARGUMENT),
            ("traceidratio", "NaN", ARGUMENT),
        ] {
            let (sampler, fault) = sampler(None, name, argument);
            assert!(fault.as_ref().is_some_and(|fault| fault.contains(word)), "{name}: {fault:?}");
            assert!(sampler.keeps(0, None), "{name}");
        }
    }
}

//! The two text formats that Prometheus reads: its own (0.0.4) and OpenMetrics (1.0.0).

use std::fmt::Write as _;

use super::{
    cells::Buckets,
    family::{Family, Kind},
    gather::{Gathered, Value},
};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' own.
    Prometheus,
    /// OpenMetrics.
    OpenMetrics,
}

impl Format {
    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What a request that sends this `accept` wants: whichever it likes better, Prometheus' own if it does not say.
    pub(super) fn of(accept: &str) -> Self {
        let liking = |wanted: &str| {
            let likings = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                if !parts.next()?.eq_ignore_ascii_case(wanted) {
                    return None;
                }
                let quality = parts.find_map(|part| part.strip_prefix("q="));
                Some(quality.map_or(1.0, |quality| quality.parse::<f64>().unwrap_or(0.0)))
            });
            likings.fold(0.0, f64::max)
        };
        match liking("application/openmetrics-text") {
            open if open > 0.0 && open >= liking("text/plain") => Self::OpenMetrics,
            _ => Self::Prometheus,
        }
    }

    /// All of it as text.
    pub(super) fn write(self, gathered: &[Gathered]) -> String {
        let mut text = String::with_capacity(16 << 10);
        for Gathered { family, points } in gathered.iter().filter(|gathered| !gathered.points.is_empty()) {
            self.head(family, &mut text);
            for (labels, value) in points {
                let at = At { format: self, family, labels };
                at.write(value, &mut text);
            }
        }
        if self == Self::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }

    fn head(self, family: &Family, text: &mut String) {
        let (shown, kind) = (family.shown(), family.kind.name());
        let name = if self == Self::OpenMetrics { family.name } else { &shown };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {}", family.help);
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if self == Self::OpenMetrics && !family.unit.name().is_empty() {
            let _ = writeln!(text, "# UNIT {name} {}", family.unit.name());
        }
    }
}

/// The series that a value belongs to.
struct At<'a> {
    format: Format,
    family: &'a Family,
    labels: &'a [String],
}

impl At<'_> {
    fn write(&self, value: &Value, text: &mut String) {
        let scale = self.family.unit.scale();
        match value {
            Value::Count(count) if scale == 1.0 => self.line("", None, &count.to_string(), text),
            Value::Count(count) => self.line("", None, &(*count as f64 / scale).to_string(), text),
            Value::Gauge(value) => self.line("", None, &value.to_string(), text),
            Value::Buckets(buckets) => self.buckets(buckets, scale, text),
        }
    }

    fn buckets(&self, Buckets { bounds, counts, sum }: &Buckets, scale: f64, text: &mut String) {
        let mut so_far = 0;
        let bounds = bounds.iter().map(|bound| self.format.bound(*bound as f64 / scale));
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts) {
            so_far += count;
            self.line("_bucket", Some(&bound), &so_far.to_string(), text);
        }
        self.line("_sum", None, &(*sum as f64 / scale).to_string(), text);
        self.line("_count", None, &so_far.to_string(), text);
    }

    fn line(&self, suffix: &str, bound: Option<&str>, value: &str, text: &mut String) {
        text.push_str(self.family.name);
        if self.family.kind == Kind::Counter {
            text.push_str("_total");
        }
        text.push_str(suffix);
        let named = self.family.labels.iter().copied().zip(self.labels.iter().map(String::as_str));
        let mut open = '{';
        for (name, label) in named.chain(bound.map(|bound| ("le", bound))) {
            let _ = write!(text, "{open}{name}=\"");
            for letter in label.chars() {
                match letter {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    letter => text.push(letter),
                }
            }
            text.push('"');
            open = ',';
        }
        if open == ',' {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

impl Format {
    /// A bound as the format wants it: OpenMetrics has numbers as Go writes them, with a point or an exponent.
    fn bound(self, bound: f64) -> String {
        let plain = bound.to_string();
        if self == Self::Prometheus || plain.contains('.') {
            return plain;
        }
        if bound < 1e6 {
            return format!("{plain}.0");
        }
        let exponent = plain.len() - 1;
        let (first, rest) = plain.split_at(1);
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        format!("{first}{point}{rest}e+{exponent:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family;

    const BOUNDS: &[u64] = &[10_000, 1_000_000];

    fn gathered() -> Vec<Gathered> {
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
        let buckets = Buckets { bounds: BOUNDS, counts: vec![1, 0, 2], sum: 2_500_000 };
        vec![
            Gathered {
                family: family::KEY_REQUESTS,
                points: vec![(labels(&["a \"b\"\\\n", "2xx"]), Value::Count(7))],
            },
            Gathered { family: family::KEY_COST, points: vec![(labels(&["a"]), Value::Count(1_250))] },
            Gathered { family: family::STREAMS, points: vec![(vec![], Value::Gauge(3.0))] },
            Gathered { family: family::TASKS, points: vec![] },
            Gathered {
                family: family::ATTEMPT_DURATION,
                points: vec![(labels(&["p/m#1"]), Value::Buckets(buckets))],
            },
        ]
    }

    #[test]
    fn both_formats() {
        let lines = |format: Format| {
            let text = format.write(&gathered());
            text.lines().filter(|line| !line.starts_with("# HELP")).map(str::to_owned).collect::<Vec<_>>()
        };
        let prometheus = [
            "# TYPE lockgate_key_requests_total counter",
            r#"lockgate_key_requests_total{key="a \"b\"\\\n",status="2xx"} 7"#,
            "# TYPE lockgate_key_cost_usd_total counter",
            r#"lockgate_key_cost_usd_total{key="a"} 0.00125"#,
            "# TYPE lockgate_streams_open gauge",
            "lockgate_streams_open 3",
            "# TYPE lockgate_attempt_duration_seconds histogram",
            r#"lockgate_attempt_duration_seconds_bucket{deployment="p/m#1",le="0.01"} 1"#,
            r#"lockgate_attempt_duration_seconds_bucket{deployment="p/m#1",le="1"} 1"#,
            r#"lockgate_attempt_duration_seconds_bucket{deployment="p/m#1",le="+Inf"} 3"#,
            r#"lockgate_attempt_duration_seconds_sum{deployment="p/m#1"} 2.5"#,
            r#"lockgate_attempt_duration_seconds_count{deployment="p/m#1"} 3"#,
        ];
        assert_eq!(lines(Format::Prometheus), prometheus);
        let open: Vec<String> = lines(Format::OpenMetrics);
        assert_eq!(open[0], "# TYPE lockgate_key_requests counter");
        assert_eq!(open[3], "# UNIT lockgate_key_cost_usd usd");
        assert!(open.contains(
            &r#"lockgate_attempt_duration_seconds_bucket{deployment="p/m#1",le="1.0"} 1"#.to_owned()
        ));
        assert_eq!(open.last().map(String::as_str), Some("# EOF"));
    }

    #[test]
    fn bounds_are_numbers_as_go_writes_them() {
        let bounds = [0.01, 2.5, 1.0, 100_000.0, 1_000_000.0, 2_500_000.0, 300_000_000.0, 67_108_864_000.0];
        assert_eq!(
            bounds.map(|bound| Format::OpenMetrics.bound(bound)),
            ["0.01", "2.5", "1.0", "100000.0", "1e+06", "2.5e+06", "3e+08", "6.7108864e+10"]
        );
    }

    #[test]
    fn who_asks_is_heard() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(Format::of(prometheus), Format::OpenMetrics);
        assert_eq!(Format::of("application/openmetrics-text"), Format::OpenMetrics);
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/openmetrics-text;q=0",
            "text/html,application/openmetrics-text;q=0.1,text/plain",
        ] {
            assert_eq!(Format::of(accept), Format::Prometheus, "{accept}");
        }
    }
}

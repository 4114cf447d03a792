//! The metrics as OTLP has them: those of OpenTelemetry's conventions for generative AI
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>), and the gateway's own.

use std::{collections::BTreeMap, time::UNIX_EPOCH};

use super::{
    protobuf::Message,
    settings::Settings,
    spans::{nanos, scope},
};
use crate::{
    Setup, clock,
    metrics::{Buckets, Gathered, Kind, Pair, Value, gathered},
};

/// What becomes of spans.
pub(super) const SENT: &str = "sent";
pub(super) const DROPPED: &str = "dropped";
pub(super) const FAILED: &str = "failed";

/// Sums since the beginning, not since the last time.
const CUMULATIVE: u64 = 2;

/// From when to when values were counted, in nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
}

/// An `ExportMetricsServiceRequest` with all that there is to see now.
pub(super) fn request(setup: &Setup, settings: &Settings) -> Vec<u8> {
    let since_1970 = |at: std::time::SystemTime| nanos(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    let metrics = &setup.gateway.metrics;
    let span = Span { from: since_1970(metrics.since()), to: since_1970(clock::wall()) };
    let mut request = Message::default();
    request.message(1, |of_resource| {
        of_resource.message(1, |resource| settings.describe(resource));
        of_resource.message(2, |of_scope| {
            of_scope.message(1, scope);
            for conventional in conventional(&metrics.pairs()) {
                conventional.write(span, of_scope);
            }
            for gathered in gathered(setup).iter().filter(|gathered| !gathered.points.is_empty()) {
                own(gathered, span, of_scope);
            }
        });
    });
    request.into_bytes()
}

/// A histogram of the conventions, by its attributes.
struct Conventional {
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    /// What a bucket's bound is in its unit.
    scale: f64,
    points: BTreeMap<Vec<(&'static str, String)>, Buckets>,
}

impl Conventional {
    fn new(name: &'static str, unit: &'static str, about: &'static str) -> Self {
        let scale = if unit == "s" { 1e6 } else { 1.0 };
        Self { name, unit, about, scale, points: BTreeMap::new() }
    }

    fn add(&mut self, attributes: Vec<(&'static str, String)>, buckets: &Buckets) {
        if buckets.count() > 0 {
            self.points.entry(attributes).or_insert_with(|| Buckets::none(buckets.bounds)).add(buckets);
        }
    }

    fn write(&self, span: Span, metrics: &mut Message) {
        if self.points.is_empty() {
            return;
        }
        metrics.message(2, |metric| {
            head(metric, self.name, self.about, self.unit);
            metric.message(9, |histogram| {
                for (attributes, buckets) in &self.points {
                    let attributes = attributes.iter().map(|(name, value)| (*name, value.as_str()));
                    point(histogram, attributes, buckets, self.scale, span);
                }
                histogram.number(2, CUMULATIVE);
            });
        });
    }
}

/// What the conventions have, of all that was counted together.
fn conventional(pairs: &[std::sync::Arc<Pair>]) -> Vec<Conventional> {
    let mut operation = Conventional::new(
        "gen_ai.client.operation.duration",
        "s",
        "From the beginning of a request to a provider to the end of its answer.",
    );
    let mut usage =
        Conventional::new("gen_ai.client.token.usage", "{token}", "Tokens of one call, in and out.");
    let mut duration = Conventional::new(
        "gen_ai.server.request.duration",
        "s",
        "From a client's request to the end of its answer.",
    );
    let mut first = Conventional::new(
        "gen_ai.server.time_to_first_token",
        "s",
        "From a client's request to the first piece of its answer.",
    );
    let mut each =
        Conventional::new("gen_ai.server.time_per_output_token", "s", "Time per token behind the first.");
    for pair in pairs.iter().filter(|pair| !pair.deployment.is_nobody()) {
        let attributes = |model: &str| {
            vec![
                ("gen_ai.operation.name", pair.operation.to_owned()),
                ("gen_ai.provider.name", pair.deployment.provider.to_owned()),
                ("gen_ai.request.model", model.to_owned()),
            ]
        };
        let asked = || attributes(pair.deployment.model());
        operation.add(asked(), &pair.answers.read());
        for (fault, tries) in pair.faults() {
            let mut attributes = asked();
            attributes.push(("error.type", fault.to_owned()));
            operation.add(attributes, &tries.read());
        }
        for (which, spread) in ["input", "output"].into_iter().zip(&pair.spread) {
            let mut attributes = asked();
            attributes.push(("gen_ai.token.type", which.to_owned()));
            usage.add(attributes, &spread.read());
        }
        duration.add(attributes(&pair.model), &pair.duration.read());
        first.add(attributes(&pair.model), &pair.first_token.read());
        each.add(attributes(&pair.model), &pair.output_token.read());
    }
    vec![operation, usage, duration, first, each]
}

/// One of the gateway's own, under the name that it has in `/metrics`.
fn own(Gathered { family, points }: &Gathered, span: Span, metrics: &mut Message) {
    let scale = family.unit.scale();
    let named = |labels: &[String], data: &mut Message| {
        for (name, value) in family.labels.iter().zip(labels) {
            data.attribute(7, name, value);
        }
    };
    let number = |field: &mut Message, labels: &[String], value: &Value| {
        field.message(1, |data| {
            named(labels, data);
            data.fixed64(2, span.from);
            data.fixed64(3, span.to);
            match value {
                Value::Count(count) if scale == 1.0 => data.fixed64(6, *count),
                Value::Count(count) => data.double(4, *count as f64 / scale),
                Value::Gauge(value) => data.double(4, *value),
                Value::Buckets(_) => {}
            }
        });
    };
    metrics.message(2, |metric| {
        head(metric, family.name, family.help, family.unit.ucum());
        match family.kind {
            Kind::Gauge => metric.message(5, |gauge| {
                points.iter().for_each(|(labels, value)| number(gauge, labels, value));
            }),
            Kind::Counter => metric.message(7, |sum| {
                points.iter().for_each(|(labels, value)| number(sum, labels, value));
                sum.number(2, CUMULATIVE);
                sum.number(3, 1);
            }),
            Kind::Histogram => metric.message(9, |histogram| {
                for (labels, value) in points {
                    let Value::Buckets(buckets) = value else { continue };
                    let attributes = family.labels.iter().copied().zip(labels.iter().map(String::as_str));
                    point(histogram, attributes, buckets, scale, span);
                }
                histogram.number(2, CUMULATIVE);
            }),
        }
    });
}

fn head(metric: &mut Message, name: &str, about: &str, unit: &str) {
    metric.text(1, name);
    metric.text(2, about);
    metric.text(3, unit);
}

/// A `HistogramDataPoint`.
fn point<'a>(
    histogram: &mut Message,
    attributes: impl Iterator<Item = (&'a str, &'a str)>,
    buckets: &Buckets,
    scale: f64,
    span: Span,
) {
    histogram.message(1, |data| {
        for (name, value) in attributes {
            data.attribute(9, name, value);
        }
        data.fixed64(2, span.from);
        data.fixed64(3, span.to);
        data.fixed64(4, buckets.count());
        data.double(5, buckets.sum as f64 / scale);
        data.packed(6, buckets.counts.iter().copied());
        data.packed(7, buckets.bounds.iter().map(|bound| (*bound as f64 / scale).to_bits()));
    });
}

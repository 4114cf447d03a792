//! What an OpenTelemetry collector is sent.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Secret;
use crate::units;

/// What an OpenTelemetry collector is sent, and what becomes of clients' traces.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Where traces and metrics are sent by OTLP. Without it, to `OTEL_EXPORTER_OTLP_ENDPOINT` of the environment if that is
    /// set, else nowhere.
    pub otlp: Option<Otlp>,
    /// The name that the gateway has there; without it `OTEL_SERVICE_NAME` of the environment, else `lockgate`.
    pub service_name: Option<String>,
    /// The share of calls that are traced, from 0 to 1. A client that says in `traceparent` whether its trace is kept
    /// decides for its own calls. Without it as `OTEL_TRACES_SAMPLER` of the environment says, else all.
    #[serde(deserialize_with = "units::optional_share")]
    #[schemars(with = "Option<units::Share>")]
    pub sample: Option<f64>,
    /// Whether `traceparent` and `tracestate` go on to providers: with the gateway's own span as the parent where it sends
    /// traces, else as the client sent them.
    #[schemars(extend("default" = true))]
    pub propagate: bool,
}

/// A collector that is spoken to by OTLP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Its address, such as `http://localhost:4318`: over HTTP, `/v1/traces` and `/v1/metrics` come behind it.
    pub endpoint: String,
    /// How it is spoken to.
    #[serde(default)]
    #[schemars(extend("default" = "http"))]
    pub protocol: OtlpProtocol,
    /// What it is shown with each request, such as a key.
    #[serde(default)]
    pub headers: IndexMap<String, Secret>,
    /// A PEM file with certificates that are believed beside the public ones, for a collector with one of its own making.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// Whether it is sent traces.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    pub traces: bool,
    /// Whether it is sent metrics.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    pub metrics: bool,
    /// How often it is sent metrics.
    #[serde(default = "minute", deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "60s"))]
    pub interval: Duration,
}

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpProtocol {
    /// Protobuf over HTTP, usually at port 4318.
    #[default]
    Http,
    /// gRPC, usually at port 4317.
    Grpc,
}

// === impl Telemetry ===

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp: None, service_name: None, sample: None, propagate: true }
    }
}

fn yes() -> bool {
    true
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

//! The spans of a call as OTLP has them, with the names of OpenTelemetry's conventions for generative AI
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>). Nothing of what was said is in them, and no secret.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockgate_store::{Ended, Tokens};

use super::{
    protobuf::Message,
    settings::Settings,
    trace::{Trace, Tried},
};

/// Kinds of spans: what was asked of us, and what we asked of others.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
/// The status of a span that failed.
const FAILED: u64 = 2;
/// The field of a span's attributes.
const ATTRIBUTE: u32 = 9;

/// What is known of a call when it ends.
pub(crate) struct About {
    pub(crate) id: String,
    pub(crate) operation: &'static str,
    pub(crate) dialect: &'static str,
    pub(crate) path: String,
    pub(crate) model: Option<String>,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) stream: bool,
    pub(crate) status: u16,
    pub(crate) ended: Ended,
    /// The kind of fault that the client was told of in place of an answer.
    pub(crate) refusal: Option<&'static str>,
    pub(crate) usage: Option<Tokens>,
    /// In millionths of a dollar.
    pub(crate) cost: Option<u64>,
    pub(crate) overhead_micros: u64,
    pub(crate) first_token_micros: Option<u64>,
    pub(crate) losses: usize,
}

/// A traced call that has ended.
pub(crate) struct Finished {
    pub(crate) trace: Box<Trace>,
    pub(crate) about: About,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Nanoseconds since 1970 by the wall clock when it ended.
    pub(crate) ended_nanos: u64,
}

impl Finished {
    /// How many spans it is.
    pub(super) fn spans(&self) -> u64 {
        self.trace.attempts.len() as u64 + 1
    }

    fn nanos(&self, at: Instant) -> u64 {
        let before = self.ended.saturating_duration_since(at);
        self.ended_nanos.saturating_sub(u64::try_from(before.as_nanos()).unwrap_or(u64::MAX))
    }

    fn write(&self, spans: &mut Message) {
        let Self { trace, about, began, .. } = self;
        spans.message(2, |span| {
            self.head(span, trace.own.span, trace.parent, SERVER);
            let asked = about.model.as_deref().unwrap_or_default();
            span.text(5, format!("{} {asked}", about.operation).trim_end());
            span.number(6, SERVER);
            span.fixed64(7, self.nanos(*began));
            span.fixed64(8, self.ended_nanos);
            self.about(span);
            let is_failed = about.status >= 500 || about.ended == Ended::Broken;
            status(span, is_failed.then(|| self.fault()));
        });
        let last = trace.attempts.len().saturating_sub(1);
        for (place, tried) in trace.attempts.iter().enumerate() {
            spans.message(2, |span| self.attempt(span, tried, place == last));
        }
    }

    fn head(&self, span: &mut Message, id: u64, parent: Option<u64>, kind: u64) {
        let trace = &self.trace;
        span.bytes(1, &trace.own.trace.to_be_bytes());
        span.bytes(2, &id.to_be_bytes());
        let state: Vec<_> = trace.state.iter().filter_map(|value| value.to_str().ok()).collect();
        span.text(3, &state.join(","));
        if let Some(parent) = parent {
            span.bytes(4, &parent.to_be_bytes());
        }
        // Sampled; whether the parent is elsewhere is known: bits 8 and 9.
        let is_remote = kind == SERVER && parent.is_some();
        span.fixed32(16, 1 | 1 << 8 | u32::from(is_remote) << 9);
    }

    /// What became of a call that failed, in one word.
    fn fault(&self) -> &'static str {
        let latest = || self.trace.attempts.last().and_then(|tried| tried.fault);
        self.about.refusal.or_else(latest).unwrap_or_else(|| self.about.ended.name())
    }

    fn about(&self, span: &mut Message) {
        let about = &self.about;
        span.attribute(ATTRIBUTE, "gen_ai.operation.name", about.operation);
        if let Some(model) = &about.model {
            span.attribute(ATTRIBUTE, "gen_ai.request.model", model);
        }
        if let Some(tried) = self.trace.attempts.last() {
            span.attribute(ATTRIBUTE, "gen_ai.provider.name", tried.provider);
            if tried.fault.is_none() {
                span.attribute(ATTRIBUTE, "gen_ai.response.model", &tried.model);
            }
            span.attribute(ATTRIBUTE, "lockgate.deployment", &tried.deployment);
        }
        self.usage(span);
        span.attribute(ATTRIBUTE, "url.path", &about.path);
        span.attribute_number(ATTRIBUTE, "http.response.status_code", u64::from(about.status));
        if about.status >= 400 || !matches!(about.ended, Ended::Answered) {
            span.attribute(ATTRIBUTE, "error.type", self.fault());
        }
        span.attribute(ATTRIBUTE, "lockgate.request.id", &about.id);
        span.attribute(ATTRIBUTE, "lockgate.dialect", about.dialect);
        span.attribute(ATTRIBUTE, "lockgate.ended", about.ended.name());
        span.attribute_bool(ATTRIBUTE, "lockgate.stream", about.stream);
        span.attribute_number(ATTRIBUTE, "lockgate.attempts", self.trace.attempts.len() as u64);
        span.attribute_number(ATTRIBUTE, "lockgate.losses", about.losses as u64);
        span.attribute_number(ATTRIBUTE, "lockgate.overhead_us", about.overhead_micros);
        if let Some(micros) = about.first_token_micros {
            span.attribute_double(ATTRIBUTE, "gen_ai.server.time_to_first_token", micros as f64 / 1e6);
        }
        if let Some(key) = &about.key {
            span.attribute(ATTRIBUTE, "lockgate.key", key);
        }
        if let Some(micros) = about.cost {
            span.attribute_double(ATTRIBUTE, "lockgate.cost_usd", micros as f64 / 1e6);
        }
    }

    /// The tokens; the input is all of it, from a cache or not.
    fn usage(&self, span: &mut Message) {
        let Some(used) = &self.about.usage else { return };
        let rows = [
            ("gen_ai.usage.input_tokens", used.input + used.cache_read + used.cache_write),
            ("gen_ai.usage.output_tokens", used.output),
            ("gen_ai.usage.cache_read.input_tokens", used.cache_read),
            ("gen_ai.usage.cache_creation.input_tokens", used.cache_write),
        ];
        for (name, count) in rows {
            span.attribute_number(ATTRIBUTE, name, count);
        }
    }

    fn attempt(&self, span: &mut Message, tried: &Tried, is_last: bool) {
        self.head(span, tried.span, Some(self.trace.own.span), CLIENT);
        span.text(5, &format!("{} {}", self.about.operation, tried.model));
        span.number(6, CLIENT);
        span.fixed64(7, self.nanos(tried.since));
        span.fixed64(8, tried.until.map_or(self.ended_nanos, |until| self.nanos(until)));
        span.attribute(ATTRIBUTE, "gen_ai.operation.name", self.about.operation);
        span.attribute(ATTRIBUTE, "gen_ai.provider.name", tried.provider);
        span.attribute(ATTRIBUTE, "gen_ai.request.model", &tried.model);
        span.attribute(ATTRIBUTE, "lockgate.deployment", &tried.deployment);
        if is_last && tried.fault.is_none() {
            span.attribute(ATTRIBUTE, "gen_ai.response.model", &tried.model);
            self.usage(span);
        }
        let left = || (self.about.ended == Ended::ClientGone).then_some(Ended::ClientGone.name());
        let fault = tried.fault.or_else(left);
        if let Some(fault) = fault {
            span.attribute(ATTRIBUTE, "error.type", fault);
        }
        status(span, tried.fault);
    }
}

fn status(span: &mut Message, fault: Option<&str>) {
    if let Some(fault) = fault {
        span.message(15, |status| {
            status.text(2, fault);
            status.number(3, FAILED);
        });
    }
}

/// An `ExportTraceServiceRequest` with the spans of all these calls.
pub(super) fn request(calls: &[Finished], settings: &Settings) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |of_resource| {
        of_resource.message(1, |resource| settings.describe(resource));
        of_resource.message(2, |of_scope| {
            of_scope.message(1, scope);
            calls.iter().for_each(|call| call.write(of_scope));
        });
    });
    request.into_bytes()
}

/// Who measures.
pub(super) fn scope(scope: &mut Message) {
    scope.text(1, "lockgate");
    scope.text(2, env!("CARGO_PKG_VERSION"));
}

/// Nanoseconds of a time since 1970.
pub(crate) fn nanos(since: Duration) -> u64 {
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

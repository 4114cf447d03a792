//! How answers say what is left of limits by the minute.

use http::HeaderName;

/// The headers in which a dialect's servers say what is left of their limits.
#[derive(Debug, Clone)]
pub struct LimitHeaders {
    /// What all of them begin with, those of other limits too.
    pub begins: &'static str,
    /// Of requests.
    pub requests: Names,
    /// Of tokens.
    pub tokens: Names,
    /// How it is said when all of a limit is there again.
    pub reset: Reset,
}

/// The headers of one limit.
#[derive(Debug, Clone)]
pub struct Names {
    /// How much there is in a minute.
    pub limit: HeaderName,
    /// How much is left.
    pub remaining: HeaderName,
    /// When all of it is there again.
    pub reset: HeaderName,
}

impl LimitHeaders {
    /// As OpenAI names them, and most others after it.
    /// Source: `platform.openai.com/docs/guides/rate-limits`, "Rate limits in headers".
    pub const OPENAI: Self = Self {
        begins: "x-ratelimit-",
        requests: Names {
            limit: HeaderName::from_static("x-ratelimit-limit-requests"),
            remaining: HeaderName::from_static("x-ratelimit-remaining-requests"),
            reset: HeaderName::from_static("x-ratelimit-reset-requests"),
        },
        tokens: Names {
            limit: HeaderName::from_static("x-ratelimit-limit-tokens"),
            remaining: HeaderName::from_static("x-ratelimit-remaining-tokens"),
            reset: HeaderName::from_static("x-ratelimit-reset-tokens"),
        },
        reset: Reset::Span,
    };
}

/// How a time is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// As the time until then: `1s`, `6m0s`, `12ms`.
    Span,
    /// As a moment (RFC 3339).
    Moment,
}

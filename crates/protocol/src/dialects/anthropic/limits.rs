//! How Anthropic says what is left of its limits by the minute.
//!
//! Source: `docs.anthropic.com/en/api/rate-limits`, "Response headers".

use http::HeaderName;

use crate::limit_headers::{LimitHeaders, Names, Reset};

pub(super) static LIMITS: LimitHeaders = LimitHeaders {
    begins: "anthropic-ratelimit-",
    requests: Names {
        limit: HeaderName::from_static("anthropic-ratelimit-requests-limit"),
        remaining: HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
        reset: HeaderName::from_static("anthropic-ratelimit-requests-reset"),
    },
    tokens: Names {
        limit: HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
        remaining: HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
        reset: HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
    },
    reset: Reset::Moment,
};

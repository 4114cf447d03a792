//! Lets web pages of listed origins call the gateway from a browser (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use lockgate_config as config;

use crate::body::AnswerBody;

/// Every page there is.
const ANY: &str = "*";
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
/// What else of an answer depends on the page that asks.
const PREFLIGHT_VARIES: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");
/// The headers of an answer that pages may read beside those that every page may.
const EXPOSED: &[&str] = &["x-request-id", "request-id", "retry-after", "x-should-retry"];
/// How others of them begin, or what is in their middle: what is left of a limit, under each provider's name for it.
const EXPOSED_BEGIN: &str = "x-lockgate-";
const EXPOSED_WITHIN: &str = "ratelimit-";

/// Which pages may call, and what they are told.
pub(crate) struct Cors {
    origins: Vec<HeaderValue>,
    is_any: bool,
    headers: Option<HeaderValue>,
    credentials: bool,
    max_age: HeaderValue,
}

impl Cors {
    pub(crate) fn new(written: &config::Cors) -> Self {
        let origin = |origin: &String| HeaderValue::from_str(origin).ok();
        let headers = (!written.headers.is_empty()).then(|| written.headers.join(", "));
        Self {
            origins: written.origins.iter().filter_map(origin).collect(),
            is_any: written.origins.iter().any(|origin| origin == ANY),
            headers: headers.and_then(|headers| HeaderValue::from_str(&headers).ok()),
            credentials: written.credentials,
            max_age: HeaderValue::from(written.max_age.as_secs()),
        }
    }

    /// Whether pages of that origin may call.
    pub(crate) fn lists(&self, origin: &HeaderValue) -> bool {
        self.is_any || self.origins.contains(origin)
    }

    /// The answer to a browser that asks whether a page may ask.
    pub(crate) fn preflight<B>(
        &self,
        origin: &HeaderValue,
        request: &Request<B>,
    ) -> Option<Response<AnswerBody>> {
        if request.method() != Method::OPTIONS
            || !request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let mut response = Response::new(AnswerBody::Whole(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        self.allow(origin, headers);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        let asked = || request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        if let Some(allowed) = self.headers.clone().or_else(asked) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        headers.insert(header::VARY, PREFLIGHT_VARIES);
        Some(response)
    }

    /// Marks an answer as one that a page of `origin` may read; one to another page, or to none, as one that depends on it.
    pub(crate) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if let Some(origin) = origin {
            self.allow(origin, headers);
            if let Ok(exposed) = HeaderValue::from_str(&exposed(headers)) {
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
            }
        }
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }

    fn allow(&self, origin: &HeaderValue, headers: &mut HeaderMap) {
        let allowed = if self.is_any { HeaderValue::from_static(ANY) } else { origin.clone() };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// The names of the headers that a page may read of those there are.
fn exposed(headers: &HeaderMap) -> String {
    let is_exposed = |name: &&HeaderName| {
        let name = name.as_str();
        EXPOSED.contains(&name) || name.starts_with(EXPOSED_BEGIN) || name.contains(EXPOSED_WITHIN)
    };
    let mut text = String::new();
    for name in headers.keys().filter(is_exposed) {
        let before = if text.is_empty() { "" } else { ", " };
        // Writing to a text does not fail.
        let _ = write!(text, "{before}{name}");
    }
    text
}

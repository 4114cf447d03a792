//! What a failure means and how long its provider asks to wait, whatever status, headers and body it comes with.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_provider::{PROVIDERS, Reply};

/// The target's name.
pub(crate) const TARGET: &str = "retry_hints";

/// Reads `input` as `429`, lines of `name: value`, a blank line and a body.
pub(crate) fn retry_hints(input: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut status = 429;
    let mut rest = input;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = rest[..end].trim_ascii_end();
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let name = HeaderName::from_bytes(&line[..colon]);
                let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
                if let (Ok(name), Ok(value)) = (name, value) {
                    headers.append(name, value);
                }
            }
            None => status = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).unwrap_or(429),
        }
    }
    let body = Bytes::copy_from_slice(rest);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let reply = Reply { status, headers: &headers, body: &body, now };
    for provider in PROVIDERS {
        let fault = provider.classify(&reply);
        assert!((400..600).contains(&fault.status), "a failure is told with the status {}", fault.status);
    }
}

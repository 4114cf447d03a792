//! Which credential a request shows, wherever providers take one.

use http::{HeaderMap, header::AUTHORIZATION};

/// Headers that are a key and nothing else.
const KEY_HEADERS: &[&str] = &["x-api-key", "api-key", "x-goog-api-key"];

/// The key or token as it was sent; of a signed request, the name of its key.
pub(crate) fn of(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let plain = KEY_HEADERS.iter().find_map(|name| text(name));
    let shown = plain.or_else(|| match text(AUTHORIZATION.as_str())?.split_once(' ')? {
        ("AWS4-HMAC-SHA256", signed) => signed.split("Credential=").nth(1)?.split('/').next(),
        (_, token) => Some(token.trim()),
    });
    let in_query = || query?.split('&').find_map(|pair| pair.strip_prefix("key="));
    shown.or_else(in_query).filter(|key| !key.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(name: &'static str, value: &'static str, query: &str, expected: Option<&str>) {
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]);
        assert_eq!(of(&headers, Some(query)).as_deref(), expected, "{name}: {value}");
    }

    #[test]
    fn keys_are_found_wherever_providers_take_them() {
        check("authorization", "Bearer sk-1", "", Some("sk-1"));
        check("x-api-key", "sk-2", "", Some("sk-2"));
        check("x-goog-api-key", "AI-3", "", Some("AI-3"));
        check("api-key", "az-4", "", Some("az-4"));
        check("accept", "*/*", "alt=sse&key=AI-5", Some("AI-5"));
        let signed = "AWS4-HMAC-SHA256 Credential=AKIA6/20260101/us-east-1/bedrock/aws4_request, Signature=0";
        check("authorization", signed, "", Some("AKIA6"));
        check("authorization", "Bearer ", "", None);
        check("accept", "*/*", "alt=sse", None);
    }
}

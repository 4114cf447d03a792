//! What proves who asks: a secret, and headers of the operator's own.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::address::SiteError;

/// What every request with one credential carries: the operator's headers and the proof of who asks.
///
/// Has no serialiser, and its `Debug` shows no secret: the value is marked sensitive.
#[derive(Debug, Clone)]
pub struct Credential {
    pub(crate) headers: HeaderMap,
}

/// Headers that frame the message or that the gateway writes itself.
const NOT_THE_OPERATORS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header value that logs do not show.
pub(crate) fn secret_value(text: &str) -> Result<HeaderValue, SiteError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| SiteError::KeyUnfit)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Adds headers of the operator's, later ones in place of earlier ones.
pub(crate) fn add_headers(map: &mut HeaderMap, headers: &[(String, String)]) -> Result<(), SiteError> {
    for (name, value) in headers {
        let refuse = |why| SiteError::Header { name: name.clone(), why };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("that is no header name"))?;
        if NOT_THE_OPERATORS.contains(&parsed.as_str()) {
            return Err(refuse("the gateway writes it itself; take it out"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| refuse("its value has a character that no header can carry"))?;
        // Operators put keys into headers of their own, so none of them is shown.
        value.set_sensitive(true);
        map.insert(parsed, value);
    }
    Ok(())
}

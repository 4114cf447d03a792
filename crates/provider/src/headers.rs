//! Headers that the operator writes: which there may be, and values that stand for a header of the client's.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::address::SiteError;

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

/// Headers of a client's that go no further, whatever the operator writes: its keys for this gateway, and what a browser
/// keeps for it. What frames the message is not copied either.
const NOT_COPIED: &[&str] = &["api-key", "authorization", "cookie", "x-api-key", "x-goog-api-key"];

/// Headers of the operator's.
#[derive(Debug, Clone, Default)]
pub(crate) struct OperatorHeaders {
    /// With values of the operator's, marked sensitive.
    pub(crate) fixed: HeaderMap,
    /// Name there, and the name of the client's header that its value is taken from.
    pub(crate) copied: Vec<(HeaderName, HeaderName)>,
}

/// What a value stands for.
enum Value<'a> {
    Text(&'a str),
    OfClient(&'a str),
}

impl OperatorHeaders {
    /// Adds headers, later ones in place of earlier ones.
    ///
    /// # Errors
    /// The first header that cannot be sent.
    pub(crate) fn add(&mut self, headers: &[(String, String)]) -> Result<(), SiteError> {
        for (name, value) in headers {
            let refuse = |why| SiteError::Header { name: name.clone(), why };
            let parsed = name_of(name).map_err(refuse)?;
            self.fixed.remove(&parsed);
            self.copied.retain(|(known, _)| *known != parsed);
            match read(value) {
                Value::Text(text) => {
                    // Operators put keys into headers of their own, so none of them is shown.
                    let mut value = value_of(text).map_err(refuse)?;
                    value.set_sensitive(true);
                    self.fixed.insert(parsed, value);
                }
                Value::OfClient(source) => self.copied.push((parsed, source_of(source).map_err(refuse)?)),
            }
        }
        Ok(())
    }

    /// True if there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.fixed.is_empty() && self.copied.is_empty()
    }
}

/// What is wrong with a header of the operator's, as the end of a sentence.
pub fn header_fault(name: &str, value: &str) -> Option<&'static str> {
    let value_fault = || match read(value) {
        Value::Text(text) => value_of(text).err(),
        Value::OfClient(source) => source_of(source).err(),
    };
    name_of(name).err().or_else(value_fault)
}

/// A header with a value of the operator's own, marked sensitive.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn fixed_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = name_of(name)?;
    match read(value) {
        Value::Text(text) => {
            let mut value = value_of(text)?;
            value.set_sensitive(true);
            Ok((name, value))
        }
        Value::OfClient(_) => Err("would copy a header of the client's, which a cloak keeps back"),
    }
}

/// `$Name` is the client's header; a text that begins with `$` is written with two of them.
fn read(value: &str) -> Value<'_> {
    match value.strip_prefix('$') {
        Some(rest) if rest.starts_with('$') => Value::Text(rest),
        Some(name) if name.starts_with(|c: char| c.is_ascii_alphabetic()) => Value::OfClient(name),
        _ => Value::Text(value),
    }
}

fn name_of(name: &str) -> Result<HeaderName, &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "is not a header name")?;
    match NOT_THE_OPERATORS.contains(&name.as_str()) {
        true => Err("is set by the gateway itself"),
        false => Ok(name),
    }
}

fn value_of(text: &str) -> Result<HeaderValue, &'static str> {
    HeaderValue::from_str(text).map_err(|_| "has a value that no header can carry")
}

fn source_of(name: &str) -> Result<HeaderName, &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(
        |_| "has a value that begins with `$` and names no header: write a `$` that is meant as `$$$$`",
    )?;
    match NOT_COPIED.contains(&name.as_str()) || NOT_THE_OPERATORS.contains(&name.as_str()) {
        true => Err("would copy a header of the client's that goes no further than the gateway"),
        false => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, value: &str, expected: Option<&str>) {
        match (header_fault(name, value), expected) {
            (None, None) => {}
            (Some(fault), Some(part)) if fault.contains(part) => {}
            (fault, _) => panic!("{fault:?} is not {expected:?}"),
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        check("x-team", "blue", None);
        check("x-team", "$X-Team", None);
        check("x-price", "$5", None);
        check("x-team", "$$blue sky", None);
        check("x team", "blue", Some("name"));
        check("Host", "a", Some("gateway itself"));
        check("x-team", "a\r\nb: c", Some("value"));
        check("x-team", "$blue sky", Some("names no header"));
        for key in ["$Authorization", "$x-api-key", "$COOKIE", "$proxy-authorization", "$transfer-encoding"] {
            check("x-key", key, Some("no further"));
        }
    }

    #[test]
    fn the_later_header_counts_whichever_kind_it_is() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = OperatorHeaders::default();
        headers
            .add(&[pair("x-a", "1"), pair("x-b", "$X-Client"), pair("x-c", "$$3")])
            .expect("they are good");
        headers.add(&[pair("X-A", "$X-Other"), pair("X-B", "2")]).expect("they are good");
        let fixed: Vec<_> =
            headers.fixed.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fixed, [("x-c", b"$3".as_slice()), ("x-b", b"2")]);
        let copied: Vec<_> = headers.copied.iter().map(|(to, from)| (to.as_str(), from.as_str())).collect();
        assert_eq!(copied, [("x-a", "x-other")]);
    }
}

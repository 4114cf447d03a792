//! What went through the gateway in a call, as far as the operator wants it kept.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use serde_json::value::RawValue;

/// The bodies of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Bodies {
    /// What the client sent.
    pub request: Option<Body>,
    /// What the client was answered: whole, also where it was streamed.
    pub answer: Option<Body>,
    /// Whether a part of either is missing, because it was longer than what is kept.
    pub truncated: bool,
}

/// One body.
#[derive(Debug, Clone)]
pub enum Body {
    /// JSON in the sender's own spelling, on one line.
    Json(Box<RawValue>),
    /// Anything else, byte by byte.
    Bytes(Vec<u8>),
}

impl Body {
    /// Keeps `bytes`. JSON stays what it is, but for line breaks between its tokens, which become blanks: a record is one
    /// line.
    pub fn of(bytes: &[u8]) -> Self {
        json_on_one_line(bytes).map_or_else(|| Self::Bytes(bytes.to_vec()), Self::Json)
    }

    /// The bytes that were kept.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Json(json) => json.get().as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

fn json_on_one_line(bytes: &[u8]) -> Option<Box<RawValue>> {
    let json = RawValue::from_string(std::str::from_utf8(bytes).ok()?.to_owned()).ok()?;
    // A `null` would be read again as no body at all.
    if json.get() == "null" {
        return None;
    }
    if memchr::memchr2(b'\n', b'\r', json.get().as_bytes()).is_none() {
        return Some(json);
    }
    RawValue::from_string(json.get().replace(['\n', '\r'], " ")).ok()
}

// === impl Bodies ===

impl Serialize for Bodies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields =
            [&self.request, &self.answer].into_iter().flatten().count() + usize::from(self.truncated);
        let mut written = serializer.serialize_struct("Bodies", fields)?;
        for (body, as_json, as_base64) in
            [(&self.request, "request", "request_base64"), (&self.answer, "answer", "answer_base64")]
        {
            match body {
                Some(Body::Json(json)) => written.serialize_field(as_json, json)?,
                Some(Body::Bytes(bytes)) => written.serialize_field(as_base64, &STANDARD.encode(bytes))?,
                None => {}
            }
        }
        if self.truncated {
            written.serialize_field("truncated", &true)?;
        }
        written.end()
    }
}

/// The members as they are on disk.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    request: Option<Box<RawValue>>,
    request_base64: Option<String>,
    answer: Option<Box<RawValue>>,
    answer_base64: Option<String>,
    truncated: bool,
}

impl TryFrom<Written> for Bodies {
    type Error = base64::DecodeError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Ok(Self {
            request: body(written.request, written.request_base64)?,
            answer: body(written.answer, written.answer_base64)?,
            truncated: written.truncated,
        })
    }
}

fn body(json: Option<Box<RawValue>>, base64: Option<String>) -> Result<Option<Body>, base64::DecodeError> {
    match (json, base64) {
        (Some(json), _) => Ok(Some(Body::Json(json))),
        (None, Some(text)) => Ok(Some(Body::Bytes(STANDARD.decode(text)?))),
        (None, None) => Ok(None),
    }
}

// === impl Body ===

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Body {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], on_disk: &str, again: &[u8]) {
        let bodies = Bodies { request: Some(Body::of(body)), answer: None, truncated: false };
        let line = serde_json::to_string(&bodies).unwrap();
        assert_eq!(line, on_disk);
        let read: Bodies = serde_json::from_str(&line).unwrap();
        assert_eq!(read.request.unwrap().as_bytes(), again);
    }

    #[test]
    fn json_keeps_its_spelling() {
        check(
            br#"{"b":1.0,"a":"\ud800"}"#,
            r#"{"request":{"b":1.0,"a":"\ud800"}}"#,
            br#"{"b":1.0,"a":"\ud800"}"#,
        );
        check(b"{\n  \"a\": \"x\\ny\"\r\n}\n", r#"{"request":{   "a": "x\ny"  }}"#, br#"{   "a": "x\ny"  }"#);
    }

    #[test]
    fn what_is_no_json_is_kept_byte_by_byte() {
        check(b"\xff\x00", r#"{"request_base64":"/wA="}"#, b"\xff\x00");
        check(b"{\"cut", r#"{"request_base64":"eyJjdXQ="}"#, b"{\"cut");
        check(b"null", r#"{"request_base64":"bnVsbA=="}"#, b"null");
        check(b"", r#"{"request_base64":""}"#, b"");
    }
}

//! What the gateway must know of a request's body, and the few places where it may change it.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    ir::{Fault, FaultKind},
    json, multipart,
    splice::{Edits, json_string},
};

/// Longest model name that is accepted, in bytes.
const MAX_MODEL: usize = 256;

/// A body that was scanned once.
#[derive(Debug)]
pub struct Envelope {
    body: Bytes,
    shape: Shape,
    model: Option<(String, Range<usize>)>,
    /// What the body says about streaming, if anything.
    streams: Option<bool>,
}

#[derive(Debug)]
enum Shape {
    Empty,
    Json(json::Object),
    Form { form: multipart::Form, boundary: String },
}

impl Envelope {
    /// Scans `body`, whose type the client named in `content_type`. A body without a type is taken for JSON.
    pub fn read(content_type: Option<&str>, body: Bytes) -> Result<Self, Fault> {
        if body.is_empty() {
            return Ok(Self { body, shape: Shape::Empty, model: None, streams: None });
        }
        let essence =
            content_type.map_or("application/json", |text| text.split(';').next().unwrap_or(text).trim());
        if is_json(essence) {
            return Self::read_json(body);
        }
        if essence.eq_ignore_ascii_case("multipart/form-data") {
            let boundary = content_type.and_then(multipart::boundary);
            let boundary = boundary
                .ok_or_else(|| bad("the content-type multipart/form-data names no usable boundary"))?;
            return Self::read_form(body, boundary);
        }
        let known = "use application/json or multipart/form-data";
        Err(Fault::new(
            FaultKind::UnsupportedMedia,
            format!("unsupported content-type `{}`: {known}", shown(essence)),
        ))
    }

    fn read_json(body: Bytes) -> Result<Self, Fault> {
        let bad_json = |error: json::Malformed| {
            bad(format!("the body is not a JSON object that can be routed: {error}"))
        };
        let object = json::Object::scan(&body).map_err(bad_json)?;
        let model = match object.get(&body, "model").map_err(bad_json)? {
            None => None,
            Some(range) => {
                let name = json::text(&body[range.clone()]).ok_or_else(|| bad("`model` must be a string"))?;
                check_model(&name)?;
                Some((name.into_owned(), range))
            }
        };
        let streams = object.get(&body, "stream").map_err(bad_json)?.map(|range| &body[range] == b"true");
        Ok(Self { body, shape: Shape::Json(object), model, streams })
    }

    fn read_form(body: Bytes, boundary: &str) -> Result<Self, Fault> {
        let form = multipart::Form::scan(&body, boundary).map_err(|error| bad(error.to_string()))?;
        let field = |name: &str| -> Result<Option<Range<usize>>, Fault> {
            let mut parts = form.parts.iter().filter(|part| part.name == name && !part.is_file);
            let first = parts.next();
            if parts.next().is_some() {
                return Err(bad(format!("the form field `{name}` is given twice")));
            }
            Ok(first.map(|part| part.value.clone()))
        };
        let model = match field("model")? {
            None => None,
            Some(range) => {
                let name =
                    std::str::from_utf8(&body[range.clone()]).map_err(|_| bad("`model` is not UTF-8"))?;
                check_model(name)?;
                Some((name.to_owned(), range))
            }
        };
        let streams = field("stream")?.map(|range| body[range].eq_ignore_ascii_case(b"true"));
        Ok(Self { body, shape: Shape::Form { form, boundary: boundary.to_owned() }, model, streams })
    }

    /// The model that the body names.
    pub fn model(&self) -> Option<&str> {
        self.model.as_ref().map(|(name, _)| name.as_str())
    }

    /// True if the client asked for a streamed answer; `by_default` is what silence means.
    pub fn streams(&self, by_default: bool) -> bool {
        self.streams.unwrap_or(by_default)
    }

    /// The scanned bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The JSON object and its bytes, if the body is one.
    pub fn json(&self) -> Option<(&json::Object, &Bytes)> {
        match &self.shape {
            Shape::Json(object) => Some((object, &self.body)),
            Shape::Empty | Shape::Form { .. } => None,
        }
    }

    /// Notes in `edits` that the body shall name `model`: in place of the name it has, or as a new first member (last
    /// field of a form). An empty body stays empty.
    pub fn set_model(&self, model: &str, edits: &mut Edits) {
        match (&self.shape, &self.model) {
            (Shape::Empty, _) => {}
            (_, Some((name, _))) if name == model => {}
            (Shape::Json(_), Some((_, range))) => edits.replace(range.clone(), json_string(model)),
            (Shape::Json(object), None) => self.insert_member(object, "model", &json_string(model), edits),
            (Shape::Form { .. }, Some((_, range))) => edits.replace(range.clone(), model.to_owned()),
            (Shape::Form { form, boundary }, None) => {
                let part = format!(
                    "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}"
                );
                edits.replace(form.end..form.end, part);
            }
        }
    }

    /// Notes in `edits` a new first member of the JSON object.
    pub fn insert_member(&self, object: &json::Object, name: &str, value: &[u8], edits: &mut Edits) {
        let mut member = Vec::with_capacity(name.len() + value.len() + 4);
        member.extend_from_slice(&json_string(name));
        member.push(b':');
        member.extend_from_slice(value);
        if !object.is_empty() {
            member.push(b',');
        }
        edits.replace(object.inside..object.inside, member);
    }
}

/// Refuses model names that could mean something else further on: in a URL, a header or a log.
pub fn check_model(name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(bad("`model` is empty"));
    }
    if name.len() > MAX_MODEL {
        return Err(bad(format!("`model` is longer than {MAX_MODEL} bytes")));
    }
    let odd = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '\\' | '?' | '#' | '%' | '"' | '<' | '>')
    };
    if name.contains(odd) || name.contains("..") || name.contains("//") {
        return Err(bad("`model` has characters that no model name has"));
    }
    Ok(())
}

fn is_json(essence: &str) -> bool {
    let essence = essence.as_bytes();
    let suffix = essence.len().saturating_sub(5);
    essence.eq_ignore_ascii_case(b"application/json")
        || (essence.get(..12).is_some_and(|head| head.eq_ignore_ascii_case(b"application/"))
            && essence[suffix..].eq_ignore_ascii_case(b"+json"))
}

fn shown(essence: &str) -> String {
    essence.chars().filter(char::is_ascii_graphic).take(64).collect()
}

fn bad(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &str, body: &'static str, model: &str, expect: &str) {
        let envelope = Envelope::read(Some(content_type), Bytes::from_static(body.as_bytes())).unwrap();
        let mut edits = Edits::default();
        envelope.set_model(model, &mut edits);
        let out = edits.apply(envelope.body()).concat();
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }

    #[track_caller]
    fn check_refused(content_type: &str, body: &'static [u8], expect: &str) {
        let fault = Envelope::read(Some(content_type), Bytes::from_static(body)).unwrap_err();
        assert_eq!(fault.to_string(), expect);
    }

    #[test]
    fn only_the_model_changes() {
        check(
            "application/json",
            r#"{ "b":1.0,"model" : "fast", "a":"\u00e9" }"#,
            "gpt\"x",
            r#"{ "b":1.0,"model" : "gpt\"x", "a":"\u00e9" }"#,
        );
        check("application/json; charset=utf-8", r#"{"a":1}"#, "m", r#"{"model":"m","a":1}"#);
        check("application/vnd.api+json", "{}", "m", r#"{"model":"m"}"#);
        check("application/json", "", "m", "");
        let form = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nfast\r\n--B--\r\n";
        check("multipart/form-data; boundary=B", form, "slow", &form.replace("fast", "slow"));
        check(
            "multipart/form-data; boundary=B",
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--",
            "m",
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--B--",
        );
    }

    #[test]
    fn a_body_that_cannot_be_routed_says_why() {
        let json = "application/json";
        check_refused(json, b"{\"model\":3}", "bad_request: `model` must be a string");
        check_refused(json, b"{\"model\":\"\"}", "bad_request: `model` is empty");
        check_refused(
            json,
            b"{\"model\":\"../../x\"}",
            "bad_request: `model` has characters that no model name has",
        );
        check_refused(
            json,
            b"{\"model\":\"http://evil/x\"}",
            "bad_request: `model` has characters that no model name has",
        );
        check_refused(
            json,
            b"{\"model\":\"a\\r\\nb\"}",
            "bad_request: `model` has characters that no model name has",
        );
        check_refused(
            json,
            b"{\"model\":\"a\",\"model\":\"b\"}",
            "bad_request: the body is not a JSON object that can be routed: `model` is given twice, again at byte 13",
        );
        check_refused(
            "text/plain",
            b"x",
            "unsupported_content_type: unsupported content-type `text/plain`: use application/json or multipart/form-data",
        );
        check_refused(
            "multipart/form-data",
            b"x",
            "bad_request: the content-type multipart/form-data names no usable boundary",
        );
        check_refused(
            "multipart/form-data; boundary=B",
            b"--B\r\nContent-Disposition: form-data; name=model\r\n\r\na\r\n--B\r\nContent-Disposition: form-data; name=model\r\n\r\nb\r\n--B--",
            "bad_request: the form field `model` is given twice",
        );
    }

    #[test]
    fn a_stream_is_asked_for_only_with_true() {
        let streams = |body: &'static str| {
            Envelope::read(None, Bytes::from_static(body.as_bytes())).unwrap().streams(false)
        };
        assert!(streams(r#"{"stream": true }"#));
        assert!(!streams(r#"{"stream":false}"#) && !streams(r#"{"stream":null}"#) && !streams(r#"{}"#));
    }
}

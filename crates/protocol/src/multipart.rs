//! Finds the fields of a `multipart/form-data` body (RFC 7578) in place, in one linear pass.

use std::{fmt, ops::Range};

use memchr::memmem;

/// Most parts that are accepted in one body.
pub const MAX_PARTS: usize = 1024;
/// Longest head of one part that is accepted, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// Longest boundary RFC 2046 allows.
const MAX_BOUNDARY: usize = 70;

/// One field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// True if the part carries a file.
    pub is_file: bool,
    /// Where its content stands in the body.
    pub value: Range<usize>,
}

/// A form whose structure was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The fields in their order.
    pub parts: Vec<Part>,
    /// Where a further part can be put in: the start of the closing delimiter.
    pub end: usize,
}

/// Why a body is not a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The boundary named by a `content-type` of `multipart/form-data`.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (_, parameters) = content_type.split_once(';')?;
    let value = parameter(parameters, "boundary")?;
    (!value.is_empty() && value.len() <= MAX_BOUNDARY && !value.contains(['\r', '\n'])).then_some(value)
}

impl Form {
    /// Checks the structure of `body` and notes its fields.
    pub fn scan(body: &[u8], boundary: &str) -> Result<Self, Malformed> {
        let delimiter = format!("\r\n--{boundary}");
        let finder = memmem::Finder::new(delimiter.as_bytes());
        // The first delimiter may open the body and then has no line break of its own.
        let mut at = if body.starts_with(&delimiter.as_bytes()[2..]) {
            delimiter.len() - 2
        } else {
            finder
                .find(body)
                .ok_or(Malformed("the form has no part with the boundary its content-type names"))?
                + delimiter.len()
        };
        let mut form = Self { parts: Vec::new(), end: at };
        loop {
            let rest = &body[at..];
            if rest.starts_with(b"--") {
                return if form.parts.is_empty() {
                    Err(Malformed("the form has no parts"))
                } else {
                    Ok(form)
                };
            }
            if form.parts.len() == MAX_PARTS {
                return Err(Malformed("the form has more than 1024 parts"));
            }
            // RFC 2046 allows blanks between a delimiter and its line end.
            let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            if !rest[padding..].starts_with(b"\r\n") {
                return Err(Malformed("a delimiter of the form is not followed by a line end"));
            }
            let head_start = at + padding;
            let window = &body[head_start..body.len().min(head_start + MAX_HEAD)];
            let head = memmem::find(window, b"\r\n\r\n")
                .ok_or(Malformed("a part of the form has no end of its head"))?;
            let value_start = head_start + head + 4;
            // An empty value's delimiter begins with the blank line's own line end.
            let search_from = value_start - 2;
            let found = finder.find(&body[search_from..]).ok_or(Malformed("the form ends inside a part"))?
                + search_from;
            let (name, is_file) =
                disposition(&window[..head]).ok_or(Malformed("a part of the form has no name"))?;
            form.parts.push(Part { name, is_file, value: value_start..found.max(value_start) });
            form.end = found;
            at = found + delimiter.len();
        }
    }
}

/// Name and file mark from a part's `content-disposition`.
fn disposition(head: &[u8]) -> Option<(String, bool)> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (_, parameters) = line.split_once(';')?;
    let name = parameter(parameters, "name")?.to_owned();
    let is_file = parameter(parameters, "filename").is_some() || parameter(parameters, "filename*").is_some();
    Some((name, is_file))
}

/// The value of one parameter of a header such as `form-data; name="model"`, without its quotes.
fn parameter<'a>(mut parameters: &'a str, wanted: &str) -> Option<&'a str> {
    loop {
        let (name, rest) = parameters.split_once('=')?;
        let rest = rest.trim_start();
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                (&quoted[..end], quoted[end + 1..].trim_start().trim_start_matches(';'))
            }
            None => {
                rest.split_once(';').map_or((rest.trim_end(), ""), |(value, after)| (value.trim_end(), after))
            }
        };
        if name.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        parameters = after;
    }
}

/// Where the quoted text ends; a backslash keeps the next character from ending it.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(body: &str, expect: Result<&[(&str, bool, &str)], &str>) {
        let got = Form::scan(body.as_bytes(), "XX").map(|form| {
            form.parts
                .into_iter()
                .map(|part| (part.name, part.is_file, body[part.value].to_owned()))
                .collect::<Vec<_>>()
        });
        let expect = expect
            .map(|parts| {
                parts.iter().map(|(n, f, v)| ((*n).to_owned(), *f, (*v).to_owned())).collect::<Vec<_>>()
            })
            .map_err(str::to_owned);
        assert_eq!(got.map_err(|error| error.to_string()), expect);
    }

    const MODEL: &str = "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n";

    #[test]
    fn fields_and_files_are_told_apart() {
        let file = "--XX\r\ncontent-type: audio/wav\r\ncontent-disposition: form-data; name=file; filename=\"a;b=\\\"c.wav\"\r\n\r\n\r\nRIFF\r\n--X\r\n";
        check(
            &format!("{MODEL}{file}--XX--\r\n"),
            Ok(&[("model", false, "whisper-1"), ("file", true, "\r\nRIFF\r\n--X")]),
        );
        check(&format!("preamble\r\n{MODEL}--XX--"), Ok(&[("model", false, "whisper-1")]));
        check(
            "--XX\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--XX--",
            Ok(&[("empty", false, "")]),
        );
        check("--XX--\r\n", Err("the form has no parts"));
    }

    #[test]
    fn damage_is_named() {
        check("no form", Err("the form has no part with the boundary its content-type names"));
        check(MODEL, Err("the form ends inside a part"));
        check("--XX\r\nA: b\r\n", Err("a part of the form has no end of its head"));
        check("--XXtail", Err("a delimiter of the form is not followed by a line end"));
        check("--XX\r\nA: b\r\n\r\nx\r\n--XX--", Err("a part of the form has no name"));
    }

    #[test]
    fn the_boundary_is_read_as_it_is_written() {
        assert_eq!(boundary("multipart/form-data; boundary=abc"), Some("abc"));
        assert_eq!(boundary("multipart/form-data; charset=utf-8; Boundary=\"a b\""), Some("a b"));
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "-".repeat(71))), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body: Vec<u8>, boundary in "[-a-z]{1,4}") {
            let _ = Form::scan(&body, &boundary);
            let _ = super::boundary(&String::from_utf8_lossy(&body));
        }
    }
}

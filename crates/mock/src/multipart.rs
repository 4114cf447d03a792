//! Reads `multipart/form-data` bodies that are already in memory (RFC 7578).

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use memchr::memmem;

/// Fields a form may have.
const MAX_FIELDS: usize = 1000;

/// The fields of a form, in order.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: Vec<Field>,
}

/// One field or file.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content: Bytes,
}

impl Form {
    /// The form in `body`; `None` when it is not well formed.
    pub(crate) fn parse(headers: &HeaderMap, body: &Bytes) -> Option<Self> {
        let boundary = boundary(headers)?;
        let delimiter = format!("\r\n--{boundary}");
        let finder = memmem::Finder::new(delimiter.as_bytes());
        // The first delimiter has no line before it.
        let mut at = body.strip_prefix(&delimiter.as_bytes()[2..]).map(|rest| body.len() - rest.len())?;
        let mut fields = Vec::new();
        loop {
            let rest = &body[at..];
            if rest.starts_with(b"--") {
                return Some(Self { fields });
            }
            let start = at + memchr::memchr(b'\n', rest)? + 1;
            let end = start + finder.find(&body[start..])?;
            if fields.len() == MAX_FIELDS {
                return None;
            }
            fields.push(Field::parse(&body.slice(start..end))?);
            at = end + delimiter.len();
        }
    }

    /// The text of a field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.field(name).and_then(|field| std::str::from_utf8(&field.content).ok())
    }

    /// The first field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The first field that is a file of that name, or of that name with `[]`.
    pub(crate) fn file(&self, name: &str) -> Option<&Field> {
        let named = |field: &&Field| field.name.strip_suffix("[]").unwrap_or(&field.name) == name;
        self.fields.iter().filter(named).find(|field| field.file_name.is_some())
    }

    /// The names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }
}

impl Field {
    fn parse(part: &Bytes) -> Option<Self> {
        let (head_end, content) = match memmem::find(part, b"\r\n\r\n") {
            Some(end) => (end, part.slice(end + 4..)),
            None => return None,
        };
        let head = std::str::from_utf8(&part[..head_end]).ok()?;
        let disposition =
            head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
        let name = parameter(disposition, "name")?;
        Some(Self { name, file_name: parameter(disposition, "filename"), content })
    }
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    parameter(headers.get(CONTENT_TYPE)?.to_str().ok()?, "boundary").filter(|boundary| !boundary.is_empty())
}

/// A parameter of a header such as `form-data; name="file"`, quoted or not.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content_type: &str, body: &str) -> Option<Form> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
        Form::parse(&headers, &Bytes::copy_from_slice(body.as_bytes()))
    }

    const BODY: &str = "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n\
        RI\r\nFF\r\n--XX--\r\n";

    #[test]
    fn fields_and_files() {
        let form = parse("multipart/form-data; boundary=XX", BODY).unwrap();
        assert_eq!(form.text("model"), Some("whisper-1"));
        let file = form.file("file").unwrap();
        assert_eq!((file.file_name.as_deref(), &file.content[..]), (Some("a.wav"), &b"RI\r\nFF"[..]));
        assert!(form.file("model").is_none());
        assert_eq!(form.names().collect::<Vec<_>>(), ["model", "file"]);
    }

    #[test]
    fn every_cut_is_refused() {
        for end in 0..BODY.len() - 4 {
            assert!(parse("multipart/form-data; boundary=XX", &BODY[..end]).is_none(), "{end}");
        }
        assert!(parse("multipart/form-data", BODY).is_none());
        assert!(parse("multipart/form-data; boundary=YY", BODY).is_none());
    }
}

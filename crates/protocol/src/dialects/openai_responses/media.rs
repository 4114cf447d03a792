//! Pictures, files and sound: data URLs on one side, plain base64 on the other.

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer};

use super::wire::Part;
use crate::ir::{Media, Source, Text};

/// The picture of an `input_image` part.
pub(super) fn image<'a>(part: &mut Part<'a>) -> Option<Media<'a>> {
    let (source, media_type) = match (part.image_url.take(), part.file_id.take()) {
        (Some(url), _) => from_url(url),
        (None, Some(id)) => (Source::File(id), None),
        (None, None) => return None,
    };
    Some(Media { source, media_type, detail: part.detail.take(), ..Media::default() })
}

/// The document of an `input_file` part.
pub(super) fn file<'a>(part: &mut Part<'a>) -> Option<Media<'a>> {
    let (source, media_type) = match (part.file_data.take(), part.file_url.take(), part.file_id.take()) {
        (Some(data), ..) if data.starts_with("data:") => from_url(data),
        (Some(data), ..) => (Source::Base64(data), None),
        (None, Some(url), _) => (Source::Url(url), None),
        (None, None, Some(id)) => (Source::File(id), None),
        (None, None, None) => return None,
    };
    let (name, detail) = (part.filename.take(), part.detail.take());
    Some(Media { source, media_type, name, detail, ..Media::default() })
}

/// The sound of an `input_audio` part.
pub(super) fn audio<'a>(part: &mut Part<'a>) -> Option<Media<'a>> {
    let sound = part.input_audio.take()?;
    let media_type = sound.format.map(|format| format!("audio/{format}").into());
    Some(Media { source: Source::Base64(sound.data?), media_type, ..Media::default() })
}

/// Takes a data URL apart; any other URL stays one.
fn from_url(url: Text<'_>) -> (Source<'_>, Option<Text<'_>>) {
    const MARK: &str = ";base64,";
    let Some(mark) = url.starts_with("data:").then(|| url.find(MARK)).flatten() else {
        return (Source::Url(url), None);
    };
    let (media_type, data) = (5..mark, mark + MARK.len()..url.len());
    let of = |range: std::ops::Range<usize>| match &url.0 {
        Cow::Borrowed(text) => Text(Cow::Borrowed(&text[range])),
        Cow::Owned(text) => Text(Cow::Owned(text[range].to_owned())),
    };
    let media_type = (!media_type.is_empty()).then(|| of(media_type));
    (Source::Base64(of(data)), media_type)
}

/// A data URL, written without being put together first.
pub(super) struct DataUrl<'a> {
    media_type: &'a str,
    data: Data<'a>,
}

enum Data<'a> {
    Base64(&'a str),
    Text(&'a str),
}

impl<'a> DataUrl<'a> {
    /// Of base64; a type that nobody said is read from the first characters.
    pub(super) fn base64(media_type: Option<&'a str>, data: &'a str) -> Self {
        Self { media_type: media_type.unwrap_or_else(|| sniff(data)), data: Data::Base64(data) }
    }

    /// Of a text.
    pub(super) fn text(media_type: Option<&'a str>, text: &'a str) -> Self {
        Self { media_type: media_type.unwrap_or("text/plain"), data: Data::Text(text) }
    }

    /// A name for a file that has none: the API refuses data without one.
    pub(super) fn file_name(&self) -> &'static str {
        match self.media_type {
            "application/pdf" => "document.pdf",
            "text/markdown" => "document.md",
            "text/html" => "document.html",
            "text/csv" => "document.csv",
            kind if kind.starts_with("text/") => "document.txt",
            _ => "document",
        }
    }
}

impl Serialize for DataUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for DataUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data:{};base64,", self.media_type)?;
        match self.data {
            Data::Base64(data) => f.write_str(data),
            Data::Text(text) => encode(text.as_bytes(), f),
        }
    }
}

/// Writes base64 (RFC 4648, section 4).
fn encode(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            fmt::Write::write_char(f, if place > chunk.len() { '=' } else { char::from(digit) })?;
        }
    }
    Ok(())
}

/// The type of a file whose base64 begins like this.
fn sniff(base64: &str) -> &'static str {
    const BEGINNINGS: &[(&str, &str)] = &[
        ("iVBOR", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lG", "image/gif"),
        ("UklG", "image/webp"),
        ("JVBER", "application/pdf"),
    ];
    let known = BEGINNINGS.iter().find(|(beginning, _)| base64.starts_with(beginning));
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_the_rfc_has_it() {
        for (text, expect) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(DataUrl::text(None, text).to_string(), format!("data:text/plain;base64,{expect}"));
        }
        assert_eq!(DataUrl::base64(None, "JVBERi0").to_string(), "data:application/pdf;base64,JVBERi0");
    }

    #[track_caller]
    fn check(url: &str, expect: Option<(&str, &str)>) {
        let (source, media_type) = from_url(url.into());
        let got = match &source {
            Source::Base64(data) => Some((media_type.as_deref().unwrap_or(""), &**data)),
            _ => None,
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn data_urls_come_apart() {
        check("data:image/png;base64,AAAA", Some(("image/png", "AAAA")));
        check("data:;base64,AAAA", Some(("", "AAAA")));
        check("data:text/plain;charset=utf-8;base64,", Some(("text/plain;charset=utf-8", "")));
        check("data:text/plain,hello", None);
        check("https://example.org/;base64,", None);
    }
}

//! Media by the names Converse has for their formats, and names of documents as Converse allows them.

use std::collections::HashSet;

/// The kinds of media and the member each is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Document,
    Video,
    Audio,
}

/// Formats of the API description with their media types; where several types mean one format, the usual one is first.
const FORMATS: &[(Kind, &str, &str)] = &[
    (Kind::Image, "png", "image/png"),
    (Kind::Image, "jpeg", "image/jpeg"),
    (Kind::Image, "jpeg", "image/jpg"),
    (Kind::Image, "gif", "image/gif"),
    (Kind::Image, "webp", "image/webp"),
    (Kind::Document, "pdf", "application/pdf"),
    (Kind::Document, "csv", "text/csv"),
    (Kind::Document, "doc", "application/msword"),
    (Kind::Document, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (Kind::Document, "xls", "application/vnd.ms-excel"),
    (Kind::Document, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (Kind::Document, "html", "text/html"),
    (Kind::Document, "txt", "text/plain"),
    (Kind::Document, "md", "text/markdown"),
    (Kind::Video, "mkv", "video/x-matroska"),
    (Kind::Video, "mov", "video/quicktime"),
    (Kind::Video, "mp4", "video/mp4"),
    (Kind::Video, "webm", "video/webm"),
    (Kind::Video, "flv", "video/x-flv"),
    (Kind::Video, "mpeg", "video/mpeg"),
    (Kind::Video, "mpg", "video/mpg"),
    (Kind::Video, "wmv", "video/x-ms-wmv"),
    (Kind::Video, "three_gp", "video/3gpp"),
    (Kind::Audio, "mp3", "audio/mp3"),
    (Kind::Audio, "wav", "audio/wav"),
    (Kind::Audio, "wav", "audio/x-wav"),
    (Kind::Audio, "wav", "audio/wave"),
    (Kind::Audio, "opus", "audio/opus"),
    (Kind::Audio, "aac", "audio/aac"),
    (Kind::Audio, "flac", "audio/flac"),
    (Kind::Audio, "mp4", "audio/mp4"),
    (Kind::Audio, "ogg", "audio/ogg"),
    (Kind::Audio, "mkv", "audio/mkv"),
    (Kind::Audio, "mka", "audio/mka"),
    (Kind::Audio, "x-aac", "audio/x-aac"),
    (Kind::Audio, "m4a", "audio/m4a"),
    (Kind::Audio, "m4a", "audio/x-m4a"),
    (Kind::Audio, "mpeg", "audio/mpeg"),
    (Kind::Audio, "mpga", "audio/mpga"),
    (Kind::Audio, "pcm", "audio/pcm"),
    (Kind::Audio, "webm", "audio/webm"),
];

impl Kind {
    /// The member of a content block.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Document => "document",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    /// The front of the media types of formats nobody has listed yet.
    fn front(self) -> &'static str {
        match self {
            Self::Document => "application",
            other => other.member(),
        }
    }

    /// The media type of a format.
    pub(super) fn media_type(self, format: &str) -> String {
        FORMATS
            .iter()
            .find(|row| row.0 == self && row.1 == format)
            .map_or_else(|| format!("{}/{format}", self.front()), |row| row.2.to_owned())
    }

    /// The format of a media type, if Converse has it.
    pub(super) fn format(self, media_type: &str) -> Option<&'static str> {
        let bare = media_type.split(';').next().unwrap_or_default().trim();
        FORMATS.iter().find(|row| row.0 == self && row.2.eq_ignore_ascii_case(bare)).map(|row| row.1)
    }

    /// The format of a media type that [`Kind::media_type`] made of a format nobody has listed.
    pub(super) fn unlisted(self, media_type: &str) -> Option<&str> {
        media_type.strip_prefix(self.front())?.strip_prefix('/')
    }

    /// The format that the first bytes of a file in base64 tell, for clients that do not say (Ollama).
    pub(super) fn sniff(self, base64: &str) -> Option<&'static str> {
        const FRONTS: &[(Kind, &str, &str)] = &[
            (Kind::Image, "iVBORw0KGgo", "png"),
            (Kind::Image, "/9j/", "jpeg"),
            (Kind::Image, "R0lGOD", "gif"),
            (Kind::Image, "UklGR", "webp"),
            (Kind::Document, "JVBERi", "pdf"),
        ];
        FRONTS.iter().find(|row| row.0 == self && base64.starts_with(row.1)).map(|row| row.2)
    }
}

/// A name as Converse takes it: letters, digits, single blanks, hyphens, parentheses and square brackets, at most 200
/// bytes, and each only once in a request. The second value tells whether anything but the ending that names the format
/// had to be changed.
pub(super) fn document_name(asked: &str, format: &str, used: &mut HashSet<String>) -> (String, bool) {
    let bare = asked.rsplit_once('.').filter(|(_, ending)| ending.eq_ignore_ascii_case(format));
    let bare = bare.map_or(asked, |(bare, _)| bare);
    let mut name = String::with_capacity(bare.len().min(MAX_NAME));
    for letter in bare.chars() {
        let letter = match letter {
            ' ' if name.ends_with(' ') || name.is_empty() => continue,
            ' ' | '-' | '(' | ')' | '[' | ']' => letter,
            letter if letter.is_ascii_alphanumeric() => letter,
            letter if letter.is_whitespace() => ' ',
            _ => '-',
        };
        if name.len() == MAX_NAME {
            break;
        }
        name.push(letter);
    }
    name.truncate(name.trim_end().len());
    let mut changed = name != bare;
    if name.is_empty() {
        name.push_str("document");
    }
    if used.contains(&name) {
        let count = (2..).find(|count| !used.contains(&format!("{name} ({count})"))).unwrap_or(2_u64);
        name = format!("{name} ({count})");
        changed |= !asked.is_empty();
    }
    used.insert(name.clone());
    // A name that was never given cannot be lost.
    (name, changed && !asked.is_empty())
}

/// Leaves room for the count behind a name that is there already; Converse takes 200.
const MAX_NAME: usize = 180;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_media_types() {
        for (kind, format, media_type) in FORMATS {
            assert_eq!(kind.format(media_type), Some(*format));
            assert_eq!(kind.format(&kind.media_type(format)), Some(*format));
        }
        assert_eq!(Kind::Image.format("IMAGE/PNG; x=y"), Some("png"));
        assert_eq!(Kind::Image.format("image/heic"), None);
        assert_eq!(Kind::Image.unlisted(&Kind::Image.media_type("heic")), Some("heic"));
        assert_eq!(Kind::Image.sniff("/9j/4AAQ"), Some("jpeg"));
    }

    #[test]
    fn names_of_documents() {
        let mut used = HashSet::new();
        let mut name = |asked: &str| document_name(asked, "pdf", &mut used);
        assert_eq!(name("Report (final) [2].pdf"), ("Report (final) [2]".to_owned(), false));
        assert_eq!(name("a_b.v2.PDF"), ("a-b-v2".to_owned(), true));
        assert_eq!(name("a b"), ("a b".to_owned(), false));
        assert_eq!(name("a b"), ("a b (2)".to_owned(), true));
        assert_eq!(name("  x  y "), ("x y".to_owned(), true));
        assert_eq!(name(""), ("document".to_owned(), false));
        assert_eq!(name(""), ("document (2)".to_owned(), false));
        assert_eq!(name("жук"), ("---".to_owned(), true));
        assert_eq!(name(&"x".repeat(300)).0.len(), MAX_NAME);
    }
}

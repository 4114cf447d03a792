//! Pictures and sound: Ollama takes and gives bare base64, and tells the kind from the first bytes.

use std::borrow::Cow;

use crate::ir::{Content, Media, Source, Text};

/// An item of `images` as content. Some clients send data URLs, whose prefix is taken off.
pub(super) fn read(text: Text<'_>) -> Content<'_> {
    let (said, data) = split_url(text);
    let media_type = said.or_else(|| sniff(&data).map(Text::from));
    let is_audio = media_type.as_deref().is_some_and(|kind| kind.starts_with("audio/"));
    let media = Media { source: Source::Base64(data), media_type, ..Media::default() };
    if is_audio { Content::Audio(media) } else { Content::Image(media) }
}

/// The media type and the data of a data URL; other text is data.
fn split_url(text: Text<'_>) -> (Option<Text<'_>>, Text<'_>) {
    const MARK: &str = ";base64,";
    let place = text.strip_prefix("data:").and_then(|rest| rest.find(MARK));
    let Some(at) = place.map(|at| at + "data:".len()) else { return (None, text) };
    match text.into_cow() {
        Cow::Borrowed(text) => (Some(text["data:".len()..at].into()), text[at + MARK.len()..].into()),
        Cow::Owned(mut text) => {
            let data = text.split_off(at + MARK.len());
            text.truncate(at);
            (Some(text.split_off("data:".len()).into()), data.into())
        }
    }
}

/// True for the kinds of sound that the server knows by their first bytes.
pub(super) fn is_known_audio(media_type: &str) -> bool {
    matches!(media_type, "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/mp3" | "audio/mpeg")
}

/// The media type of base64 data by its first twelve bytes; other dialects want it said.
fn sniff(data: &str) -> Option<&'static str> {
    let head = head(data)?;
    match head {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'B', b'M', ..] => Some("image/bmp"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => Some("image/webp"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E'] => Some("audio/wav"),
        [b'I', b'D', b'3', ..] => Some("audio/mp3"),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => Some("audio/mp3"),
        _ => None,
    }
}

/// The first twelve bytes of base64 data; `None` if it is shorter or not base64.
fn head(data: &str) -> Option<[u8; 12]> {
    let sextet = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let mut bytes = [0; 12];
    for (four, three) in data.as_bytes().get(..16)?.chunks_exact(4).zip(bytes.chunks_exact_mut(3)) {
        let mut bits = 0u32;
        for byte in four {
            bits = bits << 6 | u32::from(sextet(*byte)?);
        }
        three.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: (&str, Option<&str>, &str)) {
        for text in [Text::from(text), text.to_owned().into()] {
            let (kind, media) = match read(text) {
                Content::Image(media) => ("image", media),
                Content::Audio(media) => ("audio", media),
                other => panic!("{other:?}"),
            };
            let Source::Base64(data) = media.source else { panic!("not base64") };
            assert_eq!((kind, media.media_type.as_deref(), &*data), expect);
        }
    }

    #[test]
    fn kinds_are_told_by_the_first_bytes() {
        check("iVBORw0KGgoAAAANSUhEUg", ("image", Some("image/png"), "iVBORw0KGgoAAAANSUhEUg"));
        check("/9j/4AAQSkZJRgABAQAAAQ", ("image", Some("image/jpeg"), "/9j/4AAQSkZJRgABAQAAAQ"));
        check("UklGRiQAAABXRUJQVlA4IA", ("image", Some("image/webp"), "UklGRiQAAABXRUJQVlA4IA"));
        check("UklGRiQAAABXQVZFZm10IA", ("audio", Some("audio/wav"), "UklGRiQAAABXQVZFZm10IA"));
        check("AAAA", ("image", None, "AAAA"));
        check("not base64, not at all", ("image", None, "not base64, not at all"));
        check("data:image/png;base64,AAAA", ("image", Some("image/png"), "AAAA"));
    }
}

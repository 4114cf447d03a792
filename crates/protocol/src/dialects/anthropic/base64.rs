//! Decodes base64 that holds a text: this dialect takes text documents as text only.

/// The text in `encoded`, standard alphabet; `None` if it is not base64 or not UTF-8.
pub(super) fn text(encoded: &str) -> Option<String> {
    let encoded = encoded.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(encoded.len() / 4 * 3 + 3);
    for group in encoded.as_bytes().chunks(4) {
        let mut bits: u32 = 0;
        for byte in group {
            bits = bits << 6 | digit(*byte)?;
        }
        let [_, first, second, third] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        match group.len() {
            4 => bytes.extend([first, second, third]),
            3 => bytes.extend([first, second]),
            2 => bytes.push(first),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(digit))
}

/// The media type of a picture or PDF, told by how its base64 begins.
pub(super) fn media_type(encoded: &str) -> Option<&'static str> {
    const BEGINNINGS: &[(&str, &str)] = &[
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBERi0", "application/pdf"),
    ];
    BEGINNINGS.iter().find(|(beginning, _)| encoded.starts_with(beginning)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_rfc_4648() {
        for (encoded, expect) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(text(encoded).as_deref(), Some(expect));
        }
        assert_eq!(text("Zm9v-"), None);
        assert_eq!(text("Z"), None);
        assert_eq!(text("/w=="), None, "not UTF-8");
        assert_eq!(media_type("iVBORw0KGgoAAA"), Some("image/png"));
    }
}

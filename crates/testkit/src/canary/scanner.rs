//! Finds a secret by any eight of its characters in a row, plain, in a URL, as base64 or as hexadecimal.

use std::collections::{BTreeMap, HashMap};

use crate::base64;

/// So many characters of a secret in a row are a leak.
const FRAGMENT: usize = 8;
/// Shorter secrets would be found by chance.
const SHORTEST_SECRET: usize = 16;
/// How many bytes of a fragment decide whether it is looked up at all.
const HINT: usize = 4;
/// How many bits the hash of these has: so many that a thousand secrets leave most places of the table empty.
const HINT_BITS: u32 = 20;

/// The fragments to look for, each with the secret's name and the form it is in.
#[derive(Debug)]
pub struct Scanner {
    fragments: HashMap<Vec<u8>, (String, &'static str)>,
    lengths: Vec<usize>,
    /// By the hash of a fragment's first bytes: whether there is one. Nearly every place of a text is done with it.
    hints: Vec<bool>,
}

impl Scanner {
    /// Looks for these secrets, which are known by their names.
    ///
    /// # Errors
    /// A secret that is too short to look for.
    pub fn new(secrets: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut fragments = HashMap::new();
        for (name, secret) in secrets {
            if secret.len() < SHORTEST_SECRET {
                return Err(format!(
                    "secret {name} is too short to look for: use {SHORTEST_SECRET} characters"
                ));
            }
            let mut add = |fragment: Vec<u8>, form| {
                fragments.entry(fragment).or_insert_with(|| (name.clone(), form));
            };
            let secret = secret.as_bytes();
            for window in secret.windows(FRAGMENT) {
                add(window.to_vec(), "plain");
                let digits: String = window.iter().map(|byte| format!("{byte:02x}")).collect();
                add(digits.to_ascii_uppercase().into_bytes(), "as hexadecimal");
                add(digits.into_bytes(), "as hexadecimal");
            }
            // Base64 of a text depends on where in it the secret begins, modulo three. Whole groups of three bytes, in
            // each of the three alignments, cover every position.
            for group in secret.windows(9) {
                let digits = base64::encode(group);
                add(digits.replace('+', "-").replace('/', "_").into_bytes(), "as base64");
                add(digits.into_bytes(), "as base64");
            }
            for window in in_url(secret).windows(FRAGMENT) {
                add(window.to_vec(), "in a URL");
            }
        }
        let mut lengths: Vec<usize> = fragments.keys().map(Vec::len).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut hints = vec![false; 1 << HINT_BITS];
        for fragment in fragments.keys() {
            hints[hint(fragment)] = true;
        }
        Ok(Self { fragments, lengths, hints })
    }

    /// At most one finding per line, secret and form. The secret itself is not repeated.
    pub fn leaks(&self, content: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let places = (0..line.len().saturating_sub(HINT - 1)).filter(|at| self.hints[hint(&line[*at..])]);
            let windows =
                places.flat_map(|at| self.lengths.iter().filter_map(move |length| line.get(at..at + length)));
            for (name, form) in windows.filter_map(|window| self.fragments.get(window)) {
                let leak = format!("line {}: holds the secret {name} {form}", number + 1);
                if found.last() != Some(&leak) && !found.contains(&leak) {
                    found.push(leak);
                }
            }
        }
        found
    }
}

/// A number of so many bits for the first bytes (FNV-1a, folded).
fn hint(bytes: &[u8]) -> usize {
    let hash = bytes[..HINT]
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    ((hash >> HINT_BITS ^ hash) & ((1 << HINT_BITS) - 1)) as usize
}

/// With every character but letters, digits and `-._~` percent-encoded (RFC 3986).
fn in_url(text: &[u8]) -> Vec<u8> {
    let encode = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => vec![*byte],
        byte => format!("%{byte:02X}").into_bytes(),
    };
    text.iter().flat_map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: &[&str]) {
        let secrets = BTreeMap::from([("provider key".to_owned(), "Zq7vK2mX9pL4tR8w".to_owned())]);
        let scanner = Scanner::new(&secrets).unwrap();
        assert_eq!(scanner.leaks(content.as_bytes()), expected, "{content:?}");
    }

    #[test]
    fn a_secret_is_found_in_every_form_and_nothing_else_is() {
        check("nothing\nhere", &[]);
        check("a line\nkey=Zq7vK2mX9pL4tR8w", &["line 2: holds the secret provider key plain"]);
        check("..mX9pL4tR..", &["line 1: holds the secret provider key plain"]);
        check("..mX9pL4t..", &[]);
        check("mX9pL4tR", &["line 1: holds the secret provider key plain"]);
        check("5a7137764b326d58", &["line 1: holds the secret provider key as hexadecimal"]);
        check("5A7137764B326D58", &["line 1: holds the secret provider key as hexadecimal"]);
        // "Basic" credentials: the secret stands after one, two and three other characters.
        for encoded in
            ["OlpxN3ZLMm1YOXBMNHRSOHc=", "YTpacTd2SzJtWDlwTDR0Ujh3", "YWI6WnE3dksybVg5cEw0dFI4dw=="]
        {
            check(encoded, &["line 1: holds the secret provider key as base64"]);
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        let secrets = BTreeMap::from([("k".to_owned(), "short".to_owned())]);
        assert!(Scanner::new(&secrets).is_err());
    }
}

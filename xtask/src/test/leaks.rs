//! Looks for the secrets of the SDK run in everything the gateway wrote and answered during it.
//!
//! The run uses secrets made for it alone and lists them in `secrets.json`; the gateway logs at its most talkative level.
//! A secret counts as leaked when any eight of its characters in a row appear, plain or as base64 or hexadecimal.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use crate::workspace::{self, Failure};

/// So many characters of a secret in a row are a leak.
const FRAGMENT: usize = 8;
/// Shorter secrets would be found by chance.
const SHORTEST_SECRET: usize = 16;

/// Where the SDK suite leaves `secrets.json`, and under `scan/` the files to look at.
pub(super) fn folder() -> PathBuf {
    workspace::target().join("sdk-run")
}

/// Scans the files of the last SDK run.
pub(super) fn run() -> Result<(), Failure> {
    let list = folder().join("secrets.json");
    let list = fs::read(&list)
        .map_err(|error| format!("{}: {error}; run the sdk suite first: cargo xtask test", list.display()))?;
    let secrets: BTreeMap<String, String> = serde_json::from_slice(&list)?;
    let scanner = Scanner::new(&secrets)?;

    let mut leaks = Vec::new();
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder().join("scan"))? {
        let path = entry?.path();
        let content = fs::read(&path)?;
        if content.is_empty() {
            return Err(format!(
                "{} is empty, so nothing was looked at: its writer is silent",
                path.display()
            )
            .into());
        }
        files += 1;
        bytes += content.len();
        leaks.extend(scanner.leaks(&content).into_iter().map(|leak| format!("{}: {leak}", path.display())));
    }
    if files == 0 {
        return Err("the sdk suite left nothing to scan: the gateway wrote no log and gave no answer".into());
    }
    println!("{} secrets looked for in {files} files, {} KiB", secrets.len(), bytes / 1024);
    if leaks.is_empty() { Ok(()) } else { Err(leaks.join("\n").into()) }
}

/// The fragments to look for, each with the secret's name and the form it is in.
struct Scanner<'a> {
    fragments: HashMap<Vec<u8>, (&'a str, &'static str)>,
    lengths: Vec<usize>,
}

impl<'a> Scanner<'a> {
    fn new(secrets: &'a BTreeMap<String, String>) -> Result<Self, Failure> {
        let mut fragments = HashMap::new();
        for (name, secret) in secrets {
            if secret.len() < SHORTEST_SECRET {
                return Err(format!(
                    "secret {name} is too short to look for: use {SHORTEST_SECRET} characters"
                )
                .into());
            }
            let secret = secret.as_bytes();
            for window in secret.windows(FRAGMENT) {
                fragments.insert(window.to_vec(), (name.as_str(), "plain"));
                fragments.insert(hexadecimal(window), (name.as_str(), "as hexadecimal"));
            }
            // Base64 of a text depends on where in it the secret begins, modulo three. Whole groups of three bytes, in
            // each of the three alignments, cover every position.
            for group in secret.windows(9) {
                fragments.insert(base64(group), (name.as_str(), "as base64"));
            }
        }
        let mut lengths: Vec<usize> = fragments.keys().map(Vec::len).collect();
        lengths.sort_unstable();
        lengths.dedup();
        Ok(Self { fragments, lengths })
    }

    /// At most one finding per line and secret: line number, name, form. The secret itself is not repeated.
    fn leaks(&self, content: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let windows = self.lengths.iter().flat_map(|length| line.windows(*length));
            for (name, form) in windows.filter_map(|window| self.fragments.get(window)) {
                let leak = format!("line {}: holds the secret {name} {form}", number + 1);
                if !found.contains(&leak) {
                    found.push(leak);
                }
            }
        }
        found
    }
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// Base64 of whole groups of three bytes; a rest would be padded and is left out.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.as_chunks::<3>().0.iter();
    let bits = groups.map(|[a, b, c]| usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c));
    bits.flat_map(|bits| [18, 12, 6, 0].map(|shift| DIGITS[bits >> shift & 63])).collect()
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
        check("5a7137764b326d58", &["line 1: holds the secret provider key as hexadecimal"]);
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

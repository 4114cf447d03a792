//! Finds sensitive words in text, whatever their case and however their accents are composed.

use std::{borrow::Cow, collections::BTreeSet, fmt, ops::Range};

use aho_corasick::{AhoCorasick, MatchKind};
use unicode_normalization::UnicodeNormalization;

/// The words that are looked for. Its `Debug` shows none.
pub(super) struct Words {
    /// Looks for all of them at once in folded text; of those that begin at one place the longest counts.
    finder: Option<AhoCorasick>,
    /// Whether one of them could come about where a placeholder stands beside other text.
    may_straddle: bool,
}

impl Words {
    pub(super) fn new(words: &[String]) -> Result<Self, String> {
        let spellings: BTreeSet<String> =
            words.iter().flat_map(|word| spellings(word)).filter(|word| !word.is_empty()).collect();
        if spellings.is_empty() {
            return Ok(Self { finder: None, may_straddle: false });
        }
        // A word that begins with the end of a placeholder, or ends with how one begins: see `placeholder`.
        let straddles = |word: &String| {
            let inner = word.strip_suffix(|_: char| true).unwrap_or_default();
            inner.contains('x') || word.chars().skip(1).any(|c| c == 'z')
        };
        let may_straddle = spellings.iter().any(straddles);
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&spellings);
        Ok(Self { finder: Some(finder.map_err(|error| error.to_string())?), may_straddle })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.finder.is_none()
    }

    pub(super) fn may_straddle(&self) -> bool {
        self.may_straddle
    }

    /// Whether one of the words is in `text`.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.finder.as_ref().is_some_and(|finder| finder.is_match(&*folded(text)))
    }

    /// Where the words are in `text`, in order, without overlaps. A character that only a part of a word falls into
    /// (`ß` is two letters where case does not count) belongs to its word whole.
    pub(super) fn places(&self, text: &str) -> Vec<Range<usize>> {
        let Some(finder) = &self.finder else { return Vec::new() };
        let folded_text = folded(text);
        let mut places: Vec<Range<usize>> = Vec::new();
        // Folding changes lengths, so both texts are walked along together.
        let mut chars = text.char_indices().peekable();
        let mut at = 0;
        for found in finder.find_iter(&*folded_text) {
            let mut place: Option<Range<usize>> = None;
            while let Some((start, c)) = chars.next_if(|_| at < found.end()) {
                at += fold(c).map(char::len_utf8).sum::<usize>();
                if at > found.start() {
                    let end = start + c.len_utf8();
                    place = Some(place.map_or(start, |place| place.start)..end);
                }
            }
            // None is left of a word that ends within the character that the word before took.
            places.extend(place);
        }
        places
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(<redacted>)")
    }
}

/// How a word may be spelled where text is compared byte by byte: with accents composed or apart, and as JSON inside text
/// spells it, escaped.
fn spellings(word: &str) -> impl Iterator<Item = String> {
    let composed = [word.to_owned(), word.nfc().collect(), word.nfd().collect::<String>()];
    composed.into_iter().flat_map(|word| {
        let upper = word.to_uppercase();
        let lower = word.to_lowercase();
        [escaped(&word, false), escaped(&word, true), escaped(&upper, true), escaped(&lower, true), word]
            .map(|spelling| folded(&spelling).into_owned())
    })
}

/// The word inside a JSON string; with `ascii` as programs write it that escape every other character.
fn escaped(word: &str, ascii: bool) -> String {
    let mut units = [0; 2];
    let mut text = String::new();
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if ascii && !c.is_ascii() => {
                for unit in c.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => text.push(c),
        }
    }
    text
}

/// A character where case does not count. By way of the upper case, because several lower cases may share one (`ſ` and
/// `s`, `ς` and `σ`).
fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

fn folded(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(text.chars().flat_map(fold).collect());
    }
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], text: &str, expected: &[&str]) {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let words = Words::new(&words).unwrap();
        let found: Vec<&str> = words.places(text).into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(words.are_in(text), !expected.is_empty());
    }

    #[test]
    fn words_are_found_in_any_case() {
        check(&["acme"], "Acme, ACME and acMEcorp", &["Acme", "ACME", "acME"]);
        check(&["acme", "acme corp"], "acme Corp, acme", &["acme Corp", "acme"]);
        check(&["STRASSE"], "die Straße, die STRASSE", &["Straße", "STRASSE"]);
        check(&["Οδυσσεύς"], "ΟΔΥΣΣΕΎΣ", &["ΟΔΥΣΣΕΎΣ"]);
        check(&["İstanbul"], "in İSTANBUL", &["İSTANBUL"]);
        check(&["東京"], "東京都", &["東京"]);
        check(&["none"], "nothing", &[]);
        check(&[], "nothing", &[]);
    }

    #[test]
    fn a_character_belongs_to_its_word_whole() {
        check(&["gros"], "Große", &["Groß"]);
        check(&["sart"], "ßart", &["ßart"]);
        check(&["gros", "sen"], "Großen", &["Groß", "en"]);
        check(&["gros", "s!"], "Groß!", &["Groß", "!"]);
        check(&["gros", "sß"], "Großß", &["Groß", "ß"]);
    }

    #[test]
    fn words_are_found_however_they_are_spelled() {
        check(
            &["Café"],
            "cafe\u{301} caf\\u00e9 CAF\\u00C9 Caf\u{e9}",
            &["cafe\u{301}", "caf\\u00e9", "CAF\\u00C9", "Caf\u{e9}"],
        );
        check(&["the \"boss\""], r#"{"a":"the \"Boss\""} the "boss""#, &[r#"the \"Boss\""#, "the \"boss\""]);
    }
}

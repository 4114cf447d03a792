//! Counts the tokens of a text along a published vocabulary, loaded when it is first needed.

use std::collections::HashMap;
use std::sync::LazyLock;

use tiktoken_rs::{CoreBPE, O200K_BASE_PAT_STR};

/// Most bytes that the tokenizer gets at once. It takes more than linear time for a word that does not end, and refuses one
/// of a million blanks altogether; slices bound both, and change a count by a token a slice at most.
const SLICE: usize = 8 << 10;

/// How GPT-4's vocabulary divides a text before it looks for tokens (`cl100k_base` in OpenAI's tiktoken).
const CL100K_WORDS: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";

/// The tokens as `build.rs` writes them down: by rank, each behind a byte that says how long it is.
const CL100K_TOKENS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cl100k.tokens"));
const O200K_TOKENS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/o200k.tokens"));

static CL100K: LazyLock<Option<CoreBPE>> = LazyLock::new(|| tokenizer(CL100K_TOKENS, CL100K_WORDS));
static O200K: LazyLock<Option<CoreBPE>> = LazyLock::new(|| tokenizer(O200K_TOKENS, O200K_BASE_PAT_STR));

/// A vocabulary that OpenAI published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// Of GPT-3.5 and GPT-4.
    Cl100k,
    /// Of everything since GPT-4o.
    O200k,
}

impl Vocabulary {
    /// How many tokens `text` is.
    pub(super) fn count(self, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        let tokenizer = match self {
            Self::Cl100k => &*CL100K,
            Self::O200k => &*O200K,
        };
        // Both are part of the binary, so that nothing an operator does can break them; the tests would find it out.
        let Some(tokenizer) = tokenizer else { return 0 };
        slices(text).map(|slice| tokenizer.encode_ordinary(slice).len() as u64).sum()
    }
}

/// Special tokens are left out: in a text of a client's they are words like any other.
fn tokenizer(tokens: &'static [u8], words: &str) -> Option<CoreBPE> {
    let ranks = listed(tokens).zip(0..).map(|(token, rank)| (token.to_vec(), rank)).collect();
    CoreBPE::new(ranks, HashMap::default(), words).ok()
}

/// The tokens of a list, in the order of their ranks.
fn listed(mut tokens: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = tokens.split_first()?;
        let (token, rest) = rest.split_at_checked(usize::from(*length))?;
        tokens = rest;
        Some(token)
    })
}

/// Counts a text that comes in parts, and keeps no more of it than a slice.
#[derive(Debug)]
pub(super) struct Tally {
    vocabulary: Vocabulary,
    tokens: u64,
    /// What comes next may go on with its last word.
    rest: String,
}

impl Tally {
    pub(super) fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary, tokens: 0, rest: String::new() }
    }

    /// Takes the next part.
    pub(super) fn add(&mut self, part: &str) {
        self.rest.push_str(part);
        if self.rest.len() <= SLICE {
            return;
        }
        let mut done = 0;
        for slice in slices(&self.rest) {
            if self.rest.len() - done <= SLICE {
                break;
            }
            self.tokens += self.vocabulary.count(slice);
            done += slice.len();
        }
        self.rest.drain(..done);
    }

    /// What all of it comes to so far: as many as [`Vocabulary::count`] finds in the whole.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens + self.vocabulary.count(&self.rest)
    }
}

/// `text` in slices, cut in front of a blank if there is one in the slice's second half: words begin with their blank.
fn slices(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let mut end = text.len();
        if end > SLICE {
            end = (SLICE - 3..=SLICE).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(end);
            end = text[..end].rfind(' ').filter(|blank| *blank > SLICE / 2).unwrap_or(end);
        }
        let (slice, rest) = text.split_at(end);
        text = rest;
        (!slice.is_empty()).then_some(slice)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(vocabulary: Vocabulary, text: &str, expect: u64) {
        assert_eq!(vocabulary.count(text), expect, "{vocabulary:?}: {text:.40}");
    }

    #[test]
    fn counts_are_those_of_the_published_tokenizers() {
        check(Vocabulary::O200k, "", 0);
        check(Vocabulary::O200k, "The quick brown fox jumps over the lazy dog.", 10);
        check(Vocabulary::Cl100k, "The quick brown fox jumps over the lazy dog.", 10);
        check(Vocabulary::O200k, "\u{6c34}\u{95f8}\u{8ba9}\u{8239}\u{901a}\u{8fc7}\u{9ad8}\u{5ea6}", 7);
        check(Vocabulary::Cl100k, "\u{6c34}\u{95f8}\u{8ba9}\u{8239}\u{901a}\u{8fc7}\u{9ad8}\u{5ea6}", 10);
        check(Vocabulary::O200k, "<|endoftext|>", 7);
    }

    #[test]
    fn the_lists_have_every_token_of_the_published_ones() {
        let check = |tokens, expect, published: &CoreBPE| {
            assert_eq!(listed(tokens).count(), expect);
            for (token, rank) in listed(tokens).zip(0..).step_by(997) {
                assert_eq!(published.decode_bytes(&[rank]).unwrap(), token, "{rank}");
            }
        };
        check(CL100K_TOKENS, 100_256, tiktoken_rs::cl100k_base_singleton());
        check(O200K_TOKENS, 199_998, tiktoken_rs::o200k_base_singleton());
    }

    #[test]
    fn long_texts_are_cut_between_words() {
        let text = "lorem ipsum ".repeat(10_000);
        assert_eq!(slices(&text).collect::<String>(), text);
        assert!(slices(&text).all(|slice| slice.len() <= SLICE));
        assert!(slices(&text).skip(1).all(|slice| slice.starts_with(' ')));
        check(Vocabulary::O200k, &text, 20_002);
    }

    #[test]
    fn a_text_in_parts_is_counted_as_the_whole() {
        let text = "lorem ipsum \u{6c34}\u{95f8} ".repeat(3_000);
        for size in [1, 7, SLICE, 3 * SLICE + 1] {
            let mut tally = Tally::new(Vocabulary::O200k);
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let (part, more) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
                tally.add(part);
                assert!(tally.rest.len() <= SLICE);
                rest = more;
            }
            assert_eq!(tally.tokens(), Vocabulary::O200k.count(&text), "{size}");
        }
    }

    /// Uncut, the first of these panics inside the tokenizer.
    #[test]
    fn words_that_do_not_end_are_counted() {
        for word in [" ", "a", "\n", "!", "'", "\u{301}", "\u{6c34}", "ab", " \n", "\t ", "9"] {
            let words = if word == " " { 1_000_000 } else { 200_000 };
            let text = word.repeat(words);
            let whole = Vocabulary::O200k.count(&text);
            let half = Vocabulary::O200k.count(&word.repeat(words / 2));
            let slices = (text.len() / SLICE + 1) as u64;
            assert!(whole.abs_diff(2 * half) <= slices, "{word:?}: {half} for a half, {whole} for the whole");
        }
    }
}

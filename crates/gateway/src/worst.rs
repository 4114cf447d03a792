//! What a request may take at most, about: kept aside of limits and budgets until it is known what it took.

use lockgate_protocol::{
    dialect::{Dialect, Operation},
    envelope::Envelope,
};

/// Bytes of a request's body that make a token of text, at the least: English has more, Chinese about as many.
const BYTES_PER_TOKEN: u64 = 3;
/// A word that is longer than this many bytes and looks like base64 is no text, but a picture or the like.
const LONGEST_WORD: usize = 4096;
/// How many bytes at its end it is known by.
const SAMPLE: usize = 256;
/// What a picture or a page is, about: the most that Anthropic counts for a picture.
const TOKENS_PER_PICTURE: u64 = 1600;
/// Bytes of such a picture, about.
const BYTES_PER_PICTURE: u64 = 256 << 10;
/// What comes out at most where the request does not say it: more than most answers have.
const USUAL_OUTPUT: u64 = 4096;

/// What a request may take, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Worst {
    pub(crate) input: u64,
    /// What comes out at most.
    pub(crate) output: u64,
    /// The same, where the request says it.
    pub(crate) asked: Option<u64>,
}

impl Worst {
    /// Of a request for `operation`.
    pub(crate) fn of(dialect: &dyn Dialect, operation: Operation, envelope: &Envelope) -> Self {
        use Operation::{Audio, Complete, Embed, Generate, Image, Rerank};
        let input = match operation {
            Generate | Complete | Embed | Image | Audio | Rerank => input(envelope.body()),
            // The others cost nothing, or nothing that is counted in tokens.
            _ => return Self::default(),
        };
        let asked = match operation {
            Generate | Complete => dialect.output_limit().of(envelope),
            _ => None,
        };
        let output = match operation {
            Embed | Rerank => 0,
            _ => asked.unwrap_or(USUAL_OUTPUT),
        };
        Self { input, output, asked }
    }

    /// What is counted ahead of limits by the minute: what comes out only where the request says it, so that a limit of
    /// some thousand tokens is not used up by guesses.
    pub(crate) fn ahead(&self) -> u64 {
        self.input.saturating_add(self.asked.unwrap_or_default())
    }
}

/// The tokens of a body.
fn input(body: &[u8]) -> u64 {
    if body.len() <= LONGEST_WORD {
        return (body.len() as u64).div_ceil(BYTES_PER_TOKEN);
    }
    let (mut text, mut pictures) = (0, 0);
    for word in body.split(|byte| matches!(byte, b'"' | b' ')) {
        if word.len() > LONGEST_WORD && is_base64(&word[word.len() - SAMPLE..]) {
            pictures += (word.len() as u64).div_ceil(BYTES_PER_PICTURE);
        } else {
            text += word.len() as u64 + 1;
        }
    }
    text.div_ceil(BYTES_PER_TOKEN).saturating_add(pictures.saturating_mul(TOKENS_PER_PICTURE))
}

fn is_base64(sample: &[u8]) -> bool {
    sample.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'='))
}

#[cfg(test)]
mod tests {
    use lockgate_protocol::dialects::DEFAULT;

    use super::*;

    fn of(operation: Operation, body: &str) -> Worst {
        let envelope = Envelope::read(None, body.to_owned().into()).expect("a body");
        Worst::of(DEFAULT, operation, &envelope)
    }

    #[test]
    fn what_the_request_says_counts() {
        let worst = of(Operation::Generate, r#"{"model":"m","max_tokens":100,"n":3,"messages":[]}"#);
        assert_eq!(worst, Worst { input: 17, output: 300, asked: Some(300) });
        assert_eq!(worst.ahead(), 317);
        let silent = of(Operation::Generate, r#"{"model":"m"}"#);
        assert_eq!((silent.output, silent.ahead()), (USUAL_OUTPUT, 5));
        assert_eq!(of(Operation::Embed, r#"{"model":"m","max_tokens":9}"#).output, 0);
        assert_eq!(of(Operation::CountTokens, r#"{"model":"m"}"#), Worst::default());
    }

    #[test]
    fn a_picture_is_not_counted_as_text() {
        let picture = "A".repeat(600_000);
        let words = "word ".repeat(2_000);
        let worst = of(Operation::Generate, &format!(r#"{{"model":"m","x":"{picture}","y":"{words}"}}"#));
        assert!(
            (3 * TOKENS_PER_PICTURE + 3_300..3 * TOKENS_PER_PICTURE + 3_400).contains(&worst.input),
            "{worst:?}"
        );
        let chinese = "字".repeat(10_000);
        let worst = of(Operation::Generate, &format!(r#"{{"m":"{chinese}"}}"#));
        assert!((10_000..10_010).contains(&worst.input), "it is text without blanks: {worst:?}");
    }
}

//! Where a request says how much it wants at most.

use crate::{envelope::Envelope, json};

/// Where the requests of a dialect say how many tokens come out at most. Members of members stand behind a dot.
#[derive(Debug, Clone, Copy)]
pub struct OutputLimit {
    /// The most tokens of one answer; of several the largest counts.
    pub tokens: &'static [&'static str],
    /// How many answers are wanted.
    pub answers: &'static [&'static str],
}

impl OutputLimit {
    /// The most tokens that `envelope` asks for, of all answers together; `None` if it does not say, or says it in words
    /// that nobody takes.
    pub fn of(&self, envelope: &Envelope) -> Option<u64> {
        let (object, body) = envelope.json()?;
        let all = |paths: &[&str]| paths.iter().filter_map(|path| number(object, body, path)).max();
        Some(all(self.tokens)?.saturating_mul(all(self.answers).unwrap_or(1).max(1)))
    }
}

/// The whole number at a path of an object.
fn number(object: &json::Object, body: &[u8], path: &str) -> Option<u64> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = &body[object.get(body, name).ok()??];
    match rest {
        Some(rest) => number(&json::Object::scan(value).ok()?, value, rest),
        // What is not a whole number is refused by its provider or rounded: as much as it may be, then.
        None => std::str::from_utf8(value).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use crate::dialects::DIALECTS;

    use super::*;

    #[track_caller]
    fn check(dialect: &str, body: &str, expect: Option<u64>) {
        let dialect = DIALECTS.iter().find(|known| known.name() == dialect).expect("a dialect");
        let envelope = Envelope::read(None, body.to_owned().into()).expect("a body");
        assert_eq!(dialect.output_limit().of(&envelope), expect, "{body}");
    }

    #[test]
    fn each_dialect_says_it_in_its_own_place() {
        check("openai-chat", r#"{"max_tokens":5}"#, Some(5));
        check("openai-chat", r#"{"max_tokens":5,"max_completion_tokens":7,"n":2}"#, Some(14));
        check("openai-responses", r#"{"max_output_tokens":9}"#, Some(9));
        check("anthropic", r#"{"max_tokens":5}"#, Some(5));
        check("gemini", r#"{"generationConfig":{"maxOutputTokens":6,"candidateCount":3}}"#, Some(18));
        check("gemini", r#"{"generation_config":{"max_output_tokens":6}}"#, Some(6));
        check("ollama", r#"{"options":{"num_predict":4}}"#, Some(4));
        check("bedrock", r#"{"inferenceConfig":{"maxTokens":8}}"#, Some(8));
    }

    #[test]
    fn what_is_not_said_is_not_known() {
        for body in [r"{}", r#"{"max_tokens":null}"#, r#"{"max_tokens":"5"}"#, r#"{"max_tokens":-1}"#, ""] {
            check("openai-chat", body, None);
        }
        check("ollama", r#"{"options":{"num_predict":-1}}"#, None);
        check("gemini", r#"{"generationConfig":5}"#, None);
    }
}

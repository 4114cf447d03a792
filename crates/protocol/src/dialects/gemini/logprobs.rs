//! Log probabilities: Gemini's parallel lists and OpenAI's nested one.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{wire, write};
use crate::ir::{Raw, Text};

#[derive(Deserialize)]
struct Logprobs<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<Token<'a>>>,
}

#[derive(Deserialize)]
struct Token<'a> {
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(borrow)]
    logprob: &'a RawValue,
    #[serde(borrow, default)]
    top_logprobs: Option<Vec<Token<'a>>>,
}

/// OpenAI's shape of a `logprobsResult`; token ids have no place in it.
pub(super) fn read(wire: &wire::Logprobs<'_>) -> Raw<'static> {
    let chosen = wire.chosen.as_deref().unwrap_or_default();
    let top = wire.top.as_deref().unwrap_or_default();
    let content = write::raw_object(|object| {
        object.array("content", |array| {
            for (step, token) in chosen.iter().enumerate() {
                array.object(|object| {
                    said(object, token);
                    let others = top.get(step).and_then(|top| top.candidates.as_deref()).unwrap_or_default();
                    object.array("top_logprobs", |array| {
                        others.iter().for_each(|token| array.object(|object| said(object, token)));
                    });
                });
            }
        });
        object.key("refusal").extend_from_slice(b"null");
    });
    Raw::Owned(content)
}

fn said(object: &mut write::Object<'_>, token: &wire::Token<'_>) {
    let text = token.token.as_deref().unwrap_or_default();
    object.text("token", text);
    match token.logprob {
        Some(logprob) => object.raw("logprob", logprob),
        None => object.plain("logprob", 0),
    }
    object.array("bytes", |array| {
        text.bytes().for_each(|byte| array.item().extend_from_slice(byte.to_string().as_bytes()));
    });
}

/// Writes a `logprobsResult` from OpenAI's shape; false if `raw` has none of it.
pub(super) fn write(object: &mut write::Object<'_>, raw: &RawValue) -> bool {
    let Ok(Logprobs { content: Some(tokens) }) = serde_json::from_str::<Logprobs<'_>>(raw.get()) else {
        return false;
    };
    object.object("logprobsResult", |object| {
        object.array("chosenCandidates", |array| {
            tokens.iter().for_each(|token| array.object(|object| token.write(object)))
        });
        if tokens.iter().any(|token| token.top_logprobs.as_ref().is_some_and(|top| !top.is_empty())) {
            object.array("topCandidates", |array| {
                for token in &tokens {
                    let top = token.top_logprobs.as_deref().unwrap_or_default();
                    array.object(|object| {
                        object.array("candidates", |array| {
                            top.iter().for_each(|token| array.object(|object| token.write(object)));
                        });
                    });
                }
            });
        }
    });
    true
}

impl Token<'_> {
    fn write(&self, object: &mut write::Object<'_>) {
        object.text("token", &self.token);
        object.raw("logProbability", self.logprob);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let gemini = r#"{"chosenCandidates":[{"token":"é","logProbability":-1.0489701e-05}],"topCandidates":[{"candidates":[{"token":"é","logProbability":-1.0489701e-05},{"token":"x","logProbability":-2}]}]}"#;
        let wire: wire::Logprobs<'_> = serde_json::from_str(gemini).unwrap();
        let openai = read(&wire);
        assert_eq!(
            openai.get(),
            r#"{"content":[{"token":"é","logprob":-1.0489701e-05,"bytes":[195,169],"top_logprobs":[{"token":"é","logprob":-1.0489701e-05,"bytes":[195,169]},{"token":"x","logprob":-2,"bytes":[120]}]}],"refusal":null}"#
        );
        let back = write::raw_object(|object| assert!(write(object, &openai)));
        assert_eq!(back.get(), format!(r#"{{"logprobsResult":{gemini}}}"#));
    }
}
